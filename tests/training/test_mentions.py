from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.mentions import (
    Mention,
    MentionReader,
    find_mentions,
    mention_labels,
    shown_still,
)
from linvt_cli.training.narration import history
from linvt_cli.training.packing import IGNORED, encode_turn, pack
from linvt_cli.training.vocabulary import PLACES
from linvt_cli.training.world import place_name, state_at


def scene_of(bank: ClipBank) -> Scene:
    return bank.all_scenes()[0]


def test_a_mention_is_where_a_name_ends(nano: Nano, bank: ClipBank) -> None:
    scene = scene_of(bank)
    assert scene.clip is not None
    phrase = scene.clip.things[0].phrase
    turns = [
        [
            encode_turn(nano, "count", "how many?", "One."),
            encode_turn(nano, "place", f"where is the {phrase} now?", "In the middle."),
        ]
    ]
    batch = pack(nano, [5], turns)
    (found,) = find_mentions(nano, batch, [scene], turns, [None])
    assert found.sequence == 0
    row = batch.ids[0].tolist()
    name = nano.tokenizer.encode(phrase).ids
    assert row[found.position - len(name) + 1 : found.position + 1] == name
    assert batch.turn_of[0, found.position] == 2


def test_a_mention_tells_where_its_thing_is_and_what_it_does(nano: Nano, bank: ClipBank) -> None:
    for scene in bank.all_scenes()[:6]:
        clip = scene.clip
        assert clip is not None
        for thing, named in enumerate(clip.things):
            question = f"where is the {named.phrase}?"
            turns = [[encode_turn(nano, "place", question, "No.")]]
            batch = pack(nano, [5], turns)
            found = find_mentions(nano, batch, [scene], turns, [None])
            if len(found) > 1:  # one name is part of another
                continue
            classes = found[0].classes
            assert classes[2:] == history(clip, thing)
            (still,) = find_mentions(nano, batch, [scene], turns, [7])
            assert set(still.classes[2:]) == {IGNORED}
            placed = state_at(clip, thing, 7.5 / 16)
            if placed.visible and 0 < placed.x < 1 and 0 < placed.y < 1:
                name = place_name(placed.x, placed.y)
                assert [n for row in PLACES for n in row][still.classes[0]] == name
            else:
                assert still.classes[0] == IGNORED


def test_foreign_clips_mention_nothing(nano: Nano, bank: ClipBank) -> None:
    turns = [[encode_turn(nano, "foreign", "where is the dog?", "No.")]]
    batch = pack(nano, [5], turns)
    assert find_mentions(nano, batch, [bank.all_scenes()[-1]], turns, [None]) == []


def test_the_loss_reads_the_places_of_mentions_and_skips_what_is_not_told() -> None:
    torch.manual_seed(0)
    reader = MentionReader(8)
    states = [torch.randn(2, 6, 8, requires_grad=True) for _ in range(5)]
    told = Mention(1, 4, (0, IGNORED, 1, 0, 2, 1, 0, 2))
    nothing = Mention(0, 2, (IGNORED,) * 8)

    def loss_of(*mentions: Mention) -> torch.Tensor:
        return reader.loss(states, *map(torch.from_numpy, mention_labels(mentions)))

    assert loss_of().item() == 0
    assert loss_of(nothing).item() == 0
    loss = loss_of(told, nothing)
    assert loss.item() == pytest.approx(loss_of(told).item())
    torch.autograd.backward(loss)
    touched = [state.grad for state in states if state.grad is not None]
    assert len(touched) == 1
    assert (touched[0].abs().sum(dim=-1) > 0).nonzero().tolist() == [[1, 4]]


def test_a_still_is_known_by_its_one_frame() -> None:
    assert shown_still(np.array([3, 3, 3])) == 3
    assert shown_still(np.array([0, 3, 3])) is None
