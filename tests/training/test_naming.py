from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.naming import named_tokens, naming_loss
from linvt_cli.training.storyboard import Selection, whole_still


def test_cells_that_show_a_thing_are_named_after_it(bank: ClipBank) -> None:
    """In the bank's clips, thing 0 fills cell 1 of every frame; foreign clips have no names."""
    scenes = [bank.all_scenes()[0], bank.all_scenes()[-1], bank.all_scenes()[1]]
    names = named_tokens(bank, scenes, [whole_still(frame, 4) for frame in (3, 3, 0)])
    first, last = scenes[0].clip, scenes[2].clip
    assert first is not None
    assert last is not None
    assert names == [(1, first.things[0].phrase), (9, last.things[0].phrase)]


def test_a_token_blended_from_two_places_is_not_named(bank: ClipBank) -> None:
    chosen = Selection(np.array([1, 1]), np.array([2, 2]), np.array([0.6, 1.0]))
    assert [row for row, _ in named_tokens(bank, bank.all_scenes()[:1], [chosen])] == [1]


def test_the_loss_is_low_where_the_word_itself_stands(nano: Nano) -> None:
    table = nano.model.language_model.get_input_embeddings()
    ids = nano.tokenizer.encode("x").ids
    table_VD = table(torch.arange(nano.model.config.vocab_size)).detach()
    right = 50 * table_VD[ids[-1:]].repeat(2, 1)
    others = 50 * table_VD[5:7]
    names = [(0, "x"), (1, "x")]
    assert naming_loss(nano, right, names) < naming_loss(nano, others, names)
    assert naming_loss(nano, right, []).item() == pytest.approx(0.0)
