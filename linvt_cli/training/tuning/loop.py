"""One stage of training, step by step: gradients, clipping, AdamW, metrics, checkpoints.

One process or many: each reads its own batches, gradients are averaged by accelerate's DDP, and the
first process writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from linvt_cli.errors import ConfigError, DatasetError
from linvt_cli.training.optimizer import adamw, set_learning_rate, warmed_cosine
from linvt_cli.training.tuning.bad_samples import BAD_FILE, BadSamples
from linvt_cli.training.tuning.curriculum import Curriculum
from linvt_cli.training.tuning.learner import Learner, Study, cut
from linvt_cli.training.tuning.metrics import MetricsLog, StepMetrics, losses_of
from linvt_cli.training.tuning.plan import BatchPlan
from linvt_cli.training.tuning.settings import Optimization
from linvt_cli.training.tuning.state import Facts, load_state, save_state


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage is made of."""

    name: str
    learner: Learner
    curriculum: Curriculum
    plan: BatchPlan
    optimization: Optimization
    learning_rate: float  # after the warm-up
    num_steps: int
    seed: int
    facts: Facts  # on which its result depends


def run_stage(
    stage: Stage,
    accelerator: Accelerator,
    run_dir: Path,
    bad: BadSamples,
    on_step: Callable[[StepMetrics], None],
) -> bool:
    """Train a stage to its last step, from its checkpoint where there is one.

    Returns:
        Whether a step was taken; if not, all of them were taken before.

    Raises:
        CheckpointCorruptError: if its checkpoint is damaged.
        ConfigError: if the checkpoint is of other settings, or the loss is no number any more.
        DatasetError: if too many samples are bad, or none of an epoch can be used.
    """
    learnt = stage.learner.learnt()
    optimizer = adamw(
        list(learnt.values()),
        learning_rate=stage.learning_rate,
        weight_decay=stage.optimization.weight_decay,
    )
    path = run_dir / f"{stage.name}.safetensors"
    first = load_state(path, learnt, optimizer, facts=stage.facts) if path.exists() else 0
    usable = any(step <= first for step in losses_of(run_dir, stage.name))
    accelerator.wait_for_everyone()
    if first == stage.num_steps:
        return False
    model: nn.Module = accelerator.prepare_model(stage.learner, device_placement=False)
    log = MetricsLog(run_dir, stage.name, first=first) if accelerator.is_main_process else None
    save_every = stage.optimization.save_every
    epoch = _steps_per_epoch(stage, accelerator.num_processes)
    for metrics in _steps(stage, accelerator, model, optimizer, bad, first):
        if log is not None:
            log.add(metrics)
        usable = usable or metrics.loss is not None
        last = metrics.step == stage.num_steps
        if not usable and (last or metrics.step >= epoch):
            raise DatasetError(
                "No sample of the data could be used",
                path=run_dir / BAD_FILE,
                hint="the file says what is wrong with each; check --videos",
            )
        # Where nothing was learnt yet, there is nothing to go on from.
        if log is not None and usable and (last or metrics.step % save_every == 0):
            save_state(path, learnt, optimizer, step=metrics.step, facts=stage.facts)
        on_step(metrics)
    if log is not None:
        log.close()
    accelerator.wait_for_everyone()
    return True


def _steps_per_epoch(stage: Stage, world: int) -> int:
    return math.ceil(stage.plan.batches_per_epoch / (stage.optimization.accumulate * world))


def _steps(
    stage: Stage,
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    bad: BadSamples,
    first: int,
) -> Iterator[StepMetrics]:
    """Take the steps that are left."""
    settings = stage.optimization
    world, rank = accelerator.num_processes, accelerator.process_index
    batches = [
        batch
        for step in range(first, stage.num_steps)
        for batch in stage.plan.of_step(
            step, accumulate=settings.accumulate, rank=rank, world=world
        )
    ]
    with closing(stage.curriculum.studies(batches)) as studies:
        for step in range(first, stage.num_steps):
            taken = islice(studies, settings.accumulate)
            yield _step(stage, accelerator, model, optimizer, bad, step, taken)


def _step(
    stage: Stage,
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    bad: BadSamples,
    step: int,
    taken: Iterator[list[Study]],
) -> StepMetrics:
    settings = stage.optimization
    started = time.perf_counter()
    rate = learning_rate_at(step, stage)
    set_learning_rate(optimizer, rate)
    order = accelerator.num_processes, accelerator.process_index
    torch.manual_seed((stage.seed * 1_000_003 + step) * order[0] + order[1])  # of dropout
    optimizer.zero_grad(set_to_none=True)
    learnt = accumulate_gradients(
        accelerator, model, taken, count=settings.accumulate, most=settings.batch_size
    )
    norm = float(nn.utils.clip_grad_norm_(stage.learner.learnt().values(), settings.max_grad_norm))
    if not math.isfinite(norm):
        raise ConfigError(
            f"The gradients of step {step + 1} are no numbers any more",
            field="learning_rate",
            hint="begin with a lower --learning-rate, in another folder",
        )
    optimizer.step()
    sums = _over_all(accelerator, learnt, settings, stage.learner.backbone.device)
    if accelerator.num_processes > 1:
        bad.exchange(gather_object)
    return StepMetrics(
        stage=stage.name,
        step=step + 1,
        num_steps=stage.num_steps,
        loss=sums.loss,
        learning_rate=rate,
        gradient_norm=norm,
        num_samples=sums.num_samples,
        num_tokens=sums.num_tokens,
        num_bad=len(bad),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one process learnt from in a step."""

    loss: float  # mean of the batches
    num_samples: int
    num_tokens: int


def accumulate_gradients(
    accelerator: Accelerator,
    model: nn.Module,
    batches: Iterable[Sequence[Study]],
    *,
    count: int,
    most: int,
) -> Learnt:
    """Add up the gradients of batches, each of which is let go before the next is asked for.

    Args:
        accelerator: averages gradients over processes, with the last of them.
        model: a learner, as the accelerator prepared it.
        batches: of one step, with their features on the device.
        count: how many batches there are.
        most: lessons that are read at once.
    """
    total: Any = 0.0
    num_samples = num_tokens = 0
    rest = iter(batches)
    for number in range(1, count + 1):
        studies = next(rest)  # by hand: enumerate and zip would hold the last one too
        total = total + _read_batch(
            accelerator, model, studies, most=most, count=count, is_last=number == count
        )
        num_samples += len(studies)
        num_tokens += sum(study.num_answer_tokens for study in studies)
        del studies  # or its features would lie beside those of the next
    return Learnt(float(total), num_samples, num_tokens)


def _read_batch(
    accelerator: Accelerator,
    model: nn.Module,
    studies: Sequence[Study],
    *,
    most: int,
    count: int,
    is_last: bool,
) -> Any:
    """Add the gradients of one batch; return its share of the mean loss."""
    groups = list(cut(studies, most))
    total: Any = 0.0
    for number, group in enumerate(groups, start=1):
        syncs = is_last and number == len(groups)
        with nullcontext() if syncs else accelerator.no_sync(model):
            loss = model(group) / count
            accelerator.backward(loss)
        total = total + loss.detach().double()
    return total


def learning_rate_at(step: int, stage: Stage) -> float:
    """Linear warm-up, then a cosine down to a small share of the stage's rate."""
    settings = stage.optimization
    return stage.learning_rate * warmed_cosine(
        step,
        warmup_steps=max(1, round(settings.warmup_share * stage.num_steps)),
        num_steps=stage.num_steps,
        final_share=settings.final_share,
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """A step over all processes."""

    loss: float | None
    num_samples: int
    num_tokens: int


def _over_all(
    accelerator: Accelerator, learnt: Learnt, settings: Optimization, device: torch.device
) -> _Sums:
    planned = settings.batch_size * settings.accumulate
    # The loss is a mean over all planned samples, of which bad ones count for nothing.
    mine = [learnt.loss * planned, learnt.num_samples, learnt.num_tokens]
    told = torch.tensor(mine, dtype=torch.float64, device=device)
    summed: Any = accelerator.reduce(told, reduction="sum")
    lost, num_samples, num_tokens = summed.tolist()
    return _Sums(lost / num_samples if num_samples else None, int(num_samples), int(num_tokens))
