from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from linvt_cli.config import FrameSampling
from linvt_cli.video.plan import opencv_obstacle
from linvt_cli.video.probe import read_index
from linvt_cli.video.reader import read_frames
from linvt_cli.video.transparency import may_be_seen_through, on_black


def test_pixels_keep_as_much_of_their_colour_as_they_are_opaque():
    layer = np.array([[200, 100, 3, 255], [200, 100, 3, 0], [200, 100, 3, 128]], np.uint8)
    assert on_black(layer).tolist() == [[200, 100, 3], [0, 0, 0], [100, 50, 2]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("yuv420p", False), ("rgb24", False), ("bgra", True), ("yuva444p10le", True), ("pal8", True)],
)
def test_formats_say_whether_they_may_be_transparent(name, expected):
    assert may_be_seen_through(av.VideoFormat(name)) is expected


def test_a_stream_without_a_format_is_opaque():
    assert not may_be_seen_through(None)


@pytest.mark.parametrize("suffix", ["gif", "apng", "png"])
def test_an_animation_lies_on_black_as_a_still_does(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    frames = []
    for shade in (250, 200):
        picture = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
        picture.paste((shade, shade, shade, 255), (0, 0, 16, 32))
        frames.append(picture)
    kind = {"apng": "png"}.get(suffix, suffix)
    frames[0].save(
        path, kind, save_all=True, append_images=frames[1:], duration=100, loop=0, disposal=2
    )
    pixels = read_frames(path, FrameSampling(num_frames=2)).pixels
    for shown, shade in zip(pixels, (250, 200), strict=True):
        assert np.abs(shown[8:24, 2:12].astype(int) - shade).max() <= 3
        assert shown[8:24, 20:30].max() <= 3


def test_a_video_with_transparency_lies_on_black_and_is_not_read_by_opencv(tmp_path):
    path = tmp_path / "a.mov"
    with av.open(path, "w") as container:
        stream = container.add_stream("qtrle", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "argb"
        for _ in range(3):
            layer = np.full((32, 32, 4), 240, np.uint8)
            layer[:, :16, 3] = 0
            layer[:, 16:, 3] = 255
            frame = av.VideoFrame.from_ndarray(layer, format="rgba").reformat(format="argb")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert opencv_obstacle(read_index(path)) == "it takes what is transparent for opaque"
    pixels = read_frames(path, FrameSampling(num_frames=1)).pixels[0]
    assert pixels[:, :15].max() == 0
    assert pixels[:, 17:].min() >= 235
