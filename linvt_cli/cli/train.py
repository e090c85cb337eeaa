"""``linvt train``: train LinVT for an image-LLM, or a model by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from linvt_cli.cli import options
from linvt_cli.cli.ablation import AblationGroup, ablate
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.nano_recipe import NanoGroup, train_nano
from linvt_cli.cli.option_groups import with_option_groups
from linvt_cli.cli.output import Output
from linvt_cli.cli.tuning_options import OptimizationGroup, ShapeGroup, chosen_stages
from linvt_cli.errors import ConfigError

_TUNING_OPTIONS = (
    *("model", "stage", "videos", "checkpoint", "frames", "steps", "epochs", "batch_size"),
    *("accumulate", "learning_rate", "gradient_checkpointing", "save_every", "lora_rank"),
    *("queries", "scales", "kept", "positions", "cache_features", "features", "max_bad", "seed"),
    *("workers", "weights"),
)
"""Parameters that play no part in a recipe."""
_DECIDING = ("model", "recipe", "scale", "stage")


@with_option_groups
def train(
    context: typer.Context,
    run_dir: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder of the run: caches, checkpoints, weights"
        ),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA.jsonl", help="Videos with questions and answers"),
    ] = None,
    model: Annotated[
        str | None,
        options.model_option(
            "Image-LLM that LinVT is trained for: a name of 'linvt models list', a folder with"
            " its files, or hub:owner/name[@revision]",
        ),
    ] = None,
    stage: Annotated[
        Literal["align", "instruct", "both"],
        typer.Option(
            "--stage",
            help="align trains LinVT alone; instruct trains LinVT and a LoRA; both runs align, then"
            " instruct",
        ),
    ] = "both",
    videos: Annotated[
        Path | None,
        typer.Option(
            "--videos",
            metavar="DIR",
            help="Folder that relative video paths start from [default: beside DATA]",
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            metavar="DIR",
            help="Start from this LinVT checkpoint instead of a new LinVT",
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            min=1,
            metavar="N",
            help="Frames sampled from each video [default: the model's number]",
        ),
    ] = None,
    *,
    optimization: OptimizationGroup,
    lora_rank: Annotated[
        int, typer.Option("--lora-rank", min=1, metavar="N", help="Rank of the LoRA")
    ] = 16,
    shape: ShapeGroup,
    cache_features: Annotated[
        bool,
        typer.Option(
            "--cache-features",
            help="Encode each video once and keep its visual tokens in DIR/features",
        ),
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            "--features",
            metavar="DIR",
            help="Keep them in this folder instead, shared between runs",
        ),
    ] = None,
    max_bad: Annotated[
        int, typer.Option("--max-bad", min=0, metavar="N", help="Skip up to N bad samples")
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            max=2**32 - 1,
            metavar="N",
            help="Random seed of initialization, data order and dropout",
        ),
    ] = 0,
    workers: Annotated[
        int | None, typer.Option("--decode-workers", min=0, metavar="N", help="Decoding processes")
    ] = None,
    recipe: Annotated[
        Literal["nano", "ablation"],
        typer.Option("--recipe", help="What to train without DATA, and how", show_default=False),
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
    nano: NanoGroup,
    ablated: AblationGroup,
    device: options.DeviceOption = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(
            "--dtype",
            help="Data type (dtype) of the frozen weights; in a recipe, that of the language"
            " model's matrix multiplications, and auto is float32",
        ),
    ] = "auto",
    weights: options.WeightsOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Train LinVT for an image-LLM, or run a recipe.

    Run the same command again to continue after an interruption.

    With DATA, DIR/linvt is the checkpoint in the end, for
    linvt ask --model NAME --checkpoint DIR/linvt.

    With --recipe nano, linvt trains the image-LLM on stills and then LinVT on clips of a drawn
    world. The folder DIR/nano holds the weights in the end. --recipe ablation trains LinVT whole
    and with parts left out or replaced, each alike, under a frozen nano, and writes
    DIR/ablation.md: which part is worth how much.
    """
    output = Output(quiet=quiet)
    typed = {name for name in _DECIDING if _is_typed(context, name)}
    if data or recipe != "nano" or typed & {"model", "stage"}:
        nano.refuse()
    if data and typed & {"recipe", "scale"}:
        raise ConfigError(
            "A recipe makes its own data", field="recipe", hint="leave out --recipe, or DATA"
        )
    if recipe == "ablation":
        _refuse_tuning(context, but=("steps",))
        ablate(
            run_dir,
            ablated,
            steps=optimization.num_steps,
            scale=scale,
            device=device,
            bfloat16=dtype == "bfloat16",
            output=output,
        )
        return
    if data or typed & {"model", "stage"}:
        ablated.refuse()
        from linvt_cli.cli.tuning import tune
        from linvt_cli.training.tuning.settings import LoraShape, TuningSettings

        if model is None:
            raise ConfigError(
                "It is not said for which model LinVT is trained",
                field="model",
                hint="--model nano, or a name from: linvt models list",
            )
        with prompt_interrupt():
            tune(
                TuningSettings(
                    model=model,
                    run_dir=run_dir,
                    data=tuple(data or ()),
                    videos=videos,
                    stages=chosen_stages(stage),
                    frames=frames,
                    checkpoint=checkpoint,
                    shape=shape,
                    lora=LoraShape(rank=lora_rank, alpha=2 * lora_rank),
                    optimization=optimization,
                    cache_features=features or (run_dir / "features" if cache_features else None),
                    max_bad=max_bad,
                    seed=seed,
                    device=device,
                    dtype=dtype,
                    weights=weights,
                    workers=workers,
                ),
                output,
            )
        return
    ablated.refuse()
    _refuse_tuning(context)
    if "recipe" not in typed:
        raise ConfigError(
            "There is no data to train on",
            field="data",
            hint="linvt train DATA.jsonl --model NAME -o DIR, or --recipe nano, which takes hours",
        )
    train_nano(
        run_dir,
        nano,
        scale=scale,
        device=device,
        bfloat16=dtype == "bfloat16",
        output=output,
    )


def _refuse_tuning(context: typer.Context, *, but: tuple[str, ...] = ()) -> None:
    """Refuse options that play no part in a recipe.

    Raises:
        ConfigError: one is given.
    """
    for name in _TUNING_OPTIONS:
        if name not in but and _is_typed(context, name):
            option = "decode_workers" if name == "workers" else name
            raise ConfigError(
                f"--{option.replace('_', '-')} needs DATA to train on",
                field=name,
                hint="linvt train DATA.jsonl --model NAME -o DIR"
                + (", or add --recipe ablation" if name == "steps" else ""),
            )


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
