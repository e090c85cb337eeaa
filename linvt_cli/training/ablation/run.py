"""An ablation from its command to its table, run by run.

Every finished (variant, seed) leaves a result and is skipped the next time; one that was broken off
goes on from its checkpoint. The table is written anew after each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from linvt_cli.backbones.loading import select_device
from linvt_cli.errors import MachineError
from linvt_cli.training.ablation.clip_sets import (
    AblationRecipe,
    clip_caches,
    clip_sets,
    feature_folder,
    read_cache,
)
from linvt_cli.training.ablation.figure import draw_ablation
from linvt_cli.training.ablation.image_llm import ImageLLM, load_image_llm, require_same_vision
from linvt_cli.training.ablation.image_questions import ask_about_stills
from linvt_cli.training.ablation.results import (
    ImageResult,
    RunResult,
    add_result,
    read_image_result,
    read_results,
    write_image_result,
)
from linvt_cli.training.ablation.stage import VariantStage
from linvt_cli.training.ablation.table import Circumstances, as_markdown
from linvt_cli.training.ablation.told import Told
from linvt_cli.training.ablation.variants import (
    VARIANTS,
    VariantSpec,
    handed_out,
    runs_of,
    select_variants,
)
from linvt_cli.training.ablation.workers import Listener, Work, run_side_by_side
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import NUM_FRAMES, FeatureCache
from linvt_cli.training.half_products import halve_products
from linvt_cli.training.recipe import set_statistics
from linvt_cli.training.settings_file import hold_to_settings
from linvt_cli.training.sole_run import sole_run
from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.training.whole_file import write_whole

_FIRST_SEED = 1000  # of weights and batches; beyond those of nano's recipe
_WARMUP_SHARE = 1 / 6  # of the steps, as nano's instruct stage has
_ORDER = tuple(spec.name for spec in VARIANTS)  # of results
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class AblationChoice:
    """What of an ablation is to be run."""

    num_seeds: int = 3
    only: str | None = None  # comma-separated names of variants
    image_llm: Path | None = None  # folder; the shipped one by default
    after: Path | None = None  # weights to compare it with on stills; the shipped ones by default


def run_ablation(
    run_dir: Path,
    recipe: AblationRecipe,
    choice: AblationChoice,
    *,
    device: torch.device | None = None,
    on_progress: Progress,
    on_failure: Progress = lambda text: None,
    num_processes: int = 1,
) -> Path:
    """Train and ask every chosen variant that has no result yet; return the file of the table.

    Args:
        run_dir: where features, checkpoints and results are kept.
        recipe: sizes.
        choice: which variants and seeds, and under which image-LLM.
        device: where to train; the CPU by default.
        on_progress: called with a line of text now and then.
        on_failure: called for each run of several processes that failed; the others go on.
        num_processes: how many runs go side by side, each in a process of its own if more than 1.

    Raises:
        ConfigError: a variant is unknown, the folder holds an ablation with other settings, or
            another command works in it.
        BackboneLoadError: an image-LLM cannot be loaded.
    """
    specs = select_variants(choice.only)
    device = device or torch.device("cpu")
    image_llm = load_image_llm(choice.image_llm, device)
    with sole_run(run_dir):
        settings = _settings(recipe, image_llm)
        hold_to_settings(run_dir / "ablation.json", settings, kind="an ablation")
        train, test = clip_caches(
            run_dir, recipe, image_llm.nano, on_progress, made_by=choice.image_llm
        )
        bench = _make_bench(run_dir, recipe, image_llm, train, test, on_progress)
        bench.ask_about_images(choice)
        runs = list(runs_of(specs, choice.num_seeds))
        done = {(result.variant, result.seed) for result in read_results(run_dir, _ORDER)}
        left = [(spec, seed) for spec, seed in runs if (spec.name, seed) not in done]
        if num_processes > 1 and len(left) > 1:
            folders = (feature_folder(train), feature_folder(test))
            make = _MakeWork(run_dir, recipe, choice.image_llm, str(device), folders, num_processes)
            _run_beside(make, bench, runs, handed_out(left), num_processes, on_failure)
        else:
            for spec, seed in left:
                on_progress(_announced(runs, spec.name, seed))
                add_result(run_dir, bench.run(spec, seed), _ORDER)
                bench.report()
        return bench.report()


def _announced(runs: Sequence[tuple[VariantSpec, int]], name: str, seed: int) -> str:
    number = [(spec.name, seed) for spec, seed in runs].index((name, seed)) + 1
    return f"run {number} of {len(runs)}: {name}, seed {seed}"


@dataclass(frozen=True, slots=True)
class _MakeWork:
    """Loads, in another process, what runs need; features are there already."""

    run_dir: Path
    recipe: AblationRecipe
    image_llm: Path | None
    device: str
    features: tuple[Path, Path]
    num_processes: int

    def __call__(self, on_progress: Progress) -> Work:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // self.num_processes))
        # Not torch.device: choosing also settles, for this process, who computes attention.
        image_llm = load_image_llm(self.image_llm, select_device(self.device))
        train, test = (
            read_cache(folder, clips)
            for folder, clips in zip(self.features, clip_sets(self.recipe).values(), strict=True)
        )
        bench = _make_bench(self.run_dir, self.recipe, image_llm, train, test, on_progress)
        specs = {spec.name: spec for spec in VARIANTS}
        return lambda name, seed: bench.run(specs[name], seed)


def _run_beside(
    make_work: _MakeWork,
    bench: _Bench,
    runs: Sequence[tuple[VariantSpec, int]],
    left: Sequence[tuple[VariantSpec, int]],
    num_processes: int,
    on_failure: Progress,
) -> None:
    def keep(result: RunResult) -> None:
        add_result(bench.run_dir, result, _ORDER)
        bench.report(figure=False)  # which takes longer than a run may

    listener = Listener(
        started=lambda run: bench.on_progress(_announced(runs, *run)),
        progress=bench.on_progress,
        result=keep,
        failure=lambda run, why: on_failure(f"{run[0]}, seed {run[1]}, has failed: {why}"),
    )
    run_side_by_side(make_work, [(spec.name, seed) for spec, seed in left], num_processes, listener)


def _make_bench(
    run_dir: Path,
    recipe: AblationRecipe,
    image_llm: ImageLLM,
    train: FeatureCache,
    test: FeatureCache,
    on_progress: Progress,
) -> _Bench:
    """Let an image-LLM know the statistics of its features, and put everything together."""
    if not image_llm.has_statistics:
        set_statistics(image_llm.nano.model, train)
    if recipe.bfloat16:
        halve_products(image_llm.nano)
    return _Bench(run_dir, recipe, image_llm, train, test, on_progress)


class _Bench:
    """Everything that the runs of one ablation share."""

    def __init__(
        self,
        run_dir: Path,
        recipe: AblationRecipe,
        image_llm: ImageLLM,
        train: FeatureCache,
        test: FeatureCache,
        on_progress: Progress,
    ) -> None:
        self.run_dir = run_dir
        self.recipe = recipe
        self.image_llm = image_llm
        self.test_cache = test
        self.train = ClipBank(image_llm.nano, train)
        self.test = ClipBank(image_llm.nano, test)
        self.on_progress = on_progress

    def run(self, spec: VariantSpec, seed: int) -> RunResult:
        """Train one variant with one seed, and ask it."""
        torch.manual_seed(_FIRST_SEED + seed)
        nano = self.image_llm.nano
        variant = spec.build(self.recipe.linvt, self.test.num_cells).to(nano.device)
        num_steps = self.recipe.num_steps if spec.trained else 0
        stage = VariantStage(
            nano,
            variant,
            self.train,
            self.test,
            num_steps=num_steps,
            seed=_FIRST_SEED + seed,
            readers=self.image_llm.readers,
            coverage=spec.coverage,
            batch_size=self.recipe.batch_size,
            turns_per_clip=self.recipe.turns_per_clip,
        )
        told = Told(f"{spec.name}, seed {seed}", self.on_progress)
        if num_steps:
            folder = self.run_dir / "runs" / spec.name / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            run_stage(stage, folder, _options(num_steps), told)
        measured = stage.measured or stage.measure()
        return RunResult(
            variant=spec.name,
            seed=seed,
            num_steps=num_steps,
            num_video_tokens=measured.num_video_tokens,
            num_kept=variant.num_kept(NUM_FRAMES * self.test.num_cells),
            num_weights=sum(p.numel() for p in variant.parameters() if p.requires_grad),
            linear=variant.linear,
            loss=told.loss,
            seconds_per_step=told.seconds_per_step,
            exact=measured.exact,
        )

    def ask_about_images(self, choice: AblationChoice) -> None:
        """Ask the image-LLM, and what it became by training on clips, about the same stills."""
        if choice.after is None and self.image_llm.origin == "shipped":
            return  # there is nothing to compare
        after = load_image_llm(choice.after, self.image_llm.nano.device)
        asked = read_image_result(self.run_dir)
        if asked is not None and asked.weights_after == after.digest:
            return
        require_same_vision(self.image_llm.nano, after.nano)
        if not after.has_statistics:
            set_statistics(after.nano.model, self.train.cache)
        if self.recipe.bfloat16:
            halve_products(after.nano)  # as what it is compared with
        self.on_progress("questions about stills, before and after")
        result = ImageResult(
            before=ask_about_stills(self.image_llm.nano, self.test),
            after=ask_about_stills(after.nano, ClipBank(after.nano, self.test_cache)),
            weights_after=after.digest,
        )
        write_image_result(self.run_dir, result)

    def report(self, *, figure: bool = True) -> Path:
        """Write the table and, if wanted, the figure of what is finished."""
        results = read_results(self.run_dir, _ORDER)
        table = self.run_dir / "ablation.md"
        circumstances = Circumstances(
            origin=self.image_llm.origin,
            has_readers=self.image_llm.readers is not None,
            recipe=self.recipe,
            tokens_per_frame=self.test.num_cells,
        )
        images = read_image_result(self.run_dir)
        write_whole(table, as_markdown(results, images, circumstances))
        if not figure:
            return table
        try:
            draw_ablation(results, self.run_dir / "ablation.png")
        except MachineError as error:
            self.on_progress(f"{error.message}; {error.hint}")
        return table


def _options(num_steps: int) -> TrainingOptions:
    warmup = max(1, round(num_steps * _WARMUP_SHARE))
    return TrainingOptions(
        warmup_steps=min(warmup, TrainingOptions().warmup_steps), validate_every=num_steps
    )


def _settings(recipe: AblationRecipe, image_llm: ImageLLM) -> dict[str, Any]:
    return {**asdict(recipe), "image_llm": image_llm.origin, "weights": image_llm.digest}
