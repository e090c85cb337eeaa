from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from linvt_cli.backbones import image_llm
from linvt_cli.backbones.mapped_ahead import default_threads, mapped_ahead
from tests.all_backbones import build, frames


@pytest.mark.parametrize("num_threads", [0, 1, 3])
def test_results_come_in_order(num_threads):
    found = list(mapped_ahead(lambda n: n * n, range(20), num_threads=num_threads))
    assert found == [n * n for n in range(20)]
    assert list(mapped_ahead(str, [], num_threads=num_threads)) == []


def test_the_next_items_are_worked_on_while_the_caller_waits():
    both = threading.Barrier(2)

    def meet(item: int) -> int:
        both.wait(timeout=10)  # until another thread is here as well
        return item

    assert list(mapped_ahead(meet, range(6), num_threads=2)) == list(range(6))


def test_no_more_items_are_taken_than_threads_can_work_on():
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    results = mapped_ahead(str, items(), num_threads=2)
    assert next(results) == "0"
    assert len(taken) == 3
    results.close()
    assert len(taken) == 3


def test_an_error_reaches_the_caller_and_ends_all():
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = mapped_ahead(fail, range(100), num_threads=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert not any(thread.name.startswith("linvt-prepare") for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("num_cores", "num_threads"), [(None, 1), (1, 1), (2, 1), (5, 4), (9, 8), (64, 8)]
)
def test_one_core_is_left(num_cores, num_threads, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: num_cores)
    assert default_threads() == num_threads


@torch.no_grad()
@pytest.mark.parametrize("name", ["qwen2-vl", "internvl3", "molmo 7b-d", "blip-3", "smolvlm2"])
def test_pictures_that_threads_prepare_are_seen_alike(name, monkeypatch):
    backbone = build(name)
    expected = backbone.encode_frames(frames(21)).tokens
    ahead = partial(mapped_ahead, num_threads=3)
    monkeypatch.setattr(image_llm, "mapped_ahead", lambda f, items, num_threads: ahead(f, items))
    assert torch.equal(backbone.encode_frames(frames(21)).tokens, expected)
