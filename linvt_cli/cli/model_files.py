"""``linvt models pull|verify|path|remove|prune``: the files of models on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linvt_cli.cli.completion import complete_model
from linvt_cli.cli.options import OfflineOption, QuietOption
from linvt_cli.cli.output import Output
from linvt_cli.cli.pulling import (
    PullReport,
    find_pulled,
    name_of,
    pull_model,
    source_of,
    title_of,
)
from linvt_cli.cli.sizes import bytes_text
from linvt_cli.errors import BackboneLoadError, DamagedFilesError, StoreError
from linvt_cli.models.copies import local_repo
from linvt_cli.models.offline import settle_offline
from linvt_cli.models.source import LOCAL_OWNER, names_folder
from linvt_cli.models.store import Store
from linvt_cli.settings.catalogue import what_stands_for

if TYPE_CHECKING:
    from linvt_cli.models.store import PulledModel, Shelf

_NAME = "Name of a model, or hub:owner/name[@revision]"

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help=_NAME, autocompletion=complete_model)
]
NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help=_NAME, autocompletion=complete_model)
]


def pull(
    names: NamesArgument,
    verify_here: Annotated[
        bool,
        typer.Option("--verify", help="Hash what is here already, and fetch damaged files again"),
    ] = False,
    offline: OfflineOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fetch models into the store and print their folders.

    What was interrupted goes on where it stopped. Only weights in safetensors, JSON and tokenizer
    files are fetched, never code.
    """
    output = Output(quiet=quiet)
    settle_offline(offline)
    for name in names:
        source_of(name)  # all names are right, or nothing is fetched
    for name in names:
        output.line(str(pull_model(name, output, verify=verify_here).folder))


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help=f"{_NAME}; without it, all in the store"),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Hash the files of pulled models and compare them with what was pulled."""
    output, store = Output(quiet=quiet), Store()
    chosen = [one for name in names for one in _all_of(name, store)] if names else store.pulled()
    damaged = [model.manifest for model in chosen if not _is_whole(model, output)]
    if damaged:
        whole = sorted({name_of(one) for one in damaged if one.quantization == "none"})
        copied = sorted({name_of(one) for one in damaged if one.quantization != "none"})
        mended = [f"linvt models pull --verify {' '.join(whole)}"] if whole else []
        mended += [f"linvt models remove --quantized {' '.join(copied)}"] if copied else []
        raise DamagedFilesError(
            f"Damaged: {', '.join(map(title_of, damaged))}", hint="; ".join(mended)
        )


def path(name: NameArgument) -> None:
    """Print the folder of a pulled model."""
    Output().line(str(find_pulled(name, Store()).folder))


def remove(
    names: NamesArgument,
    original: Annotated[
        bool, typer.Option("--original", help="Remove the files as published: copies go on working")
    ] = False,
    quantized: Annotated[
        bool, typer.Option("--quantized", help="Remove quantized copies, and nothing else")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Remove pulled models with their quantized copies, and what interrupted pulls left of them."""
    output, store = Output(quiet=quiet), Store()
    for name in names:
        places = list(
            _places(
                name, store, original=original or not quantized, quantized=quantized or not original
            )
        )
        if not any(models() or shelf.leftovers() for shelf, models in places):
            raise BackboneLoadError(
                f"There is nothing of '{name}' to remove", hint="linvt models list --pulled"
            )
        freed = 0
        for shelf, models in places:
            # Looked up behind the lock: a pull that was waited for has completed one.
            with store.failures_translated(), shelf.locked(PullReport(output, name).waiting):
                freed += sum(shelf.remove(model.manifest.commit) for model in models())
                freed += shelf.remove_leftovers()
        output.line(f"{name}: {bytes_text(freed)} removed")


def _places(
    name: str, store: Store, *, original: bool, quantized: bool
) -> Iterator[tuple[Shelf, Callable[[], list[PulledModel]]]]:
    """Yield where the store keeps a model, and what finds it there; of a folder all copies."""
    named = what_stands_for(name)
    of_folder = local_repo(Path(named)) if names_folder(named) else f"{LOCAL_OWNER}/{name}"
    if names_folder(named) or store.quantized_shelves(of_folder):
        for shelf in store.quantized_shelves(of_folder) if quantized else []:
            yield shelf, shelf.pulled
        return
    source = source_of(name)
    copies = store.quantized_shelves(source.repo) if quantized else []
    for shelf in [*([store.shelf(source.repo)] if original else []), *copies]:
        yield shelf, partial(_found, shelf, source.revision)


def _found(shelf: Shelf, revision: str) -> list[PulledModel]:
    found = shelf.find(revision)
    return [] if found is None else [found]


def _all_of(name: str, store: Store) -> list[PulledModel]:
    """Return what the store has of a model, as published and quantized."""
    places = _places(name, store, original=True, quantized=True)
    return [model for _, models in places for model in models()] or [find_pulled(name, store)]


def prune(
    unused: Annotated[
        float | None,
        typer.Option(
            "--unused", min=0, metavar="DAYS", help="Also remove models not used for so long"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Remove what interrupted pulls left, and commits that newer ones replaced."""
    from linvt_cli.models.prune import removals

    output, store = Output(quiet=quiet), Store()
    freed = 0
    for removal in list(removals(store, unused_days=unused, now=time.time())):
        named = removal.shelf.folder.name.replace("--", "/", 1)
        what = f"hub:{named}" if removal.model is None else title_of(removal.model)
        if not dry_run:
            try:
                with store.failures_translated():
                    removal.carry_out()
            except StoreError as error:
                output.warning(f"{what} stays: {error.message}")
                continue
        freed += removal.size
        output.line(f"{what}: {bytes_text(removal.size)}, {removal.why}")
    output.line(f"{bytes_text(freed)} {'would be ' if dry_run else ''}removed")


def _is_whole(model: PulledModel, output: Output) -> bool:
    from linvt_cli.models.verify import verify as find_faults

    name, manifest = title_of(model.manifest), model.manifest
    with output.transfer(f"Hashing {name}", total=manifest.size, done=0) as advance:
        faults = find_faults(model, advance)
    for fault in faults:
        output.line(f"{name}: {fault.path} {fault.what}")
    if not faults:
        output.line(f"{name}: {len(manifest.files)} files, {bytes_text(manifest.size)}, all right")
    return not faults
