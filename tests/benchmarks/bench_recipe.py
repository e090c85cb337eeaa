"""What a step of each stage of nano's recipe costs: drawing its batch, and computing.

Each stage draws some batches in this process, computes with them, and then takes as many steps with
worker processes that draw ahead. A share of 100 % hidden means that a step takes no longer than
computing alone. The first step of each kind is left out. Usage:
python tests/benchmarks/bench_recipe.py [--device cuda] [--steps N] [--workers N] [--clips N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.banks import Banks, hard_clips
from linvt_cli.training.coverage_stage import CoverageStage
from linvt_cli.training.drawing import default_workers, drawn_ahead
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import ClipDrawing, ClipSet, build_cache
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.joint_stage import MOSTLY_BUSY, MOSTLY_USUAL, joint_stage
from linvt_cli.training.linvt_stage import LinVTStage
from linvt_cli.training.optimizer import set_learning_rate
from linvt_cli.training.recipe import NanoRecipe
from linvt_cli.training.trainer import optimizers_of
from linvt_cli.training.untrained import new_nano
from linvt_cli.training.vision_stage import VisionStage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

RECIPE = NanoRecipe()


def stages(nano: Nano, clips: ClipBank, hard: ClipBank, num_steps: int) -> Iterator[Any]:
    """Yield the stages of the recipe in their order, each when the one before is over."""
    sizes: dict[str, Any] = {"num_steps": num_steps, "num_tokens": RECIPE.linvt.num_video_tokens}
    yield VisionStage(nano, num_steps=num_steps)
    nano.model.requires_grad_(True)
    image = ImageStage(nano, clips, clips, **sizes)
    yield image
    linvt = LinearVideoTokenizer(RECIPE.linvt).to(nano.device)
    yield CoverageStage(nano, linvt, clips, clips, num_steps=num_steps)
    instruct: dict[str, Any] = {"num_steps": num_steps, "readers": image.readers}
    yield LinVTStage(nano, linvt, clips, clips, name="linvt-instruct", **instruct)
    banks = Banks(clips, clips, clips, clips, hard, hard)
    for name, cycle in (("joint", MOSTLY_USUAL), ("busy", MOSTLY_BUSY)):
        yield joint_stage(
            nano,
            linvt,
            banks,
            name=name,
            cycle=cycle,
            num_steps=num_steps,
            readers=image.readers,
            by_muon=True,
        )


class Timed:
    """Seconds since it was last asked, when the device has done what it was told."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.last = time.perf_counter()

    def __call__(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        before, self.last = self.last, time.perf_counter()
        return self.last - before


def measure(stage: Any, device: torch.device, num_steps: int, num_workers: int) -> str:
    """Take steps of a stage; return a line of milliseconds for each."""
    weights = [
        weight
        for _, module in stage.trained_modules()
        for weight in module.parameters()
        if weight.requires_grad
    ]
    optimizers = optimizers_of(stage, weights, 0.1)
    for each in optimizers:
        set_learning_rate(each, 1e-5)  # weights stay as they are, more or less

    def learn(drawn: Any) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(stage.loss_of(drawn))
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for optimizer in optimizers:
            optimizer.step()

    batches = [stage.drawing(0)]
    timed = Timed(device)
    batches += [stage.drawing(step) for step in range(1, num_steps + 1)]
    drawing = timed() / num_steps
    learn(batches[0])
    timed()
    for drawn in batches[1:]:
        learn(drawn)
    computing = timed() / num_steps
    with drawn_ahead(stage.drawing, range(2 * num_steps), num_workers=num_workers) as ahead:
        for _ in range(num_steps):
            learn(next(ahead))
        timed()
        for drawn in ahead:
            learn(drawn)
        both = timed() / num_steps
    hidden = min(1.0, max(0.0, 1 - (both - computing) / drawing))
    return f"{1000 * drawing:9.1f} {1000 * computing:10.1f} {1000 * both:10.1f} {hidden:9.0%}"


def bank_of(nano: Nano, clips: ClipSet, folder: Path, num_workers: int) -> ClipBank:
    """Return clips with their features."""
    cache = build_cache(
        folder,
        clips,
        nano.model.vision,
        image_size=nano.model.config.image_size,
        device=nano.device,
        on_progress=lambda done, total: None,
        num_workers=num_workers,
    )
    return ClipBank(nano, cache)


def main() -> None:
    """Print a table of the stages, and what a clip's features cost."""
    parser = argparse.ArgumentParser(description="Time the steps of nano's recipe")
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--steps", default=3, type=int)
    parser.add_argument("--workers", default=None, type=int)
    parser.add_argument("--clips", default=24, type=int)
    asked = parser.parse_args()
    device: torch.device = asked.device
    num_workers = max(1, default_workers(device)) if asked.workers is None else asked.workers
    # A thread of the model that waits for a core which a worker has costs far more than itself.
    torch.set_num_threads(max(1, torch.get_num_threads() - num_workers))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(0)
        nano = new_nano(
            folder / "tokenizer.json",
            vocab_size=RECIPE.vocab_size,
            embed_dim=RECIPE.embed_dim,
            device=device,
        )
        if device.type != "cpu":
            nano.model.vision.lay_out(torch.contiguous_format)
        size = nano.model.config.image_size
        clips = ClipSet("train", 0, asked.clips, max(2, asked.clips // 10))
        timed = Timed(device)
        draw = ClipDrawing(replace(clips, first_seed=1 << 20), size)
        for index in range(len(clips)):
            draw(index)
        drawing = timed() / len(clips)
        with drawn_ahead(draw, range(2), num_workers=num_workers) as ahead:
            list(ahead)  # the process that workers come from is there now
        timed()
        bank = bank_of(nano, clips, folder / "usual", num_workers)
        both = timed() / len(clips)
        hard = bank_of(nano, hard_clips("train", 0, asked.clips), folder / "hard", num_workers)
        print(f"{device}, {num_workers} workers; milliseconds")
        print(f"features of a clip: drawing {1000 * drawing:.1f}, with workers {1000 * both:.1f}")
        print(f"{'stage':15}{'drawing':>9} {'computing':>10} {'a step':>10} {'hidden':>9}")
        for stage in stages(nano, bank, hard, asked.steps):
            line = measure(stage, device, asked.steps, num_workers)
            print(f"{stage.name:15}{line}", flush=True)


if __name__ == "__main__":
    main()
