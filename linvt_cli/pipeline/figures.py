"""Matplotlib, or the words for what to install."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from linvt_cli.errors import MachineError, how_to_install

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def require_matplotlib(what: str, *, extra: str, without: str = "") -> None:
    """Find out, without importing it, whether something can be drawn.

    Args:
        what: is to be drawn, as the first words of a sentence.
        extra: of linvt, with which Matplotlib comes.
        without: what happens without it, added to the hint.

    Raises:
        MachineError: if Matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        hint = how_to_install(extra)
        raise MachineError(
            f"{what} drawn with Matplotlib, which is not installed",
            hint=f"{hint}; {without}" if without else hint,
        )


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, whose parts keep out of each other's way."""
    from matplotlib.figure import Figure

    options: dict[str, Any] = {"figsize": (width, height), "layout": "constrained"}
    return Figure(**options)
