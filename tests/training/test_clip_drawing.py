from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from linvt_cli.training import linvt_stage
from linvt_cli.training.clip_drawing import ClipDrawing, QuestionDrawing, question_arrays
from linvt_cli.training.coverage import things_to_cover
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import NUM_FRAMES
from linvt_cli.training.linvt_stage import project_clips
from linvt_cli.training.narration import narration_labels
from linvt_cli.training.packing import encode_turn
from linvt_cli.training.symmetry import Symmetry
from tests.tiny_models import tiny_nano

FRAMES = np.arange(8) * 2


def test_drawings_go_to_another_process_and_draw_the_same_there(bank: ClipBank) -> None:
    for drawing in (ClipDrawing(bank, 3, seed=4), QuestionDrawing(bank, 3, 2, FRAMES, seed=3)):
        here, there = drawing(5), pickle.loads(pickle.dumps(drawing))(5)  # noqa: S301
        assert pickle.dumps(here) == pickle.dumps(there)
        assert pickle.dumps(here) != pickle.dumps(drawing(6))


def test_labels_of_a_clip_are_those_of_each_of_its_questions(bank: ClipBank) -> None:
    scenes = [bank.all_scenes()[0], bank.all_scenes()[-1]]
    drawn = QuestionDrawing(bank, 2, 3, FRAMES, seed=3).ask(scenes, np.random.default_rng(0))
    asked = [scene for scene in scenes for _ in range(3)]
    assert np.array_equal(drawn.narration, narration_labels(asked, [FRAMES] * 6))
    assert len(drawn.histories) == len(drawn.clips.question_ids) == len(drawn.layout.ids) == 6
    assert drawn.layout.is_video.sum() == 6 * len(FRAMES)


def test_hard_clips_are_drawn_with_all_of_their_frames(hard_bank: ClipBank) -> None:
    frames = np.arange(8) * 4  # fewer tokens than a token for each thing of each frame takes
    drawn = QuestionDrawing(hard_bank, 2, 3, frames, seed=3)(1)
    assert drawn.clips.rows.shape == (2, 32, hard_bank.num_cells)
    scenes = [hard_bank.all_scenes()[0], hard_bank.all_scenes()[-1]]
    asked = QuestionDrawing(hard_bank, 2, 3, frames, seed=3).ask(scenes, np.random.default_rng(0))
    assert np.array_equal(asked.covered[0], things_to_cover(scenes[0].clip, 32, 8))
    assert asked.covered[0].mean() < 0.5
    assert asked.covered[1].all()
    kinds = {
        kind
        for step in range(8)
        for (kind,) in QuestionDrawing(hard_bank, 6, 3, frames, seed=3)(step).layout.kinds
    }
    assert {"nth", "events"} <= kinds


def test_questions_are_padded_to_one_length() -> None:
    nano = tiny_nano()
    turns = [encode_turn(nano, "a", "who?", "No."), encode_turn(nano, "a", "what moves?", "No.")]
    ids, mask = question_arrays(turns)
    for row, text in enumerate(("who?", "what moves?")):
        assert ids[row][mask[row]].tolist() == nano.encode_question(text)


def test_rows_lead_to_the_features_of_a_scene(bank: ClipBank) -> None:
    for scene in (
        Scene(2, False, None),
        Scene(5, True, None, Symmetry(flips_x=True)),
        Scene(7, True, None, Symmetry(transposes=True, flips_y=True)),
    ):
        rows = bank.rows(scene)
        assert rows.shape == (NUM_FRAMES, bank.num_cells)
        read = bank.read(rows, torch.device("cpu"))
        assert np.array_equal(read.numpy(), bank.features(scene))


def test_clips_projected_at_once_are_those_projected_one_by_one(
    bank: ClipBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards what a GPU does."""
    nano, scenes = tiny_nano(), bank.all_scenes()[:3]
    one_by_one = project_clips(nano, bank, scenes, None)
    monkeypatch.setattr(linvt_stage, "at_once", lambda device: True)
    torch.testing.assert_close(project_clips(nano, bank, scenes, None), one_by_one)
    noise = torch.Generator().manual_seed(0)
    disturbed = project_clips(nano, bank, scenes, noise)
    assert disturbed.shape == one_by_one.shape
    assert not torch.allclose(disturbed, one_by_one, atol=1e-2)
