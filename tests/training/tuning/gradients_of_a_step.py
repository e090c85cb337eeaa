"""Writes the gradients of one step of each backbone, in this process or as one of several.

Arguments: the folder, how many batches this process reads, and the names of the backbones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from linvt_cli.training.tuning.adapter import add_lora
from linvt_cli.training.tuning.beginning import make_accelerator
from linvt_cli.training.tuning.loop import accumulate_gradients
from linvt_cli.training.tuning.plan import BatchPlan
from linvt_cli.training.tuning.settings import LoraShape, TuningSettings
from tests.training.tuning.small import make_learner, study

ANSWERS = (
    "Red.",
    "It goes away, slowly.",
    "No.",
    "A dog and a cat.",
    "x",
    "To the left.",
    "7",
    "Up",
)
SIZE, MOST = 2, 3


def take_step(accelerator: Accelerator, file: Path, accumulate: int, name: str) -> None:
    learner = make_learner(name)
    torch.manual_seed(1)
    add_lora(learner.backbone, LoraShape(rank=2, alpha=4, dropout=0.0))
    for key, weight in learner.backbone.decoder().named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weight, std=0.1)
    learner.add_language_model()
    everything = [
        study(learner.backbone, "What happens?", answer, num_frames=2 + index % 3)
        for index, answer in enumerate(ANSWERS)
    ]
    plan = BatchPlan([1] * len(ANSWERS), batch_size=SIZE, seed=0)
    batches = plan.of_step(
        0,
        accumulate=accumulate,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
    )
    read = [
        [everything[each].weighing(everything[each].weight / SIZE) for each in batch]
        for batch in batches
    ]
    model = accelerator.prepare_model(learner, device_placement=False)
    accumulate_gradients(accelerator, model, read, count=accumulate, most=MOST)
    if accelerator.is_main_process:
        found = {
            key: w.grad.contiguous() for key, w in learner.learnt().items() if w.grad is not None
        }
        save_file(found, file)


if __name__ == "__main__":
    settings = TuningSettings("nano", Path("run"), (Path("data.jsonl"),), device="cpu")
    torch.set_num_threads(1)
    together = make_accelerator(settings)
    for each in sys.argv[3:]:
        take_step(together, Path(sys.argv[1]) / f"{each}.safetensors", int(sys.argv[2]), each)
    together.end_training()
