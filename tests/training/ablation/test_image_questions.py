from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.ablation import image_questions
from linvt_cli.training.ablation.image_questions import ask_about_stills
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.packing import PackedBatch, Reading, read_batch
from tests.tiny_models import tiny_nano


def test_two_models_are_asked_the_same_about_stills(bank: ClipBank) -> None:
    counts = [ask_about_stills(nano, bank) for nano in (tiny_nano(0), tiny_nano(1))]
    totals = [{kind: total for kind, (_, total) in each.items()} for each in counts]
    assert totals[0] == totals[1]
    assert sum(totals[0].values()) == 8 * len(bank.all_scenes())
    assert all(kind.startswith("still ") or kind in {"foreign", "off-topic"} for kind in totals[0])


def test_a_model_that_says_one_and_the_same_is_never_right(bank: ClipBank) -> None:
    """A language model whose last norm is silent gives every token the same logit: token 0."""
    nano = tiny_nano()
    with torch.no_grad():
        nano.model.language_model.model.norm.weight.zero_()
    assert all(right == 0 for right, _ in ask_about_stills(nano, bank).values())


def test_right_answers_are_counted(bank: ClipBank, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_right(nano: Nano, batch: PackedBatch, visual: torch.Tensor) -> Reading:
        read = read_batch(nano, batch, visual)
        right = torch.nn.functional.one_hot(read.labels, read.logits.shape[-1]).float()
        return replace(read, logits=right)

    monkeypatch.setattr(image_questions, "read_batch", read_right)
    counts = ask_about_stills(tiny_nano(), bank)
    assert counts
    assert all(right == total > 0 for right, total in counts.values())
