"""Which model answered a benchmark, also where its weights changed their precision on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_SEPARATOR = ", "  # in no name of a quantization


def answered_by(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the model of some answers.

    Where they are of several quantizations, its own lists them with their numbers of answers, as in
    ``none (12 answers), int8 (30 answers)``: fewer bits are taken where memory runs out.

    Args:
        models: of each answer, as its record has it; one at the least.
    """
    counts = Counter(str(model["quantization"]) for model in models)
    if len(counts) == 1:
        return dict(models[-1])
    listed = _SEPARATOR.join(
        f"{name} ({count} {'answer' if count == 1 else 'answers'})"
        for name, count in counts.items()
    )
    return {**models[-1], "quantization": listed}


def mixture(model: Mapping[str, Any]) -> str | None:
    """Return the quantizations that the answers of a model mix, None where there is one alone."""
    listed = model.get("quantization")
    return listed if isinstance(listed, str) and _SEPARATOR in listed else None
