"""What users see while a model is pulled, and pulling what a command needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from linvt_cli.backbones.registry import BACKBONES, BackboneSpec, find_backbone
from linvt_cli.cli.output import Output
from linvt_cli.cli.sizes import bytes_text
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError, ConfigError
from linvt_cli.models.files import find_snapshot, is_folder
from linvt_cli.models.manifest import Manifest
from linvt_cli.models.offline import is_offline
from linvt_cli.models.source import (
    DEFAULT_REVISION,
    LOCAL_OWNER,
    HubSource,
    likely_name,
    names_folder,
    names_repository,
    parse_source,
)
from linvt_cli.models.store import PulledModel, Store
from linvt_cli.settings.catalogue import what_stands_for
from linvt_cli.settings.folders import expanded

if TYPE_CHECKING:
    from linvt_cli.models.pull import PullPlan


_WHAT_THERE_IS = "linvt models list names what can be pulled"


class PullReport:
    """Tells the user how a pull goes on. As a context manager it ends its progress bar.

    Args:
        output: where messages go.
        name: of the model, as the user wrote it.
    """

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._while_open = ExitStack()
        self._advance: Callable[[int], None] = lambda _: None

    def __enter__(self) -> Self:
        """Nothing is shown yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the progress bar."""
        self._while_open.close()

    def waiting(self) -> None:
        """Say why nothing happens."""
        self._output.notice(f"another linvt is pulling {self._name}: waiting for it")

    def planned(self, plan: PullPlan) -> None:
        """Say how much will come, and from where."""
        if plan.to_fetch == 0:
            return
        # A small part is always here: the index that the plan is made from.
        goes_on = plan.here > plan.size / 100
        whole = f" of {bytes_text(plan.size)}, the rest is here" if goes_on else ""
        self._output.notice(
            f"pulling {self._name}: {bytes_text(plan.to_fetch)}{whole}, from {plan.endpoint}"
            f" at {plan.commit[:12]}; {bytes_text(plan.free)} free on the disk"
        )
        self._advance = self._while_open.enter_context(
            self._output.transfer(self._name, total=plan.size, done=plan.here)
        )

    def advanced(self, num_bytes: int) -> None:
        """Move the progress bar."""
        self._advance(num_bytes)

    def retrying(self, reason: str, seconds: float) -> None:
        """Say what failed and that it is not the end."""
        self._output.notice(f"{reason}; trying again in {seconds:.0f} s")


def source_of(name: str) -> HubSource:
    """Return the repository that a name of a model or ``hub:owner/name[@revision]`` stands for.

    Raises:
        ConfigError: if it stands for none.
        UnknownBackboneError: if there is no such model.
    """
    named = what_stands_for(name)
    if names_repository(named):
        return parse_source(named)
    if names_folder(named):
        raise _no_repository(name, named)
    source = repository_of(find_backbone(named))
    if source is None:
        raise ConfigError(
            f"'{name}' comes with linvt: there is nothing to pull, verify or remove",
            field="name",
            hint=_WHAT_THERE_IS,
        )
    return source


def repository_of(spec: BackboneSpec) -> HubSource | None:
    """Return the repository of a row's files; None for what comes with linvt."""
    return None if spec.repo is None else HubSource(spec.repo, spec.revision or DEFAULT_REVISION)


def _no_repository(name: str, named: str) -> ConfigError:
    """Return the error that says that a name is that of a folder, or of nothing.

    Args:
        name: what the user wrote.
        named: what it stands for.
    """
    if is_folder(expanded(named)):
        return ConfigError(
            f"'{name}' is a folder: there is nothing to pull or remove",
            field="name",
            hint=_WHAT_THERE_IS,
        )
    sources = ((repository_of(spec), spec.name) for spec in BACKBONES)
    likely = likely_name(named, {source: known for source, known in sources if source is not None})
    return ConfigError(
        f"'{named}' is no folder and no name of a model",
        field="name",
        hint=_WHAT_THERE_IS if likely is None else f"did you mean {likely}?",
    )


def name_of(manifest: Manifest) -> str:
    """Return what users call a model in the store, as published or quantized."""
    owner, _, folder = manifest.repo.partition("/")
    if owner == LOCAL_OWNER:
        return folder
    for spec in BACKBONES:
        asked = spec.revision or DEFAULT_REVISION
        if spec.repo == manifest.repo and asked in (*manifest.revisions, manifest.commit):
            return spec.name
    return str(manifest.source)


def find_pulled(name: str, store: Store) -> PulledModel:
    """Return a model in the store.

    Raises:
        BackboneLoadError: if it is not there.
        ConfigError: if it never could be.
    """
    found = store.find(source_of(name))
    if found is None:
        raise BackboneLoadError(f"'{name}' is not pulled", hint=f"linvt models pull {name}")
    return found


def title_of(manifest: Manifest) -> str:
    """Return its name, and how it is quantized."""
    name = name_of(manifest)
    return name if manifest.quantization == "none" else f"{name} {manifest.quantization}"


def pull_model(name: str, output: Output, *, verify: bool = False) -> PulledModel:
    """Pull a model into the store, and show how it goes on."""
    from linvt_cli.models.pull import pull

    source = source_of(name)
    with PullReport(output, name) as report:
        return pull(source, store=Store(), watcher=report, verify=verify)


def pull_if_needed(
    name: str,
    output: Output,
    *,
    allowed: bool,
    copies: Iterable[Quantization] = (),
    before: Callable[[], None] = lambda: None,
) -> None:
    """Pull what a command needs and this machine lacks.

    On a terminal the user sees the size and can stop; without one, nobody may be there to see that
    gigabytes begin to flow, so it must be allowed.

    Args:
        name: of a model, as ``--model`` takes it.
        output: where messages go.
        allowed: whether the user asked for it.
        copies: in how many bits a quantized copy serves as well as the files themselves.
        before: called where something is to be pulled, and may refuse it.

    Raises:
        BackboneLoadError: if it is needed and not allowed.
        DownloadError: if it cannot be fetched.
    """
    from linvt_cli.models.copies import find_copy_of

    named = what_stands_for(name)
    if names_folder(named) or (not names_repository(named) and find_backbone(named).repo is None):
        return
    if is_offline():
        return  # what is missing offline is said when it is loaded
    source = source_of(name)
    if find_snapshot(source) is not None:
        return
    if any(find_copy_of(Store(), source, bits) is not None for bits in copies):
        return
    if not allowed and not sys.stderr.isatty():
        raise BackboneLoadError(
            f"The files of '{name}' are not on this machine",
            hint=f"linvt models pull {name}, or the same command with --pull",
        )
    before()
    pull_model(name, output)
