"""What a check is told and what it finds. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the checks are told."""

    model: str | None = None  # that the user wants to use; None where nothing was said
    device: str = "auto"
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found that did not fail; a check that fails raises a ``LinVTError``."""

    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)  # JSON values
    status: Status = "ok"
    hint: str | None = None  # the one thing to do; only beside a warning


@dataclass(frozen=True, slots=True)
class Row:
    """One check and how it ended."""

    name: str
    status: Status
    message: str
    hint: str | None  # the one thing to do; always there beside a failure
    failure: str | None  # class of the error
    facts: Mapping[str, Any]
    seconds: float


def to_record(rows: list[Row], *, version: str) -> dict[str, Any]:
    """Return a report as JSON values; see ``docs/reference/doctor.md``."""
    return {
        "schema_version": 1,
        "linvt": version,
        "healthy": all(row.status != "failed" for row in rows),
        "checks": [asdict(row) for row in rows],
    }
