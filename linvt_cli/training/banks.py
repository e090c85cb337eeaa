"""The clips that nano learns from and is validated with, of every difficulty, with features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import ClipSet, build_cache
from linvt_cli.training.recipe_run import RecipeRun
from linvt_cli.training.schedule import BUSY, HARD
from linvt_cli.training.vocabulary import Split

if TYPE_CHECKING:
    from linvt_cli.training.recipe import NanoRecipe

_VALIDATION_SEED = 10_000_000
_HARD_FOREIGN_SHARE = 0.05  # of the hard clips: that clips are foreign is learnt on usual ones


@dataclass(frozen=True, slots=True)
class Banks:
    """Clips to learn from and clips for validation, of every difficulty."""

    train: ClipBank
    validation: ClipBank
    busy: ClipBank
    busy_validation: ClipBank
    hard: ClipBank
    hard_validation: ClipBank


def make_banks(
    run: RecipeRun, recipe: NanoRecipe, nano: Nano, on_progress: Callable[[str], None]
) -> Banks:
    """Return all clips of a recipe, with their features from the run folder or made anew."""

    def bank(name: str, clips: ClipSet) -> ClipBank:
        cache = build_cache(
            run.folder / "features" / name,
            clips,
            nano.model.vision,
            image_size=nano.model.config.image_size,
            device=nano.device,
            on_progress=clip_counter(name, on_progress),
            num_workers=run.num_workers,
        )
        return ClipBank(nano, cache)

    seed, held = recipe.seed, _VALIDATION_SEED
    return Banks(
        train=bank("train", ClipSet("train", seed, recipe.num_clips, recipe.num_foreign)),
        validation=bank(
            "validation",
            ClipSet("validation", held, recipe.num_validation_clips, recipe.num_validation_foreign),
        ),
        busy=bank("busy", ClipSet("train", seed, recipe.num_busy, 0, BUSY)),
        busy_validation=bank(
            "busy validation", ClipSet("validation", held, recipe.num_validation_busy, 0, BUSY)
        ),
        hard=bank("hard", hard_clips("train", seed, recipe.num_hard)),
        hard_validation=bank(
            "hard validation", hard_clips("validation", held, recipe.num_validation_hard)
        ),
    )


def hard_clips(split: Split, first_seed: int, num_clips: int) -> ClipSet:
    """Return a set of hard clips, with a few foreign ones, in as many frames as usual ones have."""
    return ClipSet(split, first_seed, num_clips, round(_HARD_FOREIGN_SHARE * num_clips), HARD)


def clip_counter(name: str, on_progress: Callable[[str], None]) -> Callable[[int, int], None]:
    """Tell now and then how many clips of a set are done."""

    def report(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            on_progress(f"{name} features: {done} of {total} clips")

    return report
