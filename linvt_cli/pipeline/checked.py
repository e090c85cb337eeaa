"""Tensors and values of a file that may come from anywhere, each checked as it is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_WHOLE = (torch.int64, torch.int32)
_FLOATING = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


class CheckedTensors:
    """The tensors of one file.

    Every method raises LookupError where there is no such tensor, and ValueError where it is not as
    it must be.

    Args:
        tensors: by name.
        device: where they go.
        dtype: in which they go there, where they have no number format of their own.
    """

    def __init__(
        self, tensors: dict[str, torch.Tensor], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._tensors = tensors
        self._device = device
        self._dtype = dtype
        self._taken: set[str] = set()

    @property
    def left(self) -> set[str]:
        """Names of the tensors that were not taken."""
        return set(self._tensors) - self._taken

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def size(self, name: str, axis: int) -> int:
        """Return a size that the file may choose freely."""
        return self._tensors[name].shape[axis]

    def take(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return a tensor of finite numbers; ``dtype`` where it is not the model's."""
        tensor = self._tensors[name]
        self._taken.add(name)
        whole = dtype is torch.int64
        if tuple(tensor.shape) != shape or tensor.dtype not in (_WHOLE if whole else _FLOATING):
            raise ValueError(name)
        if not whole and not tensor.isfinite().all():
            raise ValueError(name)
        return tensor.to(self._device, dtype or self._dtype)

    def take_indices(self, name: str, *shape: int, below: int) -> torch.Tensor:
        """Return a tensor of whole numbers in [0, below)."""
        indices = self.take(name, *shape, dtype=torch.int64)
        if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < below:
            raise ValueError(name)
        return indices


def parse_numbers(values: list[Any]) -> tuple[float, ...]:
    """Return finite numbers.

    Raises:
        ValueError: if it is none.
    """
    return tuple(parse_number(value) for value in values)


def parse_number(value: Any) -> float:
    """Return a finite number.

    Raises:
        ValueError: if it is none.
    """
    if type(value) not in (int, float) or not np.isfinite(value):
        raise ValueError(value)
    return float(value)


def parse_count(value: Any) -> int:
    """Return a whole number of 1 or more.

    Raises:
        ValueError: if it is none.
    """
    if type(value) is not int or value < 1:
        raise ValueError(value)
    return value


def parse_text(value: Any) -> str:
    """Return a text.

    Raises:
        ValueError: if it is none.
    """
    if type(value) is not str:
        raise ValueError(value)
    return value


def parse_optional_text(value: Any) -> str | None:
    """Return a text or None.

    Raises:
        ValueError: if it is neither.
    """
    return None if value is None else parse_text(value)
