from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from linvt_cli.backbones.nano import Nano
from linvt_cli.config import LinVTConfig
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.linvt_stage import LinVTStage, project_features
from linvt_cli.training.narration import Narrator
from linvt_cli.training.packing import Turn, encode_turn
from linvt_cli.training.trainer import TrainingOptions, run_stage
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano

CONFIG = LinVTConfig(
    embed_dim=24, scales=(1, 2), num_queries=(4, 4), num_kept=32, score_dim=16, num_heads=2
)


def weights_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def linvt_stage(
    nano: Nano, bank: ClipBank, *, num_steps: int = 3, narrator: Narrator | None = None
) -> LinVTStage:
    torch.manual_seed(0)
    project_features(nano, bank)
    return LinVTStage(
        nano,
        LinearVideoTokenizer(CONFIG),
        bank,
        bank,
        name="linvt",
        num_steps=num_steps,
        batch_size=3,
        turns_per_clip=2,
        narrator=narrator,
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
    visual = torch.stack([bank.visual_tokens(scene) for scene in scenes]).float()
    questions = ["what moves?", "how many things are there?", "who?", "where is the dog?"]
    turns = [[_turn(stage.nano, question)] for question in questions]
    with torch.no_grad():
        batched = stage._condense(visual, turns)
        for row, question in enumerate(questions):
            text = stage.nano.embed_text(stage.nano.encode_question(question))
            times = torch.arange(16).float()[None]
            alone = stage.linvt(visual[row // 2][None], times, (2, 2), text[None])
            torch.testing.assert_close(batched[row], alone[0], atol=1e-4, rtol=1e-4)


def _turn(nano: Nano, question: str) -> Turn:

    return encode_turn(nano, "describe", question, "Yes.")


def test_a_narrator_is_heard_and_stays_as_it_is(bank: ClipBank, tmp_path: Path) -> None:
    nano = tiny_nano()
    narrator = Narrator(nano.embed_dim)
    before = weights_of(narrator)
    stage = linvt_stage(nano, bank, narrator=narrator)
    assert stage.loss(5).item() > linvt_stage(nano, bank).loss(5).item()
    run_stage(stage, tmp_path, TrainingOptions(), lambda metrics: None)
    assert all(now.equal(before[name]) for name, now in narrator.state_dict().items())
