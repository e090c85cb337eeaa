"""The clips that variants learn from, and those they are asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from linvt_cli.backbones.nano import Nano
from linvt_cli.config import LinVTConfig
from linvt_cli.training.banks import clip_counter
from linvt_cli.training.drawing import default_workers
from linvt_cli.training.features import ClipSet, FeatureCache, build_cache
from linvt_cli.training.recipe import STATISTICS_CLIPS, NanoRecipe

_TEST_SEED = 20_000_000
_NANO = NanoRecipe()
_COMPARED = 4  # clips
_ROUNDING = 0.01  # of the deviation of features: what devices and batches differ by


@dataclass(frozen=True, slots=True)
class AblationRecipe:
    """The sizes of an ablation: nano's data and its LinVT, and as many steps as its first ones."""

    num_clips: int = _NANO.num_clips
    num_foreign: int = _NANO.num_foreign
    num_test_clips: int = 200
    num_test_foreign: int = 30
    num_steps: int = 600
    batch_size: int = 12  # clips a step
    turns_per_clip: int = 4
    bfloat16: bool = False  # whether the language model multiplies in it
    linvt: LinVTConfig = field(default_factory=lambda: _NANO.linvt)

    def scaled(
        self, factor: float, num_steps: int | None = None, num_clips: int | None = None
    ) -> AblationRecipe:
        """Return the recipe with other numbers of clips and steps.

        There are never fewer clips to learn from than features are standardized by.

        Args:
            factor: how many times as many.
            num_steps: in place of the scaled number of steps.
            num_clips: to learn from, in place of the scaled number; foreign ones in proportion.
        """
        of_training = factor if num_clips is None else num_clips / self.num_clips

        def times(count: int, factor: float = factor) -> int:
            return max(2, round(count * factor))

        return replace(
            self,
            num_clips=max(times(self.num_clips, of_training), STATISTICS_CLIPS),
            num_foreign=times(self.num_foreign, of_training),
            num_test_clips=times(self.num_test_clips),
            num_test_foreign=times(self.num_test_foreign),
            num_steps=times(self.num_steps) if num_steps is None else num_steps,
        )


def clip_sets(recipe: AblationRecipe) -> dict[str, ClipSet]:
    """Which clips are learnt from and asked about.

    The first set is that of nano's recipe; the second is of the test split, whose combinations of
    things and kinds of foreign pictures training never shows.
    """
    return {
        "train": ClipSet("train", _NANO.seed, recipe.num_clips, recipe.num_foreign),
        "test": ClipSet("test", _TEST_SEED, recipe.num_test_clips, recipe.num_test_foreign),
    }


def clip_caches(
    run_dir: Path,
    recipe: AblationRecipe,
    nano: Nano,
    on_progress: Callable[[str], None],
    *,
    made_by: Path | None = None,
) -> tuple[FeatureCache, FeatureCache]:
    """Return the features of both sets of clips, from the run folder as far as they are there.

    Args:
        run_dir: of the ablation.
        recipe: how many clips.
        nano: its vision encoder makes them.
        on_progress: called with a line of text now and then.
        made_by: folder of a run of nano's recipe; its features are read in place where they are
            of these clips and this vision encoder, and none are in the run folder.

    Raises:
        ConfigError: the folder holds features of other clips.
    """
    caches = []
    for name, clips in clip_sets(recipe).items():
        folder = run_dir / "features" / name
        theirs = None if made_by is None else made_by / "features" / name
        if theirs is not None and not folder.exists() and is_cache_of(theirs, clips, nano):
            on_progress(f"{name} features: those in '{theirs}'")
            caches.append(read_cache(theirs, clips))
            continue
        cache = build_cache(
            folder,
            clips,
            nano.model.vision,
            image_size=nano.model.config.image_size,
            device=nano.device,
            on_progress=clip_counter(name, on_progress),
            num_workers=default_workers(nano.device),
        )
        caches.append(cache)
    return caches[0], caches[1]


def read_cache(folder: Path, clips: ClipSet) -> FeatureCache:
    """Open a whole cache of features for reading; processes that do so share its memory."""
    features, cover = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("features", "cover")
    )
    return FeatureCache(features=features, cover=cover, clips=clips)


def feature_folder(cache: FeatureCache) -> Path:
    """Where a cache lies."""
    file: Any = cache.features  # a memory map
    return Path(file.filename).parent


def is_cache_of(folder: Path, clips: ClipSet, nano: Nano) -> bool:
    """Whether a folder holds all features of a set, made by this vision encoder.

    The first clips are encoded again and compared; where the clips of the world end is told by the
    last that shows a thing.
    """
    progress = folder / "progress.json"
    if not progress.exists() or json.loads(progress.read_text())["done"] != len(clips):
        return False
    found = read_cache(folder, clips)
    if len(found.features) != len(clips):
        return False
    shows = [bool(cover.any()) for cover in found.cover[clips.num_clips - 1 :]]
    if shows[0] is False or any(shows[1:]):
        return False
    sample = replace(clips, num_clips=min(_COMPARED, clips.num_clips), num_foreign=0)
    with TemporaryDirectory() as scratch:
        again = build_cache(
            Path(scratch),
            sample,
            nano.model.vision,
            image_size=nano.model.config.image_size,
            device=nano.device,
            on_progress=lambda done, total: None,
        )
        pairs = [
            (getattr(found, n)[: len(sample)], getattr(again, n)) for n in ("features", "cover")
        ]
        if any(one.shape != other.shape for one, other in pairs):
            return False
        (features, others), (cover, other_cover) = pairs
        far = np.abs(features.astype(np.float32) - others.astype(np.float32))
        alike = float(far.mean()) <= _ROUNDING * float(others.astype(np.float32).std())
        return alike and bool((cover == other_cover).all())
