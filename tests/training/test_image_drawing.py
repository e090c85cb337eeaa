from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from linvt_cli.training import image_stage
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.image_drawing import DrawnPictures, PictureDrawing
from linvt_cli.training.image_stage import ImageStage
from linvt_cli.training.packing import IGNORED
from tests.tiny_models import tiny_nano


def drawing_of(bank: ClipBank) -> PictureDrawing:
    return PictureDrawing(
        bank,
        batch_size=6,
        num_tokens=16,
        sequence_length=200,
        stills_first=1,
        mixing=2,
        seed=1,
    )


def test_a_drawing_goes_to_another_process_and_draws_the_same_there(bank: ClipBank) -> None:
    drawing = drawing_of(bank)
    here, there = drawing(5), pickle.loads(pickle.dumps(drawing))(5)  # noqa: S301
    assert pickle.dumps(here) == pickle.dumps(there)
    assert pickle.dumps(here) != pickle.dumps(drawing(6))


def test_tokens_come_from_the_rows_of_their_scene(bank: ClipBank) -> None:
    drawn = drawing_of(bank)(5)
    flat = bank.cache.features.reshape(-1, bank.num_channels)
    read = bank.read(drawn.sources.first, torch.device("cpu"))
    assert np.array_equal(read.numpy(), flat[drawn.sources.first])
    assert sum(drawn.sources.counts) == len(drawn.sources.share) == len(drawn.narration)


def test_whole_stills_tell_nothing_of_events(bank: ClipBank) -> None:
    stills = drawing_of(bank)(0)  # all of them, in the first step
    assert (stills.narration == IGNORED).all()
    assert len(stills.histories[0]) == 0
    assert len(stills.sized[0]) > 0
    later = [drawing_of(bank)(step) for step in range(5, 9)]
    assert any((drawn.narration != IGNORED).any() for drawn in later)


def test_pictures_projected_at_once_are_those_projected_one_by_one(
    bank: ClipBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards what a GPU does."""
    stage = ImageStage(tiny_nano(), bank, bank, num_steps=1, num_tokens=16, batch_size=6)
    drawn: DrawnPictures = drawing_of(bank)(7)
    one_by_one = stage._tokens(drawn.sources, bank, None)
    monkeypatch.setattr(image_stage, "at_once", lambda device: True)
    torch.testing.assert_close(stage._tokens(drawn.sources, bank, None), one_by_one)
    disturbed = stage._tokens(drawn.sources, bank, torch.Generator().manual_seed(0))
    assert disturbed.shape == one_by_one.shape
    assert not torch.allclose(disturbed, one_by_one, atol=1e-2)


def test_pictures_are_disturbed_in_training_and_not_in_validation(
    bank: ClipBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against validation on noise: two looks at the same pictures would differ."""
    stage = ImageStage(tiny_nano(), bank, bank, num_steps=1, num_tokens=16, batch_size=6)
    seen: list[torch.Tensor] = []
    tokens = stage._tokens

    def noted(*given: object) -> torch.Tensor:
        seen.append(tokens(*given))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(stage, "_tokens", noted)
    with torch.no_grad():
        stage.validate()
        stage.validate()
        stage.loss(3)
        stage.loss(3)
        plain = tokens(stage.drawing(3).sources, bank, None)
    assert seen[0].equal(seen[1])
    assert seen[2].equal(seen[3])
    assert not torch.allclose(seen[3], plain, atol=1e-2)
