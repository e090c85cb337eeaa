"""A small LinVT, random features, and clips that differ from each other, for tests of tuning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.config import LinVTConfig
from linvt_cli.training.tuning.learner import Learner, Study
from linvt_cli.training.tuning.lessons import Lesson
from linvt_cli.training.tuning.settings import (
    LoraShape,
    Optimization,
    TokenizerShape,
    TuningSettings,
)
from linvt_cli.types import Turn, VisualFeatures
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.all_backbones import build
from tests.public_layouts import LAYOUTS

SHAPE = TokenizerShape(scales=(1, 2), num_queries=(4, 2), num_kept=16, score_dim=16)
NAMES = ("tiny nano", "qwen2-vl", "internvl2 with qwen2", "molmo 7b-d")
WORDS = tuple("abcdefgh")


def backbone_of(name: str) -> TunableBackbone:
    """A tiny backbone that tests share, so none may change it."""
    backbone = cast("TunableBackbone", build(name))
    backbone.model.requires_grad_(False)
    return backbone


def small_linvt(width: int, *, position_layout: str = "flat") -> LinearVideoTokenizer:
    torch.manual_seed(3)
    config = LinVTConfig(
        embed_dim=width,
        scales=SHAPE.scales,
        num_queries=SHAPE.num_queries,
        num_kept=SHAPE.num_kept,
        score_dim=SHAPE.score_dim,
        num_heads=4,
        position_layout=position_layout,  # type: ignore[arg-type]
    )
    return LinearVideoTokenizer(config)


def make_learner(name: str, *, position_layout: str = "flat") -> Learner:
    backbone = backbone_of(name)
    return Learner(backbone, small_linvt(backbone.embed_dim, position_layout=position_layout))


def features(width: int, num_frames: int = 4, grid: tuple[int, int] = (2, 3)) -> VisualFeatures:
    generator = torch.Generator().manual_seed(num_frames)
    tokens = torch.randn((num_frames, grid[0] * grid[1], width), generator=generator)
    return VisualFeatures(tokens, tuple(0.5 * t for t in range(num_frames)), grid)


def study(
    backbone: TunableBackbone,
    question: str,
    answer: str,
    *,
    history: Sequence[Turn] = (),
    num_frames: int = 4,
    grid: tuple[int, int] = (2, 3),
) -> Study:
    lesson = Lesson(question, tuple(history), tuple(backbone.encode_answer(answer)))
    seen = features(backbone.embed_dim, num_frames, grid)
    return Study(seen, (lesson,), 1 / len(lesson.answer_ids))


def write_clip(path: Path, seed: int, num_frames: int = 8) -> None:
    """Write a clip of coarse coloured tiles that change in its middle."""
    rng = np.random.default_rng(seed)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 8, (64, 64))
    halves = rng.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    for index in range(num_frames):
        tiles = halves[2 * index // num_frames]
        writer.write(cv2.resize(tiles, (64, 64), interpolation=cv2.INTER_NEAREST))
    writer.release()


def write_data(folder: Path, count: int) -> Path:
    """Write clips and a data file that asks the same of each."""
    rows = []
    for index in range(count):
        write_clip(folder / f"{index}.mp4", index)
        answer = WORDS[index % len(WORDS)]
        rows.append({"video": f"{index}.mp4", "question": "What is it?", "answer": answer})
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return data


def settings_of(layout: str, folder: Path, data: Path, **changes: object) -> TuningSettings:
    """Settings of a quick run with a tiny model, whose files are written where they are not."""
    files = folder / "model"
    if not files.exists():
        LAYOUTS[layout].write(files)
    usual: dict[str, object] = {
        "model": LAYOUTS[layout].model,
        "weights": str(files),
        "run_dir": folder / "run",
        "data": (data,),
        "frames": 4,
        "shape": SHAPE,
        "lora": LoraShape(rank=4, alpha=8, dropout=0.1),
        "optimization": Optimization(num_steps=6, batch_size=2, learning_rate=5e-3, save_every=2),
        "device": "cpu",
        "workers": 0,
    }
    return TuningSettings(**{**usual, **changes})  # type: ignore[arg-type]
