from __future__ import annotations

import gc
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from linvt_cli import VideoQA
from linvt_cli.cli import watching as cli_watching
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.watching import Watching, fetch_model, load_model, watch_video
from linvt_cli.config import Quantization, QuantizationChoice
from linvt_cli.errors import BackboneLoadError, ConfigError, LinVTError, OutOfMemoryError
from linvt_cli.models.copies import Original, make_copy
from linvt_cli.models.store import Store


def test_offline_is_set_before_the_model_is_loaded(loads, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    load_model(ModelOptions("nano", offline=True), Output())
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_without_the_option_the_environment_is_left_alone(loads, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    load_model(ModelOptions("nano"), Output())
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_no_garbage_is_looked_for_while_a_model_is_loaded(monkeypatch, qa):
    looked: list[bool] = []

    def load(*_: object, **__: object) -> object:
        looked.append(gc.isenabled())
        return qa

    monkeypatch.setattr(VideoQA, "load", load)
    assert load_model(ModelOptions("nano"), Output()) is qa
    assert looked == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_number_of_frames_is_that_of_the_model(qa, video):
    watched = watch_video(qa, str(video), FrameOptions(), Output())
    assert len(watched.frames.times) == qa.sampling.num_frames


def test_warnings_about_the_video_reach_the_user(qa, video, monkeypatch, capsys):
    usual_watch = qa.watch

    def watch(*arguments, **options):
        watched = usual_watch(*arguments, **options)
        frames = replace(watched.frames, warnings=("2 of 16 frames are damaged",))
        return replace(watched, frames=frames)

    monkeypatch.setattr(qa, "watch", watch)
    watch_video(qa, str(video), FrameOptions(), Output())
    assert capsys.readouterr().err == "warning: 2 of 16 frames are damaged\n"


def test_progress_tells_how_much_is_read_and_then_that_the_model_looks(qa, monkeypatch):
    shown: list[str] = []
    output = Output()

    def watch(*_: object, on_progress: Callable[[float], None], **__: object) -> object:
        on_progress(0.25)
        on_progress(1.0)
        return SimpleNamespace(frames=SimpleNamespace(warnings=()))

    monkeypatch.setattr(qa, "watch", watch)
    monkeypatch.setattr(output, "progress", lambda _: nullcontext(shown.append))
    watch_video(qa, "grey.mp4", FrameOptions(), output)
    assert shown == ["Reading grey.mp4: 25%", "Looking at grey.mp4"]


class Tight:
    """Stands in for a machine where memory runs out until few enough bits are taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, qa: VideoQA, enough: str) -> None:
        self.tried: list[str] = []
        usual_watch = qa.watch

        def load(model: str, *, quantization: QuantizationChoice, **_: object) -> VideoQA:
            chosen: Quantization = "none" if quantization == "auto" else quantization
            self.tried.append(chosen)
            qa.model = replace(qa.model, quantization=chosen)
            return qa

        def watch(*arguments: Any, **options: Any) -> object:
            if qa.model.quantization != enough:
                raise OutOfMemoryError("Device 'cuda:0' has not enough memory", hint="a hint")
            return usual_watch(*arguments, **options)

        monkeypatch.setattr("linvt_cli.pipeline.VideoQA.load", load)
        monkeypatch.setattr("linvt_cli.cli.watching.pull_if_needed", lambda *_, **__: None)
        monkeypatch.setattr(qa, "watch", watch)

    def watching(self, video: Path, quant: str = "auto", name: str = "qwen2-vl-2b") -> Watching:
        model = ModelOptions(name, quant=quant)
        return Watching(model, str(video), FrameOptions(), Output())


def test_where_memory_runs_out_fewer_bits_are_taken_once(monkeypatch, qa, video, capsys):
    tight = Tight(monkeypatch, qa, enough="int8")
    tight.watching(video).start()
    assert tight.tried == ["none", "int8"]
    warning = "warning: Device 'cuda:0' has not enough memory; trying again in int8\n"
    assert capsys.readouterr().err == warning


@pytest.mark.parametrize(
    ("quant", "name", "tried"),
    [
        ("auto", "qwen2-vl-2b", ["none", "int8"]),
        ("none", "qwen2-vl-2b", ["none"]),
        ("auto", "nano", ["none"]),
    ],
)
def test_memory_that_never_suffices_is_an_error(monkeypatch, qa, video, quant, name, tried):
    tight = Tight(monkeypatch, qa, enough="nf4")
    with pytest.raises(OutOfMemoryError):
        tight.watching(video, quant, name).start()
    assert tight.tried == tried


@pytest.mark.parametrize(("failed", "then"), [("none", "int8"), ("int8", "nf4")])
def test_a_model_that_does_not_fit_while_it_is_loaded_is_loaded_in_fewer_bits(
    monkeypatch, qa, video, failed, then
):
    tried: list[str] = []

    def load(model: ModelOptions, output: Output) -> Any:
        tried.append(model.quant)
        if model.quant == "auto":
            raise OutOfMemoryError("Device 'cuda:0' has not enough memory", quantization=failed)
        return qa

    monkeypatch.setattr(cli_watching, "load_model", load)
    Watching(ModelOptions("qwen2-vl-2b"), str(video), FrameOptions(), Output()).load()
    assert tried == ["auto", then]


def test_a_model_that_was_fitted_by_linvt_may_step_down(monkeypatch, qa, video):
    tight = Tight(monkeypatch, qa, enough="nf4")
    monkeypatch.setattr(
        cli_watching, "settle_model", lambda model, _: replace(model, quant="int8", fitted=True)
    )
    tight.watching(video).start()
    assert tight.tried == ["int8", "nf4"]


def test_an_answer_that_was_begun_is_not_begun_again(monkeypatch, qa, video):
    tight = Tight(monkeypatch, qa, enough="none")
    watching = tight.watching(video)
    watching.start()

    def work(*_: object) -> None:
        raise OutOfMemoryError("Device 'cuda:0' has not enough memory")

    with pytest.raises(OutOfMemoryError):
        watching.use(work, may_repeat=lambda: False)
    assert tight.tried == ["none"]


def test_files_that_cannot_be_had_in_fewer_bits_leave_the_first_error(monkeypatch, qa, video):
    tight = Tight(monkeypatch, qa, enough="nf4")
    usual = cli_watching.load_model

    def load(model: ModelOptions, output: Output) -> VideoQA:
        if model.quant == "int8":
            raise ConfigError("quantized already", field="quant")
        return usual(model, output)

    monkeypatch.setattr(cli_watching, "load_model", load)
    with pytest.raises(OutOfMemoryError) as caught:
        tight.watching(video).start()
    assert caught.value.hint == "a hint"


@pytest.fixture
def pulls(monkeypatch) -> list[str]:
    """What is pulled where only an int8 copy of qwen2-vl-2b is here."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    make_copy(
        Store(),
        Original("Qwen/Qwen2-VL-2B-Instruct", "1" * 40, "main"),
        "int8",
        lambda target: None,
        needed=0,
        on_wait=lambda: None,
    )
    monkeypatch.setattr("linvt_cli.pipeline.precision.free_memory", lambda device: 64 << 30)
    pulled: list[str] = []
    monkeypatch.setattr("linvt_cli.cli.pulling.pull_model", lambda name, _: pulled.append(name))
    return pulled


@pytest.mark.parametrize(
    ("quant", "keep", "serves"),
    [
        ("auto", True, True),
        ("int8", True, True),
        ("nf4", True, False),
        ("none", True, False),
        ("auto", False, False),
        ("int8", False, False),
    ],
)
def test_a_copy_spares_pulling_only_where_it_is_what_was_asked_for(pulls, quant, keep, serves):
    asked = ModelOptions("qwen2-vl-2b", quant=quant, keep_quantized=keep, pull=True)
    fetch_model(asked, Output())
    assert pulls == ([] if serves else ["qwen2-vl-2b"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"device": "tpu"}, "tpu"),
        ({"dtype": "float8"}, "Unknown dtype 'float8'"),
        ({"quant": "int3"}, "Unknown quantization 'int3'"),
        ({"tokenizer": "linvt"}, "No LinVT checkpoint comes with"),
        ({"tokenizer": "all", "video_tokens": 7}, "is not free with tokenizer 'all'"),
        ({"checkpoint": "nowhere"}, "nowhere"),
        ({"quant": "none"}, "GiB for its weights"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_model_that_would_not_load_is_not_pulled(pulls, monkeypatch, wrong, said):
    monkeypatch.setattr("linvt_cli.pipeline.precision.free_memory", lambda device: 2 << 30)
    with pytest.raises(LinVTError, match=said):
        fetch_model(ModelOptions("qwen2-vl-2b", pull=True, **{"quant": "nf4", **wrong}), Output())
    assert pulls == []


def test_a_copy_of_a_repository_is_no_checkpoint_of_linvt(pulls):
    checkpoint = "hub:Qwen/Qwen2-VL-2B-Instruct"
    fetch_model(ModelOptions("nano", checkpoint=checkpoint, pull=True), Output())
    assert pulls == [checkpoint]


def test_where_memory_runs_out_nothing_is_pulled_for_fewer_bits(pulls, monkeypatch, video):
    def load(model: ModelOptions, output: Output) -> VideoQA:
        fetch_model(model, output)
        if model.quant == "auto":
            raise OutOfMemoryError("Device 'cuda' has not enough memory", quantization="int8")
        raise BackboneLoadError("The files of 'qwen2-vl-2b' are not on this machine")

    monkeypatch.setattr(cli_watching, "load_model", load)
    asked = ModelOptions("qwen2-vl-2b", pull=True)
    with pytest.raises(OutOfMemoryError):
        Watching(asked, str(video), FrameOptions(), Output()).load()
    assert pulls == []


def test_a_model_that_was_let_go_is_loaded_again_when_it_is_needed(loads, qa, video):
    watching = Watching(ModelOptions("nano"), str(video), FrameOptions(), Output())
    watching.start()
    watching.let_go()
    assert len(loads) == 1
    assert watching.load() is qa
    assert len(loads) == 2
