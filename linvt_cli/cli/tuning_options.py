"""Options of ``linvt train DATA``, in groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from linvt_cli.cli.option_groups import OptionGroup
from linvt_cli.config import PositionLayout
from linvt_cli.errors import ConfigError
from linvt_cli.training.tuning.settings import STAGES, Optimization, StageName, TokenizerShape


def chosen_stages(choice: str) -> tuple[StageName, ...]:
    """Return the stages that ``align``, ``instruct`` or ``both`` stands for."""
    return tuple(stage for stage in STAGES if choice in (stage, "both"))


def chosen_shape(
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries",
            metavar="N,N,…",
            help="Video tokens of each group of queries [default: 32,16,16]",
        ),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            "--scales",
            metavar="N,N,…",
            help="Pooling window of each group of queries [default: 1,2,4]",
        ),
    ] = None,
    kept: Annotated[
        int | None,
        typer.Option(
            "--kept", min=1, metavar="N", help="Visual tokens that are kept [default: 1024]"
        ),
    ] = None,
    positions: Annotated[
        PositionLayout | None,
        typer.Option(
            "--positions",
            help="Position ids of video tokens in Qwen2-VL and Qwen2.5-VL [default: flat]",
        ),
    ] = None,
) -> TokenizerShape | None:
    """Return the shape of a new LinVT; None where nothing of it was chosen.

    Raises:
        ConfigError: if a list holds something else than numbers, or the lists do not fit together.
    """
    chosen: dict[str, Any] = {
        "scales": None if scales is None else _numbers(scales, "scales"),
        "num_queries": None if queries is None else _numbers(queries, "queries"),
        "num_kept": kept,
        "position_layout": positions,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    if not given:
        return None
    shape = replace(TokenizerShape(), **given)
    if len(shape.scales) != len(shape.num_queries):
        raise ConfigError(
            f"{len(shape.scales)} scales need as many numbers of queries, not"
            f" {len(shape.num_queries)}",
            field="queries",
            hint="--scales 1,2,4 --queries 32,16,16",
        )
    return shape


def _optimization(
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", help="Steps of each stage, or variant"),
    ] = None,
    epochs: Annotated[
        float, typer.Option("--epochs", metavar="X", help="Passes over the data, without --steps")
    ] = 1.0,
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", min=1, metavar="N", help="Samples per GPU in a forward pass"),
    ] = 4,
    accumulate: Annotated[
        int,
        typer.Option(
            "--accumulate",
            min=1,
            metavar="N",
            help="Gradient accumulation: batches per step",
        ),
    ] = 1,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate", metavar="X", help="[default: 5e-4 for align, 2e-4 for instruct]"
        ),
    ] = None,
    gradient_checkpointing: Annotated[
        bool,
        typer.Option("--gradient-checkpointing", help="Compute more, and take less memory"),
    ] = False,
    save_every: Annotated[
        int, typer.Option("--save-every", min=1, metavar="N", help="Steps between checkpoints")
    ] = 100,
) -> Optimization:
    return Optimization(
        num_steps=steps,
        num_epochs=epochs,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        gradient_checkpointing=gradient_checkpointing,
        save_every=save_every,
    )


def _numbers(text: str, field: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is no list of numbers", field=field, hint=f"--{field} 1,2,4"
        ) from error


ShapeGroup = Annotated[TokenizerShape | None, OptionGroup(chosen_shape)]
OptimizationGroup = Annotated[Optimization, OptionGroup(_optimization)]
