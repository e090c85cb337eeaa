"""The clips that variants learn from, and those they are asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from linvt_cli.backbones.nano import Nano
from linvt_cli.config import LinVTConfig
from linvt_cli.errors import ConfigError
from linvt_cli.training.features import ClipSet, FeatureCache, build_cache
from linvt_cli.training.recipe import STATISTICS_CLIPS, NanoRecipe, clip_counter

_TEST_SEED = 20_000_000
_NANO = NanoRecipe()


@dataclass(frozen=True, slots=True)
class AblationRecipe:
    """The sizes of an ablation: nano's data and its LinVT, and as many steps as its first ones."""

    num_clips: int = _NANO.num_clips
    num_foreign: int = _NANO.num_foreign
    num_test_clips: int = 200
    num_test_foreign: int = 30
    num_steps: int = _NANO.instruct_steps
    batch_size: int = 12  # clips a step
    turns_per_clip: int = 4
    linvt: LinVTConfig = field(default_factory=lambda: _NANO.linvt)

    def scaled(self, factor: float, num_steps: int | None = None) -> AblationRecipe:
        """Return the recipe with other numbers of clips and steps.

        There are never fewer clips to learn from than features are standardized by.

        Args:
            factor: how many times as many.
            num_steps: in place of the scaled number of steps.
        """

        def times(count: int) -> int:
            return max(2, round(count * factor))

        return replace(
            self,
            num_clips=max(times(self.num_clips), STATISTICS_CLIPS),
            num_foreign=times(self.num_foreign),
            num_test_clips=times(self.num_test_clips),
            num_test_foreign=times(self.num_test_foreign),
            num_steps=times(self.num_steps) if num_steps is None else num_steps,
        )


def clip_caches(
    run_dir: Path, recipe: AblationRecipe, nano: Nano, on_progress: Callable[[str], None]
) -> tuple[FeatureCache, FeatureCache]:
    """Return the features of both sets of clips, from the run folder as far as they are there.

    The first set is that of nano's recipe; the second is of the test split, whose combinations of
    things and kinds of foreign pictures training never shows.

    Raises:
        ConfigError: the folder holds features of another number of clips.
    """
    sets = {
        "train": ClipSet("train", _NANO.seed, recipe.num_clips, recipe.num_foreign),
        "test": ClipSet("test", _TEST_SEED, recipe.num_test_clips, recipe.num_test_foreign),
    }
    caches = []
    for name, clips in sets.items():
        folder = run_dir / "features" / name
        _require_size(folder, len(clips))
        cache = build_cache(
            folder,
            clips,
            nano.model.vision,
            image_size=nano.model.config.image_size,
            device=nano.device,
            on_progress=clip_counter(name, on_progress),
        )
        caches.append(cache)
    return caches[0], caches[1]


def _require_size(folder: Path, num_clips: int) -> None:
    """Refuse to continue a cache of another number of clips: its rows would mean other clips."""
    file = folder / "features.npy"
    if not file.exists():
        return
    found = len(np.load(file, mmap_mode="r"))
    if found != num_clips:
        raise ConfigError(
            f"'{folder}' holds features of {found} clips, not of {num_clips}",
            field="scale",
            hint="run with the --scale that they were made with, or in another folder",
        )
