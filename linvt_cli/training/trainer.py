"""One training loop for every stage: schedule, clipping, metrics, checkpoints that resume exactly.

A stage draws its batch from the number of the step alone, so a run that was interrupted and resumed
takes the same steps as one that was not. Checkpoints are safetensors, written under another name
and then renamed, so that a cut leaves the last one whole.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from safetensors import safe_open
from torch import Tensor, nn

from linvt_cli.errors import MachineError
from linvt_cli.training.drawing import drawn_ahead
from linvt_cli.training.optimizer import muon_and_adamw, set_learning_rate, warmed_cosine
from linvt_cli.training.state import restore_state, restore_weights, write_state


class Stage(Protocol):
    """A part of a recipe: some weights, a loss, a measure."""

    name: str
    num_steps: int
    learning_rate: float

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """Return the modules whose weights this stage changes, with names for its checkpoint."""
        ...

    def loss(self, step: int) -> Tensor:
        """Return the loss of the batch of one step; the step number alone decides the batch."""
        ...

    def validate(self) -> dict[str, float]:
        """Return accuracies in [0, 1] over the validation clips, one for each kind of question."""
        ...


@runtime_checkable
class DrawnStage(Protocol):
    """A stage whose batches other processes can draw; ``loss`` is ``loss_of(drawing(step))``."""

    drawing: Callable[[int], Any]  # picklable, and so is what it draws

    def loss_of(self, drawn: Any) -> Tensor:
        """Return the loss of a batch that has been drawn."""
        ...


@runtime_checkable
class LayeredStage(Protocol):
    """A stage whose layers learn by Muon; all other weights learn by AdamW."""

    def hidden_layers(self) -> Sequence[nn.Module]:
        """Return modules that read hidden states and write hidden states."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a stage is run. Widths and learning rates belong to the stage itself."""

    warmup_steps: int = 100
    final_share: float = 0.03  # of the learning rate, at the end of the cosine
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    validate_every: int = 400
    save_every: int = 100
    log_every: int = 25
    bfloat16: bool = False  # whether Muon multiplies in it


@dataclass(frozen=True, slots=True)
class Metrics:
    """One line of a run's metrics."""

    stage: str
    step: int
    num_steps: int
    loss: float
    learning_rate: float
    seconds: float  # wall time of this process in the stage
    accuracy: dict[str, float] | None = None


def run_stage(
    stage: Stage,
    run_dir: Path,
    options: TrainingOptions,
    on_metrics: Callable[[Metrics], None],
    *,
    num_workers: int = 0,
) -> None:
    """Train a stage to its last step, from its checkpoint where there is one.

    Args:
        stage: what is trained, and how.
        run_dir: where its checkpoint is kept.
        options: how it is run.
        on_metrics: called with how it goes, now and then.
        num_workers: processes that draw batches ahead, where it is a ``DrawnStage``; the batches
            are the same, whatever their number.

    Raises:
        MachineError: if gradients are no numbers any more.
    """
    learnt = _parameters(stage)
    parameters = list(learnt.values())
    optimizers = optimizers_of(stage, parameters, options.weight_decay, bfloat16=options.bfloat16)
    checkpoint = run_dir / f"{stage.name}.safetensors"
    first = 0
    if checkpoint.exists():
        with safe_open(checkpoint, framework="pt") as file:
            first = restore_state(file, learnt, optimizers)
    started = time.perf_counter()
    losses: list[Tensor] = []  # read now and then: reading one waits for the GPU
    steps = range(first, stage.num_steps)
    with _losses(stage, steps, num_workers) as batches:
        for step, loss in zip(steps, batches, strict=True):
            rate = learning_rate_at(step, stage, options)
            for optimizer in optimizers:
                set_learning_rate(optimizer, rate)
                optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(parameters, options.max_grad_norm)
            for optimizer in optimizers:
                optimizer.step()
            losses.append(loss.detach())
            done = step + 1
            last = done == stage.num_steps
            if done % options.save_every == 0 or last:
                _require_finite(norm, stage, done)
                write_state(checkpoint, learnt, optimizers, step=done)
            measured = done % options.validate_every == 0 or last
            if measured or done % options.log_every == 0:
                accuracy = _validate(stage) if measured else None
                on_metrics(
                    Metrics(
                        stage=stage.name,
                        step=done,
                        num_steps=stage.num_steps,
                        loss=sum(torch.stack(losses).tolist()) / len(losses),
                        learning_rate=rate,
                        seconds=time.perf_counter() - started,
                        accuracy=accuracy,
                    )
                )
                losses = []


def _require_finite(norm: Tensor, stage: Stage, step: int) -> None:
    """Refuse to keep weights that are no numbers: the checkpoint before them is still good."""
    if not math.isfinite(float(norm)):
        raise MachineError(
            f"The gradients of step {step} of stage '{stage.name}' are no numbers any more",
            hint="run the same command again, which goes on from the last checkpoint;"
            " if that ends here too, begin anew on another --device, or without --dtype bfloat16",
        )


@contextmanager
def _losses(stage: Stage, steps: range, num_workers: int) -> Generator[Iterator[Tensor]]:
    """Give the loss of one batch after the other, drawn ahead where that can be done."""
    if num_workers > 0 and isinstance(stage, DrawnStage):
        with drawn_ahead(stage.drawing, steps, num_workers=num_workers) as drawn:
            yield map(stage.loss_of, drawn)
    else:
        yield map(stage.loss, steps)


def learning_rate_at(step: int, stage: Stage, options: TrainingOptions) -> float:
    """Linear warm-up, then a cosine down to a small share of the stage's rate."""
    return stage.learning_rate * warmed_cosine(
        step,
        warmup_steps=options.warmup_steps,
        num_steps=stage.num_steps,
        final_share=options.final_share,
    )


def read_metrics(path: Path) -> Iterator[Metrics]:
    """Read back the metrics that a run has written; a line that was cut off is none."""
    for line in path.read_bytes().splitlines():
        try:
            metrics = Metrics(**json.loads(line))
        except (ValueError, TypeError):
            continue
        yield metrics


def _parameters(stage: Stage) -> dict[str, nn.Parameter]:
    return {
        f"{prefix}.{name}": parameter
        for prefix, module in stage.trained_modules()
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


def optimizers_of(
    stage: Stage, weights: Sequence[nn.Parameter], weight_decay: float, *, bfloat16: bool = False
) -> list[torch.optim.Optimizer]:
    """Return what a stage learns by.

    Args:
        stage: says which of its layers learn by Muon.
        weights: that learn.
        weight_decay: of matrices.
        bfloat16: whether Muon multiplies in it.
    """
    return muon_and_adamw(
        weights,
        stage.hidden_layers() if isinstance(stage, LayeredStage) else (),
        learning_rate=stage.learning_rate,
        weight_decay=weight_decay,
        bfloat16=bfloat16,
    )


def _validate(stage: Stage) -> dict[str, float]:
    modules = [module for _, module in stage.trained_modules()]
    for module in modules:
        module.eval()
    with torch.no_grad():
        accuracy = stage.validate()
    for module in modules:
        module.train()
    return accuracy


def load_stage_weights(stage: Stage, path: Path) -> None:
    """Load the weights, and nothing else, of a stage that is finished."""
    with safe_open(path, framework="pt") as file:
        restore_weights(file, _parameters(stage))
