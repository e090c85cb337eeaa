from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import Workload
from linvt_cli.models.source import HubSource
from linvt_cli.pipeline import fitting
from linvt_cli.pipeline.fitting import Choice, largest_that_fits, recommended
from linvt_cli.pipeline.memory import MemoryNeed

CPU = torch.device("cpu")
_GIB = 2**30


@pytest.fixture
def machine(monkeypatch):
    """A machine with some models, as published and quantized, and some free memory."""

    def made(free_gib: float, published: set[str], *copies: tuple[str, str]) -> None:
        repos = {find_backbone(name).repo: name for name in published}
        quantized = {(find_backbone(name).repo, bits) for name, bits in copies}

        def snapshot(source: HubSource) -> Path | None:
            return Path("/files") if source.repo in repos else None

        def copied(store: object, source: HubSource, bits: str) -> object:
            return "a copy" if (source.repo, bits) in quantized else None

        monkeypatch.setattr(fitting, "find_snapshot", snapshot)
        monkeypatch.setattr(fitting, "find_copy_of", copied)
        monkeypatch.setattr(fitting, "free_memory", lambda device: int(free_gib * _GIB))

    return made


def chosen(**options: Any) -> tuple[str, str] | None:
    choice = largest_that_fits(CPU, dtype="bfloat16", **options)
    return None if choice is None else (choice.spec.name, choice.quantization)


def test_a_machine_without_models_has_no_choice(machine):
    machine(100, set())
    assert largest_that_fits(CPU) is None


@pytest.mark.parametrize(
    ("free_gib", "expected"),
    [
        (20, ("qwen2-vl-7b", "none")),
        (18, ("qwen2-vl-7b", "int8")),
        (10, ("qwen2-vl-7b", "nf4")),
        (7, ("qwen2-vl-2b", "none")),
        (4.5, ("qwen2-vl-2b", "int8")),
        (3.5, ("qwen2-vl-2b", "nf4")),
        (2, None),
    ],
)
def test_the_largest_model_comes_before_the_most_bits(machine, free_gib, expected):
    machine(free_gib, {"qwen2-vl-2b", "qwen2-vl-7b"})
    assert chosen() == expected


def test_bits_that_the_user_chose_are_kept(machine):
    machine(10, {"qwen2-vl-2b", "qwen2-vl-7b"})
    assert chosen(quantization="none") == ("qwen2-vl-2b", "none")


def test_of_a_model_whose_files_are_gone_its_copies_count(machine):
    machine(100, set(), ("qwen2-vl-7b", "nf4"))
    assert chosen() == ("qwen2-vl-7b", "nf4")
    assert chosen(quantization="int8") is None


def test_of_equally_large_models_the_newer_is_taken(machine):
    machine(100, {"qwen2-vl-7b", "qwen2.5-vl-7b"})
    assert chosen() == ("qwen2.5-vl-7b", "none")


def test_twice_the_bytes_of_a_number_need_twice_the_memory(machine):
    machine(20, {"qwen2-vl-7b"})
    choice = largest_that_fits(CPU, dtype="float32", quantization="none")
    assert choice is None


def test_the_choice_says_why():
    need = MemoryNeed(15 * _GIB, _GIB, 2 * _GIB, _GIB, 0)
    reason = Choice(find_backbone("qwen2-vl-7b"), "int8", 24 * _GIB, need, 32).reason
    assert reason.startswith("qwen2-vl-7b in int8: the largest model on this machine")
    assert "24.0 GiB of free memory; it takes 17.0 GiB with 32 frames" in reason
    assert "\n" not in reason


def test_more_frames_and_a_longer_answer_leave_room_for_a_smaller_model(machine):
    machine(8.5, {"qwen2-vl-2b", "qwen2-vl-7b"})
    assert chosen() == ("qwen2-vl-7b", "nf4")
    assert chosen(work=Workload(frames=512)) == ("qwen2-vl-2b", "none")
    assert chosen(work=Workload(new_tokens=30_000)) == ("qwen2-vl-2b", "none")
    assert chosen(work=Workload(frames=64), all_tokens=True) == ("qwen2-vl-2b", "none")


@pytest.mark.parametrize(
    ("free_gib", "name"), [(40, "qwen2-vl-7b"), (6, "qwen2-vl-2b"), (2, "smolvlm2-500m")]
)
def test_the_largest_recommended_model_that_fits_is_offered(machine, free_gib, name):
    machine(free_gib, set())
    spec = recommended(CPU)
    assert spec is not None
    assert spec.name == name


def test_what_is_offered_fits_as_it_was_asked_for(machine):
    machine(9, set())
    names = [
        spec and spec.name
        for spec in (
            recommended(CPU, dtype="bfloat16"),
            recommended(CPU, dtype="bfloat16", quantization="none"),
            recommended(CPU, dtype="bfloat16", work=Workload(frames=64), all_tokens=True),
        )
    ]
    assert names == ["qwen2-vl-7b", "qwen2-vl-2b", "qwen2-vl-2b"]


def test_nothing_is_offered_where_nothing_fits(machine):
    machine(0.1, set())
    assert recommended(CPU) is None
