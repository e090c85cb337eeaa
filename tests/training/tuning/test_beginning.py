from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from accelerate import DistributedType, state

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import CheckpointMismatchError, ConfigError, OutOfMemoryError
from linvt_cli.training.sole_run import sole_run
from linvt_cli.training.tuning import beginning
from linvt_cli.training.tuning.adapter import add_lora
from linvt_cli.training.tuning.beginning import (
    content_of,
    first_checkpoint,
    first_linvt,
    lasting_name,
    load_frozen,
    make_accelerator,
    require_align_before_instruct,
    training_dtype,
)
from linvt_cli.training.tuning.export import export
from linvt_cli.training.tuning.run import run_tuning
from linvt_cli.training.tuning.settings import LoraShape, TokenizerShape, TuningSettings
from linvt_cli.training.tuning.state import save_state
from tests.tiny_models import tiny_nano
from tests.training.tuning.small import SHAPE, settings_of, small_linvt

SETTINGS = TuningSettings("nano", Path("run"), (Path("data.jsonl"),), device="cpu", shape=SHAPE)
SECOND = torch.device("cuda", 1)
TOLD = {"backbone_repo": None, "backbone_revision": None}


def write(folder: Path, *, backbone: str = "nano", lora: bool = False) -> Path:
    adapter = add_lora(tiny_nano(), LoraShape(rank=2)) if lora else None
    export(folder, small_linvt(24), adapter, backbone=backbone, **TOLD, training={})
    return folder


def write_state_of_align(run_dir: Path, *, step: int) -> None:
    learnt = {"weight": torch.nn.Parameter(torch.zeros(2))}
    optimizer = torch.optim.AdamW(learnt.values())
    path = run_dir / "align.safetensors"
    save_state(path, learnt, optimizer, step=step, facts={"steps": 6})


def test_on_a_cpu_nothing_is_computed_in_16_bits():
    assert make_accelerator(SETTINGS).mixed_precision == "no"
    assert training_dtype(SETTINGS, torch.device("cpu")) == torch.float32
    assert (
        training_dtype(replace(SETTINGS, dtype="bfloat16"), torch.device("cpu")) == torch.bfloat16
    )


def test_another_dtype_in_the_same_process_is_refused(monkeypatch):
    for each in (state.PartialState, state.AcceleratorState):
        monkeypatch.setattr(each, "_shared_state", {})
    make_accelerator(SETTINGS)
    with pytest.raises(ConfigError, match="in another dtype before") as caught:
        make_accelerator(replace(SETTINGS, dtype="bfloat16"))
    assert "process of its own" in str(caught.value.hint)


def test_no_weight_of_the_image_llm_takes_a_gradient(tmp_path):
    settings = settings_of("internvl2 with qwen2", tmp_path, tmp_path / "data.jsonl")
    loaded, backbone = load_frozen(settings, make_accelerator(settings), frames=4)
    assert loaded.spec.name == "internvl2-1b"
    assert not any(weight.requires_grad for weight in backbone.model.parameters())


def test_a_device_that_is_too_small_has_a_hint_that_training_takes(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OutOfMemoryError("'nano' needs 9.0 GiB", hint="use --quant int8")

    monkeypatch.setattr(beginning, "load_image_llm", refuse)
    with pytest.raises(OutOfMemoryError, match=r"needs 9\.0 GiB") as caught:
        load_frozen(SETTINGS, make_accelerator(SETTINGS), frames=4)
    assert "--model" in str(caught.value.hint)
    assert "--quant" not in str(caught.value.hint)


def test_several_processes_share_a_cpu(tmp_path):
    settings = settings_of("internvl2 with qwen2", tmp_path, tmp_path / "data.jsonl")
    second = cast("Any", SimpleNamespace(num_processes=2, device=torch.device("cpu", 0)))
    _, backbone = load_frozen(settings, second, frames=4)
    assert backbone.device.type == "cpu"


def test_a_new_linvt_follows_from_the_seed():
    backbone = tiny_nano()
    first, again = (first_linvt(SETTINGS, backbone, None) for _ in range(2))
    other = first_linvt(replace(SETTINGS, seed=1), backbone, None)
    assert first.config.num_queries == (4, 2)
    assert torch.equal(first.aggregator.queries, again.aggregator.queries)
    assert not torch.equal(first.aggregator.queries, other.aggregator.queries)


def test_one_that_goes_on_has_the_weights_and_the_shape_that_it_had(tmp_path):
    source = write(tmp_path / "linvt", backbone="nano")
    linvt = first_linvt(SETTINGS, tiny_nano(), source)
    assert linvt.config == small_linvt(24).config
    assert all(weight.requires_grad for weight in linvt.parameters())
    with pytest.raises(CheckpointMismatchError):
        first_linvt(SETTINGS, tiny_nano(), write(tmp_path / "other", backbone="molmo-7b-d"))


def test_one_that_goes_on_has_no_other_shape(tmp_path):
    source = write(tmp_path / "linvt")
    settings = replace(SETTINGS, shape=replace(SHAPE, num_kept=8))
    with pytest.raises(ConfigError, match="another 'num_kept': 16, not 8"):
        first_linvt(settings, tiny_nano(), source)


def test_more_video_tokens_than_the_context_takes_are_refused():
    settings = replace(SETTINGS, shape=TokenizerShape(num_queries=(500, 8, 4)))
    with pytest.raises(ConfigError, match="leave no room"):
        first_linvt(settings, tiny_nano(), None)


def test_the_second_stage_begins_where_the_first_ended(tmp_path):
    settings = replace(SETTINGS, run_dir=tmp_path, shape=None)
    assert first_checkpoint(settings, "instruct") is None
    aligned = write(tmp_path / "align")
    assert first_checkpoint(settings, "align") is None
    assert first_checkpoint(settings, "instruct") == aligned
    named = replace(settings, checkpoint=str(write(tmp_path / "named")))
    assert first_checkpoint(named, "align") == tmp_path / "named"
    assert first_checkpoint(named, "instruct") == aligned
    alone = replace(named, stages=("instruct",))
    assert first_checkpoint(alone, "instruct") == tmp_path / "named"


def test_the_second_stage_does_not_begin_anew_beside_a_first_that_is_not_finished(tmp_path):
    settings = replace(SETTINGS, run_dir=tmp_path, stages=("instruct",), shape=None)
    write_state_of_align(tmp_path, step=3)
    with pytest.raises(ConfigError, match=r"align stage in .* is not finished") as caught:
        first_checkpoint(settings, "instruct")
    assert "--stage align" in str(caught.value.hint)
    named = replace(settings, checkpoint=str(write(tmp_path / "named")))
    assert first_checkpoint(named, "instruct") == tmp_path / "named"
    assert first_checkpoint(settings, "align") is None
    aligned = write(tmp_path / "align")  # of an earlier run of the stage
    with pytest.raises(ConfigError, match="is not finished"):
        first_checkpoint(settings, "instruct")
    write_state_of_align(tmp_path, step=6)
    assert first_checkpoint(settings, "instruct") == aligned


def test_no_stage_is_aligned_anew_beside_what_was_instructed(tmp_path):
    settings = replace(SETTINGS, run_dir=tmp_path)
    require_align_before_instruct(settings)
    (tmp_path / "instruct.safetensors").touch()
    require_align_before_instruct(replace(settings, stages=("instruct",)))
    for stages in (("align",), ("align", "instruct")):
        with pytest.raises(ConfigError, match="went on from another LinVT") as caught:
            require_align_before_instruct(replace(settings, stages=stages))
        assert "another folder" in str(caught.value.hint)
    write_state_of_align(tmp_path, step=6)
    write(tmp_path / "align")
    require_align_before_instruct(settings)
    write_state_of_align(tmp_path, step=5)
    with pytest.raises(ConfigError):
        require_align_before_instruct(settings)


def test_the_same_weights_under_another_name_are_the_same_backbone(tmp_path):
    folder = tmp_path / "linvt"
    told = {"backbone_repo": None, "backbone_revision": "abc"}
    export(folder, small_linvt(24), None, backbone="./models/mine", **told, training={})
    backbone = tiny_nano()
    assert first_linvt(SETTINGS, backbone, folder, revision="abc").config.embed_dim == 24
    for revision in (None, "def"):
        with pytest.raises(CheckpointMismatchError):
            first_linvt(SETTINGS, backbone, folder, revision=revision)


def test_a_model_that_no_row_names_is_called_by_its_family():
    row = find_backbone("qwen2-vl-2b")
    assert lasting_name(row) == "qwen2-vl-2b"
    assert lasting_name(replace(row, name="./models/mine")) == "Qwen2-VL"


def test_quantized_weights_have_a_hint_that_training_takes(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("quantized already (nf4)", field="quant", hint="leave out --quant")

    monkeypatch.setattr(beginning, "load_image_llm", refuse)
    with pytest.raises(ConfigError, match="as they were first published") as caught:
        load_frozen(SETTINGS, make_accelerator(SETTINGS), frames=4)
    assert "--quant" not in str(caught.value.hint)


def test_the_device_that_was_asked_for_is_the_current_one_of_a_process_alone(monkeypatch):
    current: list[torch.device] = []
    monkeypatch.setattr(beginning, "select_device", lambda _: SECOND)
    monkeypatch.setattr(beginning, "training_dtype", lambda *_: torch.float32)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    for processes, expected in ((1, [SECOND]), (2, [])):
        current.clear()
        made = SimpleNamespace(num_processes=processes, distributed_type=DistributedType.NO)
        monkeypatch.setattr(beginning, "Accelerator", lambda made=made, **_: made)
        assert make_accelerator(SETTINGS) is made
        assert current == expected


@pytest.mark.parametrize("text", ['Please set `NCCL_P2P_DISABLE="1"`', "not on this system"])
def test_cards_that_accelerate_refuses_are_told_what_to_set(monkeypatch, text):
    def refuse(**_: object) -> None:
        raise NotImplementedError(text)

    monkeypatch.setattr(beginning, "Accelerator", refuse)
    if "NCCL" not in text:  # of something else
        with pytest.raises(NotImplementedError):
            make_accelerator(SETTINGS)
        return
    with pytest.raises(ConfigError, match="driver is too old") as caught:
        make_accelerator(SETTINGS)
    assert "NCCL_P2P_DISABLE=1 NCCL_IB_DISABLE=1 linvt train" in str(caught.value.hint)


def test_the_words_of_accelerate_are_those_that_are_looked_for(monkeypatch):
    monkeypatch.setattr(state, "check_cuda_p2p_ib_support", lambda: False)
    monkeypatch.setattr(state.PartialState, "_shared_state", {})
    monkeypatch.setattr(
        state.PartialState, "set_device", lambda self: setattr(self, "device", SECOND)
    )
    for name in ("NCCL_P2P_DISABLE", "NCCL_IB_DISABLE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotImplementedError, match=beginning._NCCL):
        state.PartialState()


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED])
def test_weights_that_are_shared_out_are_refused(monkeypatch, kind):
    made = SimpleNamespace(num_processes=2, distributed_type=kind)
    monkeypatch.setattr(beginning, "Accelerator", lambda **_: made)
    with pytest.raises(ConfigError, match=f"as {kind.value} are not supported") as caught:
        make_accelerator(SETTINGS)
    assert caught.value.field == "processes"
    assert "torchrun" in (caught.value.hint or "")


def test_processes_that_each_have_all_weights_are_not_refused(monkeypatch):
    for kind in (DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        made = SimpleNamespace(num_processes=2, distributed_type=kind)
        monkeypatch.setattr(beginning, "Accelerator", lambda made=made, **_: made)
        assert make_accelerator(SETTINGS) is made


def test_checkpoints_are_told_apart_by_what_they_hold(tmp_path):
    plain = write(tmp_path / "plain")
    assert content_of(None) is None
    assert content_of(plain) == content_of(write(tmp_path / "same"))
    assert content_of(plain) != content_of(write(tmp_path / "lora", lora=True))
    (tmp_path / "same" / "model.safetensors").write_bytes(b"other")
    assert content_of(plain) != content_of(tmp_path / "same")


def test_the_first_stage_has_no_place_for_a_lora(tmp_path):
    source = write(tmp_path / "linvt", lora=True)
    settings = replace(SETTINGS, run_dir=tmp_path, shape=None, checkpoint=str(source))
    with pytest.raises(ConfigError, match="has a LoRA"):
        first_checkpoint(settings, "align")
    assert first_checkpoint(settings, "instruct") == source


def test_a_run_folder_takes_one_training_at_a_time(tmp_path):
    data = tmp_path / "data.jsonl"
    data.touch()
    settings = replace(SETTINGS, run_dir=tmp_path, data=(data,), stages=("align",))
    with sole_run(tmp_path), pytest.raises(ConfigError, match="Another command works"):
        run_tuning(settings)
