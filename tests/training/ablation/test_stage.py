from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.ablation.parts import LinVTVariant, RandomChoice
from linvt_cli.training.ablation.stage import VariantStage
from linvt_cli.training.ablation.variant import Variant
from linvt_cli.training.ablation.weight_free import WholeFrames
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.readers import Readers
from linvt_cli.training.trainer import TrainingOptions, run_stage
from tests.tiny_models import tiny_nano
from tests.training.ablation.conftest import CONFIG


def stage_of(
    variant: Variant,
    bank: ClipBank,
    *,
    nano: Nano | None = None,
    readers: Readers | None = None,
    coverage: bool = False,
    num_steps: int = 4,
    seed: int = 0,
) -> VariantStage:
    return VariantStage(
        nano or tiny_nano(),
        variant,
        bank,
        bank,
        num_steps=num_steps,
        seed=seed,
        readers=readers,
        coverage=coverage,
        batch_size=3,
        turns_per_clip=2,
    )


def linvt() -> LinVTVariant:
    torch.manual_seed(0)
    return LinVTVariant(CONFIG)


def test_the_step_and_the_seed_decide_the_loss(bank: ClipBank) -> None:
    variant = linvt()
    stage, other = stage_of(variant, bank), stage_of(variant, bank, seed=1)
    assert stage.loss(5).item() == stage.loss(5).item()
    assert stage.loss(5).item() != stage.loss(6).item()
    assert stage.loss(5).item() != other.loss(5).item()


def test_random_choices_too_are_decided_by_the_step(bank: ClipBank) -> None:
    stage = stage_of(RandomChoice(CONFIG), bank)
    assert stage.loss(5).item() == stage.loss(5).item()


def test_readers_and_coverage_are_heard(bank: ClipBank) -> None:
    nano, variant = tiny_nano(), linvt()
    plain = stage_of(variant, bank, nano=nano).loss(2).item()
    assert stage_of(variant, bank, nano=nano, readers=Readers(24)).loss(2).item() > plain
    assert stage_of(variant, bank, nano=nano, coverage=True).loss(2).item() > plain


def test_a_run_that_is_broken_off_and_continued_ends_at_the_same_weights(
    bank: ClipBank, tmp_path: Path
) -> None:
    options = TrainingOptions(save_every=2, validate_every=4)

    class BrokenOff(Exception):
        """In place of a cut."""

    def break_off(step: int) -> torch.Tensor:
        if step == 3:
            raise BrokenOff
        return VariantStage.loss(cut, step)

    whole = stage_of(linvt(), bank)
    run_stage(whole, tmp_path / "whole", options, lambda metrics: None)
    cut = stage_of(linvt(), bank)
    cut.loss = break_off  # type: ignore[method-assign]
    with pytest.raises(BrokenOff):
        run_stage(cut, tmp_path / "cut", options, lambda metrics: None)
    again = stage_of(linvt(), bank)
    run_stage(again, tmp_path / "cut", options, lambda metrics: None)
    expected = whole.variant.state_dict()
    assert all(now.equal(expected[name]) for name, now in again.variant.state_dict().items())


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()


def test_every_variant_is_asked_the_same_questions(bank: ClipBank) -> None:
    measured = [stage_of(variant, bank).measure() for variant in (linvt(), WholeFrames(1))]
    counts = [{kind: total for kind, (_, total) in each.exact.items()} for each in measured]
    assert counts[0] == counts[1]
    assert sum(counts[0].values()) == 2 * len(bank.all_scenes())
    assert [each.num_video_tokens for each in measured] == [12, 4]


def test_measuring_is_undisturbed_and_repeatable(bank: ClipBank) -> None:
    stage = stage_of(RandomChoice(CONFIG), bank)
    assert stage.measure() == stage.measure()
    assert stage.validate().keys() == {"all", *stage.measure().exact}


def test_what_is_learnt_from_is_disturbed(bank: ClipBank) -> None:
    stage = stage_of(WholeFrames(1), bank)
    scenes = bank.all_scenes()[:2]
    turns = [[turn] for scene in scenes for turn in bank.turns(scene, 2, np.random.default_rng(0))]
    still = stage.condense(scenes, bank, turns).tokens
    assert still.equal(stage.condense(scenes, bank, turns).tokens)
    noise = torch.Generator().manual_seed(0)
    assert not torch.allclose(still, stage.condense(scenes, bank, turns, noise).tokens, atol=1e-2)
