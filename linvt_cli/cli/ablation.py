"""``linvt train --recipe ablation``: its options, and what it does."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.option_groups import OptionGroup
from linvt_cli.cli.output import Output
from linvt_cli.errors import ConfigError

_DEFAULT_SEEDS = 3
FEWEST_CLIPS = 200  # by which features are standardized


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options of the ablation say; None where one is not given."""

    seeds: int | None
    only: str | None
    image_llm: Path | None
    after: Path | None
    processes: int | None
    clips: int | None

    def refuse(self) -> None:
        """Refuse any of these options for another recipe.

        Raises:
            ConfigError: one is given.
        """
        for field in fields(self):
            if getattr(self, field.name) is not None:
                option = f"--{field.name.replace('_', '-')}"
                raise ConfigError(
                    f"{option} belongs to the ablation recipe",
                    field=field.name,
                    hint=f"add --recipe ablation, or leave out {option}",
                )


def _choice(
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            max=100,
            metavar="N",
            help=f"Ablation: train each variant with N seeds [default: {_DEFAULT_SEEDS}]",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="NAME,…", help="Ablation: these variants alone", show_default=False
        ),
    ] = None,
    image_llm: Annotated[
        Path | None,
        typer.Option(
            "--image-llm",
            metavar="FOLDER",
            help="Ablation: the image-LLM, from a run folder of the nano recipe (as its image stage"
            " left it) or a folder of weights [default: the shipped one]",
            show_default=False,
        ),
    ] = None,
    after: Annotated[
        Path | None,
        typer.Option(
            "--after",
            metavar="FOLDER",
            help="Ablation: weights that have learnt from clips too, asked about stills beside the"
            " image-LLM [default: the shipped ones]",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            min=1,
            max=64,
            metavar="N",
            help="Ablation: so many runs side by side, each in a process of its own [default: 1]",
            show_default=False,
        ),
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option(
            "--clips",
            min=FEWEST_CLIPS,
            metavar="N",
            help="Ablation: clips to learn from, with foreign ones in proportion [default: nano's]",
            show_default=False,
        ),
    ] = None,
) -> Choice:
    return Choice(seeds, only, image_llm, after, processes, clips)


AblationGroup = Annotated[Choice, OptionGroup(_choice)]


def ablate(
    run_dir: Path,
    choice: Choice,
    *,
    steps: int | None,
    scale: float,
    device: str,
    bfloat16: bool,
    output: Output,
) -> None:
    """Run an ablation, and print the file of its table."""
    failures: list[str] = []
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.backbones.loading import select_device
        from linvt_cli.training.ablation.clip_sets import AblationRecipe
        from linvt_cli.training.ablation.run import AblationChoice, run_ablation
        from linvt_cli.training.disk_errors import disk_errors_translated

        with disk_errors_translated(run_dir):
            table = run_ablation(
                run_dir,
                AblationRecipe(bfloat16=bfloat16).scaled(scale, steps, choice.clips),
                AblationChoice(
                    num_seeds=choice.seeds or _DEFAULT_SEEDS,
                    only=choice.only,
                    image_llm=choice.image_llm,
                    after=choice.after,
                ),
                device=select_device(device),
                on_progress=output.notice,
                on_failure=failures.append,
                num_processes=choice.processes or 1,
            )
    output.line(str(table))
    for failure in failures:
        output.notice(failure)
    if failures:
        raise typer.Exit(ExitCode.SOME_FAILED)
