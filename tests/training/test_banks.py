from __future__ import annotations

from pathlib import Path

import torch

from linvt_cli.training.banks import clip_counter, hard_clips, make_banks
from linvt_cli.training.recipe_run import RecipeRun
from linvt_cli.training.schedule import BUSY, HARD, USUAL
from tests.tiny_models import tiny_nano
from tests.training.test_recipe import TINY


def test_all_difficulties_have_clips_of_their_own_splits(tmp_path: Path) -> None:
    lines: list[str] = []
    run = RecipeRun(tmp_path, torch.device("cpu"), 0, lines.append)
    banks = make_banks(run, TINY, tiny_nano(), lines.append)
    for bank, split, difficulty, count in (
        (banks.train, "train", USUAL, TINY.num_clips + TINY.num_foreign),
        (banks.validation, "validation", USUAL, 2),
        (banks.busy, "train", BUSY, TINY.num_busy),
        (banks.busy_validation, "validation", BUSY, TINY.num_validation_busy),
        (banks.hard, "train", HARD, TINY.num_hard),
        (banks.hard_validation, "validation", HARD, TINY.num_validation_hard),
    ):
        assert bank.num_frames == 16
        assert len(bank.all_scenes()) == count
        clip = bank.all_scenes()[0].clip
        assert clip is not None
        assert (clip.split, clip.difficulty) == (split, difficulty)
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == [
        "busy",
        "busy validation",
        "hard",
        "hard validation",
        "train",
        "validation",
    ]


def test_a_few_of_many_hard_clips_are_foreign() -> None:
    clips = hard_clips("train", 5, 100)
    assert (clips.first_seed, clips.num_clips, clips.num_foreign) == (5, 100, 5)
    assert clips.difficulty == HARD


def test_every_hundredth_clip_and_the_last_are_told() -> None:
    lines: list[str] = []
    tell = clip_counter("hard", lines.append)
    for done in range(1, 251):
        tell(done, 250)
    assert [line.split()[2] for line in lines] == ["100", "200", "250"]
