"""``linvt train``: train a model by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from linvt_cli.cli import ablation, options
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.output import Output


def train(
    run_dir: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder of the run: caches, checkpoints, weights"
        ),
    ],
    recipe: Annotated[
        Literal["nano", "ablation"], typer.Option("--recipe", help="What to train, and how")
    ] = "nano",
    scale: Annotated[
        float,
        typer.Option(
            "--scale",
            min=0.001,
            max=10.0,
            metavar="X",
            help="Take X times as many clips and steps; below 1 for a quick trial",
        ),
    ] = 1.0,
    seeds: ablation.SeedsOption = None,
    only: ablation.OnlyOption = None,
    steps: ablation.StepsOption = None,
    image_llm: ablation.ImageLLMOption = None,
    after: ablation.AfterOption = None,
    device: options.DeviceOption = "auto",
    quiet: options.QuietOption = False,
) -> None:
    """Train a model by a recipe; run the same command again to continue after an interruption.

    The nano recipe trains the image-LLM on stills and then LinVT on clips of a drawn world. The
    folder DIR/nano holds the weights in the end.

    The ablation recipe trains LinVT whole and with parts left out or replaced, each alike, under a
    frozen nano, and writes DIR/ablation.md: which part is worth how much.
    """
    output = Output(quiet=quiet)
    chosen = ablation.Choice(seeds, only, steps, image_llm, after)
    if recipe == "ablation":
        ablation.ablate(run_dir, chosen, scale=scale, device=device, output=output)
        return
    chosen.refuse()
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.backbones.loading import select_device
        from linvt_cli.training.recipe import NanoRecipe, run_recipe

        folder = run_recipe(
            run_dir,
            NanoRecipe().scaled(scale),
            device=select_device(device),
            on_progress=output.notice,
        )
    output.line(str(folder))
