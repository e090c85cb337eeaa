from __future__ import annotations

import torch

from linvt_cli.training.tuning.adapter import add_lora
from linvt_cli.training.tuning.export import export, is_result_of, replace_folder
from linvt_cli.training.tuning.settings import LoraShape
from linvt_cli.video_tokenizer.checkpoint import load_checkpoint, read_checkpoint_info
from linvt_cli.video_tokenizer.package import pack_checkpoint
from tests.tiny_models import tiny_nano
from tests.training.tuning.small import small_linvt

TOLD = {"backbone": "nano", "backbone_repo": "owner/name", "backbone_revision": "abc"}


def test_a_checkpoint_takes_the_place_of_the_one_before(tmp_path):
    linvt = small_linvt(24)
    lora = add_lora(tiny_nano(), LoraShape(rank=2))
    export(tmp_path / "linvt", linvt, lora, **TOLD, training={"steps": 3})
    assert (tmp_path / "linvt" / "adapter" / "adapter_model.safetensors").is_file()
    with torch.no_grad():
        next(iter(linvt.parameters())).add_(1.0)
    export(tmp_path / "linvt", linvt, None, **TOLD, training={"steps": 6})
    assert not (tmp_path / "linvt" / "adapter").exists()
    info = read_checkpoint_info(tmp_path / "linvt")
    assert info.training == {"steps": 6}
    assert (info.backbone, info.backbone_repo, info.backbone_revision) == (
        "nano",
        "owner/name",
        "abc",
    )
    loaded = load_checkpoint(
        tmp_path / "linvt",
        backbone_name="nano",
        embed_dim=24,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    for name, weight in linvt.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight)
    assert [path.name for path in tmp_path.iterdir()] == ["linvt"]


def test_it_can_be_packed(tmp_path):
    lora = add_lora(tiny_nano(), LoraShape(rank=2))
    export(tmp_path / "linvt", small_linvt(24), lora, **TOLD, training={})
    pack_checkpoint(
        tmp_path / "linvt", tmp_path / "packed", backbone_repo=None, license_name="Apache-2.0"
    )
    assert (tmp_path / "packed" / "adapter" / "adapter_config.json").is_file()


def test_leftovers_of_a_run_that_was_cut_off_do_not_hinder(tmp_path):
    for name in (".linvt.old", ".linvt.partial", "linvt"):
        (tmp_path / name).mkdir()
    new = tmp_path / "new"
    new.mkdir()
    (new / "file").write_text("new")
    replace_folder(new, tmp_path / "linvt")
    assert (tmp_path / "linvt" / "file").read_text() == "new"


def test_results_are_told_apart_by_the_settings_of_their_stage(tmp_path):
    told = {"steps": 3, "betas": [0.9, 0.98], "final_loss": 0.5}
    export(tmp_path / "linvt", small_linvt(24), None, **TOLD, training=told)
    assert is_result_of(tmp_path / "linvt", {"steps": 3, "betas": (0.9, 0.98)})
    assert not is_result_of(tmp_path / "linvt", {"steps": 6, "betas": (0.9, 0.98)})
    assert not is_result_of(tmp_path / "linvt", {"steps": 3, "seed": 0})
    assert not is_result_of(tmp_path / "align", {"steps": 3})
    (tmp_path / "linvt" / "config.json").write_text("{")
    assert not is_result_of(tmp_path / "linvt", {"steps": 3})
