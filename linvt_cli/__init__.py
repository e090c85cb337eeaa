"""linvt: ask questions about videos on your own machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA

__version__ = "0.1.0"
__all__ = ["VideoQA", "__version__"]


def __getattr__(name: str) -> object:
    """Import the pipeline, and with it torch, only when it is asked for (PEP 562)."""
    if name == "VideoQA":
        from linvt_cli.pipeline import VideoQA

        return VideoQA
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
