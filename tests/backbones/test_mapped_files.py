from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from linvt_cli.backbones import mapped_files
from linvt_cli.backbones.mapped_files import give_back, mapped_in_memory, pages_given_back
from tests.tiny_checkpoints import write_weights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux")
SIZE = 64 << 10  # KiB


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_weights(tmp_path, {name: torch.ones(SIZE << 7, dtype=torch.float32) for name in "ab"})
    return tmp_path


def test_what_was_read_is_given_back_and_stays_readable(folder):
    path = folder / "model-00001-of-00002.safetensors"
    with safe_open(path, framework="pt") as file:
        weight = file.get_tensor("a")
        before = mapped_in_memory()
        assert weight.sum() == SIZE << 7
        assert mapped_in_memory() > before + SIZE // 4
        give_back({str(path.resolve())})
        assert mapped_in_memory() < before + SIZE // 4
        assert weight.sum() == SIZE << 7


def test_files_of_others_are_left_alone(folder):
    give_back({str(folder / "another.safetensors")})


def test_pages_do_not_pile_up_while_a_checkpoint_is_read(folder, monkeypatch):
    asked: list[set[str]] = []
    monkeypatch.setattr(mapped_files, "_ALLOWED", 0)
    monkeypatch.setattr(mapped_files, "_PAUSE", 0.001)
    monkeypatch.setattr(mapped_files, "give_back", asked.append)
    with pages_given_back(folder):
        while not asked:
            time.sleep(0.001)
    assert asked[0] == {str(path.resolve()) for path in folder.glob("*.safetensors")}
    assert "pages" not in {thread.name for thread in threading.enumerate()}


def test_elsewhere_nothing_is_done(folder, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pages_given_back(folder):
        assert "pages" not in {thread.name for thread in threading.enumerate()}
