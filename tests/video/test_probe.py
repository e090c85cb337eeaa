from __future__ import annotations

from contextlib import suppress

import pytest

from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.probe import probe_video, read_index


def test_probing_tells_size_duration_and_codec(clip_file):
    info = probe_video(clip_file("vp9, odd size"))
    assert (info.width, info.height, info.num_frames, info.codec) == (161, 127, 120, "vp9")
    assert info.duration == pytest.approx(4.8, abs=2e-3)
    assert info.path.is_absolute()


def test_probed_sizes_are_upright_with_square_pixels(clip_file):
    turned = probe_video(clip_file("h264, turned by 90"))
    assert (turned.width, turned.height) == (128, 160)
    wide = probe_video(clip_file("h264, wide pixels"))
    assert (wide.width, wide.height) == (320, 128)


def test_times_begin_with_the_first_shown_frame(clip_file):
    for name in ("h264, late start", "h264, edit list", "h264 in MPEG-TS"):
        assert read_index(clip_file(name)).frame_times[0] == 0.0
    assert len(read_index(clip_file("h264, edit list")).frame_times) == 85


def test_longer_sound_does_not_lengthen_the_video(clip_file):
    assert probe_video(clip_file("h264 with longer sound")).duration == pytest.approx(4.8)


def test_interlaced_video_is_noticed(clip_file):
    assert read_index(clip_file("h264, interlaced")).picture.interlaced
    assert not read_index(clip_file("h264, near key frames")).picture.interlaced


def test_leading_pictures_of_an_open_gop_are_decoded_from_the_key_frame_before(clip_file):
    index = read_index(clip_file("hevc"))
    stamps, keys = index.stamps, sorted(set(index.restarts))
    assert stamps is not None
    leading = [n for n in range(keys[1] + 1, len(stamps)) if stamps[n] < stamps[keys[1]]]
    assert leading
    assert {index.restarts[number] for number in leading} == {keys[0]}


def test_a_stream_without_times_gets_a_steady_clock(clip_file):
    index = read_index(clip_file("h264, raw"))
    assert index.stamps is None
    assert list(index.frame_times[:3]) == pytest.approx([0.0, 0.04, 0.08])


def test_a_cut_off_file_promises_more_than_it_holds(clip_file, tmp_path):
    content = clip_file("h264 in Matroska").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 3])
    index = read_index(tmp_path / "cut.mkv")
    assert index.end < 2.5
    assert index.promised == pytest.approx(4.8)
    assert probe_video(tmp_path / "cut.mkv").duration == index.promised


def test_a_header_without_frames_is_an_error(clip_file, tmp_path):
    content = clip_file("vp9").read_bytes()
    (tmp_path / "head.webm").write_bytes(content[:400])
    with pytest.raises(VideoDecodeError):
        probe_video(tmp_path / "head.webm")


def test_a_cut_off_file_without_a_stated_length_promises_what_is_there(clip_file, tmp_path):
    for name in ("gif", "apng", "h264 in MPEG-TS"):
        content = clip_file(name).read_bytes()
        path = tmp_path / clip_file(name).name
        path.write_bytes(content[: len(content) // 2])
        index = read_index(path)
        assert index.cut_off
        assert index.promised == index.end
        assert not read_index(clip_file(name)).cut_off


def test_a_frame_that_is_not_whole_is_not_shown(clip_file, tmp_path):
    content = clip_file("gif").read_bytes()
    frames = read_index(clip_file("gif")).frame_times
    (tmp_path / "cut.gif").write_bytes(content[:-100])
    assert read_index(tmp_path / "cut.gif").frame_times == frames[:-1]


def test_no_cut_of_a_transport_stream_is_a_bug(clip_file, tmp_path):
    content = clip_file("mpeg2 in MPEG-TS").read_bytes()
    for length in range(188 * 20 + 1, 188 * 90, 188):
        (tmp_path / "cut.ts").write_bytes(content[:length])
        with suppress(VideoDecodeError):
            read_index(tmp_path / "cut.ts")


def test_a_first_key_frame_with_damage_still_begins_the_video(clip_file, tmp_path):
    content = bytearray(clip_file("apng").read_bytes())
    content[5000] ^= 1
    (tmp_path / "a.apng").write_bytes(content)
    assert read_index(tmp_path / "a.apng").frame_times[1] == pytest.approx(0.04)
    assert len(read_index(tmp_path / "a.apng").frame_times) == 40
