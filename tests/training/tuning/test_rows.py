from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from linvt_cli.training.tuning.learner import Learner, Study
from linvt_cli.training.tuning.rows import Row, answer_logits, read_rows
from linvt_cli.types import Turn
from tests.training.tuning.small import NAMES, make_learner, study


def rows_of(learner: Learner) -> list[Row]:
    """Three rows of different lengths, one behind a history, one of a single frame."""
    backbone = learner.backbone
    history = [Turn("Who?", "A dog.")] if backbone.converses else []
    studies: list[Study] = [
        study(backbone, "What happens?", "It runs away.", num_frames=5),
        study(backbone, "Why?", "No.", history=history),
        study(backbone, "And where to, then?", "x", num_frames=1),
    ]
    return [row for each in studies for row in learner.rows(each)]


def step_by_step(learner: Learner, row: Row) -> torch.Tensor:
    """The logits of an answer as decoding would see them, one token after the other."""
    backbone = learner.backbone
    logits, cache = backbone.step(
        row.prompt.inputs_embeds, None, positions=row.prompt.positions, logits_to_keep=1
    )
    seen = [logits[0, -1]]
    for token in row.answer_ids[:-1]:
        logits, cache = backbone.step(backbone.embed_text([token])[None], cache, logits_to_keep=1)
        seen.append(logits[0, -1])
    return torch.stack(seen)


@pytest.mark.parametrize("layout", ["flat", "time"])
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_padded_batch_reads_each_answer_as_decoding_does(name, layout):
    learner = make_learner(name, position_layout=layout)
    rows = rows_of(learner)
    together = answer_logits(learner.backbone, rows)
    for row, logits in zip(rows, together, strict=True):
        torch.testing.assert_close(logits, step_by_step(learner, row), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_loss_is_the_weighted_sum_over_answer_tokens_alone():
    learner = make_learner("tiny nano")
    first, second = rows_of(learner)[:2]
    logits = answer_logits(learner.backbone, [first, second])
    expected = sum(
        row.weight * F.cross_entropy(each, torch.tensor(row.answer_ids), reduction="sum")
        for row, each in zip([first, second], logits, strict=True)
    )
    torch.testing.assert_close(read_rows(learner.backbone, [first, second]), expected)
