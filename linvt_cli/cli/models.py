"""``linvt models``: which image-LLMs there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from linvt_cli.backbones.registry import BACKBONES, BackboneSpec, find_backbone
from linvt_cli.cli.completion import complete_model
from linvt_cli.cli.options import JsonOption
from linvt_cli.cli.output import Output

models = typer.Typer(help="Show the image-LLMs that can answer", no_args_is_help=True)


@models.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List all models, one a line."""
    output = Output("json" if as_json else "text")
    if as_json:
        for spec in BACKBONES:
            output.record(facts(spec))
        output.finish(as_list=True)
        return
    for row in table([_HEADER, *(_row(spec) for spec in BACKBONES)]):
        output.line(row)


@models.command("show")
def show_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a model", autocompletion=complete_model)
    ],
    as_json: JsonOption = False,
) -> None:
    """Show what is known of one model."""
    spec = find_backbone(name)
    output = Output("json" if as_json else "text")
    if as_json:
        output.record(facts(spec))
        output.finish(as_list=False)
        return
    for fact, value in facts(spec).items():
        output.line(f"{fact}: {_shown(value)}")


def facts(spec: BackboneSpec) -> dict[str, Any]:
    """Return what users may want to know of a model."""
    memory = spec.memory
    return {
        "name": spec.name,
        "family": spec.family,
        "summary": spec.summary,
        "parameters": spec.parameters,
        "license": spec.license,
        "repo": spec.repo,
        "revision": spec.revision,
        "memory_gib": None
        if memory is None
        else {"none": memory.none, "int8": memory.int8, "nf4": memory.nf4},
        "max_context": spec.max_context,
        "tokens_per_frame": spec.tokens_per_frame,
        "default_frames": spec.default_frames,
        "default_video_tokens": spec.default_video_tokens,
        "shipped": spec.weights is not None,
    }


_HEADER = ("NAME", "SIZE", "GIB", "INT8", "NF4", "LICENSE", "SUMMARY")


def _row(spec: BackboneSpec) -> tuple[str, ...]:
    memory = spec.memory
    gib = ("-",) * 3 if memory is None else (memory.none, memory.int8, memory.nf4)
    return (spec.name, size(spec.parameters), *map(str, gib), spec.license, spec.summary)


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns that line up, the last one ragged."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def size(parameters: int) -> str:
    """Return a number of parameters as people say it: 5.4M, 7.6B."""
    if parameters >= 1_000_000_000:
        return f"{parameters / 1e9:.1f}B"
    return f"{parameters / 1e6:.1f}M"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return "-" if value is None else str(value)
