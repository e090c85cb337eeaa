"""Sizes, times and tables as people read them."""

from __future__ import annotations

import time
from collections.abc import Sequence

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def parameters_text(number: int) -> str:
    """Return a number of parameters as people say it: 5.4M, 7.6B."""
    if number >= 1_000_000_000:
        return f"{number / 1e9:.1f}B"
    return f"{number / 1e6:.1f}M"


def bytes_text(number: float) -> str:
    """Return a number of bytes as people say it: 812 B, 4.1 GiB."""
    for unit in _UNITS:
        if abs(number) < 1024 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"


def count_text(number: int, one: str, many: str | None = None) -> str:
    """Return a number of things as people say it: 1 line, 2,000 lines."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def date_text(seconds: float | None) -> str:
    """Return a day in the user's time zone, or "never"."""
    return "never" if seconds is None else time.strftime("%Y-%m-%d", time.localtime(seconds))


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns that line up, the last one ragged."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
