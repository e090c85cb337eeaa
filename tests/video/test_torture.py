"""Every kind of whole video: exactly the frames that a player shows at the wanted times.

Each frame shows its own number, which is read back from the pixels that the reader returns.
"""

from __future__ import annotations

import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.reader import read_frames
from tests.video.clips import CLIPS, write_animated_webp, write_with_repeats
from tests.video.numbered import read
from tests.video.truth import DECODERS, expect_shown_frames, moments_of, numbers_shown, wrong_frames


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", CLIPS)
def test_frames_are_those_shown_at_the_wanted_times(name, decoder, clip_file):
    clip, path = CLIPS[name], clip_file(name)
    if decoder == "opencv" and not clip.opencv:
        with pytest.raises(VideoDecodeError, match="OpenCV cannot decode"):
            read_frames(path, FrameSampling(decoder="opencv"))
        return
    expect_shown_frames(path, clip.frames, decoder)


@pytest.mark.parametrize("name", CLIPS)
def test_probing_counts_the_frames_and_knows_the_duration(name, clip_file):
    clip = CLIPS[name]
    info = read_frames(clip_file(name), FrameSampling(num_frames=1)).video
    assert info.num_frames == len(clip.frames)
    last = clip.frames[-1][0]
    assert last < info.duration <= last + 0.25


def test_asking_for_more_frames_than_there_are_gives_each_once(clip_file):
    result = read_frames(clip_file("ffv1"), FrameSampling(num_frames=100))
    assert [read(pixels) for pixels in result.pixels] == list(range(40))
    assert result.coverage == 1.0


def test_animated_webp_is_a_video(tmp_path):
    frames = write_animated_webp(tmp_path / "moving.webp")
    result = read_frames(tmp_path / "moving.webp", FrameSampling(at=(0.0, 0.041, 0.3, 1.43)))
    assert [read(pixels) for pixels in result.pixels] == [0, 1, 3, 11]
    assert wrong_frames(result, frames) == []
    assert result.video.duration == pytest.approx(1.44)


def test_packets_without_a_picture_show_the_frame_before_and_are_no_damage(tmp_path):
    frames = write_with_repeats(tmp_path / "repeats.mp4")
    for sampling in (FrameSampling(num_frames=16), FrameSampling(at=(0.061, 0.08, 1.025))):
        result = read_frames(tmp_path / "repeats.mp4", sampling)
        expected = numbers_shown(frames, moments_of(sampling, result.video.duration))
        assert [read(pixels) for pixels in result.pixels] == expected
        assert (result.coverage, result.warnings) == (1.0, ())


@pytest.mark.parametrize("claimed", [3, 500])
@pytest.mark.parametrize(("chunk", "place"), [(b"avih", 24), (b"strh", 40)])
def test_a_false_frame_count_in_the_header_is_not_believed(
    chunk, place, claimed, clip_file, tmp_path
):
    for name in ("mjpeg", "mpeg4 in AVI with B-frames"):
        content = bytearray(clip_file(name).read_bytes())
        begin = content.index(chunk) + place
        assert content[begin : begin + 4] == (120).to_bytes(4, "little")
        content[begin : begin + 4] = claimed.to_bytes(4, "little")
        (tmp_path / "a.avi").write_bytes(content)
        result = read_frames(tmp_path / "a.avi", FrameSampling(num_frames=120))
        assert [read(pixels) for pixels in result.pixels] == list(range(120))
        assert wrong_frames(result, CLIPS[name].frames) == []
        assert (result.coverage, result.warnings) == (1.0, ())
