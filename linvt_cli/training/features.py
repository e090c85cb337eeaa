"""Vision features of rendered clips, computed once and kept on disk.

The vision encoder is frozen once its own stage is over, so every later stage reads the same
features. A cache is a folder of memory-mapped arrays, filled clip by clip, that can be continued
after an interruption.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from linvt_cli.backbones.nano_model import normalize, squeeze
from linvt_cli.backbones.nano_vision import NUM_CHANNELS, STRIDE
from linvt_cli.training.cache_files import clips_done, open_array, write_progress
from linvt_cli.training.drawing import drawn_ahead
from linvt_cli.training.foreign import foreign_clip
from linvt_cli.training.render import Renderer
from linvt_cli.training.schedule import MAX_THINGS, USUAL, Difficulty
from linvt_cli.training.stage import Placement
from linvt_cli.training.vocabulary import Split
from linvt_cli.training.world import Clip, make_clip, state_at

NUM_FRAMES = USUAL.num_frames
_FOREIGN_SEED = 1 << 20  # foreign clips draw their seeds from a range of their own
_COMPRESSED_SHARE = 0.7  # of the clips
_CLIPS_PER_PASS = 16  # where several go through a model at once
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class ClipSet:
    """Which clips a cache holds: consecutive seeds of the world, then foreign ones."""

    split: Split
    first_seed: int
    num_clips: int
    num_foreign: int
    difficulty: Difficulty = USUAL
    num_frames: int = NUM_FRAMES  # T of every clip

    def __len__(self) -> int:
        return self.num_clips + self.num_foreign

    def clip(self, index: int) -> Clip | None:
        """Return the clip at an index, or None for a foreign one."""
        if index >= self.num_clips:
            return None
        return make_clip(self.first_seed + index, self.split, self.difficulty)


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Features of a ClipSet. C clips, T frames, N = G·G cells in a frame.

    ``cover`` says which share of a cell each thing of the clip covers, in 255ths. It is known
    because the clips are drawn; only the image stage uses it, to pick cells that show something.

    A cache from disk goes to another process as the names of its files.
    """

    features: Array  # (C, T, N, 768) float16
    cover: Array  # (C, T, MAX_THINGS, N) uint8
    clips: ClipSet

    def __reduce__(self) -> tuple[Callable[..., FeatureCache], tuple[Any, ...]]:
        """Pickle names of files in place of what they hold."""
        return _reopened, (_on_disk(self.features), _on_disk(self.cover), self.clips)


def _on_disk(array: Array) -> Array | Path:
    if not isinstance(array, np.memmap) or array.filename is None:
        return array
    return Path(array.filename)


def _reopened(features: Array | Path, cover: Array | Path, clips: ClipSet) -> FeatureCache:
    return FeatureCache(_opened(features), _opened(cover), clips)


def _opened(array: Array | Path) -> Array:
    return np.load(array, mmap_mode="r") if isinstance(array, Path) else array


@dataclass(frozen=True, slots=True)
class DrawnClip:
    """A clip before it is encoded."""

    pixels: Array  # (T, S, S, 3) uint8
    cover: Array  # (T, MAX_THINGS, N) uint8


@dataclass(frozen=True, slots=True)
class ClipDrawing:
    """Draws the clips of a set, each from its index alone."""

    clips: ClipSet
    image_size: int

    def __call__(self, index: int) -> DrawnClip:
        """Draw the frames of one clip, most clips with the traces of lossy compression."""
        frames = _draw(self.clips, index, Renderer(), self.image_size)
        cover = _cover(self.clips.clip(index), self.clips.num_frames, self.image_size // STRIDE)
        return DrawnClip(squeezed(frames, self.image_size), cover)


def squeezed(frames: Array, image_size: int) -> Array:
    """Squeeze frames into squares, as inference does: (T, H, W, 3) -> (T, S, S, 3) uint8."""
    pixels = squeeze(torch.from_numpy(frames), image_size)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def as_read(pixels: Array, device: torch.device) -> Tensor:
    """Squeezed frames as the vision encoder reads them: (F, S, S, 3) -> (F, 3, S, S) floats."""
    return normalize(torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2))


def build_cache(
    folder: Path,
    clips: ClipSet,
    vision: nn.Module,
    *,
    image_size: int,
    device: torch.device,
    on_progress: Callable[[int, int], None],
    num_workers: int = 0,
) -> FeatureCache:
    """Render and encode all clips of a set, continuing where an earlier run stopped.

    Args:
        folder: where they are kept.
        clips: the set.
        vision: encodes pictures, on the device.
        image_size: S of what it reads.
        device: where it is.
        on_progress: called with how many clips are done, of how many.
        num_workers: processes that draw clips; 0 draws here.

    Raises:
        ConfigError: the folder holds features of other clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held_to = asdict(clips)
    done = clips_done(folder, held_to)
    num_cells = (image_size // STRIDE) ** 2
    features = open_array(
        folder / "features.npy",
        np.float16,
        (len(clips), clips.num_frames, num_cells, NUM_CHANNELS),
    )
    cover = open_array(
        folder / "cover.npy", np.uint8, (len(clips), clips.num_frames, MAX_THINGS, num_cells)
    )

    def keep() -> None:
        """Write down what is done once it is on the disk, for pages get there in any order."""
        features.flush()
        cover.flush()
        write_progress(folder, held_to, done)

    keep()
    kept = done
    drawing, todo = ClipDrawing(clips, image_size), range(done, len(clips))
    try:
        with drawn_ahead(drawing, todo, num_workers=num_workers) as drawn:
            for few in _grouped(drawn, _CLIPS_PER_PASS if at_once(device) else 1):
                pixels = as_read(np.concatenate([clip.pixels for clip in few]), device)
                with torch.inference_mode():
                    encoded = vision(pixels).half().unflatten(0, (len(few), -1))
                features[done : done + len(few)] = encoded.cpu().numpy()
                cover[done : done + len(few)] = [clip.cover for clip in few]
                for _ in few:
                    done += 1
                    on_progress(done, len(clips))
                if done // _CLIPS_PER_PASS > kept // _CLIPS_PER_PASS:
                    keep()
                    kept = done
    finally:
        keep()
    return FeatureCache(features=features, cover=cover, clips=clips)


def at_once(device: torch.device) -> bool:
    """Whether several clips go through a model at once: on a GPU, which waits for its next order.

    A CPU gains nothing by it, and computes the same to the last bit one by one.
    """
    return device.type != "cpu"


def _grouped(drawn: Iterator[DrawnClip], size: int) -> Iterator[list[DrawnClip]]:
    while few := list(itertools.islice(drawn, size)):
        yield few


def frame_fractions(num_frames: int = NUM_FRAMES) -> Array:
    """Where the frames lie in a clip: the centres of equal parts, as the video reader samples."""
    return (np.arange(num_frames) + 0.5) / num_frames


def _draw(clips: ClipSet, index: int, renderer: Renderer, image_size: int) -> Array:
    rng = np.random.default_rng([clips.first_seed, index, 7])
    clip = clips.clip(index)
    if clip is not None:
        fractions = frame_fractions(clips.num_frames)
        return draw_stills(clip, fractions, image_size, rng, renderer)
    seed = _FOREIGN_SEED + clips.first_seed + index
    return draw_foreign_stills(seed, clips.split, clips.num_frames, image_size, rng)


def draw_stills(
    clip: Clip,
    fractions: Iterable[float],
    image_size: int,
    rng: np.random.Generator,
    renderer: Renderer,
) -> Array:
    """Draw a clip at some fractions of its time: (T, H, W, 3) uint8, a little over the image size.

    Most clips show the traces of lossy compression.
    """
    scale = image_size * rng.uniform(1.0, 1.5) / min(clip.width, clip.height)
    size = (round(clip.width * scale), round(clip.height * scale))
    frames = np.stack([renderer.frame(clip, float(f), size) for f in fractions])
    return _perhaps_compressed(frames, rng)


def draw_foreign_stills(
    seed: int, split: Split, num_frames: int, image_size: int, rng: np.random.Generator
) -> Array:
    """Draw a foreign clip of so many frames in the image size, as ``draw_stills`` does."""
    frames = foreign_clip(seed, split, num_frames, (image_size, image_size))
    return _perhaps_compressed(frames, rng)


def _perhaps_compressed(frames: Array, rng: np.random.Generator) -> Array:
    if rng.random() >= _COMPRESSED_SHARE:
        return frames
    quality = int(rng.integers(45, 96))
    return np.stack([_recompress(frame, quality) for frame in frames])


def _recompress(frame: Array, quality: int) -> Array:
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _cover(clip: Clip | None, num_frames: int, grid: int) -> Array:
    """Which share of every cell each thing's box covers: (T, MAX_THINGS, N) in 255ths."""
    if clip is None:
        return np.zeros((num_frames, MAX_THINGS, grid * grid), np.uint8)
    return np.stack([cells_covered(clip, float(f), grid) for f in frame_fractions(num_frames)])


def cells_covered(clip: Clip, fraction: float, grid: int) -> Array:
    """Which share of every cell each thing's box covers at one time: (MAX_THINGS, N) in 255ths."""
    cover = np.zeros((MAX_THINGS, grid * grid), np.uint8)
    for thing in range(len(clip.things)):
        placed = state_at(clip, thing, fraction)
        if placed.visible:
            cover[thing] = box_cover(clip, placed, grid)
    return cover


def box_cover(clip: Clip, placed: Placement, grid: int) -> Array:
    """Which share of every cell the box of a thing covers, seen or not: (N,) in 255ths."""
    edges = np.arange(grid + 1) / grid
    short = min(clip.width, clip.height)
    half_x = placed.size * short / clip.width / 2
    half_y = placed.size * short / clip.height / 2
    across = _overlap(edges, placed.x - half_x, placed.x + half_x)
    down = _overlap(edges, placed.y - half_y, placed.y + half_y)
    return (np.outer(down, across).ravel() * 255).astype(np.uint8)


def _overlap(edges: Array, low: float, high: float) -> Array:
    """Return which share of each interval between edges lies in [low, high]."""
    inside = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
    shares: Array = inside / np.diff(edges)
    return shares
