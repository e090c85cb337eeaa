"""``linvt models``: which image-LLMs there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from linvt_cli.backbones.registry import BACKBONES, BackboneSpec, find_backbone
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
    width = max(len(spec.name) for spec in BACKBONES)
    for spec in BACKBONES:
        output.line(f"{spec.name:<{width}}  {size(spec.parameters):>6}  {spec.summary}")


@models.command("show")
def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a model")],
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
        output.line(f"{fact}: {'-' if value is None else value}")


def facts(spec: BackboneSpec) -> dict[str, Any]:
    """Return what users may want to know of a model."""
    return {
        "name": spec.name,
        "summary": spec.summary,
        "parameters": spec.parameters,
        "license": spec.license,
        "revision": spec.revision,
        "default_frames": spec.default_frames,
        "default_video_tokens": spec.default_video_tokens,
        "shipped": spec.weights is not None,
    }


def size(parameters: int) -> str:
    """Return a number of parameters as people say it: 5.4M, 7.6B."""
    if parameters >= 1_000_000_000:
        return f"{parameters / 1e9:.1f}B"
    return f"{parameters / 1e6:.1f}M"
