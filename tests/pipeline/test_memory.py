"""The reckoned need against its parts, and against what models really take."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch

from linvt_cli.backbones.registry import BACKBONES, find_backbone
from linvt_cli.config import Workload
from linvt_cli.pipeline.memory import RUNTIME, memory_need, weights_need
from tests.medium_models import MEDIUM_MODELS, peak_memory

QWEN = find_backbone("qwen2-vl-7b")
BF16 = torch.bfloat16
_GIB = 2**30


@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
def test_weights_are_those_of_the_catalogue(quantization):
    for spec in BACKBONES:
        if spec.shapes is not None and spec.memory is not None:
            weights = weights_need(spec.parameters, spec.shapes, quantization, BF16)
            assert weights / _GIB == pytest.approx(spec.memory.of(quantization), abs=0.11)


def test_what_is_not_quantized_takes_the_bytes_of_its_number_format():
    assert QWEN.shapes is not None
    narrow, wide = (
        weights_need(QWEN.parameters, QWEN.shapes, "nf4", dtype) for dtype in (BF16, torch.float32)
    )
    assert wide - narrow == 2 * (QWEN.parameters - QWEN.shapes.quantized)


def test_the_cache_grows_by_the_keys_and_values_of_each_token():
    short, long = (memory_need(QWEN, "none", BF16, Workload(new_tokens=new)) for new in (100, 1100))
    assert long.answering - short.answering == 1000 * 28 * 2 * 512 * 2


def test_frames_beyond_a_batch_add_their_visual_tokens_and_pixels():
    few, many = (memory_need(QWEN, "none", BF16, Workload(frames=n)) for n in (16, 116))
    assert many.watching - few.watching == 100 * (256 * 3584 * 2 + 448 * 796 * 3)


def test_decoded_frames_never_lie_on_a_gpu():
    cpu, cuda = (
        memory_need(QWEN, "none", BF16, Workload(), device=device) for device in ("cpu", "cuda")
    )
    assert cpu.watching - cuda.watching == 16 * 448 * 796 * 3


def test_the_hungriest_step_counts_alone():
    need = memory_need(QWEN, "none", BF16, Workload())
    assert need.total == need.weights + need.watching + RUNTIME["cpu"]
    need = memory_need(QWEN, "none", BF16, Workload(new_tokens=100_000))
    assert need.total == need.weights + need.answering + RUNTIME["cpu"]


def test_a_model_without_shapes_needs_its_weights_and_a_quarter_more():
    nano = find_backbone("nano")
    need = memory_need(nano, "none", torch.float32, Workload())
    assert need.total == 5 * nano.parameters + RUNTIME["cpu"]
    need = memory_need(replace(QWEN, shapes=None), "nf4", BF16, Workload())
    assert need.weights == int(6.4 * _GIB)
    need = memory_need(replace(QWEN, shapes=None), "none", torch.float32, Workload())
    assert need.weights == int(30.8 * _GIB)


@pytest.mark.slow
@pytest.mark.skipif("LINVT_LONG_TESTS" not in os.environ, reason="writes and runs large models")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MEDIUM_MODELS)
@pytest.mark.parametrize(("frames", "new_tokens"), [(8, 16), (32, 16)])
def test_the_need_is_within_fifteen_percent_of_the_real_peak(tmp_path, name, frames, new_tokens):
    model = MEDIUM_MODELS[name]
    spec = model.write(tmp_path)
    need = memory_need(spec, "none", torch.float32, Workload(frames, 256, new_tokens))
    *_, taken = peak_memory(
        model.row, tmp_path, "none", frames=frames, new_tokens=new_tokens, video_tokens=256
    )
    assert need.total == pytest.approx(taken, rel=0.15)
