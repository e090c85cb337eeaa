"""The nano recipe: features, text tokenizer, image-LLM on stills, LinVT on clips, export.

Every part leaves its result in the run folder and is skipped or continued when it is found there,
so the same command resumes an interrupted run. Seeds are fixed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from linvt_cli.backbones.nano import SPECIAL_TOKENS, Nano, NanoConfig, NanoModel, save_nano
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import LinVTConfig
from linvt_cli.errors import BackboneLoadError, ConfigError
from linvt_cli.training.curves import draw_curves
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import ClipSet, FeatureCache, build_cache
from linvt_cli.training.nano_stages import ImageStage, LinVTStage, project_features
from linvt_cli.training.questions import all_texts
from linvt_cli.training.trainer import (
    Metrics,
    TrainingOptions,
    load_stage_weights,
    read_metrics,
    run_stage,
)
from linvt_cli.video_tokenizer.checkpoint import save_checkpoint
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer

_VALIDATION_SEED = 10_000_000
_STATISTICS_CLIPS = 200
_TOKEN_SCALE = 0.05
_MATCH_SCALE = 0.9  # of queries and keys: a token's logit for its like is about 4
_COPY_SCALE = 0.5


@dataclass(frozen=True, slots=True)
class NanoRecipe:
    """The sizes of a nano run. The defaults make the shipped weights."""

    num_clips: int = 2500
    num_foreign: int = 350
    num_validation_clips: int = 80
    num_validation_foreign: int = 20
    image_steps: int = 1200
    stills_first: int = 400  # of the image steps
    align_steps: int = 40
    instruct_steps: int = 650
    vocab_size: int = 1024
    seed: int = 0
    embed_dim: int = 192
    linvt: LinVTConfig = field(
        default_factory=lambda: LinVTConfig(
            embed_dim=192,
            scales=(1, 2, 4),
            num_queries=(32, 16, 16),
            num_kept=384,
            score_dim=128,
            num_heads=4,
            num_refiner_layers=2,
            num_aggregator_layers=2,
        )
    )

    def scaled(self, factor: float) -> NanoRecipe:
        """Return the recipe with other numbers of clips and steps."""

        def times(count: int) -> int:
            return max(2, round(count * factor))

        return replace(
            self,
            num_clips=times(self.num_clips),
            num_foreign=times(self.num_foreign),
            num_validation_clips=times(self.num_validation_clips),
            num_validation_foreign=times(self.num_validation_foreign),
            image_steps=times(self.image_steps),
            stills_first=times(self.stills_first),
            align_steps=times(self.align_steps),
            instruct_steps=times(self.instruct_steps),
        )


Progress = Callable[[str], None]


def run_recipe(
    run_dir: Path,
    recipe: NanoRecipe | None = None,
    *,
    device: torch.device | None = None,
    on_progress: Progress,
) -> Path:
    """Train nano, or continue to, and return the folder with its weights.

    Args:
        run_dir: where everything of the run is kept; metrics go to ``metrics.jsonl``.
        recipe: sizes; the shipped ones by default.
        device: where to train; the CPU by default.
        on_progress: called with a line of text now and then.
    """
    recipe = recipe or NanoRecipe()
    device = device or torch.device("cpu")
    run_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    nano = _new_nano(run_dir, recipe, device)
    train, validation = _banks(run_dir, recipe, nano, on_progress)
    _set_statistics(nano.model, train.cache)

    report = _reporter(run_dir / "metrics.jsonl", on_progress)
    num_tokens = recipe.linvt.num_video_tokens
    image = ImageStage(
        nano,
        train,
        validation,
        num_steps=recipe.image_steps,
        num_tokens=num_tokens,
        stills_first=recipe.stills_first,
    )
    _run_or_load(image, run_dir, report)
    project_features(nano, train)
    project_features(nano, validation)
    torch.manual_seed(recipe.seed + 1)
    linvt = LinearVideoTokenizer(recipe.linvt).to(device)
    for stage in _linvt_stages(nano, linvt, train, validation, recipe):
        _run_or_load(stage, run_dir, report)
    _draw(run_dir, on_progress)
    return _export(run_dir, nano, linvt, recipe)


def _new_nano(run_dir: Path, recipe: NanoRecipe, device: torch.device) -> Nano:
    """Build an untrained nano with the pretrained vision encoder."""
    tokenizer = _text_tokenizer(run_dir / "tokenizer.json", recipe.vocab_size)
    model = NanoModel(NanoConfig(tokenizer.get_vocab_size(), embed_dim=recipe.embed_dim))
    # Visual tokens start as long as words do: what a token shows and where weigh alike.
    torch.nn.init.normal_(model.positions, std=_TOKEN_SCALE)
    torch.nn.init.constant_(model.projector.get_parameter("3.weight"), _TOKEN_SCALE)
    _start_by_matching(model)
    folder = find_backbone("nano").weights
    if folder is None or not (folder / "vision.safetensors").exists():
        raise BackboneLoadError(
            "The pretrained vision encoder of nano is missing", hint="install linvt again"
        )
    vision = load_file(folder / "vision.safetensors")
    model.vision.load_state_dict({name: tensor.float() for name, tensor in vision.items()})
    return Nano(model, tokenizer, device=device, dtype=torch.float32)


def _start_by_matching(model: NanoModel) -> None:
    """Let every head begin by attending to like tokens and copying them.

    Queries and keys share their weights, outputs are transposed values: mimetic initialization
    (arXiv 2305.09828). From random weights, finding the dog that the question names takes thousands
    of steps; from here it is what the first step does.
    """
    width = model.config.embed_dim
    with torch.no_grad():
        for layer in model.language_model.model.layers:
            attention = layer.self_attn
            attention.q_proj.weight.normal_(std=_MATCH_SCALE * width**-0.5)
            attention.k_proj.weight.copy_(attention.q_proj.weight)
            attention.v_proj.weight.normal_(std=_COPY_SCALE * width**-0.5)
            attention.o_proj.weight.copy_(_COPY_SCALE * attention.v_proj.weight.T)


def _text_tokenizer(path: Path, vocab_size: int) -> Tokenizer:
    """Train a byte-level BPE on the language of the world; any other text falls back to bytes."""
    if path.exists():
        return Tokenizer.from_file(str(path))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.lower() for text in all_texts()), trainer)
    tokenizer.save(str(path))
    return tokenizer


def _banks(
    run_dir: Path, recipe: NanoRecipe, nano: Nano, on_progress: Progress
) -> tuple[ClipBank, ClipBank]:
    sets = {
        "train": ClipSet("train", recipe.seed, recipe.num_clips, recipe.num_foreign),
        "validation": ClipSet(
            "validation",
            _VALIDATION_SEED,
            recipe.num_validation_clips,
            recipe.num_validation_foreign,
        ),
    }
    banks = []
    for name, clips in sets.items():
        cache = build_cache(
            run_dir / "features" / name,
            clips,
            nano.model.vision,
            image_size=nano.model.config.image_size,
            device=nano.device,
            on_progress=_clip_counter(name, on_progress),
        )
        banks.append(ClipBank(nano, cache))
    return banks[0], banks[1]


def _clip_counter(name: str, on_progress: Progress) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            on_progress(f"{name} features: {done} of {total} clips")

    return report


def _set_statistics(model: NanoModel, cache: FeatureCache) -> None:
    """Standardize vision features by the mean and deviation of every channel over some clips."""
    sample = torch.from_numpy(cache.features[:_STATISTICS_CLIPS]).float().flatten(0, 2)
    model.feature_mean.copy_(sample.mean(0))
    model.feature_std.copy_(sample.std(0).clamp_min(1e-3))


def _linvt_stages(
    nano: Nano,
    linvt: LinearVideoTokenizer,
    train: ClipBank,
    validation: ClipBank,
    recipe: NanoRecipe,
) -> Iterator[LinVTStage]:
    """Align on descriptions, then instruct on every kind of question."""
    yield LinVTStage(
        nano,
        linvt,
        train,
        validation,
        name="linvt-align",
        num_steps=recipe.align_steps,
        kinds=("describe",),
    )
    yield LinVTStage(
        nano, linvt, train, validation, name="linvt-instruct", num_steps=recipe.instruct_steps
    )


def _run_or_load(
    stage: ImageStage | LinVTStage, run_dir: Path, report: Callable[[Metrics], None]
) -> None:
    """Run a stage unless the run folder says that it is finished."""
    finished = run_dir / f"{stage.name}.done"
    if finished.exists():
        load_stage_weights(stage, run_dir / f"{stage.name}.safetensors")
        return
    run_stage(stage, run_dir, TrainingOptions(), report)
    finished.touch()


def _reporter(path: Path, on_progress: Progress) -> Callable[[Metrics], None]:
    def report(metrics: Metrics) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(metrics)) + "\n")
        accuracy = ""
        if metrics.accuracy is not None:
            shares = ", ".join(f"{kind} {share:.0%}" for kind, share in metrics.accuracy.items())
            accuracy = f"; exact: {shares}"
        on_progress(
            f"{metrics.stage}: step {metrics.step} of {metrics.num_steps},"
            f" loss {metrics.loss:.3f}, {metrics.seconds:.0f} s{accuracy}"
        )

    return report


def _draw(run_dir: Path, on_progress: Progress) -> None:
    """Draw the curves of the run where that is possible; a run without a picture is whole."""
    try:
        draw_curves(list(read_metrics(run_dir / "metrics.jsonl")), run_dir / "curves.png")
    except ConfigError as error:
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
