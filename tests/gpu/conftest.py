from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.loading import select_device

DEVICE = os.environ.get("TEST_DEVICE", "cuda")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder, and skip them where there is no such device."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if DEVICE != "cpu" and not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def device() -> Iterator[torch.device]:
    """The device, with all of its memory given back afterwards."""
    yield select_device(DEVICE)  # which settles who computes attention there, as for users
    gc.collect()
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
