"""Arguments that are no video, and videos with strange names."""

from __future__ import annotations

import os
import socket
import sys

import av
import numpy as np
import pytest
from PIL import Image

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError, VideoError, VideoNotFoundError
from linvt_cli.video.reader import read_frames
from tests.video.numbered import draw, read
from tests.video.truth import DECODERS, expect_error


def test_a_video_without_its_header_is_an_error(clip_file, tmp_path):
    content = clip_file("h264, far key frames").read_bytes()
    path = tmp_path / "headless.mp4"
    path.write_bytes(content[: content.index(b"moov") - 4])
    expect_error(path, match="is not a video that can be read")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"Once upon a time there was a video. " * 100, "is not a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n", "is a playlist"),
        ("list.mp4", b"ffconcat version 1.0\nfile other.mp4\n", "is a playlist"),
        ("list.mpd", b'<?xml version="1.0"?><MPD></MPD>', "is a playlist"),
        ("noise.mp4", np.random.default_rng(0).bytes(5000), "is not a video"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
        ("picture.jpg", b"\xff\xd8\xff\xe0" + bytes(100), "picture"),
    ],
)
def test_a_file_that_holds_no_video_is_an_error(name, content, match, tmp_path):
    (tmp_path / name).write_bytes(content)
    expect_error(tmp_path / name, match=match)


def test_a_playlist_never_opens_the_files_it_names(clip_file, tmp_path):
    secret = clip_file("vp9")
    for name, text in (
        ("a.mp4", f"ffconcat version 1.0\nfile '{secret}'\n"),
        ("b.mp4", f" \n#EXTM3U\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n"),
        ("c.mp4", f"# a comment\nffconcat version 1.0\nfile '{secret}'\n"),
    ):
        (tmp_path / name).write_text(text)
        expect_error(tmp_path / name)


def test_sound_without_pictures_is_an_error(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    expect_error(path, match="has no video")


def test_special_files_are_refused_without_opening_them(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    expect_error(tmp_path / "pipe.mp4", VideoError, match="is a named pipe")
    expect_error(tmp_path, VideoError, match="is a folder")
    expect_error("/dev/null", VideoError, match="is a device")
    with socket.socket(socket.AF_UNIX) as server:
        place = os.path.relpath(tmp_path / "s")
        server.bind(place)
        expect_error(place, VideoError, match="is a socket")


@pytest.mark.parametrize(
    "argument", ["0", "%04d.png", "missing.mp4", "concat:a.mp4|b.mp4", "-", "a\0b.mp4", "x" * 300]
)
def test_names_of_nothing_are_not_interpreted(argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(draw(1)).save(tmp_path / "0001.png")
    expect_error(argument, VideoError)


@pytest.mark.parametrize(
    "address", ["http://localhost:9/a.mp4", "rtsp://camera/1", "file:///a.mp4"]
)
def test_addresses_are_refused_without_opening_a_socket(address, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    expect_error(address, VideoError, match="is an address")


def test_missing_files_are_of_a_kind_of_their_own():
    with pytest.raises(VideoNotFoundError, match=r"There is no file 'nowhere\.mp4'"):
        read_frames("nowhere.mp4", FrameSampling())


@pytest.mark.parametrize(
    "name", ["-i.mp4", "a 'quoted' \"name\".mp4", "📹 ünïcode.mp4", "two\nlines.mp4", "%04d.mp4",
             "concat:a|b.mp4", "0", "#1?x=2.mp4", "film.txt", "pipe:0"],
)  # fmt: skip
@pytest.mark.parametrize("decoder", DECODERS)
def test_any_name_is_just_a_name(name, decoder, clip_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(clip_file("vp9").read_bytes())
    result = read_frames(name, FrameSampling(num_frames=4, decoder=decoder))
    assert [read(pixels) for pixels in result.pixels] == [15, 45, 75, 105]


@pytest.mark.skipif(sys.platform == "darwin", reason="all names are UTF-8 there")
def test_a_name_that_is_not_utf8_is_just_a_name(clip_file, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.webm")
    path.write_bytes(clip_file("vp9").read_bytes())
    result = read_frames(path, FrameSampling(num_frames=4))
    assert [read(pixels) for pixels in result.pixels] == [15, 45, 75, 105]
    with pytest.raises(VideoDecodeError, match="its name is not UTF-8"):
        read_frames(path, FrameSampling(decoder="opencv"))


def test_a_time_beyond_the_end_is_an_error_that_names_the_duration(clip_file):
    with pytest.raises(VideoError, match=r"lasts 4\.80 s and has no frame at 60 s"):
        read_frames(clip_file("vp9"), FrameSampling(at=(1.0, 60.0)))


def test_frames_of_absurd_size_are_refused_before_one_is_decoded(tmp_path):
    wide = Image.new("L", (20_000, 4))
    wide.save(tmp_path / "wide.png")
    expect_error(tmp_path / "wide.png", match="frames of 20000x4 pixels")
