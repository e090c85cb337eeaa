from __future__ import annotations

from dataclasses import replace

import pytest

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.chat_view import ChatView, frames_line
from linvt_cli.cli.output import Output
from linvt_cli.errors import ConfigError, UnknownBackboneError, VideoError


@pytest.fixture
def view(loads, video) -> ChatView:
    return ChatView(str(video), ModelOptions("nano", quant="none"), FrameOptions(2), Output())


def test_the_video_is_looked_at_when_it_is_first_needed_and_once(view, qa):
    assert qa.backbone.encode_calls == 0
    assert view.seen() == view.seen()
    assert qa.backbone.encode_calls == 1


def test_a_part_of_the_video_is_looked_at_and_then_all_again(view):
    view.look_at("1-2")
    part = view.seen()[1].frames
    view.look_at("0.5")
    assert view.seen()[1].frames.times == (0.5,)
    view.look_at("all")
    assert (part.times, view.seen()[1].frames.times) == ((1.2, 1.7), (0.7, 2.2))


@pytest.mark.parametrize(
    ("part", "failure"), [("90", VideoError), ("noon", ConfigError), ("2-1", ConfigError)]
)
def test_a_part_that_is_not_there_leaves_all_as_it_was(view, qa, part, failure):
    view.look_at("1-2")
    before = view.seen()
    num_calls = qa.backbone.encode_calls
    with pytest.raises(failure):
        view.look_at(part)
    view.use(lambda _, watched: None, may_repeat=lambda: True)
    assert view.seen() == before
    assert qa.backbone.encode_calls == num_calls


def test_a_look_that_is_interrupted_leaves_all_as_it_was(view, monkeypatch):
    before = view.seen()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("linvt_cli.cli.chat_view.watch_video", interrupt)
        with pytest.raises(KeyboardInterrupt):
            view.look_at("1-2")
    assert view.seen() == before


def test_another_video_is_looked_at_as_a_whole(view, video, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.symlink_to(video)
    view.look_at("1-2")
    view.change_video(str(copy))
    assert (view.video, view.seen()[1].frames.times) == (str(copy), (0.7, 2.2))
    with pytest.raises(VideoError):
        view.change_video("missing.mp4")
    assert view.video == str(copy)


def test_another_model_is_loaded_with_the_same_options_but_those_of_its_files(loads, video):
    options = ModelOptions("nano", weights="files", checkpoint="linvt", device="cpu")
    view = ChatView(str(video), options, FrameOptions(), Output())
    view.seen()
    view.change_model("nano")
    first, second = loads
    assert (first["weights"], first["checkpoint"]) == ("files", "linvt")
    assert (second["weights"], second["checkpoint"], second["device"]) == (None, None, "cpu")


def test_options_that_another_model_does_not_take_are_left_out(loads, video):
    options = ModelOptions("qwen2-vl-2b", quant="nf4", video_tokens=128, device="cpu")
    view = ChatView(str(video), options, FrameOptions(), Output())
    view.change_model("nano")
    assert (loads[-1]["quantization"], loads[-1]["num_video_tokens"]) == ("auto", None)


def test_a_model_that_is_unknown_leaves_the_old_one_where_it_is(view, loads):
    before = view.seen()
    with pytest.raises(UnknownBackboneError):
        view.change_model("nanno")
    assert view.seen() == before
    assert len(loads) == 1


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_to_be_loaded_again(view, qa, monkeypatch):
    before = view.seen()[1].frames

    def fail(*_: object, **__: object) -> None:
        raise ConfigError("no such files", field="model")

    with monkeypatch.context() as patch:
        patch.setattr("linvt_cli.pipeline.VideoQA.load", fail)
        with pytest.raises(ConfigError):
            view.change_model("nano")
    assert view.seen()[0] is qa
    assert view.seen()[1].frames.times == before.times


def test_the_summary_says_what_an_answer_rests_on(view, video):
    assert view.summary() == (
        f"{video}: 2 frames, 0.7 to 2.2 s of 3.0 s, coverage 100% · tiny with mean"
    )
    frames = view.seen()[1].frames
    single = replace(frames, times=frames.times[:1], coverage=0.5)
    assert frames_line(single) == "1 frame, 0.7 to 0.7 s of 3.0 s, coverage 50%"
