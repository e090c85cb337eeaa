from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import Workload
from linvt_cli.errors import ConfigError, OutOfMemoryError
from linvt_cli.pipeline import precision
from linvt_cli.pipeline.precision import choose_dtype, choose_quantization, respect_stored

CPU = torch.device("cpu")
NANO = find_backbone("nano")
REAL = find_backbone("qwen2-vl-7b")


@pytest.fixture
def free(monkeypatch):
    """Pretend that the device has so many GiB free."""

    def pretend(gib: float) -> None:
        monkeypatch.setattr(precision, "free_memory", lambda device: int(gib * 2**30))

    return pretend


def choose(choice: str, dtype: torch.dtype = torch.bfloat16) -> str:
    return choose_quantization(choice, CPU, dtype, REAL)


@pytest.mark.parametrize(
    ("gib", "expected"), [(80, "none"), (18.6, "none"), (18, "int8"), (11, "nf4"), (7, "nf4")]
)
def test_auto_takes_the_least_quantization_that_fits_with_room(free, gib, expected):
    free(gib)
    assert choose("auto") == expected


def test_float32_weights_need_twice_the_memory(free):
    free(24)
    assert choose("auto") == "none"
    assert choose("auto", torch.float32) == "int8"


def test_weights_that_cannot_fit_are_refused_with_what_would(free):
    free(10)
    with pytest.raises(OutOfMemoryError, match=r"needs 15\.4 GiB .* has 10\.0 GiB free") as caught:
        choose("none")
    assert caught.value.hint == "use --quant int8, which needs 9.4 GiB"


def test_room_for_many_frames_and_long_answers_is_kept(free):
    free(18.7)
    for work in (Workload(frames=256), Workload(video_tokens=8192), Workload(new_tokens=20_000)):
        assert choose_quantization("auto", CPU, torch.bfloat16, REAL, work) == "int8"


def test_fewer_bits_by_linvts_choice_are_told_with_the_reason(free):
    told: list[str] = []
    free(11)
    for choice in ("auto", "nf4"):
        choose_quantization(
            choice, CPU, torch.bfloat16, REAL, Workload(frames=32), notify=told.append
        )
    free(80)
    choose_quantization("auto", CPU, torch.bfloat16, REAL, notify=told.append)
    (line,) = told
    assert re.fullmatch(
        r"qwen2-vl-7b in nf4, for 11\.0 GiB of free memory:"
        r" [67]\.\d GiB with 32 frames; unquantized 1[56]\.\d GiB",
        line,
    )


def test_where_nothing_fits_a_smaller_model_is_proposed(free):
    free(2)
    with pytest.raises(OutOfMemoryError) as caught:
        choose("auto")
    assert caught.value.hint is not None
    assert "smaller --model" in caught.value.hint


def test_a_model_that_is_never_quantized_says_so():
    assert choose_quantization("auto", CPU, torch.float32, NANO) == "none"
    with pytest.raises(ConfigError, match="too small to be quantized"):
        choose_quantization("nf4", CPU, torch.float32, NANO)


def test_unknown_words_are_refused():
    with pytest.raises(ConfigError, match="Unknown quantization 'int4'"):
        choose("int4")
    with pytest.raises(ConfigError, match="Unknown dtype 'half'"):
        choose_dtype("half", CPU, REAL)


def test_a_named_dtype_is_taken_and_auto_is_the_devices():
    assert choose_dtype("bfloat16", CPU, REAL) == torch.bfloat16
    assert choose_dtype("auto", CPU, REAL) == torch.float32


def stored(folder: Path, **settings: object) -> Path:
    (folder / "config.json").write_text(json.dumps({"quantization_config": settings}))
    return folder


def test_weights_that_are_not_quantized_are_as_chosen(tmp_path):
    assert respect_stored("auto", "int8", stored(tmp_path)) == "int8"


@pytest.mark.parametrize("choice", ["auto", "int8"])
def test_weights_that_are_quantized_already_stay_so(tmp_path, choice):
    assert respect_stored(choice, "none", stored(tmp_path, load_in_8bit=True)) == "int8"


@pytest.mark.parametrize("choice", ["none", "nf4"])
def test_weights_that_are_quantized_already_cannot_be_had_otherwise(tmp_path, choice):
    folder = stored(tmp_path, load_in_8bit=True)
    with pytest.raises(ConfigError, match=rf"already \(int8\).*'{choice}'") as caught:
        respect_stored(choice, "none", folder)
    assert caught.value.field == "quant"
