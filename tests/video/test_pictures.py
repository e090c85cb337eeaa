from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.files import pillow_reads_avif
from linvt_cli.video.pictures import probe_picture, read_picture
from linvt_cli.video.reader import read_frames
from tests.video.clips import write_animated_webp
from tests.video.numbered import draw, read
from tests.video.tiles import write_tiles

needs_avif = pytest.mark.skipif(not pillow_reads_avif(), reason="Pillow was built without AVIF")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", pytest.param("avif", marks=needs_avif)])
def test_a_still_is_a_video_of_one_frame(suffix, tmp_path):
    Image.fromarray(draw(613)).save(tmp_path / f"a.{suffix}")
    frames = read_frames(tmp_path / f"a.{suffix}", FrameSampling(num_frames=8))
    assert [read(pixels) for pixels in frames.pixels] == [613]
    assert (frames.times, frames.coverage, frames.video.decoder) == ((0.0,), 1.0, "pillow")


def test_stills_are_shrunk(tmp_path):
    Image.fromarray(draw(613, 640, 512)).save(tmp_path / "a.png")
    frames = read_frames(tmp_path / "a.png", FrameSampling(short_side=128))
    assert frames.pixels.shape == (1, 128, 160, 3)
    assert read(frames.pixels[0]) == 613


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(orientation, tmp_path):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF value -> Pillow's Transpose
    picture = Image.fromarray(draw(613))
    if orientation > 1:
        picture = picture.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.jpg", exif=exif)
    frames = read_frames(tmp_path / "a.jpg", FrameSampling())
    assert read(frames.pixels[0]) == 613
    info = probe_picture(tmp_path / "a.jpg")
    assert (info.height, info.width) == frames.pixels.shape[1:3]


@pytest.mark.parametrize("suffix", ["png", pytest.param("avif", marks=needs_avif)])
def test_transparency_lies_on_black(suffix, tmp_path):
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(tmp_path / f"a.{suffix}")
    assert read_frames(tmp_path / f"a.{suffix}", FrameSampling()).pixels.max() == 0


def test_sixteen_bit_grey_is_scaled(tmp_path):
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save(tmp_path / "a.png")
    assert set(read_frames(tmp_path / "a.png", FrameSampling()).pixels.ravel()) == {0x80}


def test_an_animation_keeps_its_own_times(tmp_path):
    frames = write_animated_webp(tmp_path / "a.webp")
    with read_picture(tmp_path / "a.webp") as reader:
        assert list(reader.timeline.frame_times) == pytest.approx([time for time, _ in frames])
        assert [(n, read(pixels)) for n, pixels in reader.pixels([2, 7])] == [(2, 2), (7, 7)]


@needs_avif
def test_an_animated_avif_keeps_its_own_times_and_its_damage_is_an_error(tmp_path):
    path = tmp_path / "a.avif"
    first, *others = [Image.fromarray(draw(number)) for number in range(6)]
    first.save(path, save_all=True, append_images=others, duration=[40, 200] * 3, speed=10)
    frames = read_frames(path, FrameSampling(num_frames=40))
    assert [read(pixels) for pixels in frames.pixels] == list(range(6))
    assert frames.times == pytest.approx((0.0, 0.04, 0.24, 0.28, 0.48, 0.52))
    assert frames.video.duration == pytest.approx(0.72)
    content = bytearray(path.read_bytes())
    content[-2000:] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(VideoDecodeError, match="damaged"):
        read_frames(path, FrameSampling())


@needs_avif
def test_a_picture_in_tiles_is_put_together(tmp_path):
    write_tiles(tmp_path / "a.avif", draw(613, 320, 256), brand=b"avif")
    frames = read_frames(tmp_path / "a.avif", FrameSampling())
    assert [read(pixels) for pixels in frames.pixels] == [613]
    assert frames.pixels.shape == (1, 256, 320, 3)


@pytest.mark.parametrize("kept", [1.0, 0.6], ids=["whole", "without the end"])
def test_the_preview_behind_a_photograph_is_no_frame(tmp_path, kept):
    preview = Image.fromarray(draw(7, 80, 64))
    path = tmp_path / "a.jpg"
    Image.fromarray(draw(613)).save(path, "MPO", save_all=True, append_images=[preview])
    whole = path.read_bytes()
    begin_of_preview = whole.rindex(b"\xff\xd8\xff")
    path.write_bytes(whole if kept == 1 else whole[:begin_of_preview])
    frames = read_frames(path, FrameSampling(num_frames=8))
    assert [read(pixels) for pixels in frames.pixels] == [613]
    assert (frames.times, frames.video.codec) == ((0.0,), "jpeg")


def test_a_cut_off_picture_is_an_error(tmp_path):
    Image.fromarray(draw(1)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoDecodeError, match="picture"):
        read_frames(tmp_path / "a.png", FrameSampling())


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x01\0\0\0\x01\x06\0\0\0\0\0\0\0",  # a byte
        b"Exif\0\0MM\0*\0",
        b"Exif\0\0nonsense",
    ],
)
def test_an_orientation_that_makes_no_sense_leaves_the_picture_as_it_lies(exif, tmp_path):
    picture = Image.fromarray(draw(613))
    picture.save(tmp_path / "a.jpg", exif=exif, dpi=(72, 72), quality=95)
    assert read(read_frames(tmp_path / "a.jpg", FrameSampling()).pixels[0]) == 613
