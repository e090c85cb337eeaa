from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import frame_fractions
from linvt_cli.training.naming import (
    ShownThing,
    SizeReader,
    naming_loss,
    shown_things,
    sizes_of,
    words_of,
)
from linvt_cli.training.storyboard import Selection, whole_still
from linvt_cli.training.world import make_clip, size_in_square, state_at


def test_cells_that_show_a_thing_are_told_with_thing_and_frame(bank: ClipBank) -> None:
    """In the bank's clips, thing 0 fills cell 1 of every frame; foreign clips show nothing."""
    scenes = [bank.all_scenes()[0], bank.all_scenes()[-1], bank.all_scenes()[1]]
    shown = shown_things(bank, scenes, [whole_still(frame, 4) for frame in (3, 3, 0)])
    first, last = scenes[0].clip, scenes[2].clip
    assert first is not None
    assert last is not None
    assert shown == [ShownThing(1, first, 0, 3.5 / 16), ShownThing(9, last, 0, 0.5 / 16)]


def test_a_token_blended_from_two_places_is_not_named(bank: ClipBank) -> None:
    chosen = Selection(np.array([1, 1]), np.array([2, 2]), np.array([0.6, 1.0]))
    assert [one.row for one in shown_things(bank, bank.all_scenes()[:1], [chosen])] == [1]


def test_the_loss_is_low_where_the_word_itself_stands(nano: Nano) -> None:
    table = nano.model.language_model.get_input_embeddings()
    clip = make_clip(0, "train")
    ids = nano.tokenizer.encode(clip.things[0].phrase).ids
    table_VD = table(torch.arange(nano.model.config.vocab_size)).detach()
    right = 50 * table_VD[ids[-1:]].repeat(2, 1)
    others = 50 * table_VD[5:7]
    shown = [ShownThing(0, clip, 0, 0), ShownThing(1, clip, 0, 0)]
    words = torch.from_numpy(words_of(nano.text, shown))
    assert naming_loss(nano, right, words) < naming_loss(nano, others, words)
    nothing = torch.from_numpy(words_of(nano.text, []))
    assert naming_loss(nano, right, nothing).item() == pytest.approx(0.0)


def test_sizes_are_learnt_where_tokens_tell_them_and_only_there() -> None:
    clip = make_clip(3, "train")
    shown = [
        ShownThing(row, clip, thing, float(fraction))
        for row, (thing, fraction) in enumerate(
            (thing, fraction) for thing in range(len(clip.things)) for fraction in frame_fractions()
        )
    ]
    sizes = [size_in_square(clip, state_at(clip, one.thing, one.fraction).size) for one in shown]
    telling = torch.tensor(sizes).log()[:, None] * torch.linspace(-1, 1, 8) + torch.ones(8)
    losses = []
    for tokens in (telling, torch.ones(len(shown), 8)):
        torch.manual_seed(0)
        reader = SizeReader(8)
        optimizer = torch.optim.Adam(reader.parameters(), lr=0.05)
        for _ in range(200):
            loss = reader.loss(tokens, *map(torch.from_numpy, sizes_of(shown)))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] < 0.3 * losses[1]
    nothing = map(torch.from_numpy, sizes_of([]))
    assert SizeReader(8).loss(telling, *nothing).item() == pytest.approx(0.0)
