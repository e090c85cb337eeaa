from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.backbones.tower_check import require_working_tower
from linvt_cli.errors import BackboneLoadError
from tests.tiny_checkpoints import write_weights
from tests.tiny_internvl2 import write_internvl2

HERE = Path("here")


def cells(pixels_THWC: np.ndarray[Any, Any]) -> Tensor:
    """Encode a picture as the mean colours of its quarters: (T, H, W, 3) -> (T, 4, 3)."""
    half = pixels_THWC.shape[1] // 2
    shape = (len(pixels_THWC), 2, half, 2, half, 3)
    means = pixels_THWC.reshape(shape).mean(axis=(2, 4), dtype=np.float32)
    return torch.from_numpy(means).flatten(1, 2)


def check(encode: Any, dtype: torch.dtype = torch.float16) -> None:
    require_working_tower(encode, folder=HERE, dtype=dtype)


def test_an_encoder_that_tells_places_apart_passes():
    check(cells)


def test_every_quarter_of_the_picture_looks_different():
    (quarters,) = cells_seen()
    assert len({tuple(quarter.tolist()) for quarter in quarters}) == 4


def cells_seen() -> list[Tensor]:
    seen: list[Tensor] = []

    def encode(pixels: np.ndarray[Any, Any]) -> Tensor:
        assert pixels.dtype == np.uint8
        seen.append(cells(pixels)[0])
        return cells(pixels)

    check(encode)
    return seen


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_encoder_that_overflows_is_refused_with_a_wider_dtype(value):
    def encode(pixels: np.ndarray[Any, Any]) -> Tensor:
        tokens = cells(pixels)
        tokens[0, 1, 2] = value
        return tokens

    with pytest.raises(
        BackboneLoadError, match=r"'here' overflows in float16: 1 of 12 values"
    ) as caught:
        check(encode)
    assert caught.value.hint == "use --dtype bfloat16 or --dtype float32"


def test_an_encoder_that_sees_the_same_everywhere_is_refused():
    with pytest.raises(BackboneLoadError, match="sees the same everywhere"):
        check(lambda pixels: torch.ones_like(cells(pixels)))


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("shapes do not fit\nmore")])
def test_an_encoder_that_fails_is_refused_with_its_own_words(error):
    def encode(pixels: np.ndarray[Any, Any]) -> Tensor:
        raise error

    words = "AssertionError" if not str(error) else "shapes do not fit"
    with pytest.raises(BackboneLoadError, match=f"cannot run: {words}$"):
        check(encode)


def test_running_out_of_memory_stays_what_it_is():
    def encode(pixels: np.ndarray[Any, Any]) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        check(encode)


def test_a_model_whose_encoder_overflows_in_half_precision_is_not_loaded(tmp_path):
    weights = write_internvl2(tmp_path, "qwen2")
    weights["mlp1.3.weight"] = torch.full_like(weights["mlp1.3.weight"], 6e4)
    weights["mlp1.3.bias"] = torch.full_like(weights["mlp1.3.bias"], 6e4)
    write_weights(tmp_path, weights)
    place: dict[str, Any] = {"folder": tmp_path, "device": torch.device("cpu")}
    spec = find_backbone("internvl2-1b")
    with pytest.raises(BackboneLoadError, match="overflows in float16"):
        load_backbone(spec, dtype=torch.float16, **place)
    load_backbone(spec, dtype=torch.float32, **place)
