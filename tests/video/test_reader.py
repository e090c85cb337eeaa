from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError
from linvt_cli.video import decode_pyav, reader
from linvt_cli.video.reader import read_frames
from tests.video.clips import write_resized
from tests.video.numbered import read


def test_frames_are_shrunk_with_their_shape_kept(clip_file):
    frames = read_frames(clip_file("h264, wide pixels"), FrameSampling(num_frames=4, short_side=64))
    assert frames.pixels.shape == (4, 64, 160, 3)
    assert [read(pixels) for pixels in frames.pixels] == [15, 45, 75, 105]


def test_frames_keep_their_size_where_no_size_is_asked_for(clip_file):
    frames = read_frames(clip_file("vp9, odd size"), FrameSampling(num_frames=2, short_side=None))
    assert frames.pixels.shape == (2, 127, 161, 3)


@pytest.mark.parametrize("name", ["h264, near key frames", "vp9", "h264, turned by 90"])
def test_both_decoders_agree_on_colours_and_orientation(name, clip_file):
    sampling = FrameSampling(num_frames=5, decoder="opencv")
    ours = read_frames(clip_file(name), sampling).pixels.astype(int)
    theirs = read_frames(clip_file(name), FrameSampling(num_frames=5, decoder="pyav")).pixels
    assert np.abs(ours - theirs).mean() < 1
    assert np.abs(ours - theirs).max() <= 8


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
@pytest.mark.parametrize("name", ["h264, far key frames", "vp9"])
def test_the_frames_are_the_same_whatever_the_number_of_threads(clip_file, name, decoder):
    sampling = FrameSampling(num_frames=5, decoder=decoder)
    one, many = (read_frames(clip_file(name), sampling, threads=number) for number in (1, 3))
    assert one.times == many.times
    assert (one.pixels == many.pixels).all()


def test_as_many_threads_decode_as_were_asked_for(clip_file, monkeypatch):
    counts = set()

    def decode(feeder, packet):
        counts.add(feeder.codec.thread_count)
        return feeder.codec.decode(packet)

    monkeypatch.setattr(decode_pyav._Feeder, "feed", decode)
    sampling = FrameSampling(num_frames=2, decoder="pyav")
    read_frames(clip_file("h264, far key frames"), sampling, threads=2)
    assert counts == {2}


def test_the_decoder_that_was_used_is_told(clip_file):
    # So many frames that both would walk: then neither costs more by the index.
    for name, decoder in (("vp9", "opencv"), ("h264, far key frames", "pyav")):
        frames = read_frames(clip_file(name), FrameSampling(num_frames=15))
        assert frames.video.decoder == decoder


def test_two_reads_give_the_same_bytes(clip_file):
    first, second = (
        read_frames(clip_file("h264, near key frames"), FrameSampling(num_frames=9)) for _ in "ab"
    )
    assert first.times == second.times
    assert np.array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_progress_rises_to_one(decoder, clip_file):
    shares: list[float] = []
    sampling = FrameSampling(num_frames=8, decoder=decoder)
    read_frames(clip_file("h264, far key frames"), sampling, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 10


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_an_interrupt_while_decoding_stops_at_once(decoder, clip_file):
    calls: list[float] = []

    def interrupt(share: float) -> None:
        calls.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_frames(
            clip_file("h264, far key frames"),
            FrameSampling(num_frames=8, decoder=decoder),
            on_progress=interrupt,
        )
    assert len(calls) == 1


@pytest.mark.parametrize("coder", ["libvpx", "libvpx-vp9"])
def test_where_the_picture_changes_its_size_all_frames_have_the_largest(coder, tmp_path):
    write_resized(tmp_path / "a.webm", coder, [(160, 128), (320, 256), (128, 160)])
    frames = read_frames(tmp_path / "a.webm", FrameSampling(num_frames=24))
    assert frames.pixels.shape == (24, 256, 320, 3)
    assert [read(pixels) for pixels in frames.pixels[:16]] == list(range(16))
    inner = slice((320 - 205) // 2, (320 + 205) // 2)  # 256 px high and as narrow as 128 by 160
    assert [read(pixels[:, inner]) for pixels in frames.pixels[16:]] == list(range(16, 24))
    assert frames.pixels[16:, :, :50].max() == frames.pixels[16:, :, -50:].max() == 0
    assert frames.coverage == 1.0
    assert [text for text in frames.warnings if "changes its size" in text] == [*frames.warnings]
    assert len(frames.warnings) == 1


def test_a_larger_picture_is_kept_however_often_frames_were_chosen_anew(tmp_path, monkeypatch):
    write_resized(tmp_path / "a.webm", "libvpx", [(160, 128), (320, 256)])
    decode, chosen = reader._decode_into, []

    def hollow_at_first(work, *rest):
        chosen.append(decode(work, *rest))
        if len(chosen) < reader._MOST_CHOICES:
            work.sizes.clear()
            return (work.index.shown[0],)
        return chosen[-1]

    monkeypatch.setattr(reader, "_decode_into", hollow_at_first)
    assert read_frames(tmp_path / "a.webm", FrameSampling(num_frames=4)).pixels.shape[1:3] == (
        256,
        320,
    )
    assert len(chosen) == reader._MOST_CHOICES + 1


def test_opencv_is_not_trusted_with_a_picture_that_changes_its_size(tmp_path):
    write_resized(tmp_path / "a.webm", "libvpx", [(160, 128), (96, 64)])
    with pytest.raises(VideoDecodeError, match="the size of its picture changes"):
        read_frames(tmp_path / "a.webm", FrameSampling(decoder="opencv"))


def test_joined_transport_streams_are_as_long_as_their_parts(clip_file, tmp_path):
    content = clip_file("mpeg2 in MPEG-TS").read_bytes()
    (tmp_path / "joined.ts").write_bytes(content * 3)
    frames = read_frames(tmp_path / "joined.ts", FrameSampling(num_frames=12))
    assert frames.video.duration == pytest.approx(3 * 4.8)
    assert [read(pixels) for pixels in frames.pixels] == [15, 45, 75, 105] * 3
    assert (frames.coverage, frames.warnings) == (1.0, ())


def test_seconds_and_span_are_told(clip_file):
    frames = read_frames(clip_file("vp9"), FrameSampling(num_frames=2))
    assert frames.seconds > 0
    assert frames.span == pytest.approx((1.2, 3.6), abs=0.002)
