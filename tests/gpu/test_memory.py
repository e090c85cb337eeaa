"""What models take on the device beside what was reckoned, and what happens where it runs out."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace

import pytest
import torch

from linvt_cli.backbones.loading import free_memory
from linvt_cli.backbones.registry import load_backbone
from linvt_cli.config import FrameSampling, GenerationConfig, Workload
from linvt_cli.errors import OutOfMemoryError
from linvt_cli.pipeline import VideoQA
from linvt_cli.pipeline.looking import ONE_BY_ONE
from linvt_cli.pipeline.memory import memory_need
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from tests.all_backbones import CLIP, frames
from tests.medium_models import MEDIUM_MODELS

BF16 = torch.bfloat16
WORK = Workload(32, 256, 16)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def cuda(device):
    if device.type != "cuda":
        pytest.skip("counts what a CUDA device has allocated")
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return device


def answer(qa: VideoQA, count: int) -> None:
    watched = qa.refine("noise.mp4", *qa.look(frames(count, 448, 796)))
    qa.ask(watched, "What moves?", GenerationConfig(max_new_tokens=WORK.new_tokens))


@torch.no_grad()
@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
@pytest.mark.parametrize("name", MEDIUM_MODELS)
def test_the_need_is_within_fifteen_percent_of_the_peak(
    name, quantization, tmp_path, cuda, capsys, monkeypatch
):
    torch.ones(64, 64, device=cuda) @ torch.ones(64, 64, device=cuda)  # room that cuBLAS keeps
    spec = MEDIUM_MODELS[name].write(tmp_path)
    before = torch.cuda.memory_allocated()
    backbone = load_backbone(
        spec, folder=tmp_path, device=cuda, dtype=BF16, quantization=quantization
    )
    backbone.stop_ids = frozenset()
    qa = VideoQA(backbone, ClusterTokenizer(WORK.video_tokens or 0))
    torch.cuda.reset_peak_memory_stats()
    loaded = torch.cuda.memory_allocated() - before
    steps = {}
    for count in (1, WORK.frames or 0):
        answer(qa, count)
        steps[count] = torch.cuda.max_memory_allocated() - before
    need = memory_need(spec, quantization, BF16, WORK, device="cuda")
    reckoned = replace(need, runtime=0).total
    mib = 2**20
    told = (
        f"\nMEMORY {name} {quantization}: reckoned {reckoned / mib:.0f} (weights"
        f" {need.weights / mib:.0f}, watching {need.watching / mib:.0f}, condensing"
        f" {need.condensing / mib:.0f}, answering {need.answering / mib:.0f}); taken"
        f" {steps[32] / mib:.0f} (loaded {loaded / mib:.0f}, one frame {steps[1] / mib:.0f}),"
        f" reserved {torch.cuda.max_memory_reserved() / mib:.0f}\n"
    )
    with capsys.disabled():  # the figures are of use where they are right as well
        sys.stdout.write(told)
    assert reckoned == pytest.approx(steps[32], rel=0.15)


@torch.no_grad()
def test_frames_are_looked_at_one_by_one_where_memory_runs_out(tmp_path, cuda):
    spec = MEDIUM_MODELS["qwen2-vl"].write(tmp_path)
    backbone = load_backbone(spec, folder=tmp_path, device=cuda, dtype=BF16)
    qa = VideoQA(backbone, ClusterTokenizer(16))
    answer(qa, 1)  # kernels are loaded at first use
    torch.cuda.reset_peak_memory_stats()
    answer(qa, 8)
    peak = torch.cuda.max_memory_allocated() - torch.cuda.memory_allocated()
    torch.cuda.empty_cache()
    room = torch.empty(free_memory(cuda) - peak // 2, dtype=torch.uint8, device=cuda)
    try:
        seen, _ = qa.look(frames(8, 448, 796))
    finally:
        del room
    assert ONE_BY_ONE in seen.warnings
    assert ONE_BY_ONE not in qa.look(frames(8, 448, 796))[0].warnings


def test_a_device_without_room_ends_in_an_error_with_a_hint(tmp_path, cuda):
    spec = MEDIUM_MODELS["internvl3"].write(tmp_path)
    room = torch.empty(free_memory(cuda) - (200 << 20), dtype=torch.uint8, device=cuda)
    try:
        with pytest.raises(OutOfMemoryError) as caught:
            VideoQA.load(spec.name, weights=tmp_path, device="cuda", quantization="none")
    finally:
        del room
    assert caught.value.hint


def test_quantization_is_chosen_by_the_memory_that_is_free(cuda):
    from linvt_cli.backbones.registry import find_backbone
    from linvt_cli.pipeline.precision import choose_dtype, choose_quantization

    spec = find_backbone("qwen2-vl-7b")
    dtype = choose_dtype("auto", cuda, spec)
    assert dtype == BF16
    torch.cuda.empty_cache()
    free, chosen, told = free_memory(cuda), {}, list[str]()
    for left in (24, 12, 8):
        room = torch.empty(free - (left << 30), dtype=torch.uint8, device=cuda)
        chosen[left] = choose_quantization("auto", cuda, dtype, spec, notify=told.append)
        del room
        torch.cuda.empty_cache()
    assert chosen == {24: "none", 12: "int8", 8: "nf4"}
    assert "qwen2-vl-7b in int8, for" in told[0]


def test_nano_needs_little(device):
    qa = VideoQA.load("nano", device=device.type)
    assert qa.ask(qa.watch(CLIP, FrameSampling(num_frames=64)), "What happens?").text
