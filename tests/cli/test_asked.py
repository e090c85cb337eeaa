from __future__ import annotations

import pytest

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.config import FrameSampling, GenerationConfig, LinVTConfig, Workload
from linvt_cli.errors import ConfigError, UnknownBackboneError
from linvt_cli.video_tokenizer.checkpoint import CheckpointInfo, write_checkpoint_info


def test_without_options_the_model_chooses_the_number_of_frames():
    assert FrameOptions().sampling(8) == FrameSampling(num_frames=8)


def test_a_number_of_frames_overrides_the_model():
    assert FrameOptions(frames=3).sampling(8).num_frames == 3


def test_with_a_rate_the_number_of_frames_is_a_limit():
    sampling = FrameOptions(frames=20, fps=2.0).sampling(8)
    assert (sampling.fps, sampling.max_frames) == (2.0, 20)


def test_a_rate_alone_keeps_the_usual_limit():
    assert FrameOptions(fps=2.0).sampling(8).max_frames == FrameSampling().max_frames


def test_times_are_read_as_seconds_and_as_clock_times():
    sampling = FrameOptions(at="1.5,0:01:02", start="1", end="1:10").sampling(8)
    assert (sampling.at, sampling.start, sampling.end) == ((1.5, 62.0), 1.0, 70.0)


@pytest.mark.parametrize("more", [{"frames": 3}, {"fps": 2.0}])
def test_times_exclude_other_rules(more):
    with pytest.raises(ConfigError, match="--at names the frames itself"):
        FrameOptions(at="1,2", **more).sampling(8)


def test_a_time_that_cannot_be_read_is_named():
    with pytest.raises(ConfigError, match="'soon' is not a time"):
        FrameOptions(start="soon").sampling(8)


def test_the_default_model_is_nano():
    assert ModelOptions().spec is find_backbone("nano")


def test_an_unknown_model_is_refused_before_anything_is_loaded():
    with pytest.raises(UnknownBackboneError, match="'nanoo'"):
        _ = ModelOptions("nanoo").spec


@pytest.mark.parametrize("name", ["hub:owner/name", "./folder", "~/models/x", "/models/x"])
def test_a_model_that_users_bring_is_known_only_once_its_files_are_read(name):
    brought = ModelOptions(name)
    assert brought.spec is None
    assert brought.default_frames == FrameSampling().num_frames
    assert brought.describe_question == "Describe this video."


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (FrameOptions(), None),
        (FrameOptions(frames=40), 40),
        (FrameOptions(at="1,2,0:03"), 3),
        (FrameOptions(fps=2), 64),
        (FrameOptions(frames=8, fps=2), 8),
    ],
)
def test_what_a_model_is_to_do_is_known_before_the_video_is(frames, expected):
    asked = ModelOptions("nano", video_tokens=9).doing(frames, GenerationConfig(70))
    assert asked.work == Workload(expected, 9, 70)


@pytest.mark.parametrize(
    ("training", "frames"), [({"frames": 6}, 6), ({}, 16), ({"frames": "many"}, 16)]
)
def test_a_named_checkpoint_looks_at_as_many_frames_as_it_was_trained_on(
    tmp_path, training, frames
):
    write_checkpoint_info(
        tmp_path, CheckpointInfo(LinVTConfig(64), "qwen2-vl-2b", training=training)
    )
    asked = ModelOptions("qwen2-vl-2b", checkpoint=str(tmp_path))
    assert asked.default_frames == frames
    assert asked.doing(FrameOptions(), GenerationConfig()).work.frames == (
        None if frames == 16 else 6
    )
    assert asked.doing(FrameOptions(frames=4), GenerationConfig()).work.frames == 4


def test_a_checkpoint_that_cannot_be_read_is_told_of_when_it_is_loaded(tmp_path):
    asked = ModelOptions("nano", checkpoint=str(tmp_path / "none"))
    assert asked.default_frames == find_backbone("nano").default_frames


@pytest.mark.parametrize(
    ("tokenizer", "has_it"), [(None, True), ("linvt", True), ("cluster", False), ("mean", False)]
)
def test_a_checkpoint_of_the_catalogue_is_for_linvt_alone(tmp_path, monkeypatch, tokenizer, has_it):
    monkeypatch.delenv("LINVT_CONFIG", raising=False)
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    (tmp_path / "models.toml").write_text("[mine]\nfrom = 'nano'\ncheckpoint = 'run/linvt'\n")
    expected = str(tmp_path / "run" / "linvt") if has_it else None
    assert ModelOptions("mine", tokenizer=tokenizer).linvt_checkpoint == expected
    typed = ModelOptions("mine", tokenizer=tokenizer, checkpoint="another")
    assert typed.linvt_checkpoint == "another"


@pytest.mark.parametrize("chosen", [{"at": "1"}, {"start": "0"}, {"end": "2"}, {"fps": 1.0}])
def test_a_token_file_shows_no_other_frames_than_it_was_made_from(chosen):
    with pytest.raises(ConfigError, match="chosen when it was made") as raised:
        FrameOptions(**chosen).sampling_of("a.linvt", 8)
    assert raised.value.hint == f"leave out --{next(iter(chosen))}, or name the video itself"
    assert FrameOptions(**chosen).sampling_of("a.mp4", 8) == FrameOptions(**chosen).sampling(8)


def test_a_number_of_frames_may_be_a_setting_and_is_no_matter_to_a_token_file():
    assert FrameOptions(frames=3).sampling_of("a.linvt", 8).num_frames == 3
