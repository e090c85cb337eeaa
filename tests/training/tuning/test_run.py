from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from linvt_cli.errors import ConfigError, DatasetError, MachineError
from linvt_cli.pipeline import VideoQA
from linvt_cli.training.tuning import run as run_module
from linvt_cli.training.tuning.beginning import load_frozen
from linvt_cli.training.tuning.metrics import StepMetrics, read_metrics
from linvt_cli.training.tuning.run import Observer, run_tuning
from linvt_cli.training.tuning.settings import LoraShape, Optimization, TokenizerShape
from linvt_cli.training.video_data.samples import BadSample
from tests.training.tuning.processes import run_together
from tests.training.tuning.small import SHAPE, WORDS, settings_of, write_clip, write_data

LAYOUTS = ("qwen2-vl", "internvl2 with qwen2", "molmo 7b-d")


def frozen_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """All weights of an image-LLM under their plain names, without those of a LoRA."""
    return {
        name.replace(".base_layer", ""): weight.clone()
        for name, weight in model.state_dict().items()
        if "lora_" not in name
    }


def losses(run_dir: Path, stage: str) -> list[float]:
    return [each.loss for each in read_metrics(run_dir) if each.stage == stage and each.loss]


def ask(settings: Any, checkpoint: Path, video: Path) -> str:
    qa = VideoQA.load(settings.model, weights=settings.weights, checkpoint=checkpoint, device="cpu")
    qa.sampling = type(qa.sampling)(num_frames=4)
    return qa.ask(video, "What is it?").text


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_loss_falls_frozen_parts_stay_and_the_result_answers(layout, tmp_path, monkeypatch):
    loaded: list[Any] = []

    def note(*arguments: Any, **options: Any) -> Any:
        image_llm, backbone = load_frozen(*arguments, **options)
        loaded.append((backbone, frozen_weights(backbone.model)))
        return image_llm, backbone

    monkeypatch.setattr(run_module, "load_frozen", note)
    settings = settings_of(
        layout,
        tmp_path,
        write_data(tmp_path, 2),
        optimization=Optimization(num_steps=10, batch_size=2, learning_rate=1e-2),
        lora=LoraShape(rank=4, alpha=8, dropout=0.0),
    )
    folder = run_tuning(settings)
    for stage in ("align", "instruct"):
        found = losses(settings.run_dir, stage)
        assert len(found) == 10
        assert found[-1] < found[0]
    assert losses(settings.run_dir, "instruct")[-1] < 0.8 * losses(settings.run_dir, "instruct")[0]
    ((backbone, before),) = loaded
    after = frozen_weights(backbone.model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert folder == settings.run_dir / "linvt"
    assert ask(settings, folder, tmp_path / "0.mp4")
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))["training"]
    assert told["steps"] == 10
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thirty_two_samples_are_learnt_by_heart(tmp_path):
    settings = settings_of(
        "internvl2 with qwen2",
        tmp_path,
        write_data(tmp_path, 32),
        stages=("instruct",),
        frames=2,
        lora=LoraShape(rank=16, alpha=32, dropout=0.0),
        optimization=Optimization(num_steps=130, batch_size=16, learning_rate=1e-2),
        cache_features=tmp_path / "features",
    )
    folder = run_tuning(settings)
    qa = VideoQA.load(settings.model, weights=settings.weights, checkpoint=folder, device="cpu")
    qa.sampling = type(qa.sampling)(num_frames=2)
    answers = [qa.ask(tmp_path / f"{index}.mp4", "What is it?").text for index in range(32)]
    assert answers == [WORDS[index % len(WORDS)] for index in range(32)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_is_cut_off_ends_at_the_same_weights(tmp_path):
    data = write_data(tmp_path, 5)
    whole = settings_of("internvl2 with qwen2", tmp_path, data, run_dir=tmp_path / "whole")
    cut_off = settings_of("internvl2 with qwen2", tmp_path, data, run_dir=tmp_path / "cut")
    run_tuning(whole)
    for stage, step in (("align", 3), ("instruct", 1), ("instruct", 5)):

        def stop(metrics: StepMetrics, at: tuple[str, int] = (stage, step)) -> None:
            if (metrics.stage, metrics.step) == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_tuning(cut_off, Observer(on_step=stop))
    run_tuning(cut_off)
    for stage in ("align", "instruct"):
        assert losses(tmp_path / "whole", stage) == losses(tmp_path / "cut", stage)
    for name in ("linvt/model.safetensors", "linvt/adapter/adapter_model.safetensors"):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_bad_samples_are_told_and_skipped_up_to_a_limit(tmp_path):
    data = write_data(tmp_path, 2)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with data.open("a", encoding="utf-8") as file:
        file.write('{"video": "broken.mp4", "question": "Why?", "answer": "No."}\nno JSON\n')
    told: list[BadSample] = []
    settings = settings_of(
        "internvl2 with qwen2",
        tmp_path,
        data,
        stages=("align",),
        optimization=Optimization(num_steps=3, batch_size=3),
    )
    run_tuning(settings, Observer(on_bad=told.append))
    assert {Path(bad.place).name for bad in told} == {"data.jsonl:3", "data.jsonl:4"}
    assert len(losses(settings.run_dir, "align")) == 3
    strict = settings_of(
        "internvl2 with qwen2", tmp_path, data, run_dir=tmp_path / "other", max_bad=0
    )
    with pytest.raises(DatasetError, match=r"data\.jsonl:4"):
        run_tuning(strict)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_count_bad_samples_once(tmp_path):
    data = write_data(tmp_path, 2)
    for index in range(2):
        (tmp_path / f"broken{index}.mp4").write_bytes(b"no video")
        with data.open("a", encoding="utf-8") as file:
            row = {"video": f"broken{index}.mp4", "question": "Why?", "answer": "No."}
            file.write(json.dumps(row) + "\n")
    with data.open("a", encoding="utf-8") as file:
        file.write("no JSON\n")  # all processes read it, and one notes it
    command = [
        "-m",
        "linvt_cli",
        "train",
        str(data),
        "--model",
        "nano",
        "-o",
        str(tmp_path / "run"),
    ]
    options = "--stage align --steps 4 --batch-size 2 --frames 4 --device cpu --decode-workers 0"
    run_together([*command, *options.split()], 2)
    assert [each.num_bad for each in read_metrics(tmp_path / "run")][-1] == 3
    rows = (tmp_path / "run" / "bad.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3


def test_data_without_a_usable_sample_is_refused(tmp_path):
    data = tmp_path / "data.jsonl"
    for text, hint in (("no JSON\n", "bad.jsonl"), ("\n", "the files hold no line")):
        data.write_text(text, encoding="utf-8")
        with pytest.raises(DatasetError, match="no usable sample") as caught:
            run_tuning(settings_of("internvl2 with qwen2", tmp_path, data))
        assert hint in str(caught.value.hint)


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    data = write_data(tmp_path, 2)
    layout, quick = "internvl2 with qwen2", Optimization(num_steps=1, batch_size=2)
    run_tuning(settings_of(layout, tmp_path, data, stages=("align",), optimization=quick))
    other = TokenizerShape(**{**SHAPE_FIELDS, "num_kept": 8})
    with pytest.raises(ConfigError, match="another 'linvt'"):
        run_tuning(
            settings_of(layout, tmp_path, data, stages=("align",), optimization=quick, shape=other)
        )


SHAPE_FIELDS: dict[str, Any] = {
    "scales": SHAPE.scales,
    "num_queries": SHAPE.num_queries,
    "score_dim": SHAPE.score_dim,
}


def test_a_video_of_one_frame_is_a_picture(tmp_path):
    write_clip(tmp_path / "0.mp4", 0)
    data = write_data(tmp_path, 1)
    quick = Optimization(num_steps=2, batch_size=1)
    settings = settings_of("internvl2 with qwen2", tmp_path, data, frames=1, optimization=quick)
    run_tuning(settings)
    assert len(losses(settings.run_dir, "instruct")) == 2


def quick_settings(folder: Path, data: Path, **changes: Any) -> Any:
    quick = Optimization(num_steps=2, batch_size=2)
    return settings_of("internvl2 with qwen2", folder, data, optimization=quick, **changes)


def test_a_run_without_matplotlib_is_whole_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    notices: list[str] = []
    settings = quick_settings(tmp_path, write_data(tmp_path, 2), stages=("align",))
    run_tuning(settings, replace(Observer(), on_notice=notices.append))
    assert any(".[train]" in notice for notice in notices)


def test_what_is_missing_is_found_out_before_a_stage_begins(tmp_path, monkeypatch):
    settings = quick_settings(tmp_path, write_data(tmp_path, 2))
    with pytest.raises(DatasetError, match=r"none\.jsonl' cannot be read"):
        run_tuning(replace(settings, data=(tmp_path / "none.jsonl",)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="PEFT"):
        run_tuning(settings)
    assert not settings.run_dir.exists()


def test_a_stage_tells_what_it_begins_with_and_counts_bad_samples_of_its_own_data(tmp_path):
    data = write_data(tmp_path, 2)
    other = tmp_path / "other.jsonl"
    other.write_text(data.read_text(encoding="utf-8") + "no JSON\n" * 2, encoding="utf-8")
    notices: list[str] = []
    observer = replace(Observer(), on_notice=notices.append)
    align = quick_settings(tmp_path, other, stages=("align",), max_bad=2)
    run_tuning(align, observer)
    run_tuning(replace(align, data=(data,), stages=("instruct",), max_bad=0), observer)
    first, second = (each for each in notices if "samples, " in each)
    assert first.endswith("from a new LinVT")
    assert second.endswith(f"from the LinVT of '{align.run_dir / 'align'}'")


def test_a_result_that_is_missing_is_written_again(tmp_path):
    settings = quick_settings(tmp_path, write_data(tmp_path, 2), stages=("align",))
    folder = run_tuning(settings)
    first = (folder / "config.json").read_text(encoding="utf-8")
    shutil.rmtree(folder)
    assert run_tuning(settings) == folder
    assert (folder / "config.json").read_text(encoding="utf-8") == first
    told = json.loads(first)["training"]
    assert told["final_loss"] == losses(settings.run_dir, "align")[-1]
    (folder / "config.json").write_text(first.replace('"seed": 0', '"seed": 7'), encoding="utf-8")
    run_tuning(settings)  # what stood there was another run's
    assert (folder / "config.json").read_text(encoding="utf-8") == first


def test_another_beginning_in_the_same_folder_is_refused(tmp_path):
    data = write_data(tmp_path, 2)
    named = run_tuning(
        quick_settings(tmp_path, data, run_dir=tmp_path / "a", stages=("align",), seed=1)
    )
    instruct = quick_settings(tmp_path, data, stages=("instruct",))
    run_tuning(instruct)
    begun = replace(instruct, shape=None, checkpoint=str(named))
    with pytest.raises(ConfigError, match="another 'begins_with'"):
        run_tuning(begun)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    data = write_data(tmp_path, 1)
    with pytest.raises(MachineError, match="File exists") as caught:
        run_tuning(quick_settings(tmp_path, data, run_dir=data))
    assert "another folder" in (caught.value.hint or "")
