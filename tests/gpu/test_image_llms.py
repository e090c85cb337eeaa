"""Every layout of public image-LLMs on the device, in all precisions, beside the CPU in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.backbones.quantized_copy import write_copy
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.config import FrameSampling, GenerationConfig, Quantization
from linvt_cli.pipeline import VideoQA
from linvt_cli.types import Turn
from linvt_cli.video_tokenizer.baselines import AllTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from tests.all_backbones import CLIP, build, frames
from tests.public_layouts import LAYOUTS
from tests.training.tuning.small import small_linvt

# Widths of tiny layouts, unlike those of any published model, are none of its quick kernel.
pytestmark = pytest.mark.filterwarnings("ignore:.*inner dimension:UserWarning")
QUESTION = "What happens to the dog?"
LIKENESS = {"none": 0.99, "int8": 0.97, "nf4": 0.8}
MIXTURES = {"molmo moe"}  # routing jumps where rounding differs


def load(
    layout: str, folder: Path, device: torch.device, dtype: torch.dtype, how: Quantization
) -> Any:
    return load_backbone(
        find_backbone(LAYOUTS[layout].model),
        folder=folder,
        device=device,
        dtype=dtype,
        quantization=how,
    )


def likeness(one: Tensor, other: Tensor) -> float:
    return float(F.cosine_similarity(one.cpu().float().flatten(), other.float().flatten(), dim=0))


def logits_of(backbone: Any) -> Tensor:
    embeds = backbone.embed_text(backbone.encode_question(QUESTION))[None]
    logits: Tensor = backbone.step(embeds, None)[0]
    return logits


@torch.no_grad()
@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_precisions_come_near_the_cpu_and_answer(layout, quantization, tmp_path, device):
    LAYOUTS[layout].write(tmp_path)
    reference: Any = build(layout)
    backbone = load(layout, tmp_path, device, torch.bfloat16, quantization)
    seen = backbone.encode_frames(frames(2))
    assert seen.tokens.device.type == device.type
    assert likeness(seen.tokens, reference.encode_frames(frames(2)).tokens) > 0.98
    found = likeness(logits_of(backbone), logits_of(reference))
    assert found > (0.5 if layout in MIXTURES else LIKENESS[quantization])

    backbone.stop_ids = frozenset()
    config = GenerationConfig(max_new_tokens=4)
    linvt = small_linvt(backbone.embed_dim).to(device, torch.bfloat16).eval()
    for tokenizer in (ClusterTokenizer(4), linvt, AllTokenizer()):
        qa = VideoQA(backbone, tokenizer)
        watched = qa.watch(CLIP, FrameSampling(num_frames=3))
        both = qa.ask_many(watched, [QUESTION, "Where?"], config)
        assert [answer.stats.num_generated_tokens for answer in both] == [4, 4]
        assert qa.ask(watched, QUESTION, config) is not None


@torch.no_grad()
@pytest.mark.parametrize("layout", LAYOUTS)
def test_answers_are_those_of_the_cpu_in_full_precision(layout, tmp_path, device):
    LAYOUTS[layout].write(tmp_path)
    backbone = load(layout, tmp_path, device, torch.float32, "none")
    reference: Any = build(layout)
    assert likeness(logits_of(backbone), logits_of(reference)) > 0.9999
    config = GenerationConfig(max_new_tokens=4)
    questions = ("What?", "Where is the dog, and what does it do?")
    texts = []
    for each in (backbone, reference):
        qa = VideoQA(each, AllTokenizer())
        watched = qa.watch(CLIP, FrameSampling(num_frames=2))
        texts.append([answer.text for answer in qa.ask_many(watched, questions, config)])
        texts.append([qa.ask(watched, question, config).text for question in questions])
    assert texts[0] == texts[1]
    if layout not in MIXTURES:
        assert texts[0] == texts[2]


@torch.no_grad()
@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_is_what_was_quantized_wherever_it_was_written(
    layout, quantization, tmp_path, device
):
    original = tmp_path / "original"
    original.mkdir()
    LAYOUTS[layout].write(original)
    places = {"here": device, "cpu": torch.device("cpu")}
    fresh = {}
    for name, place in places.items():
        fresh[name] = load(layout, original, place, torch.bfloat16, quantization)
        (tmp_path / name).mkdir()
        write_copy(
            fresh[name].model,
            original,
            tmp_path / name,
            version="ab" * 8,
            quantization=quantization,
            full_precision=fresh[name].full_precision,
        )
    again, moved = (
        load(layout, tmp_path / name, device, torch.bfloat16, quantization) for name in places
    )
    expected = logits_of(fresh["here"])
    if layout in MIXTURES:
        assert likeness(logits_of(again), expected.cpu()) > 0.999
    else:
        assert torch.equal(logits_of(again), expected)
    assert likeness(logits_of(moved), expected.cpu()) > (0.5 if layout in MIXTURES else 0.98)


@torch.no_grad()
@pytest.mark.parametrize("layout", ["qwen2-vl", "internvl2 with qwen2", "molmo 7b-d"])
def test_choices_history_and_streams(layout, tmp_path, device):
    LAYOUTS[layout].write(tmp_path)
    backbone = load(layout, tmp_path, device, torch.bfloat16, "none")
    qa = VideoQA(backbone, ClusterTokenizer(4))
    watched = qa.watch(CLIP, FrameSampling(num_frames=2))
    chosen = qa.choose(watched, QUESTION, ("yes", "no", "perhaps"))
    assert chosen.choices is not None
    assert sum(each.probability for each in chosen.choices) == pytest.approx(1.0, abs=1e-3)
    config = GenerationConfig(max_new_tokens=3, temperature=1.0, seed=3)
    texts = ["".join(c.text for c in qa.stream(watched, QUESTION, config)) for _ in "ab"]
    assert texts[0] == texts[1]
    history = (Turn("Who?", "A dog."),)
    assert qa.ask(watched, "Where?", config, history=history) is not None
