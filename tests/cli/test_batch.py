from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.batch import Batch, BatchVideo, DecodingOptions, terminated_like_interrupted
from linvt_cli.cli.output import Output
from linvt_cli.cli.watching import Watching
from linvt_cli.errors import ConfigError, CoverageError, LinVTError, OutOfMemoryError, VideoError
from linvt_cli.pipeline import TokenCache
from linvt_cli.video import decode_worker
from linvt_cli.video.fingerprint import fingerprint
from linvt_cli.video.reader import read_frames
from tests.cli.faults import write_clip


@pytest.fixture
def clips(tmp_path) -> list[str]:
    paths = [tmp_path / f"{number}.mp4" for number in range(3)]
    for number, path in enumerate(paths):
        write_clip(path, number)
    return list(map(str, paths))


def batch() -> Batch:
    return Batch(ModelOptions("nano"), DecodingOptions(workers=0), Output())


def videos(*paths: str | Path, **frames: Any) -> list[BatchVideo]:
    return [BatchVideo(str(path), FrameOptions(**frames)) for path in paths]


def use(watching: Watching | LinVTError) -> Any:
    """Return what the model has of the video."""
    assert isinstance(watching, Watching)
    seen = []
    watching.use(lambda qa, watched: seen.append(watched), may_repeat=lambda: True)
    return seen[0]


def test_every_video_gets_its_turn_with_one_model(loads, clips):
    turns = batch().turns(videos(*clips))
    seen = [(turn.number, use(turn.watching).video) for turn in turns]
    assert seen == list(enumerate(clips))
    assert len(loads) == 1


def test_what_is_wrong_with_a_video_is_part_of_its_turn(loads, clips, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    asked = [*videos(broken), *videos(clips[0], start="2", end="1"), *videos("none", clips[1])]
    turns = [(turn.source, turn.watching) for turn in batch().turns(asked)]
    assert [source is None for source, _ in turns] == [False, True, True, False]
    kinds = [type(watching) for _, watching in turns]
    assert issubclass(kinds[0], VideoError)
    assert kinds[1] is ConfigError
    assert issubclass(kinds[2], VideoError)
    assert kinds[3] is Watching


def test_too_few_frames_are_found_when_the_video_is_looked_at(loads, clips, monkeypatch):
    usual = read_frames

    def half(*arguments: Any, **options: Any) -> Any:
        return replace(usual(*arguments, **options), coverage=0.3, warnings=("cut off",))

    monkeypatch.setattr(decode_worker, "read_frames", half)
    (turn,) = batch().turns(videos(clips[0]))
    with pytest.raises(CoverageError):
        use(turn.watching)
    (turn,) = batch().turns(videos(clips[0], min_coverage=0.2))
    assert use(turn.watching).video == clips[0]


@pytest.mark.parametrize(("name", "frames"), [("look", 5), ("look_together", 2)])
def test_fewer_bits_stay_for_the_videos_that_follow(loads, qa, clips, monkeypatch, name, frames):
    usual = getattr(qa, name)
    failures = [OutOfMemoryError("no room")]

    def look(frames: Any) -> Any:
        if failures:
            raise failures.pop()
        return usual(frames)

    monkeypatch.setattr(qa, name, look)
    model = ModelOptions("qwen2-vl-2b", quant="auto", weights="here")
    decoding = DecodingOptions(workers=0)
    turns = Batch(model, decoding, Output(quiet=True)).turns(videos(*clips, frames=frames))
    assert [use(turn.watching).video for turn in turns] == clips
    assert [load["quantization"] for load in loads] == ["auto", "int8"]
    assert not failures


def test_tokens_that_are_gone_when_they_are_needed_are_made_again(loads, qa, clips, tmp_path):
    qa.token_cache = TokenCache(tmp_path / "cache")
    for _ in range(2):
        turns = batch().turns(videos(clips[0]))
        turn = next(turns)
        for entry in qa.token_cache.entries():
            entry.path.unlink()
        assert not use(turn.watching).cached
        turns.close()
    (turn,) = batch().turns(videos(clips[0]))
    assert use(turn.watching).cached


def test_too_few_frames_stay_too_few_when_they_are_recalled(loads, qa, clips, tmp_path):
    qa.token_cache = TokenCache(tmp_path / "cache")
    (turn,) = batch().turns(videos(clips[0]))
    frames = use(turn.watching).frames
    poor = replace(frames, coverage=0.3, warnings=("cut off",))
    watched = replace(use(turn.watching), frames=poor)
    sampling = FrameOptions().sampling(qa.sampling.num_frames)
    qa.remember(watched, sampling, fingerprint(clips[0]))
    (turn,) = batch().turns(videos(clips[0]))
    with pytest.raises(CoverageError):
        use(turn.watching)
    (turn,) = batch().turns(videos(clips[0], min_coverage=0.2))
    assert use(turn.watching).cached


def test_pictures_share_a_look_of_the_model(loads, qa, clips, monkeypatch):
    looks = []
    usual = qa.backbone.encode_frames

    def encode(frames: Any) -> Any:
        looks.append(len(frames.times))
        return usual(frames)

    monkeypatch.setattr(qa.backbone, "encode_frames", encode)
    asked = [*videos(*clips, frames=2), *videos("none"), *videos(clips[0], frames=2)]
    seen: list[Any] = [
        None if isinstance(turn.watching, LinVTError) else use(turn.watching)
        for turn in batch().turns(asked)
    ]
    assert looks == [6, 2]
    assert [getattr(each, "video", None) for each in seen] == [*clips, None, clips[0]]
    for watched, path in zip(seen[:3], clips, strict=True):
        alone = qa.watch(path, FrameOptions(frames=2).sampling(2))
        assert watched.frames.times == alone.frames.times
        tokens, expected = (qa.condense(each, "What happens?").tokens for each in (watched, alone))
        torch.testing.assert_close(tokens, expected, rtol=1e-3, atol=1e-3)


def test_nothing_to_watch_needs_no_model(loads):
    assert list(batch().turns([])) == []
    assert loads == []


def test_sigterm_is_like_ctrl_c_in_the_block_only():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminated_like_interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("workers", "chosen", "policy"),
    [(None, None, "PASSIVE"), (2, None, "PASSIVE"), (0, None, None), (None, "ACTIVE", "ACTIVE")],
)
def test_threads_sleep_while_they_wait_where_others_decode(monkeypatch, workers, chosen, policy):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if chosen is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", chosen)
    Batch(ModelOptions("nano"), DecodingOptions(workers=workers), Output())
    assert os.environ.get("OMP_WAIT_POLICY") == policy
