"""``linvt models``: which image-LLMs there are, and which of them are on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from linvt_cli.backbones.registry import BACKBONES, BackboneSpec, find_backbone
from linvt_cli.cli import model_files
from linvt_cli.cli.options import JsonOption
from linvt_cli.cli.output import Output
from linvt_cli.cli.pack import pack
from linvt_cli.cli.pulling import find_pulled, name_of, repository_of, source_of, title_of
from linvt_cli.cli.sizes import bytes_text, date_text, parameters_text, table
from linvt_cli.models.files import find_cached
from linvt_cli.models.manifest import Manifest
from linvt_cli.models.source import LOCAL_OWNER, names_repository
from linvt_cli.models.store import PulledModel, Store, size_of
from linvt_cli.settings.catalogue import find_own, own_models

models = typer.Typer(
    help="List, fetch, verify and remove image-LLMs",
    no_args_is_help=True,
)

_HEADER = ("NAME", "SIZE", "GIB", "INT8", "NF4", "LICENSE", "PULLED", "SUMMARY")
_PULLED_HEADER = ("NAME", "SIZE", "COMMIT", "PULLED", "LAST USE")


@models.command("list")
def list_models(
    pulled: Annotated[
        bool, typer.Option("--pulled", help="List what is in the store, with last use")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List all models, one a line."""
    output = Output("json" if as_json else "text")
    here = Store().pulled()
    if as_json:
        rows = _pulled_records(here) if pulled else _records(here)
        for row in rows:
            output.record(row)
        output.finish(as_list=True, may_be_empty=True)
        return
    for line in table(_pulled_rows(here) if pulled else _rows(here)):
        output.line(line)


@models.command("show")
def show_model(name: model_files.NameArgument, as_json: JsonOption = False) -> None:
    """Show what is known of one model, and where its files are."""
    store = Store()
    if (own := find_own(name)) is not None:
        shown = asdict(own)
    elif names_repository(name):
        shown = {"name": name, **_facts_of_repository(name, store)}
    else:
        spec = find_backbone(name)
        shown = facts(spec, _by_name(store.pulled()).get(spec.name, []))
    output = Output("json" if as_json else "text")
    if as_json:
        output.record(shown)
        output.finish(as_list=False)
        return
    for fact, value in shown.items():
        output.line(f"{fact}: {_shown(value)}")


for command in (
    model_files.pull,
    model_files.verify,
    model_files.path,
    model_files.remove,
    model_files.prune,
    pack,
):
    models.command()(command)


def facts(spec: BackboneSpec, here: list[PulledModel]) -> dict[str, Any]:
    """Return what users may want to know of a model.

    Args:
        spec: its row.
        here: what the store has of it, as published and quantized.
    """
    memory = spec.memory
    pulled, cached = _as_published(here), _cached(spec, here)
    return {
        "name": spec.name,
        "family": spec.family,
        "summary": spec.summary,
        "parameters": spec.parameters,
        "license": spec.license,
        "repo": spec.repo,
        "revision": spec.revision,
        "memory_gib": None if memory is None else asdict(memory),
        "max_context": spec.max_context,
        "tokens_per_frame": spec.tokens_per_frame,
        "default_frames": spec.default_frames,
        "default_video_tokens": spec.default_video_tokens,
        "shipped": spec.weights is not None,
        "pulled": None if pulled is None else pulled_facts(pulled),
        "hugging_face_cache": None if cached is None else str(cached),
        "quantized": [pulled_facts(model) for model in _copies(here)],
    }


def pulled_facts(model: PulledModel) -> dict[str, Any]:
    """Return what users may want to know of the files of a model."""
    manifest = model.manifest
    return {
        "quantization": manifest.quantization,
        "folder": str(model.folder),
        "size": manifest.size,
        "repo": manifest.repo,
        "commit": manifest.commit,
        "revisions": list(manifest.revisions),
        "pulled": manifest.pulled,
        "last_used": model.last_used,
        "missing": model.missing(),
    }


def _facts_of_repository(name: str, store: Store) -> dict[str, Any]:
    source = source_of(name)
    pulled = store.find(source)
    is_whole = pulled is not None and not pulled.missing()
    if not is_whole and (cached := find_cached(source)) is not None:
        return {"hugging_face_cache": str(cached)}
    return pulled_facts(find_pulled(name, store))


def _by_name(here: list[PulledModel]) -> dict[str, list[PulledModel]]:
    """Return what the store has by the names of the models, the last pulled first."""
    found: dict[str, list[PulledModel]] = {}
    for model in here:
        found.setdefault(name_of(model.manifest), []).append(model)
    return found


def _as_published(here: list[PulledModel]) -> PulledModel | None:
    return next((model for model in here if model.manifest.quantization == "none"), None)


def _cached(spec: BackboneSpec, here: list[PulledModel]) -> Path | None:
    """Return the folder in the cache of Hugging Face tools that a model is loaded from, if it is.

    Args:
        spec: its row.
        here: what the store has of it, which comes first where it is whole.
    """
    source, pulled = repository_of(spec), _as_published(here)
    if source is None or (pulled is not None and not pulled.missing()):
        return None
    return find_cached(source)


def _copies(here: list[PulledModel]) -> list[PulledModel]:
    return [model for model in here if model.manifest.quantization != "none"]


def _sizes(here: list[PulledModel], cached: Path | None = None) -> str:
    """Say what this machine has of a model: the size as published, and which copies."""
    pulled = _as_published(here)
    sizes = [] if pulled is None else [bytes_text(pulled.manifest.size)]
    if cached is not None:
        sizes = [f"{bytes_text(size_of(cached))} in HF cache"]
    return " + ".join([*sizes, *(model.manifest.quantization for model in _copies(here))]) or "-"


def _records(here: list[PulledModel]) -> list[dict[str, Any]]:
    known = _by_name(here)
    named = {spec.name for spec in BACKBONES}
    others = [model for model in here if name_of(model.manifest) not in named]
    return [
        *(facts(spec, known.get(spec.name, [])) for spec in BACKBONES),
        *({"name": own.name, "own": asdict(own)} for own in own_models().values()),
        *_pulled_records(others),
    ]


def _pulled_records(here: list[PulledModel]) -> list[dict[str, Any]]:
    return [{"name": name_of(model.manifest), "pulled": pulled_facts(model)} for model in here]


def _rows(here: list[PulledModel]) -> list[tuple[str, ...]]:
    known = _by_name(here)
    rows: list[tuple[str, ...]] = [_HEADER]
    for spec in BACKBONES:
        memory = spec.memory
        gib = ("-",) * 3 if memory is None else (memory.none, memory.int8, memory.nf4)
        found = known.pop(spec.name, [])
        size = parameters_text(spec.parameters)
        shown = _sizes(found, _cached(spec, found)) if spec.weights is None else "shipped"
        rows.append((spec.name, size, *map(str, gib), spec.license, shown, spec.summary))
    rows += [(own.name, *("-",) * 6, own.summary) for own in own_models().values()]
    rows += [
        (name, *("-",) * 5, _sizes(found), _whence(found[0].manifest))
        for name, found in known.items()
    ]
    return rows


def _pulled_rows(here: list[PulledModel]) -> list[tuple[str, ...]]:
    rows = [
        (
            title_of(model.manifest),
            bytes_text(model.manifest.size),
            model.manifest.commit[:12],
            model.manifest.pulled[:10],
            date_text(model.last_used),
        )
        for model in here
    ]
    return [_PULLED_HEADER, *rows]


def _whence(manifest: Manifest) -> str:
    owner = manifest.repo.partition("/")[0]
    return "Quantized from a folder" if owner == LOCAL_OWNER else "Pulled from the hub"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, [], ()) else str(value)
