from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.training.examples import Scene
from linvt_cli.training.features import frame_fractions
from linvt_cli.training.naming import ShownThing
from linvt_cli.training.narration import (
    Narrator,
    histories,
    histories_of_things,
    history,
    narration_labels,
)
from linvt_cli.training.packing import IGNORED
from linvt_cli.training.schedule import HARD, USUAL, Difficulty
from linvt_cli.training.vocabulary import ACTIONS, all_phrases
from linvt_cli.training.world import make_clip

FRAMES = np.arange(len(frame_fractions()))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("difficulty", [USUAL, HARD], ids=lambda one: one.name)
def test_what_is_told_is_what_has_ended_by_then_latest_first(
    difficulty: Difficulty, seed: int
) -> None:
    clip = make_clip(seed, "train", difficulty)
    fractions = frame_fractions(difficulty.num_frames)
    frames = np.arange(len(fractions))
    labels = narration_labels([Scene(0, False, clip)], [frames], len(frames)).tolist()
    for now, row in zip(fractions, labels, strict=True):
        if any(event.start < now < event.end for event in clip.events):
            assert set(row) == {IGNORED}
            continue
        ended = [event for event in clip.events if event.end <= now][::-1][:2]
        for event, told in zip(ended, (row[:3], row[3:]), strict=False):
            assert all_phrases()[told[0] - 1] == clip.things[event.thing].phrase
            assert ACTIONS[told[1] - 1] == event.action
            assert (told[2] == 0) == (event.direction is None)
        assert row[3 * len(ended) : 6] == [0] * (6 - 3 * len(ended))


@pytest.mark.parametrize("seed", range(8))
def test_things_are_counted_as_they_come_into_view(seed: int) -> None:
    clip = make_clip(seed, "train")
    labels = narration_labels([Scene(0, False, clip)], [FRAMES])[:, -1]
    told = labels[labels != IGNORED].tolist()
    assert told == sorted(told)
    assert told[-1] == len(clip.things)


def test_nothing_is_told_of_a_foreign_clip() -> None:
    assert (narration_labels([Scene(0, False, None)], [FRAMES]) == IGNORED).all()


def test_rows_follow_the_frames_of_the_tokens() -> None:
    scene = Scene(0, False, make_clip(3, "train"))
    by_frame = narration_labels([scene], [FRAMES])
    picked = np.array([3, 3, 0, 15])
    both = narration_labels([scene, scene], [picked, FRAMES[:2]])
    assert np.array_equal(both, np.concatenate([by_frame[picked], by_frame[:2]]))


@pytest.mark.parametrize("seed", range(8))
def test_a_history_is_a_things_first_and_last_event_with_their_ranks(seed: int) -> None:
    clip = make_clip(seed, "train")
    for thing in range(len(clip.things)):
        own = [event for event in clip.events if event.thing == thing]
        told = history(clip, thing)
        if not own:
            assert set(told) == {0}
            continue
        for classes, event in ((told[:3], own[0]), (told[3:], own[-1])):
            assert ACTIONS[classes[0] - 1] == event.action
            assert (classes[1] == 0) == (event.direction is None)
            assert clip.events[classes[2] - 1] is event


def test_histories_of_all_things_are_those_of_each_and_foreign_clips_have_none() -> None:
    clip = make_clip(1, "train")
    told = histories_of_things([Scene(0, False, clip), Scene(1, False, None)])
    for thing in range(len(clip.things)):
        assert tuple(told[0, thing]) == history(clip, thing)
    assert not told[0, len(clip.things) :].any()
    assert not told[1].any()


def states_of(hidden: torch.Tensor) -> list[torch.Tensor]:
    return [hidden] * 5


def test_the_loss_reads_only_rows_that_tell_something() -> None:
    torch.manual_seed(0)
    narrator = Narrator(8)
    hidden = torch.randn(5, 8)
    labels = torch.zeros(5, 7, dtype=torch.long)
    labels[3:] = IGNORED
    loss = narrator.loss(states_of(hidden), labels)
    assert loss.item() == pytest.approx(narrator.loss(states_of(hidden[:3]), labels[:3]).item())
    assert narrator.loss(states_of(hidden[3:]), labels[3:]).item() == 0
    nothing = torch.empty(0, dtype=torch.long), torch.from_numpy(histories([]))
    assert narrator.own_loss(states_of(hidden), *nothing).item() == 0


def test_the_loss_is_small_where_the_heads_are_right() -> None:
    torch.manual_seed(0)
    narrator = Narrator(8)
    with torch.no_grad():
        narrator.told.proj.weight.zero_()
        narrator.told.proj.bias.zero_()
        starts = np.cumsum([0, *narrator.told.sizes[:-1]])
        narrator.told.proj.bias[torch.from_numpy(starts)] = 20.0  # class 0 of every part
    hidden = torch.randn(4, 8)
    right = torch.zeros(4, 7, dtype=torch.long)
    assert narrator.loss(states_of(hidden), right).item() < 1e-3
    assert narrator.loss(states_of(hidden), right + 1).item() > 10


def test_each_loss_reads_its_own_layer() -> None:
    torch.manual_seed(0)
    narrator = Narrator(8)
    states = [torch.randn(3, 8, requires_grad=True) for _ in range(5)]
    torch.autograd.backward(narrator.loss(states, torch.zeros(3, 7, dtype=torch.long)))
    assert [state.grad is not None for state in states] == [i == narrator.layer for i in range(5)]
    told = torch.from_numpy(histories([ShownThing(1, make_clip(0, "train"), 0, 5)]))
    torch.autograd.backward(narrator.own_loss(states, torch.tensor([1]), told))
    own = states[0].grad
    assert own is not None
    assert (own.abs().sum(dim=1) > 0).tolist() == [False, True, False]
