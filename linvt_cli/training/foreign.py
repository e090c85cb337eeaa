"""Clips that hold nothing of nano's world: noise, patterns, text, scenes and photographs.

Nano is trained to say of these that it sees nothing it knows. The test split draws from kinds and
photographs that training never shows. Photographs are those of scikit-learn, scikit-image and
Matplotlib where they are installed; without them all is drawn.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2s
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from linvt_cli.training.painters import PAINTERS, TEST_PAINTERS, Array
from linvt_cli.training.vocabulary import SPLITS, Split

_PHOTO_SHARE = 0.4
_PHOTO_FOLDERS = (
    ("sklearn", "datasets/images"),
    ("skimage", "data"),
    ("matplotlib", "mpl-data/sample_data"),
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
        painters = TEST_PAINTERS if split == "test" else PAINTERS
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
