"""Image-LLMs of a few hundred MB: the widths of public ones, few layers, no sensible weights.

What work takes in memory depends on widths and hardly on the number of layers, so what holds for
these holds for the large ones.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers.models.internvl import InternVLConfig, InternVLForConditionalGeneration
from transformers.models.llava_onevision import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)
from transformers.models.qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.backbones.spec import BackboneSpec
from tests.full_size import siglip, sizes
from tests.tiny_checkpoints import write_config, write_tokenizer, write_weights
from tests.tiny_internvl2 import CHATML
from tests.tiny_qwen2_vl import MARKS as QWEN_MARKS

VOCABULARY = 16_384
TEXT = {**sizes(1536, 8960, 1, 12, 2, VOCABULARY), "max_position_embeddings": 32_768}
IMAGE = 260  # some token that is no other mark
ONEVISION_MARKS = ("<|im_start|>", "<|im_end|>", "<image>", "<video>")


def qwen2_vl() -> Any:
    config = Qwen2VLConfig(
        text_config={
            **TEXT,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [16, 24, 24],
            },
        },
        vision_config={"depth": 1, "embed_dim": 1280, "hidden_size": 1536},
        image_token_id=261,
        video_token_id=262,
        vision_start_token_id=259,
        vision_end_token_id=260,
        tie_word_embeddings=False,
    )
    return Qwen2VLForConditionalGeneration(config)


def internvl() -> Any:
    config = InternVLConfig(
        text_config={**TEXT, "model_type": "qwen2"},
        vision_config={"attention_bias": True, "num_hidden_layers": 1},
        image_token_id=IMAGE,
        tie_word_embeddings=False,
    )
    return InternVLForConditionalGeneration(config)


def onevision() -> Any:
    config = LlavaOnevisionConfig(
        text_config={**TEXT, "model_type": "qwen2"},
        vision_config=siglip(1),
        image_token_index=IMAGE,
        video_token_index=IMAGE + 1,
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    return LlavaOnevisionForConditionalGeneration(config)


def _onevision_names(name: str) -> str:
    return (
        name.replace("model.language_model.", "language_model.model.")
        .replace("lm_head.", "language_model.lm_head.")
        .replace("model.vision_tower.", "vision_tower.")
        .replace("model.multi_modal_projector.", "multi_modal_projector.")
        .replace("model.image_newline", "image_newline")
    )


@dataclass(frozen=True, slots=True)
class MediumModel:
    """One family, at a size that leaves room for others."""

    row: str  # of the catalogue, that it is shaped like
    build: Callable[[], Any]
    marks: tuple[str, ...]
    public_name: Callable[[str], str] = str
    vision_states: int = 1

    def write(self, folder: Path) -> BackboneSpec:
        """Write a checkpoint in float32; return its row."""
        folder.mkdir(parents=True, exist_ok=True)
        with torch.device("meta"):
            model = self.build()
        random = torch.Generator().manual_seed(0)
        write_tokenizer(folder, self.marks)
        write_config(folder, model.config.to_dict())
        weights = {
            self.public_name(name): torch.randn(weight.shape, generator=random) / 20
            for name, weight in model.state_dict().items()
        }
        write_weights(folder, weights)
        return self.spec(sum(weight.numel() for weight in weights.values()))

    def spec(self, parameters: int) -> BackboneSpec:
        """Return the row of a model of so many parameters."""
        row = find_backbone(self.row)
        assert row.shapes is not None
        shapes = replace(
            row.shapes,
            layers=TEXT["num_hidden_layers"],
            hidden=TEXT["hidden_size"],
            inner=TEXT["intermediate_size"],
            keys=TEXT["num_key_value_heads"] * TEXT["hidden_size"] // TEXT["num_attention_heads"],
            vocabulary=VOCABULARY,
            vision_states=self.vision_states,
        )
        return replace(row, parameters=parameters, shapes=shapes)


MEDIUM_MODELS = {
    "qwen2-vl": MediumModel("qwen2-vl-2b", qwen2_vl, QWEN_MARKS),
    "internvl3": MediumModel("internvl3-2b", internvl, CHATML),
    "llava-onevision": MediumModel(
        "llava-onevision-7b", onevision, ONEVISION_MARKS, _onevision_names, vision_states=2
    ),
}

_RUN = """
import sys
import numpy as np
from pathlib import Path
import linvt_cli.pipeline
def resident(key="VmRSS"):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))
before = resident()
import torch
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.config import GenerationConfig
from linvt_cli.pipeline.video_qa import VideoQA
from linvt_cli.types import Frames, VideoInfo
from linvt_cli.video_tokenizer.factory import make_tokenizer
_, row, folder, quantization, count, new_tokens, video_tokens = sys.argv
cpu = torch.device("cpu")
backbone = load_backbone(find_backbone(row), folder=Path(folder), device=cpu, dtype=torch.float32,
                         quantization=quantization)
tokenizer = make_tokenizer("cluster", num_video_tokens=int(video_tokens), checkpoint=None,
                           backbone_name=row, embed_dim=backbone.embed_dim, device=cpu,
                           dtype=torch.float32)
qa = VideoQA(backbone, tokenizer)
backbone.stop_ids = frozenset()
def noise(count):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 448, 796, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), 796, 448, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(count)), video, coverage=1.0)
def answer(count, new_tokens):
    watched = qa.refine("noise.mp4", *qa.look(noise(count)))
    seen = resident("VmHWM")
    qa.ask(watched, "What moves?", GenerationConfig(max_new_tokens=new_tokens))
    return seen
loaded = answer(1, 1)  # weights are read from the file by their first use
seen = answer(int(count), int(new_tokens))
print(loaded - before, seen - before, resident("VmHWM") - before)
"""


def peak_memory(
    row: str, folder: Path, quantization: str, *, frames: int, new_tokens: int, video_tokens: int
) -> tuple[int, int, int]:
    """Let a new process load a model, watch noise and answer.

    Returns:
        By how many bytes the resident memory of the process had grown at most, since the moment at
        which linvt chooses a model: after an answer about one frame, when the weights are all
        there; once the video was watched; and at the end.
    """
    numbers = map(str, (frames, new_tokens, video_tokens))
    command = [sys.executable, "-c", _RUN, row, str(folder), quantization, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded, seen, whole = map(int, done.stdout.split()[-3:])
    return loaded, seen, whole
