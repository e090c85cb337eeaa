from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from linvt_cli.backbones import copy_description
from linvt_cli.backbones.copy_description import (
    is_copy,
    passed_before,
    published_shapes,
    version_of_original,
    write_description,
)
from linvt_cli.errors import BackboneLoadError
from tests.tiny_checkpoints import write_weights

CPU = torch.device("cpu")
SHAPES = {"a.weight": (3, 4), "b": (5,)}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    write_weights(tmp_path, {"a.weight": torch.ones(3, 4, dtype=torch.uint8)})
    write_description(
        tmp_path, SHAPES, "nf4", version_of_original="ab" * 8, dtype=torch.bfloat16, device=CPU
    )
    return tmp_path


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "linvt_copy.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    edit(about)
    path.write_text(json.dumps(about), encoding="utf-8")


def test_the_shapes_of_the_original_come_back(copied):
    assert is_copy(copied)
    assert published_shapes(copied) == SHAPES


def test_a_copy_says_what_it_was_made_from(copied, tmp_path):
    assert version_of_original(copied) == "ab" * 8
    change(copied, lambda about: about.update(original="../other"))
    assert version_of_original(copied) is None
    change(copied, lambda about: about.pop("original"))
    assert version_of_original(copied) is None
    (copied / "linvt_copy.json").unlink()
    assert version_of_original(copied) is None


def test_without_a_description_the_shapes_are_those_of_the_files(tmp_path):
    write_weights(tmp_path, {"c": torch.ones(2, 2)})
    assert not is_copy(tmp_path)
    assert published_shapes(tmp_path) == {"c": (2, 2)}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format_version", 2, "has format 2, expected 1"),
        ("shapes", {}, "names no shapes"),
        ("shapes", [[3, 4]], "names no shapes"),
        ("shapes", {"a": 3}, "gives 'a' a shape that makes no sense"),
        ("shapes", {"a": [3, -4]}, "gives 'a' a shape"),
        ("shapes", {"a": [3.0]}, "gives 'a' a shape"),
        ("shapes", {"a": [True]}, "gives 'a' a shape"),
        ("shapes", {"a": [1 << 30, 1 << 30]}, "gives 'a' a shape"),
        ("shapes", {"a": [1] * 100}, "gives 'a' a shape"),
        ("shapes", {"a": [3, 4]}, "do not add up to its number of parameters"),
        ("parameters", "many", "do not add up"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused_by_name(copied, key, value, words):
    change(copied, lambda about: about.update({key: value}))
    with pytest.raises(BackboneLoadError, match=f"linvt_copy.json' .*{words}") as caught:
        published_shapes(copied)
    assert caught.value.hint is not None
    assert "linvt models remove --quantized NAME" in caught.value.hint
    assert "linvt quantize NAME" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_description_that_is_no_object_is_refused(copied, text):
    (copied / "linvt_copy.json").write_text(text, encoding="utf-8")
    with pytest.raises(BackboneLoadError, match=r"linvt_copy\.json"):
        published_shapes(copied)


def test_files_that_passed_when_they_were_written_need_no_second_test(copied):
    assert passed_before(copied, dtype=torch.bfloat16, device=CPU)


def test_what_cannot_overflow_in_bfloat16_cannot_in_float32(copied):
    assert passed_before(copied, dtype=torch.float32, device=CPU)
    assert not passed_before(copied, dtype=torch.float16, device=CPU)


def test_on_another_kind_of_device_it_is_tested_again(copied):
    assert not passed_before(copied, dtype=torch.bfloat16, device=torch.device("cuda", 0))


@pytest.mark.parametrize("package", ["torch", "transformers", "bitsandbytes"])
def test_under_another_version_it_is_tested_again(copied, monkeypatch, package):
    monkeypatch.setattr(
        copy_description, "version", lambda name: "0.0" if name == package else version(name)
    )
    assert not passed_before(copied, dtype=torch.bfloat16, device=CPU)


def test_files_that_were_fetched_or_changed_are_tested_again(copied):
    weights = next(copied.glob("*.safetensors"))
    before = weights.stat()
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not passed_before(copied, dtype=torch.bfloat16, device=CPU)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert passed_before(copied, dtype=torch.bfloat16, device=CPU)
    (copied / "more.safetensors").write_bytes(b"")
    assert not passed_before(copied, dtype=torch.bfloat16, device=CPU)


def test_a_copy_that_tells_of_no_test_is_tested(copied):
    change(copied, lambda about: about.pop("vision_encoder_tested"))
    assert not passed_before(copied, dtype=torch.bfloat16, device=CPU)
    change(copied, lambda about: about.update(vision_encoder_tested="yes"))
    assert not passed_before(copied, dtype=torch.bfloat16, device=CPU)


def test_what_is_no_copy_is_tested(tmp_path):
    assert not passed_before(tmp_path, dtype=torch.bfloat16, device=CPU)
