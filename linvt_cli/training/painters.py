"""Painters of pictures that hold nothing of nano's world: patterns, text, charts and scenes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from linvt_cli.training.render import draw_background
from linvt_cli.training.world import Background

Array = np.ndarray[Any, Any]
Painter = Callable[[int, int, np.random.Generator], Image.Image]
_WORDS = tuple(
    "the file system error open window report data value total user settings network process"  # noqa: SIM905
    " import return class index market price update search account message invoice chapter".split()
)


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


def _cells(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A plane of cells around points, as in stone, giraffes or dried mud."""
    points = rng.uniform(0, 1, (int(rng.integers(6, 60)), 2))
    y, x = np.mgrid[0:1:70j, 0:1:70j]
    distance = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    nearest = np.sort(distance, axis=-1)
    pixels = rng.integers(0, 256, (len(points), 3)).astype(float)[distance.argmin(axis=-1)]
    if rng.random() < 0.5:
        pixels[nearest[..., 1] - nearest[..., 0] < 0.015] = _colour(rng)
    return _picture(pixels, width, height)


def _waves(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Waves that run through each other: water, cloth, light on a wall."""
    y, x = np.mgrid[0:1:140j, 0:1:140j]
    pixels = np.zeros((140, 140, 3))
    for _ in range(int(rng.integers(2, 6))):
        along = rng.normal(0, rng.uniform(4, 40), 2) @ np.stack([x.ravel(), y.ravel()])
        wave = np.sin(
            along.reshape(x.shape) + rng.uniform(0, 6) + rng.uniform(0, 3) * np.sin(9 * y)
        )
        pixels += wave[..., None] * rng.uniform(-90, 90, 3)
    return _picture(pixels + np.array(_colour(rng)), width, height)


def _rings(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Rings and rays around a point: targets, flowers, wheels."""
    y, x = np.mgrid[0:1:140j, 0:1:140j] - rng.uniform(0.1, 0.9, 2)[:, None, None]
    turns = np.arctan2(y, x) * int(rng.integers(0, 13)) + np.hypot(x, y) * rng.uniform(0, 90)
    share = (np.sin(turns)[..., None] + 1) / 2
    if rng.random() < 0.5:
        share = share.round()
    first, second = np.array(_colour(rng)), np.array(_colour(rng))
    return _picture(first * share + second * (1 - share), width, height)


def _chart(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Bars or a pie with a title."""
    picture = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(picture)
    values = rng.uniform(0.1, 1, int(rng.integers(3, 12)))
    colours = [_colour(rng) for _ in values]
    draw.text((width * 0.3, 4), " ".join(rng.choice(_WORDS, 3)), fill=(30, 30, 30))
    if rng.random() < 0.5:
        ends = np.cumsum(values) / values.sum() * 360
        box = (width * 0.15, height * 0.15, width * 0.85, height * 0.85)
        for start, end, colour in zip([0.0, *ends[:-1]], ends, colours, strict=True):
            draw.pieslice(box, start, end, fill=colour)
        return picture
    step = width / len(values)
    for index, (value, colour) in enumerate(zip(values, colours, strict=True)):
        left = index * step
        draw.rectangle((left + 2, height * (1 - 0.85 * value), left + step * 0.8, height), colour)
    return picture


def _doodles(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Made-up things on a backdrop of the world, each of a few parts: none has a name."""
    picture = _empty_stage(width, height, rng)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 5))):
        size = rng.uniform(0.15, 0.4) * min(width, height)
        x, y = rng.uniform(0, width - size), rng.uniform(0, height - size)
        for _ in range(int(rng.integers(3, 8))):
            left, top = x + rng.uniform(0, 0.7) * size, y + rng.uniform(0, 0.7) * size
            box = (
                left,
                top,
                left + rng.uniform(0.1, 0.6) * size,
                top + rng.uniform(0.1, 0.6) * size,
            )
            outline = _colour(rng) if rng.random() < 0.5 else None
            form = int(rng.integers(3))
            if form == 2:
                start, end = sorted(rng.uniform(0, 360, 2))
                draw.chord(box, start, end, fill=_colour(rng), outline=outline)
            else:
                paint = draw.ellipse if form == 0 else draw.rectangle
                paint(box, fill=_colour(rng), outline=outline, width=2)
    return picture


def _room(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Walls, floor and furniture as boxes with a light and a dark side, a little out of focus."""
    floor = rng.uniform(0.5, 0.8) * height
    picture = Image.new("RGB", (width, height), _colour(rng))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, floor, width, height), fill=_colour(rng))
    for _ in range(int(rng.integers(2, 9))):
        left, side = rng.uniform(-0.1, 0.9) * width, rng.uniform(0.05, 0.4) * width
        top, bottom = rng.uniform(0.05, 0.35) * height, floor + rng.uniform(-0.1, 0.25) * height
        colour, depth = np.array(_colour(rng)), rng.uniform(0.05, 0.3) * side
        draw.rectangle((left, top, left + side, bottom), fill=_rgb(colour))
        edge = left + side
        corners = [(edge, top), (edge + depth, top - depth / 2), (edge + depth, bottom - depth / 2)]
        draw.polygon([*corners, (edge, bottom)], fill=_rgb(colour * 0.6))
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3)))


def _picture(pixels: Array, width: int, height: int) -> Image.Image:
    """Make a picture of float pixels, smoothly enlarged."""
    small = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def _rgb(colour: Array) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in colour)
    return red, green, blue


PAINTERS: tuple[Painter, ...] = (
    _plain,
    _empty_stage,
    _empty_stage,
    _text,
    _collage,
    _lines,
    _scene,
    _blurred,
    _tiles,
    _cells,
    _waves,
    _rings,
    _chart,
    _doodles,
    _doodles,
    _room,
)
TEST_PAINTERS: tuple[Painter, ...] = (
    _plain,
    _empty_stage,
    _text,
    _lines,
    _scene,
    _windows,
    _city,
)
