"""A run of training from data files to a checkpoint, in one or two stages.

Everything is kept in the run's folder, and what is found there is gone on with, so the same command
resumes a run that was cut off.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator

from linvt_cli import __version__
from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.errors import DatasetError, MachineError
from linvt_cli.pipeline.loading import LoadedImageLLM
from linvt_cli.pipeline.model_choice import find_model
from linvt_cli.training.disk_errors import disk_errors_translated
from linvt_cli.training.sole_run import sole_run
from linvt_cli.training.tuning.adapter import add_lora, load_lora, require_peft, set_dropout
from linvt_cli.training.tuning.bad_samples import BAD_FILE, BadSamples, forget_bad
from linvt_cli.training.tuning.beginning import (
    content_of,
    first_checkpoint,
    first_linvt,
    lasting_name,
    load_frozen,
    make_accelerator,
    require_align_before_instruct,
)
from linvt_cli.training.tuning.curriculum import Curriculum, Task, make_tasks
from linvt_cli.training.tuning.export import export, is_result_of
from linvt_cli.training.tuning.features import FeatureStore, vision_identity
from linvt_cli.training.tuning.learner import Learner
from linvt_cli.training.tuning.loop import Stage, run_stage
from linvt_cli.training.tuning.metrics import StepMetrics, draw, final_loss
from linvt_cli.training.tuning.plan import BatchPlan
from linvt_cli.training.tuning.settings import (
    LEARNING_RATES,
    StageName,
    TuningSettings,
)
from linvt_cli.training.video_data.entries import check_readable
from linvt_cli.training.video_data.samples import BadSample, Sample, read_samples
from linvt_cli.video_tokenizer.package import ADAPTER

if TYPE_CHECKING:
    from peft import PeftModel

RESULT = "linvt"
"""Folder of the finished checkpoint, in the run's folder."""
_LIGHTER = (
    "begin anew, in another folder, with a smaller --batch-size and a larger --accumulate, or fewer"
    " --frames"
)
_LIGHTEST = f"add --gradient-checkpointing, with which this run goes on; or {_LIGHTER}"


@dataclass(frozen=True, slots=True)
class Observer:
    """Who is told how a run goes on; in one of several processes alone."""

    on_notice: Callable[[str], None] = lambda _: None
    on_step: Callable[[StepMetrics], None] = lambda _: None
    on_bad: Callable[[BadSample], None] = lambda _: None


def run_tuning(settings: TuningSettings, observer: Observer | None = None) -> Path:
    """Train LinVT, or continue to, and return the folder of its checkpoint.

    Raises:
        LinVTError: whatever keeps it from that: the model, the data, the settings, the machine.
    """
    with disk_errors_translated(settings.run_dir):
        return _run(settings, observer)


def _run(settings: TuningSettings, observer: Observer | None) -> Path:
    if "instruct" in settings.stages:
        require_peft()  # hours before it is used
    for path in settings.data:
        check_readable(path)
    accelerator = make_accelerator(settings)
    observer = observer if observer and accelerator.is_main_process else Observer()
    with sole_run(settings.run_dir) if accelerator.is_main_process else nullcontext():
        return _train(settings, accelerator, observer)


def _train(settings: TuningSettings, accelerator: Accelerator, observer: Observer) -> Path:
    spec, _ = find_model(settings.model)
    require_align_before_instruct(settings)
    if accelerator.is_main_process and not _is_begun(settings):
        forget_bad(settings.run_dir / BAD_FILE, settings.data)
    accelerator.wait_for_everyone()
    bad = BadSamples(
        settings.run_dir / BAD_FILE,
        most=settings.max_bad,
        on_bad=observer.on_bad,
        files=settings.data,
    )
    tasks = make_tasks(
        _samples(settings),
        bad if accelerator.is_main_process else None,
        num_frames=settings.frames or spec.default_frames,
    )
    if not tasks:
        raise DatasetError(
            "There is no usable sample in the data",
            path=settings.data[0],
            hint=f"'{settings.run_dir / BAD_FILE}' says what is wrong with each line"
            if len(bad)
            else "the files hold no line; linvt data convert writes them from public data sets",
        )
    loaded, backbone = load_frozen(settings, accelerator, frames=tasks[0].sampling.num_frames)
    run = _Run(settings, accelerator, observer, loaded, backbone, tasks, bad)
    hint = _LIGHTER if settings.optimization.gradient_checkpointing else _LIGHTEST
    with memory_errors_translated(backbone.device, hint=hint):
        for stage in settings.stages:
            run.train(stage)
    if accelerator.is_main_process:
        _draw(settings.run_dir, observer)
    accelerator.end_training()
    return settings.run_dir / RESULT


@dataclass(frozen=True, slots=True)
class _Run:
    """What the stages of a run share."""

    settings: TuningSettings
    accelerator: Accelerator
    observer: Observer
    loaded: LoadedImageLLM
    backbone: TunableBackbone
    tasks: list[Task]
    bad: BadSamples

    def train(self, name: StageName) -> None:
        """Train one stage and write its checkpoint."""
        settings, backbone, loaded = self.settings, self.backbone, self.loaded
        # A new LoRA must not depend on whether the stage before was run or found.
        torch.manual_seed(settings.seed)
        source = first_checkpoint(settings, name)
        revision = loaded.weights.revision
        linvt = first_linvt(settings, backbone, source, revision=revision)
        learner = Learner(backbone, linvt)
        lora = self._add_lora(learner, source) if name == "instruct" else None
        if settings.optimization.gradient_checkpointing:
            _save_memory(backbone)
        set_dropout(backbone.decoder(), active=True)
        stage = self._stage(name, learner, source)
        begins = "from a new LinVT" if source is None else f"from the LinVT of '{source}'"
        self.observer.on_notice(
            f"{name}: {len(self.tasks)} samples, {stage.num_steps} steps of"
            f" {self._samples_per_step} samples, {begins}"
        )
        learnt = run_stage(
            stage, self.accelerator, settings.run_dir, self.bad, self.observer.on_step
        )
        if self.accelerator.is_main_process and (learnt or not self._has_result(name, stage.facts)):
            loss = final_loss(settings.run_dir, name, num_steps=stage.num_steps)
            told = {**stage.facts, "final_loss": loss, "linvt_version": __version__}
            write = partial(
                export,
                linvt=learner.linvt,
                lora=lora,
                backbone=backbone.name,
                backbone_repo=loaded.spec.repo,
                backbone_revision=revision,
                training=told,
            )
            if name == "align":
                write(settings.run_dir / name)
            write(settings.run_dir / RESULT)
        self.accelerator.wait_for_everyone()

    @property
    def _samples_per_step(self) -> int:
        settings = self.settings.optimization
        processes = int(self.accelerator.num_processes)
        return settings.batch_size * settings.accumulate * processes

    def _has_result(self, name: StageName, facts: Mapping[str, Any]) -> bool:
        """Whether what a finished stage has learnt was exported; older results do not count."""
        aligned, result = self.settings.run_dir / "align", self.settings.run_dir / RESULT
        instructed = (result / ADAPTER).is_dir()
        if name == "instruct":
            return instructed and is_result_of(result, facts)
        return is_result_of(aligned, facts) and (instructed or is_result_of(result, facts))

    def _store(self) -> FeatureStore | None:
        folder = self.settings.cache_features
        if folder is None:
            return None
        return FeatureStore(folder, vision_identity(self.backbone), self.backbone.dtype)

    def _add_lora(self, learner: Learner, source: Path | None) -> PeftModel:
        lora = add_lora(self.backbone, self.settings.lora)
        if source is not None and (source / ADAPTER).exists():
            load_lora(lora, source / ADAPTER)
        learner.add_language_model()
        return lora

    def _stage(self, name: StageName, learner: Learner, source: Path | None) -> Stage:
        settings, optimization = self.settings, self.settings.optimization
        plan = BatchPlan(
            [task.length for task in self.tasks],
            batch_size=optimization.batch_size,
            seed=settings.seed,
        )
        epoch = len(self.tasks) / self._samples_per_step
        steps = optimization.num_steps or max(1, math.ceil(optimization.num_epochs * epoch))
        rate = optimization.learning_rate or LEARNING_RATES[name]
        facts: dict[str, Any] = {
            "stage": name,
            "model": lasting_name(self.loaded.spec),
            "revision": self.loaded.weights.revision,
            "dtype": str(learner.backbone.dtype).removeprefix("torch."),
            "begins_with": content_of(source),
            "data": [_told_name(path) for path in settings.data],
            "samples": len(self.tasks),
            "samples_hash": _hash(self.tasks),
            "frames": self.tasks[0].sampling.num_frames,
            "seed": settings.seed,
            "steps": steps,
            "processes": self.accelerator.num_processes,
            **{
                key: value
                for key, value in asdict(replace(optimization, learning_rate=rate)).items()
                if key not in ("num_steps", "num_epochs", "save_every", "gradient_checkpointing")
            },
            "linvt": asdict(learner.linvt.config),
            **({"lora": asdict(settings.lora)} if name == "instruct" else {}),
        }
        curriculum = Curriculum(
            learner.backbone,
            learner.linvt,
            self.tasks,
            self.bad,
            store=self._store(),
            workers=settings.workers,
        )
        return Stage(
            name, learner, curriculum, plan, optimization, rate, steps, settings.seed, facts
        )


def _is_begun(settings: TuningSettings) -> bool:
    """Say whether there is something to go on from, so that earlier bad samples count."""
    states = [settings.run_dir / f"{stage}.safetensors" for stage in settings.stages]
    return any(state.exists() for state in states)


def _samples(settings: TuningSettings) -> Iterable[Sample | BadSample]:
    for path in settings.data:
        yield from read_samples(path, root=settings.videos)


def _told_name(path: Path) -> str:
    r"""Return the name of a file; bytes that are not UTF-8 become the text ``\xff``."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


def _hash(tasks: list[Task]) -> str:
    """Return a hash of all samples, wherever their videos lie."""
    digest = hashlib.sha256()
    for task in tasks:
        sample = task.sample
        told = sample.video.name, sample.exchanges, sample.start, sample.end
        digest.update(repr(told).encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _save_memory(backbone: TunableBackbone) -> None:
    """Let layers of the language model be computed anew for their gradients."""
    decoder: Any = backbone.decoder()
    # Earlier releases of transformers know the old name only.
    old_name = decoder.gradient_checkpointing_enable
    enable = getattr(decoder, "activation_checkpointing_enable", old_name)
    enable({"use_reentrant": False})
    decoder.train()


def _draw(run_dir: Path, observer: Observer) -> None:
    """Draw the curves of the run where that is possible; a run without a picture is whole."""
    try:
        draw(run_dir)
    except MachineError as error:
        observer.on_notice(f"{error.message}; {error.hint}")
