from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

from linvt_cli.cli.options import FrameOptions, ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.watching import DEFAULT_NOTICE, load_model, watch_video


def test_the_default_model_is_announced_once(loads, capsys):
    load_model(ModelOptions(), Output())
    assert capsys.readouterr() == ("", f"{DEFAULT_NOTICE}\n")


def test_offline_is_set_before_the_model_is_loaded(loads, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    load_model(ModelOptions("nano", offline=True), Output())
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_without_the_option_the_environment_is_left_alone(loads, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    load_model(ModelOptions("nano"), Output())
    assert os.environ["HF_HUB_OFFLINE"] == "0"


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
