"""Pictures of clips: background, then every visible thing blended over it."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from linvt_cli.training.vocabulary import COLOURS
from linvt_cli.training.world import Background, Clip, Thing, state_at

Array = np.ndarray[Any, Any]
_SUPERSAMPLING = 4


class Renderer:
    """Draws frames; keeps scaled sprites and the background of the clip at hand."""

    def __init__(self) -> None:
        self._background: tuple[tuple[Background, tuple[int, int]], Array] | None = None

    def frame(self, clip: Clip, fraction: float, size: tuple[int, int] | None = None) -> Array:
        """Draw the clip at a fraction of its time: (H, W, 3) uint8 RGB.

        Args:
            clip: what to draw.
            fraction: when, in [0, 1].
            size: width and height in pixels; the clip's own where left out.
        """
        width, height = size or (clip.width, clip.height)
        canvas = self._backdrop(clip.background, (width, height)).copy()
        for index, thing in enumerate(clip.things):
            placed = state_at(clip, index, fraction)
            if placed.visible:
                side = max(2, round(placed.size * min(width, height)))
                left = round(placed.x * width - side / 2)
                top = round(placed.y * height - side / 2)
                _blend(canvas, _picture(thing, side), left, top)
        return canvas

    def _backdrop(self, background: Background, size: tuple[int, int]) -> Array:
        key = (background, size)
        if self._background is None or self._background[0] != key:
            self._background = (key, draw_background(background, size))
        return self._background[1]


def draw_background(background: Background, size: tuple[int, int]) -> Array:
    """Draw a background: (H, W, 3) uint8."""
    width, height = size
    rng = np.random.default_rng(background.seed)
    first, second = (np.array(colour, float) for colour in background.colours)
    y, x = np.mgrid[0:height, 0:width] / min(width, height)
    share = _texture(background.kind, x, y, rng)
    mixed = first + (second - first) * share[..., None]
    if background.kind == "grain":
        mixed = mixed + rng.normal(0, 10, (height, width, 1))
    pixels: Array = np.clip(mixed, 0, 255).astype(np.uint8)
    return pixels


def _texture(kind: str, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """How much of the second colour is where, in [0, 1]."""
    angle = rng.uniform(0, 2 * math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    period = rng.uniform(0.06, 0.3)
    shift = rng.uniform(0, 1)
    match kind:
        case "gradient":
            spread = along - along.min()
            shares: Array = spread / spread.max()
            return shares
        case "stripes":
            return ((along / period + shift) % 1 < 0.5).astype(float)
        case "checks":
            return ((np.floor(x / period) + np.floor(y / period)) % 2).astype(float)
        case "dots":
            dx, dy = (x / period + shift) % 1 - 0.5, (y / period + shift) % 1 - 0.5
            return (dx**2 + dy**2 < rng.uniform(0.04, 0.12)).astype(float)
        case "clouds":
            coarse = rng.random((rng.integers(4, 12), rng.integers(4, 12)))
            picture = Image.fromarray((coarse * 255).astype(np.uint8))
            return np.asarray(picture.resize(x.shape[::-1], Image.Resampling.BICUBIC)) / 255
        case _:
            return np.zeros_like(x)


@lru_cache(maxsize=4096)
def _picture(thing: Thing, side: int) -> Array:
    """Draw a thing into a square: (side, side, 4) float32, colour in 255ths and alpha in [0, 1]."""
    picture = _shape(thing, side) if thing.colour else _sprite(thing.name, side)
    pixels = np.asarray(picture, np.float32).copy()
    pixels[..., 3] /= 255
    return pixels


@lru_cache(maxsize=128)
def _sprite_file(name: str) -> Image.Image:
    file_name = f"assets/sprites/{name.replace(' ', '_')}.webp"
    with files("linvt_cli").joinpath(file_name).open("rb") as file:
        return Image.open(file).convert("RGBA")


def _sprite(name: str, side: int) -> Image.Image:
    source = _sprite_file(name)
    scale = side / max(source.size)
    size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    scaled = source.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC)
    square = Image.new("RGBA", (side, side))
    square.paste(scaled, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def _shape(thing: Thing, side: int) -> Image.Image:
    colour = COLOURS[thing.colour or "white"]
    large = side * _SUPERSAMPLING
    picture = Image.new("RGBA", (large, large), (*colour, 0))
    draw = ImageDraw.Draw(picture)
    last = large - 1
    match thing.name:
        case "circle":
            draw.ellipse((0, 0, last, last), fill=(*colour, 255))
        case "square":
            edge = large * 0.06
            draw.rectangle((edge, edge, last - edge, last - edge), fill=(*colour, 255))
        case "triangle":
            draw.polygon([(last / 2, 0), (last, last * 0.93), (0, last * 0.93)], (*colour, 255))
        case _:
            draw.polygon(_star(large), fill=(*colour, 255))
    return picture.resize((side, side), Image.Resampling.BOX)


def _star(side: int) -> list[tuple[float, float]]:
    points = []
    for corner in range(10):
        radius = side / 2 * (1.0 if corner % 2 == 0 else 0.42)
        angle = math.pi * corner / 5
        points.append((side / 2 + radius * math.sin(angle), side * 0.52 - radius * math.cos(angle)))
    return points


def _blend(canvas: Array, picture: Array, left: int, top: int) -> None:
    """Draw a picture over the canvas, as far as it lies inside."""
    height, width, _ = canvas.shape
    side = len(picture)
    x0, x1 = max(0, left), min(width, left + side)
    y0, y1 = max(0, top), min(height, top + side)
    if x0 >= x1 or y0 >= y1:
        return
    part = picture[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:]
    under = canvas[y0:y1, x0:x1]
    canvas[y0:y1, x0:x1] = (part[..., :3] * alpha + under * (1 - alpha) + 0.5).astype(np.uint8)
