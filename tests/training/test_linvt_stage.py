from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.config import LinVTConfig
from linvt_cli.training import linvt_stage as linvt_stage_module
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.linvt_stage import (
    LinVTStage,
    Weighed,
    condense,
    condense_drawn,
    project_clips,
)
from linvt_cli.training.packing import encode_turn
from linvt_cli.training.readers import Readers
from linvt_cli.training.symmetry import Symmetry
from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano

CONFIG = LinVTConfig(
    embed_dim=24, scales=(1, 2), num_queries=(4, 4), num_kept=32, score_dim=16, num_heads=2
)


def weights_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def linvt_stage(
    nano: Nano, bank: ClipBank, *, num_steps: int = 3, readers: Readers | None = None
) -> LinVTStage:
    torch.manual_seed(0)
    return LinVTStage(
        nano,
        LinearVideoTokenizer(CONFIG),
        bank,
        bank,
        name="linvt",
        num_steps=num_steps,
        batch_size=3,
        turns_per_clip=2,
        readers=readers,
    )


def test_the_linvt_stage_moves_every_part_of_linvt_and_leaves_nano_alone(
    bank: ClipBank, tmp_path: Path
) -> None:
    nano = tiny_nano()
    stage = linvt_stage(nano, bank)
    before, linvt_before = weights_of(nano.model), weights_of(stage.linvt)
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    assert all(now.equal(before[name]) for name, now in nano.model.state_dict().items())
    still = {
        name for name, now in stage.linvt.state_dict().items() if now.equal(linvt_before[name])
    }
    # A bias of keys, and of the scores' common level, drops out of a softmax.
    assert all(name.endswith(("k_proj.bias", "key_proj.bias")) for name in still), still


def test_the_same_step_has_the_same_loss(bank: ClipBank) -> None:
    stage = linvt_stage(tiny_nano(), bank)
    assert stage.loss(5).item() == stage.loss(5).item()
    assert stage.loss(5).item() != stage.loss(6).item()


def test_training_condenses_as_inference_does(bank: ClipBank) -> None:
    """Guards the shortcut of refining a clip once for all of its questions."""
    stage = linvt_stage(tiny_nano(), bank)
    scenes = bank.all_scenes()[:2]
    stage.linvt.eval()
    visual = project_clips(stage.nano, bank, scenes, None)
    questions = ["what moves?", "how many things are there?", "who?", "where is the dog?"]
    turns = [encode_turn(stage.nano, "describe", question, "Yes.") for question in questions]
    with torch.no_grad():
        batched = condense(stage.nano, stage.linvt, visual, turns).tokens
        for row, question in enumerate(questions):
            text = stage.nano.embed_text(stage.nano.encode_question(question))
            times = torch.arange(16).float()[None]
            alone = stage.linvt(visual[row // 2][None], times, (2, 2), text[None])
            torch.testing.assert_close(batched[row], alone[0], atol=1e-4, rtol=1e-4)


def test_visual_tokens_are_those_of_inference_unless_they_are_disturbed(bank: ClipBank) -> None:
    nano = tiny_nano()
    scenes = bank.all_scenes()[:2]
    features = torch.stack([torch.from_numpy(bank.features(scene)).float() for scene in scenes])
    expected = nano.model.project(features)
    disturbed = project_clips(nano, bank, scenes, torch.Generator().manual_seed(0))
    assert not torch.allclose(disturbed, expected, atol=1e-2)
    torch.testing.assert_close(project_clips(nano, bank, scenes, None), expected)


def test_tokens_are_disturbed_to_learn_from_and_never_to_be_validated(
    bank: ClipBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = linvt_stage(tiny_nano(), bank)
    disturbed: list[bool] = []

    def condense(*args: Any) -> Weighed:
        disturbed.append(args[-1] is not None)
        return condense_drawn(*args)

    monkeypatch.setattr(linvt_stage_module, "condense_drawn", condense)
    for learns in (True, False):  # as when other weights do, too
        stage.linvt.train(learns)
        disturbed.clear()
        stage.loss(0)
        assert disturbed == [True]
        disturbed.clear()
        stage.validate()
        assert disturbed
        assert not any(disturbed)


def test_positions_stay_where_they_are_when_a_scene_is_turned(bank: ClipBank) -> None:
    nano = tiny_nano()
    positions = torch.arange(4.0)[:, None].expand(-1, 24)
    nano.model.positions.data.copy_(positions)
    scenes = [Scene(0, False, None), Scene(0, False, None, Symmetry(flips_x=True))]
    plain, turned = project_clips(nano, bank, scenes, None)
    torch.testing.assert_close(turned - positions, (plain - positions)[:, [1, 0, 3, 2]])


def test_readers_are_heard_and_stay_as_they_are(bank: ClipBank, tmp_path: Path) -> None:
    nano = tiny_nano()
    readers = Readers(nano.embed_dim)
    before = weights_of(readers)
    stage = linvt_stage(nano, bank, readers=readers)
    assert stage.loss(5).item() > linvt_stage(nano, bank).loss(5).item()
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    assert all(now.equal(before[name]) for name, now in readers.state_dict().items())
