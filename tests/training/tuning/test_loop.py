from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from linvt_cli.errors import ConfigError, DatasetError
from linvt_cli.training.optimizer import adamw
from linvt_cli.training.tuning import loop
from linvt_cli.training.tuning.bad_samples import BadSamples
from linvt_cli.training.tuning.curriculum import Curriculum, make_tasks
from linvt_cli.training.tuning.learner import Study
from linvt_cli.training.tuning.loop import (
    Stage,
    accumulate_gradients,
    learning_rate_at,
    run_stage,
)
from linvt_cli.training.tuning.metrics import StepMetrics
from linvt_cli.training.tuning.plan import BatchPlan
from linvt_cli.training.tuning.settings import Optimization
from linvt_cli.training.video_data.samples import Exchange, Sample
from tests.training.tuning.processes import run_together
from tests.training.tuning.small import NAMES, make_learner, study, write_clip

SCRIPT = Path(__file__).with_name("gradients_of_a_step.py")


@pytest.fixture(scope="module")
def steps_taken(tmp_path_factory) -> list[Path]:
    """Gradients of a step of each backbone, by one process and by two together."""
    folders = []
    for processes, accumulate in ((1, 4), (2, 2)):
        folders.append(tmp_path_factory.mktemp("gradients"))
        run_together([str(SCRIPT), str(folders[-1]), str(accumulate), *NAMES], processes)
    return folders


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_have_the_gradients_of_one(name, steps_taken):
    alone, shared = (load_file(folder / f"{name}.safetensors") for folder in steps_taken)
    assert alone.keys() == shared.keys()
    assert any("lora" in key for key in alone)
    assert any(key.startswith("linvt") for key in alone)
    for key, gradient in alone.items():
        assert (gradient - shared[key]).abs().max() <= 1e-5, key
    assert max(float(gradient.abs().max()) for gradient in alone.values()) > 1e-3


def gradient_of(weight: torch.nn.Parameter) -> torch.Tensor:
    assert weight.grad is not None
    return weight.grad.clone()


def test_accumulated_batches_have_the_gradients_of_one():
    accelerator = Accelerator(cpu=True)
    learner = make_learner("tiny nano")
    studies = [study(learner.backbone, "Why?", "No." * (1 + n), num_frames=2 + n) for n in range(4)]
    found = []
    for batches in ([studies], [studies[:2], studies[2:]]):
        learner.zero_grad()
        weighed = [[each.weighing(each.weight / len(batch)) for each in batch] for batch in batches]
        learnt = accumulate_gradients(accelerator, learner, weighed, count=len(batches), most=2)
        assert (learnt.num_samples, learnt.num_tokens) == (
            4, sum(each.num_answer_tokens for each in studies)
        )  # fmt: skip
        found.append((learnt.loss, [gradient_of(weight) for weight in learner.learnt().values()]))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_batch_is_let_go_before_the_next_is_asked_for():
    learner = make_learner("tiny nano")
    seen: list[weakref.ref[torch.Tensor]] = []

    def one(number: int) -> list[Study]:
        made = study(learner.backbone, "Why?", "No.", num_frames=2 + number)
        seen.append(weakref.ref(made.features.tokens))
        return [made]

    def batches() -> Iterator[list[Study]]:
        for number in range(3):
            assert all(features() is None for features in seen)
            yield one(number)

    learnt = accumulate_gradients(Accelerator(cpu=True), learner, batches(), count=3, most=2)
    assert (len(seen), learnt.num_samples) == (3, 3)


def test_gradients_are_averaged_once_with_the_last_group_of_a_step():
    learner = make_learner("tiny nano")
    kept_back: list[bool] = []

    class Counting(Accelerator):  # type: ignore[misc]
        @contextmanager
        def no_sync(self, model: torch.nn.Module) -> Iterator[None]:
            kept_back.append(True)
            yield
            kept_back.append(False)

        def backward(self, loss: torch.Tensor, **_: object) -> None:
            loss.backward()  # type: ignore[no-untyped-call]
            backwards.append(bool(kept_back) and kept_back[-1])

    backwards: list[bool] = []
    studies = [study(learner.backbone, "Why?", "No.") for _ in range(3)]
    accumulate_gradients(Counting(cpu=True), learner, [studies, [], studies], count=3, most=2)
    assert backwards == [True, True, True, True, False]


def test_figures_are_added_up_on_the_device_of_the_model(tmp_path):
    class Elsewhere(Accelerator):  # type: ignore[misc]
        @property
        def device(self) -> torch.device:
            return torch.device("meta")  # where no number can be read

    bad = BadSamples(tmp_path / "bad.jsonl", most=9, on_bad=lambda _: None)
    steps: list[StepMetrics] = []
    run_stage(make_stage(tmp_path, num_steps=1), Elsewhere(cpu=True), tmp_path, bad, steps.append)
    assert [each.num_samples for each in steps] == [2]


def test_the_rate_warms_up_and_follows_a_cosine():
    stage = cast(
        "Stage",
        SimpleNamespace(
            num_steps=100, learning_rate=1.0, optimization=Optimization(warmup_share=0.1)
        ),
    )
    rates = [learning_rate_at(step, stage) for step in range(100)]
    assert rates[:10] == [pytest.approx((step + 1) / 10) for step in range(10)]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.03, abs=0.002)


@pytest.fixture
def stage(tmp_path) -> Stage:
    return make_stage(tmp_path)


def make_stage(folder: Path, num_steps: int = 6, rate: float = 1e-2) -> Stage:
    learner = make_learner("tiny nano")
    samples = []
    for index, answer in enumerate(("Red.", "Blue.", "Green.")):
        write_clip(folder / f"{index}.mp4", index)
        told = (Exchange("What?", answer),)
        samples.append(Sample(folder / f"{index}.mp4", told, None, None, "", f"d:{index}"))
    bad = BadSamples(folder / "bad.jsonl", most=9, on_bad=lambda _: None)
    tasks = make_tasks(samples, bad, num_frames=4)
    return Stage(
        "align",
        learner,
        Curriculum(learner.backbone, learner.linvt, tasks, bad, workers=0),
        BatchPlan([1] * 3, batch_size=2, seed=0),
        Optimization(batch_size=2, save_every=2),
        rate,
        num_steps,
        0,
        {"steps": num_steps},
    )


def take(stage: Stage, folder: Path, until: int = 99) -> list[StepMetrics]:
    steps: list[StepMetrics] = []

    def note(metrics: StepMetrics) -> None:
        steps.append(metrics)
        if metrics.step == until:
            raise KeyboardInterrupt

    bad = BadSamples(folder / "bad.jsonl", most=9, on_bad=lambda _: None)
    try:
        run_stage(stage, Accelerator(cpu=True), folder, bad, note)
    except KeyboardInterrupt:
        assert until < 99
    return steps


def test_a_stage_that_is_cut_off_goes_on_bit_for_bit(tmp_path):
    whole, cut_off = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut_off.mkdir()
    first = make_stage(whole)
    steps = take(first, whole)
    begun = take(make_stage(cut_off), cut_off, until=3)
    second = make_stage(cut_off)
    rest = take(second, cut_off)
    assert [each.step for each in rest] == [3, 4, 5, 6]
    assert [each.loss for each in [*begun[:2], *rest]] == [each.loss for each in steps]
    for name, weight in first.learner.learnt().items():
        assert torch.equal(weight, second.learner.learnt()[name])
    assert take(make_stage(cut_off), cut_off) == []


@pytest.fixture
def given(monkeypatch) -> list[torch.Tensor]:
    """All gradients of a step as the optimizer gets them, in one row."""
    rows: list[torch.Tensor] = []

    def noting(weights: list[torch.nn.Parameter], **options: Any) -> torch.optim.Optimizer:
        def note(*_: object) -> None:
            rows.append(torch.cat([gradient_of(weight).flatten() for weight in weights]))

        optimizer = adamw(weights, **options)
        optimizer.register_step_pre_hook(note)
        return optimizer

    monkeypatch.setattr(loop, "adamw", noting)
    return rows


def test_gradients_are_shortened_to_a_norm_of_1_and_left_alone_below_it(tmp_path, given):
    told = []
    for factor in (1, 2**13):
        folder = tmp_path / str(factor)
        folder.mkdir()
        stage = make_stage(folder, num_steps=1)
        stage.learner.register_forward_hook(lambda *seen, by=factor: seen[-1] * by)
        told += [each.gradient_norm for each in take(stage, folder)]
    alone, shortened = given
    assert told[0] < 1 < told[1]
    assert told == pytest.approx([float(alone.norm()), 2**13 * float(alone.norm())], rel=1e-3)
    assert float(shortened.norm()) == pytest.approx(1, rel=1e-4)
    torch.testing.assert_close(shortened, alone / alone.norm())


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    stage = make_stage(tmp_path)
    with torch.no_grad():
        next(iter(stage.learner.linvt.parameters())).fill_(float("inf"))
    with pytest.raises(ConfigError, match="no numbers"):
        take(stage, tmp_path)


def test_an_epoch_without_a_usable_sample_ends_the_run(tmp_path):
    stage = make_stage(tmp_path, num_steps=6)
    clips = list(tmp_path.glob("*.mp4"))
    for clip in clips:
        clip.rename(clip.with_suffix(".away"))
    with pytest.raises(DatasetError, match="No sample of the data") as caught:
        take(stage, tmp_path)
    assert caught.value.path == str(tmp_path / "bad.jsonl")
    assert "--videos" in (caught.value.hint or "")
    assert not (tmp_path / "align.safetensors").exists()
    for clip in clips:
        clip.with_suffix(".away").rename(clip)
    steps = take(make_stage(tmp_path, num_steps=6), tmp_path)
    assert [each.step for each in steps] == [1, 2, 3, 4, 5, 6]
    assert all(each.loss for each in steps)


def test_a_run_that_learnt_something_may_meet_bad_samples_after_that(tmp_path):
    take(make_stage(tmp_path, num_steps=6), tmp_path, until=3)
    stage = make_stage(tmp_path, num_steps=6)
    for clip in tmp_path.glob("*.mp4"):
        clip.unlink()
    rest = take(stage, tmp_path)
    assert [each.loss for each in rest] == [None] * 4
