"""The nano recipe: vision encoder, features, image-LLM, LinVT, both together, export.

Every part leaves its result in the run folder and is skipped or continued when it is found there,
so the same command resumes an interrupted run. Seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_model import NanoModel, save_nano
from linvt_cli.config import LinVTConfig
from linvt_cli.errors import MachineError
from linvt_cli.training.banks import Banks, make_banks
from linvt_cli.training.coverage_stage import CoverageStage
from linvt_cli.training.curves import draw_curves
from linvt_cli.training.drawing import begin_loading, default_workers
from linvt_cli.training.features import FeatureCache
from linvt_cli.training.half_products import halve_products
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.joint_stage import MOSTLY_BUSY, joint_stage
from linvt_cli.training.linvt_stage import LinVTStage
from linvt_cli.training.recipe_run import RecipeRun, hold_to_recipe, scaled
from linvt_cli.training.trainer import Stage, read_metrics
from linvt_cli.training.untrained import new_nano
from linvt_cli.training.vision_stage import VisionStage
from linvt_cli.video_tokenizer.checkpoint import save_checkpoint
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

STATISTICS_CLIPS = 200
_SCALED = (
    "vision_steps",
    "num_clips",
    "num_foreign",
    "num_validation_clips",
    "num_validation_foreign",
    "num_busy",
    "num_validation_busy",
    "num_hard",
    "num_validation_hard",
    "image_steps",
    "stills_first",
    "mixing",
    "cover_steps",
    "instruct_steps",
    "joint_steps",
    "busy_steps",
)  # clips and steps


@dataclass(frozen=True, slots=True)
class NanoRecipe:
    """The sizes of a nano run; the shipped weights took more steps: ``docs/log.md``."""

    vision_steps: int = 1300
    num_clips: int = 8400
    num_foreign: int = 900
    num_validation_clips: int = 80
    num_validation_foreign: int = 20
    num_busy: int = 2000
    num_validation_busy: int = 40
    num_hard: int = 600
    num_validation_hard: int = 60
    image_steps: int = 3300
    stills_first: int = 400  # of the image steps
    mixing: int = 450  # of the image steps, after those
    cover_steps: int = 1000
    instruct_steps: int = 300
    joint_steps: int = 3600
    joint_learning_rate: float = 5e-4
    busy_steps: int = 4200
    busy_learning_rate: float = 5e-4
    vocab_size: int = 1024
    seed: int = 0
    embed_dim: int = 192
    linvt: LinVTConfig = field(
        default_factory=lambda: LinVTConfig(
            embed_dim=192,
            scales=(1, 2, 4),
            num_queries=(80, 8, 8),  # five single tokens a frame, one more than things
            num_kept=384,
            score_dim=128,
            num_heads=4,
            num_refiner_layers=2,
            num_aggregator_layers=2,
        )
    )

    def scaled(self, factor: float) -> NanoRecipe:
        """Return the recipe with other numbers of clips and steps."""
        return scaled(self, _SCALED, factor)


Progress = Callable[[str], None]


def run_recipe(
    run_dir: Path,
    recipe: NanoRecipe | None = None,
    *,
    device: torch.device | None = None,
    num_workers: int | None = None,
    bfloat16: bool = False,
    on_progress: Progress,
) -> Path:
    """Train nano, or continue to, and return the folder with its weights.

    Args:
        run_dir: where everything of the run is kept; metrics go to ``metrics.jsonl``.
        recipe: sizes; the shipped ones by default.
        device: where to train; the CPU by default.
        num_workers: processes that draw ahead, as many as suit the machine by default; what they
            draw, and so the weights, are the same whatever their number.
        bfloat16: whether the language model, and Muon, multiply in it, which takes a CPU that can.
        on_progress: called with a line of text now and then.

    Raises:
        ConfigError: if the folder holds a run of another recipe.
    """
    recipe = recipe or NanoRecipe()
    device = device or torch.device("cpu")
    if num_workers is None:
        num_workers = default_workers(device)
    if num_workers:
        begin_loading()
    run_dir.mkdir(parents=True, exist_ok=True)
    hold_to_recipe(run_dir, recipe, bfloat16=bfloat16)
    torch.manual_seed(recipe.seed)
    nano = new_nano(
        run_dir / "tokenizer.json",
        vocab_size=recipe.vocab_size,
        embed_dim=recipe.embed_dim,
        device=device,
    )
    if device.type != "cpu":
        # Convolutions of single channels in float32 have their quick kernels for this layout there.
        nano.model.vision.lay_out(torch.contiguous_format)
    if bfloat16:
        halve_products(nano)
    run = RecipeRun(run_dir, device, num_workers, on_progress, bfloat16)
    run.finish(VisionStage(nano, num_steps=recipe.vision_steps))
    banks = make_banks(run, recipe, nano, on_progress)
    set_statistics(nano.model, banks.train.cache)

    image = _image_stage(nano, banks, recipe)
    run.finish(image)
    torch.manual_seed(recipe.seed + 1)
    linvt = LinearVideoTokenizer(recipe.linvt).to(device)
    for stage in _linvt_stages(nano, linvt, banks, recipe, image):
        run.finish(stage)
    weights = _export(run_dir, nano, linvt, recipe)
    draw_progress(run_dir, on_progress)
    return weights


def set_statistics(model: NanoModel, cache: FeatureCache) -> None:
    """Standardize vision features by the mean and deviation of every channel over some clips."""
    sample = torch.from_numpy(cache.features[:STATISTICS_CLIPS]).float().flatten(0, 2)
    model.feature_mean.copy_(sample.mean(0))
    model.feature_std.copy_(sample.std(0).clamp_min(1e-3))


def _image_stage(nano: Nano, banks: Banks, recipe: NanoRecipe) -> ImageStage:
    return ImageStage(
        nano,
        banks.train,
        banks.validation,
        num_steps=recipe.image_steps,
        num_tokens=recipe.linvt.num_video_tokens,
        stills_first=recipe.stills_first,
        mixing=recipe.mixing,
    )


def _linvt_stages(
    nano: Nano, linvt: LinearVideoTokenizer, banks: Banks, recipe: NanoRecipe, image: ImageStage
) -> Iterator[Stage]:
    """Cover what is in sight, instruct on every kind of question, with the language model at last.

    Of the two last stages, the second learns mostly from busy clips.
    """
    yield CoverageStage(nano, linvt, banks.train, banks.validation, num_steps=recipe.cover_steps)
    yield LinVTStage(
        nano,
        linvt,
        banks.train,
        banks.validation,
        name="linvt-instruct",
        num_steps=recipe.instruct_steps,
        readers=image.readers,
        seed=3,
    )
    yield joint_stage(
        nano,
        linvt,
        banks,
        num_steps=recipe.joint_steps,
        learning_rate=recipe.joint_learning_rate,
        readers=image.readers,
        by_muon=True,
    )
    yield joint_stage(
        nano,
        linvt,
        banks,
        name="busy",
        cycle=MOSTLY_BUSY,
        num_steps=recipe.busy_steps,
        learning_rate=recipe.busy_learning_rate,
        readers=image.readers,
        by_muon=True,
        seed=9,
    )


def draw_progress(run_dir: Path, on_progress: Progress) -> None:
    """Draw the curves of a run where that is possible; a run without a picture is whole."""
    try:
        draw_curves(list(read_metrics(run_dir / "metrics.jsonl")), run_dir / "curves.png")
    except MachineError as error:
        on_progress(f"{error.message}; {error.hint}")


def _export(run_dir: Path, nano: Nano, linvt: LinearVideoTokenizer, recipe: NanoRecipe) -> Path:
    """Write nano and its LinVT checkpoint, in half precision, as the package ships them."""
    folder = run_dir / "nano"
    save_nano(folder, nano.model, nano.tokenizer, torch.float16)
    save_checkpoint(
        folder / "linvt",
        linvt.half(),
        recipe.linvt,
        backbone="nano",
        training={key: value for key, value in asdict(recipe).items() if key != "linvt"},
    )
    return folder
