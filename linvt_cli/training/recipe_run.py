"""How the stages of a recipe are run: in one folder, each once, with metrics of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from linvt_cli.training.settings_file import hold_to_settings
from linvt_cli.training.trainer import (
    Metrics,
    Stage,
    TrainingOptions,
    load_stage_weights,
    run_stage,
)
from linvt_cli.training.whole_file import append_line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Recipe = TypeVar("Recipe", bound="DataclassInstance")


def scaled(recipe: Recipe, sizes: Sequence[str], factor: float) -> Recipe:
    """Return a recipe with its sizes multiplied by a factor, none of them below 2."""
    return replace(
        recipe, **{name: max(2, round(getattr(recipe, name) * factor)) for name in sizes}
    )


def hold_to_recipe(
    run_dir: Path, recipe: DataclassInstance, *, bfloat16: bool, begin_with: str | None = None
) -> None:
    """Write down what the weights of a run folder come from, or refuse to go on with anything else.

    Args:
        run_dir: folder of the run.
        recipe: its sizes and seeds.
        bfloat16: whether the language model multiplies in it.
        begin_with: hash of the weights that learn; None for new ones.

    Raises:
        ConfigError: the folder holds a run of another recipe, or of other weights.
    """
    settings = {"begin_with": begin_with, "bfloat16": bfloat16, **asdict(recipe)}
    hold_to_settings(run_dir / "recipe.json", settings, kind="a run of nano's recipe")


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """A run folder, and how its stages are run.

    Args:
        folder: where everything of the run is kept; metrics go to ``metrics.jsonl``.
        device: where it trains.
        num_workers: processes that draw ahead.
        on_progress: called with a line of text now and then.
        bfloat16: whether Muon multiplies in it.
    """

    folder: Path
    device: torch.device
    num_workers: int
    on_progress: Callable[[str], None]
    bfloat16: bool = False

    def finish(self, stage: Stage) -> None:
        """Run a stage, unless the run folder says that it is finished: then load its weights."""
        finished = self.folder / f"{stage.name}.done"
        if finished.exists():
            load_stage_weights(stage, self.folder / f"{stage.name}.safetensors")
            return
        # What an interruption costs: minutes on a CPU, seconds on a GPU.
        options = TrainingOptions(
            save_every=100 if self.device.type == "cpu" else 400, bfloat16=self.bfloat16
        )
        run_stage(stage, self.folder, options, self._report, num_workers=self.num_workers)
        finished.touch()

    def _report(self, metrics: Metrics) -> None:
        append_line(self.folder / "metrics.jsonl", json.dumps(asdict(metrics)))
        accuracy = ""
        if metrics.accuracy is not None:
            shares = ", ".join(f"{kind} {share:.0%}" for kind, share in metrics.accuracy.items())
            accuracy = f"; exact: {shares}"
        self.on_progress(
            f"{metrics.stage}: step {metrics.step} of {metrics.num_steps},"
            f" loss {metrics.loss:.3f}, {metrics.seconds:.0f} s{accuracy}"
        )
