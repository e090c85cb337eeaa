"""Clips that hold nothing of nano's world: noise, patterns, text, scenes and photographs.

Nano is trained to say of these that it sees nothing it knows. The test split draws from kinds and
photographs that training never shows. Photographs are those of scikit-learn, scikit-image and
Matplotlib where they are installed; without them all is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2s
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from linvt_cli.training.render import draw_background
from linvt_cli.training.vocabulary import SPLITS, Split
from linvt_cli.training.world import Background

Array = np.ndarray[Any, Any]
Painter = Callable[[int, int, np.random.Generator], Image.Image]
_PHOTO_SHARE = 0.4
_PHOTO_FOLDERS = (
    ("sklearn", "datasets/images"),
    ("skimage", "data"),
    ("matplotlib", "mpl-data/sample_data"),
)
_WORDS = tuple(
    "the file system error open window report data value total user settings network process"  # noqa: SIM905
    " import return class index market price update search account message invoice chapter".split()
)


def foreign_clip(seed: int, split: Split, num_frames: int, size: tuple[int, int]) -> Array:
    """Draw a clip of nothing that nano knows: (T, H, W, 3) uint8.

    Args:
        seed: together with the split, decides everything.
        split: which kinds and photographs may occur.
        num_frames: T.
        size: width and height in pixels.
    """
    rng = np.random.default_rng([SPLITS.index(split), seed, 31_337])
    if rng.random() < 0.2:
        return _noise(num_frames, size, rng)
    pictures = _photos("test" if split == "test" else "train")
    if rng.random() < _PHOTO_SHARE and pictures:
        scenes = [_open(pictures[int(rng.integers(len(pictures)))]) for _ in range(2)]
    else:
        painters = _TEST_PAINTERS if split == "test" else _PAINTERS
        painter = painters[int(rng.integers(len(painters)))]
        extent = 420
        scenes = [painter(extent, extent, rng) for _ in range(2)]
    return _film(scenes, num_frames, size, rng)


def _film(
    scenes: list[Image.Image],
    num_frames: int,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Array:
    """Pan and zoom over a picture, perhaps with a fade to another and a shift of colour."""
    still = rng.random() < 0.25
    fade = rng.random() < 0.25
    gain = rng.uniform(0.6, 1.3, 3) if rng.random() < 0.5 else np.ones(3)
    first, last = (_window(rng) for _ in range(2))
    if still:
        last = first
    flip = rng.random() < 0.5
    frames = []
    for share in np.linspace(0, 1, num_frames):
        box = first + (last - first) * share
        frame = _crop(scenes[0], box, size)
        if fade:
            frame = frame * (1 - share) + _crop(scenes[1], box, size) * share
        frames.append((frame[:, ::-1] if flip else frame) * gain)
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


def _window(rng: np.random.Generator) -> Array:
    side = rng.uniform(0.35, 1.0)
    left, top = rng.uniform(0, 1 - side, 2)
    return np.array([left, top, left + side, top + side])


def _crop(picture: Image.Image, box: Array, size: tuple[int, int]) -> Array:
    width, height = picture.size
    area = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, box=area), float)


def _noise(num_frames: int, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Noise of some grain, still or new in every frame, grey or coloured."""
    width, height = size
    grain = int(rng.choice([1, 1, 2, 4, 8, 16, 32]))
    channels = int(rng.choice([1, 3]))
    moving = rng.random() < 0.6
    shape = (num_frames if moving else 1, -(-height // grain), -(-width // grain), channels)
    level, spread = rng.uniform(30, 220), rng.uniform(10, 120)
    coarse = rng.normal(level, spread, shape).clip(0, 255).astype(np.uint8)
    frames = coarse.repeat(grain, 1).repeat(grain, 2)[:, :height, :width]
    return np.broadcast_to(frames, (num_frames, height, width, 3)).copy()


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _plain(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """One colour, black and white among them."""
    colour = [(0, 0, 0), (255, 255, 255), _colour(rng)][int(rng.integers(3))]
    return Image.new("RGB", (width, height), colour)


def _empty_stage(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A background of nano's world with nothing on it."""
    kinds = ("gradient", "stripes", "checks", "dots", "clouds", "grain")
    kind = kinds[int(rng.integers(len(kinds)))]
    background = Background(kind, (_colour(rng), _colour(rng)), int(rng.integers(2**31)))
    return Image.fromarray(draw_background(background, (width, height)))


def _text(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A screen full of words."""
    dark = rng.random() < 0.5
    picture = Image.new("RGB", (width, height), (20, 20, 30) if dark else (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    size = int(rng.integers(9, 40))
    font = ImageFont.load_default(size)
    for top in range(4, height, int(size * 1.4)):
        line = " ".join(rng.choice(_WORDS, int(rng.integers(1, 14))))
        draw.text((6, top), line, fill=(200, 220, 200) if dark else (20, 20, 20), font=font)
    return picture


def _collage(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Many overlapping polygons and blobs."""
    picture = Image.new("RGB", (width, height), _colour(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(25, 90))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius = rng.uniform(10, 140)
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        reach = rng.uniform(0.4, 1, len(angles)) * radius
        points = list(zip(x + reach * np.cos(angles), y + reach * np.sin(angles), strict=True))
        draw.polygon(points, fill=_colour(rng))
    return picture


def _lines(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A drawing of lines, or a plot with axes."""
    picture = Image.new(
        "RGB", (width, height), (255, 255, 255) if rng.random() < 0.6 else (0, 0, 0)
    )
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(3, 40))):
        steps = int(rng.integers(2, 40))
        xs = np.sort(rng.uniform(0, width, steps))
        ys = np.cumsum(rng.normal(0, 25, steps)) + rng.uniform(0, height)
        draw.line(list(zip(xs, ys, strict=True)), _colour(rng), int(rng.integers(1, 5)))
    return picture


def _scene(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Sky, hills and speckled ground, as a camera might see them."""
    y = np.linspace(0, 1, height)[:, None, None]
    sky = np.array(_colour(rng)) * (1 - y) + np.array(_colour(rng)) * y
    pixels = np.broadcast_to(sky, (height, width, 3)).copy()
    x = np.arange(width)
    for level in np.sort(rng.uniform(0.3, 0.9, int(rng.integers(2, 6)))):
        waves = sum(
            rng.uniform(2, 40) * np.sin(x / rng.uniform(8, 120) + rng.uniform(0, 6))
            for _ in range(4)
        )
        ridge = level * height + waves
        below = np.arange(height)[:, None] > ridge[None]
        shade = np.array(_colour(rng)) + rng.normal(0, rng.uniform(3, 40), (height, width, 1))
        pixels[below] = shade[below]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _blurred(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Shapes out of focus, with the grain of a camera."""
    picture = _collage(width, height, rng).filter(ImageFilter.GaussianBlur(rng.uniform(2, 18)))
    pixels = np.asarray(picture, float) + rng.normal(0, rng.uniform(0, 14), (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _windows(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A desktop with windows, buttons and rows of text."""
    picture = Image.new("RGB", (width, height), _colour(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 6))):
        x, y = rng.uniform(0, width * 0.6), rng.uniform(0, height * 0.6)
        right, bottom = x + rng.uniform(80, 300), y + rng.uniform(80, 300)
        draw.rectangle((x, y, right, bottom), fill=(235, 235, 240), outline=(90, 90, 90))
        draw.rectangle((x, y, right, y + 18), fill=_colour(rng))
        for row in np.arange(y + 28, bottom - 10, 14):
            draw.line((x + 8, row, x + rng.uniform(20, right - x), row), (120, 120, 120), 3)
    return picture


def _tiles(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A wall of tiles, each of a colour of its own."""
    count = int(rng.integers(6, 30))
    pixels = rng.integers(0, 256, (count, count, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)


def _city(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Lit windows in dark houses at night."""
    picture = Image.new("RGB", (width, height), (12, 14, 34))
    draw = ImageDraw.Draw(picture)
    left = 0.0
    while left < width:
        house = rng.uniform(30, 90)
        top = rng.uniform(height * 0.15, height * 0.7)
        draw.rectangle((left, top, left + house, height), fill=(30, 30, int(rng.integers(36, 70))))
        for x in np.arange(left + 5, left + house - 6, 11):
            for y in np.arange(top + 6, height, 14):
                if rng.random() < 0.45:
                    draw.rectangle(
                        (x, y, x + 5, y + 7), fill=(250, 220, int(rng.integers(90, 190)))
                    )
        left += house + rng.uniform(0, 12)
    return picture


_PAINTERS: tuple[Painter, ...] = (
    _plain,
    _empty_stage,
    _empty_stage,
    _text,
    _collage,
    _lines,
    _scene,
    _blurred,
    _tiles,
)
_TEST_PAINTERS: tuple[Painter, ...] = (
    _plain,
    _empty_stage,
    _text,
    _lines,
    _scene,
    _windows,
    _city,
)


@lru_cache(maxsize=2)
def _photos(split: str) -> tuple[Path, ...]:
    """Photographs of installed packages; about a third of them are for the test split."""
    found: list[Path] = []
    for package, folder in _PHOTO_FOLDERS:
        spec = find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            found += [
                path
                for path in (Path(root) / folder).glob("*")
                if path.suffix in {".jpg", ".png", ".jpeg", ".tif"} and path.stat().st_size > 20_000
            ]

    def for_test(path: Path) -> bool:
        return blake2s(path.name.encode(), digest_size=2).digest()[0] % 3 == 0

    return tuple(path for path in sorted(found) if for_test(path) == (split == "test"))


@lru_cache(maxsize=16)
def _open(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        converted = picture.convert("RGB")
    converted.thumbnail((640, 640))
    return converted
