from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from linvt_cli.errors import MachineError
from linvt_cli.training.questions import Question, ask_about
from linvt_cli.training.video_data import world
from linvt_cli.training.video_data.world import WorldData, spread_over_kinds, write_world
from linvt_cli.training.world import Clip, make_clip
from linvt_cli.video.probe import probe_video


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the clips that were drawn; files hold no pictures, which takes less time."""
    seeds: list[int] = []

    def write(path: Path, clip: Clip) -> None:
        seeds.append(clip.seed)
        path.write_text(f"clip {clip.seed}")

    monkeypatch.setattr(world, "write_clip", write)
    return seeds


def test_a_clip_is_a_video_of_the_world_with_questions(tmp_path):
    ((first, *_),) = write_world(tmp_path, WorldData(1, seed=3, questions_per_clip=2))
    assert first["video"] == "clips/train-000003.mp4"
    assert (first["source"], set(first)) == (
        "nano-world",
        {"video", "question", "answer", "source", "kind"},
    )
    clip = make_clip(3, "train")
    assert probe_video(tmp_path / first["video"]).duration == pytest.approx(clip.duration, abs=0.3)
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["train-000003.mp4"]


def test_the_rows_of_a_clip_depend_on_its_number_alone(tmp_path, drawn):
    many = list(write_world(tmp_path, WorldData(3, seed=5)))
    (one,) = write_world(tmp_path / "other", WorldData(1, seed=6))
    assert many[1] == one
    assert len({row["kind"] for row in one}) == len(one) == 4
    assert many[0] != many[1]


def test_hard_clips_have_names_and_rows_of_their_own(tmp_path, drawn):
    (usual,) = write_world(tmp_path, WorldData(1, seed=6, questions_per_clip=40))
    (hard,) = write_world(tmp_path, WorldData(1, seed=6, questions_per_clip=40, hard=True))
    assert hard[0]["video"] == "clips/train-hard-000006.mp4"
    assert {"nth", "events"} <= {row["kind"] for row in hard} - {row["kind"] for row in usual}


def test_clips_that_are_there_are_kept_unless_redrawn(tmp_path, drawn):
    rows = list(write_world(tmp_path, WorldData(2, seed=5)))
    assert list(write_world(tmp_path, WorldData(3, seed=5)))[:2] == rows
    assert drawn == [5, 6, 7]
    list(write_world(tmp_path, WorldData(1, seed=5), redraw=True))
    assert drawn == [5, 6, 7, 5]


def test_a_clip_that_was_broken_off_is_drawn_again(tmp_path, monkeypatch, drawn):
    def interrupted(path: Path, clip: Clip) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world, "write_clip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(write_world(tmp_path, WorldData(1)))
    assert list((tmp_path / "clips").iterdir()) == []
    list(write_world(tmp_path, WorldData(1)))
    assert (tmp_path / "clips" / "train-000000.mp4").read_text() == "clip 0"


def test_splits_have_clips_of_their_own(tmp_path, drawn):
    (train,), (test,) = (
        list(write_world(tmp_path, WorldData(1, split=split))) for split in ("train", "test")
    )
    assert (train[0]["video"], test[0]["video"]) == (
        "clips/train-000000.mp4",
        "clips/test-000000.mp4",
    )


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot be made"):
        write_world(tmp_path / "file", WorldData(1))


def test_questions_are_spread_over_kinds() -> None:
    rng = np.random.default_rng(0)
    questions = ask_about(make_clip(5, "test"), rng)
    kinds = {question.kind for question in questions}
    picked = spread_over_kinds(questions, len(kinds), rng)
    assert {question.kind for question in picked} == kinds
    assert len(spread_over_kinds([Question("a", "?", "!")] * 3, 2, rng)) == 2
