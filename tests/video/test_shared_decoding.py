"""Videos that several decoders share, each with the stretch that is its own: the same frames.

Clips for tests are too short for it to pay, so here any way to the frames is cut into four.
"""

from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoError
from linvt_cli.video import reader, side_by_side
from linvt_cli.video.reader import read_frames
from tests.video.clips import CLIPS
from tests.video.test_damage import flipped
from tests.video.truth import DECODERS, expect_shown_frames, wrong_frames


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lets decoders share whatever they can; the numbers of shares that were made."""
    counts: list[int] = []

    def shares_of(frames, cost, cores):
        shares = side_by_side.shares_of(frames, cost, cores=4)
        counts.append(len(shares))
        return shares

    monkeypatch.setattr(side_by_side, "_UNEVEN", np.inf)
    monkeypatch.setattr(reader, "shares_of", shares_of)
    return counts


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_those_shown_at_the_wanted_times(name, decoder, clip_file, shared):
    clip, path = CLIPS[name], clip_file(name)
    if decoder == "opencv" and not clip.opencv:
        pytest.skip("OpenCV does not decode it exactly")
    expect_shown_frames(path, clip.frames, decoder)
    assert max(shared) > 1 or len(clip.frames) == 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["h264, near key frames", "mpeg4", "h264 in MPEG-TS"])
def test_damage_is_found_as_by_one_decoder(name, seed, clip_file, tmp_path, monkeypatch):
    monkeypatch.setattr(side_by_side, "_UNEVEN", np.inf)
    path = tmp_path / f"damaged{clip_file(name).suffix}"
    path.write_bytes(flipped(clip_file(name).read_bytes(), 8, seed))
    sampling = FrameSampling(num_frames=40)
    try:
        alone = read_frames(path, sampling, threads=1)
    except VideoError:
        with pytest.raises(VideoError):
            read_frames(path, sampling, threads=4)
        return
    result = read_frames(path, sampling, threads=4)
    assert wrong_frames(result, CLIPS[name].frames) == []
    assert result.coverage == alone.coverage
    assert result.times == alone.times


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_the_pixels_are_those_of_one_decoder(clip_file, monkeypatch, decoder):
    sampling = FrameSampling(num_frames=9, decoder=decoder)
    alone = read_frames(clip_file("h264, near key frames"), sampling, threads=1)
    monkeypatch.setattr(side_by_side, "_UNEVEN", np.inf)
    together = read_frames(clip_file("h264, near key frames"), sampling, threads=4)
    assert np.array_equal(alone.pixels, together.pixels)


def test_an_interrupt_ends_all_decoders(clip_file, shared):
    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_frames(
            clip_file("h264, near key frames"),
            FrameSampling(num_frames=40),
            on_progress=interrupt,
        )
    assert shared == [4]
