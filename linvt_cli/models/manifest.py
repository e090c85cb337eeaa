"""Manifests: what was pulled from where, with size and hash of every file."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from linvt_cli.config import Quantization
from linvt_cli.errors import ConfigError, DamagedFilesError, UnsafeFilesError
from linvt_cli.models.safety import require_safe_path
from linvt_cli.models.source import HubSource

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One pulled file."""

    path: str  # inside the repository, with forward slashes
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model in the store: a repository at a commit, as it is or quantized."""

    repo: str
    commit: str
    revisions: tuple[str, ...]  # as it was asked for: branches, tags or the commit
    endpoint: str  # the hub that it came from; empty where it was made here
    pulled: str  # when, or when it was made, ISO 8601 in UTC
    files: tuple[ManifestFile, ...]
    quantization: Quantization = "none"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def source(self) -> HubSource:
        """What users write for it: by branch or tag where one stands for it, else by commit."""
        named = [name for name in self.revisions if name != self.commit]
        return HubSource(self.repo, named[0] if named else self.commit)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest; a reader sees the old one or the new one, whole.

    Raises:
        OSError: if it cannot be written.
    """
    about = {"format_version": FORMAT_VERSION, **asdict(manifest)}
    unfinished = path.with_name(f"{path.name}.new")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(about, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        DamagedFilesError: if it is none, or its format is of another version of linvt.
        FileNotFoundError: if it is not there.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format_version"] != FORMAT_VERSION:
            raise DamagedFilesError(
                f"'{path}' has format {about['format_version']!r}, expected {FORMAT_VERSION}",
                hint="update linvt, or pull the model again",
            )
        return _parse(about)
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        ConfigError,
        UnsafeFilesError,
    ) as error:
        raise DamagedFilesError(
            f"'{path}' is no manifest of a pulled model: {error}", hint="pull the model again"
        ) from error


def _parse(about: dict[str, Any]) -> Manifest:
    source = HubSource(str(about["repo"]), str(about["commit"]))
    if not source.is_pinned:
        raise ValueError(f"'{source.revision}' is no commit")
    return Manifest(
        repo=source.repo,
        commit=source.revision,
        revisions=tuple(HubSource(source.repo, str(name)).revision for name in about["revisions"]),
        endpoint=str(about["endpoint"]),
        pulled=str(about["pulled"]),
        files=tuple(_parse_file(file) for file in about["files"]),
        quantization=_parse_quantization(about.get("quantization", "none")),
    )


def _parse_quantization(word: object) -> Quantization:
    known: tuple[Quantization, ...] = get_args(Quantization)
    return known[known.index(str(word))]


def _parse_file(about: dict[str, Any]) -> ManifestFile:
    path, size, sha256 = str(about["path"]), int(about["size"]), str(about["sha256"])
    require_safe_path(path)
    if size < 0 or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"size or hash of '{path}' make no sense")
    return ManifestFile(path, size, sha256)
