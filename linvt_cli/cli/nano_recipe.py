"""``linvt train --recipe nano``: its options, and what it does."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.option_groups import OptionGroup
from linvt_cli.cli.output import Output
from linvt_cli.errors import ConfigError

_FIRST_NEW_CLIP = 100_000  # the shipped weights have learnt from none near it


@dataclass(frozen=True, slots=True)
class NanoChoice:
    """What the options of the recipe say; None where one is not given."""

    draw_workers: int | None
    begin_with: Path | None
    first_clip: int | None
    way: float | None

    def refuse(self) -> None:
        """Refuse any of these options where the recipe is not run.

        Raises:
            ConfigError: one is given.
        """
        for field in fields(self):
            if getattr(self, field.name) is not None:
                drawing = field.name == "draw_workers"
                option = "--workers" if drawing else f"--{field.name.replace('_', '-')}"
                raise ConfigError(
                    f"{option} belongs to the nano recipe",
                    field=option.removeprefix("--").replace("-", "_"),
                    hint="leave it out; for DATA there is --decode-workers"
                    if drawing
                    else "leave it out",
                )


def _choice(
    draw_workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            metavar="N",
            help="Nano: processes that draw clips and questions ahead; the result is the same with"
            " any number [default: as many as suit the machine]",
            show_default=False,
        ),
    ] = None,
    begin_with: Annotated[
        Path | None,
        typer.Option(
            "--begin-with",
            metavar="FOLDER",
            help="Nano: finished weights, which go on learning from other clips, in place of new"
            " ones",
            show_default=False,
        ),
    ] = None,
    first_clip: Annotated[
        int | None,
        typer.Option(
            "--first-clip",
            min=0,
            max=9_000_000,
            metavar="N",
            help="Nano, with --begin-with: seed of the first of the clips, which follow one another"
            f" [default: {_FIRST_NEW_CLIP}]",
            show_default=False,
        ),
    ] = None,
    way: Annotated[
        float | None,
        typer.Option(
            "--way",
            min=0.0,
            max=1.0,
            metavar="X",
            help="Nano, with --begin-with: interpolation weight; 0 is the starting weights, 1 the"
            " newly trained ones [default: 1.0]",
            show_default=False,
        ),
    ] = None,
) -> NanoChoice:
    return NanoChoice(draw_workers, begin_with, first_clip, way)


NanoGroup = Annotated[NanoChoice, OptionGroup(_choice)]


def train_nano(
    run_dir: Path,
    choice: NanoChoice,
    *,
    scale: float,
    device: str,
    bfloat16: bool,
    output: Output,
) -> None:
    """Train nano from nothing or from finished weights, and print the folder of its weights."""
    for option, value in (("first_clip", choice.first_clip), ("way", choice.way)):
        if value is not None and choice.begin_with is None:
            raise ConfigError(
                f"--{option.replace('_', '-')} is for weights that go on learning",
                field=option,
                hint="add --begin-with FOLDER, or leave it out",
            )
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.backbones.loading import select_device
        from linvt_cli.training.continued import ContinuedRecipe, run_continued
        from linvt_cli.training.disk_errors import disk_errors_translated
        from linvt_cli.training.recipe import NanoRecipe, run_recipe
        from linvt_cli.training.sole_run import sole_run

        with disk_errors_translated(run_dir), sole_run(run_dir):
            if choice.begin_with is None:
                folder = run_recipe(
                    run_dir,
                    NanoRecipe().scaled(scale),
                    device=select_device(device),
                    num_workers=choice.draw_workers,
                    bfloat16=bfloat16,
                    on_progress=output.notice,
                )
            else:
                first = _FIRST_NEW_CLIP if choice.first_clip is None else choice.first_clip
                folder = run_continued(
                    run_dir,
                    choice.begin_with,
                    ContinuedRecipe(first).scaled(scale),
                    device=select_device(device),
                    num_workers=choice.draw_workers,
                    bfloat16=bfloat16,
                    way=1.0 if choice.way is None else choice.way,
                    on_progress=output.notice,
                )
    output.line(str(folder))
