"""More of nano's last stage: finished weights go on learning, from clips that they have not seen.

LinVT begins alone, with the coverage loss, which may ask for more than when the weights were made.
The heads that help to learn are not shipped with the weights. New ones learn next, alone: while
they know nothing, their losses would only disturb what the weights know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import load_nano, save_nano
from linvt_cli.training.banks import make_banks
from linvt_cli.training.coverage_stage import CoverageStage
from linvt_cli.training.drawing import begin_loading, default_workers
from linvt_cli.training.half_products import halve_products
from linvt_cli.training.joint_stage import JointBatch, JointStage, joint_stage
from linvt_cli.training.recipe import NanoRecipe, Progress, draw_progress
from linvt_cli.training.recipe_run import RecipeRun, hold_to_recipe, scaled
from linvt_cli.video_tokenizer.checkpoint import (
    load_checkpoint,
    read_checkpoint_info,
    save_checkpoint,
)
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

_NANO = NanoRecipe()
_SCALED = (
    "num_clips",
    "num_foreign",
    "num_validation_clips",
    "num_validation_foreign",
    "num_busy",
    "num_validation_busy",
    "num_hard",
    "num_validation_hard",
    "cover_steps",
    "reader_steps",
    "joint_steps",
)  # clips and steps
_LEARNT_FROM = ("num_clips", "num_foreign", "num_busy", "num_hard")


@dataclass(frozen=True, slots=True)
class ContinuedRecipe:
    """The sizes of a run that goes on from finished weights."""

    # Its seed; the shipped weights know 0 to 14,999, 200,000 to 202,999 and 210,000 to 213,499.
    first_clip: int
    num_clips: int = 9000
    num_foreign: int = 900
    num_validation_clips: int = 260
    num_validation_foreign: int = 30
    num_busy: int = 3000
    num_validation_busy: int = 80
    num_hard: int = 1500
    num_validation_hard: int = 80
    cover_steps: int = 1500
    reader_steps: int = 300
    joint_steps: int = 3000
    batch_size: int = 24  # usual or busy clips a step; storyboards twice, hard ones half as many
    learning_rate: float = 4e-4
    seed: int = 8  # of what is drawn

    def scaled(self, factor: float) -> ContinuedRecipe:
        """Return the recipe with other numbers of clips and steps."""
        return scaled(self, _SCALED, factor)


class ReadersStage:
    """The heads that are asked inside the model, alone: whatever they read stays as it is.

    Args:
        joint: whose losses they have a part in.
        num_steps: how long they learn.
        learning_rate: at its peak.
    """

    name = "readers"

    def __init__(self, joint: JointStage, *, num_steps: int, learning_rate: float = 2e-3) -> None:
        self.joint = joint
        self.drawing = joint.drawing
        self.num_steps = num_steps
        self.learning_rate = learning_rate

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        """The heads."""
        return list(self.joint.image.readers.named_children())

    def loss(self, step: int) -> Tensor:
        """The loss of a step of the last stage."""
        return self.joint.loss(step)

    def loss_of(self, batch: JointBatch) -> Tensor:
        """The loss of a batch of the last stage."""
        return self.joint.loss_of(batch)

    def validate(self) -> dict[str, float]:
        """Share of exactly answered questions, which the heads do not change."""
        return self.joint.validate()


def run_continued(
    run_dir: Path,
    begin: Path,
    recipe: ContinuedRecipe,
    *,
    device: torch.device | None = None,
    num_workers: int | None = None,
    bfloat16: bool = False,
    way: float = 1.0,
    on_progress: Progress,
) -> Path:
    """Let nano go on learning, or continue to, and return the folder with its weights.

    Args:
        run_dir: where everything of the run is kept; metrics go to ``metrics.jsonl``.
        begin: folder of nano's weights, with those of its LinVT in ``linvt``.
        recipe: sizes.
        device: where to train; the CPU by default.
        num_workers: processes that draw ahead, as many as suit the machine by default.
        bfloat16: whether the language model multiplies in it.
        way: how far the weights in the folder lie from those that it begins with towards those that
            it ends with. Some way between may answer better than the end (arXiv 2203.05482).
        on_progress: called with a line of text now and then.

    Raises:
        BackboneLoadError: if the folder does not hold nano.
        CheckpointError: if it does not hold its LinVT.
        ConfigError: if the run folder holds a run of another recipe, or of other weights.
    """
    device = device or torch.device("cpu")
    num_workers = default_workers(device) if num_workers is None else num_workers
    if num_workers:
        begin_loading()
    run_dir.mkdir(parents=True, exist_ok=True)
    nano, linvt = _weights(begin, device)
    hold_to_recipe(run_dir, recipe, bfloat16=bfloat16, begin_with=_content_of(begin))
    if bfloat16:
        halve_products(nano)
    run = RecipeRun(run_dir, device, num_workers, on_progress)
    banks = make_banks(run, _clips_of(recipe), nano, on_progress)
    run.finish(
        CoverageStage(nano, linvt, banks.train, banks.validation, num_steps=recipe.cover_steps)
    )
    torch.manual_seed(recipe.seed)
    joint = joint_stage(
        nano,
        linvt,
        banks,
        num_steps=recipe.joint_steps,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        seed=recipe.seed,
    )
    _train_only(joint, readers=True)
    run.finish(ReadersStage(joint, num_steps=recipe.reader_steps))
    _train_only(joint, readers=False)
    run.finish(joint)
    if way != 1:
        _go_back(nano, linvt, begin, way)
    weights = _export(run_dir, begin, nano, linvt, recipe)
    draw_progress(run_dir, on_progress)
    return weights


def _weights(begin: Path, device: torch.device) -> tuple[Nano, LinearVideoTokenizer]:
    model, tokenizer = load_nano(begin)
    nano = Nano(model, tokenizer, device=device, dtype=torch.float32)
    if device.type != "cpu":
        nano.model.vision.lay_out(torch.contiguous_format)  # as where nano's recipe begins
    linvt = load_checkpoint(
        begin / "linvt",
        backbone_name="nano",
        embed_dim=nano.embed_dim,
        device=device,
        dtype=torch.float32,
    )
    return nano, linvt.train().requires_grad_(True)


def _content_of(begin: Path) -> str:
    """Return a hash of the weights that a run begins with, wherever they lie."""
    digest = hashlib.sha256()
    for folder in (begin, begin / "linvt"):
        with (folder / "model.safetensors").open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _clips_of(recipe: ContinuedRecipe) -> NanoRecipe:
    return replace(
        _NANO,
        seed=recipe.first_clip,
        num_clips=recipe.num_clips,
        num_foreign=recipe.num_foreign,
        num_validation_clips=recipe.num_validation_clips,
        num_validation_foreign=recipe.num_validation_foreign,
        num_busy=recipe.num_busy,
        num_validation_busy=recipe.num_validation_busy,
        num_hard=recipe.num_hard,
        num_validation_hard=recipe.num_validation_hard,
    )


def _train_only(joint: JointStage, *, readers: bool) -> None:
    """Let the heads alone take gradients, or all that the last stage trains."""
    model = joint.usual.nano.model
    for module in (joint.usual.linvt, model.visual_layers, model.language_model):
        module.requires_grad_(not readers)
    joint.image.readers.requires_grad_(True)


@torch.no_grad()
def _go_back(nano: Nano, linvt: LinearVideoTokenizer, begin: Path, way: float) -> None:
    """Set weights to what lies so far of the way from where they began to where they are."""
    old_nano, old_linvt = _weights(begin, nano.device)
    for module, old in ((nano.model, old_nano.model), (linvt, old_linvt)):
        for now, before in zip(module.parameters(), old.parameters(), strict=True):
            now.copy_(torch.lerp(before, now, way))


def _export(
    run_dir: Path, begin: Path, nano: Nano, linvt: LinearVideoTokenizer, recipe: ContinuedRecipe
) -> Path:
    """Write nano and its LinVT checkpoint, with all that they have learnt from."""
    folder = run_dir / "nano"
    save_nano(folder, nano.model, nano.tokenizer, torch.float16)
    info = read_checkpoint_info(begin / "linvt")
    learnt = dict(info.training)
    for name in (*_LEARNT_FROM, "cover_steps", "joint_steps"):
        learnt[name] = learnt.get(name, 0) + getattr(recipe, name)
    save_checkpoint(folder / "linvt", linvt.half(), info.config, backbone="nano", training=learnt)
    return folder
