"""Hard clips keep what usual ones promise, in 64 frames, and are asked for more."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

import numpy as np
import pytest

from linvt_cli.training.questions import Question, ask_about, sentences
from linvt_cli.training.schedule import HARD, USUAL
from linvt_cli.training.vocabulary import ACTIONS, ARRIVALS, DEPARTURES, NUMBER_WORDS, ORDINALS
from linvt_cli.training.world import Clip, Event, make_clip, play_backwards, state_at
from tests.training.test_world import held_out_pairs, require_apart

TRAIN = [make_clip(seed, "train", HARD) for seed in range(120)]
TEST = [make_clip(seed, "test", HARD) for seed in range(40)]
CLIPS = TRAIN + TEST
SAMPLED = (np.arange(HARD.num_frames) + 0.5) / HARD.num_frames


def seen(clip: Clip, event: Event) -> list[bool]:
    return [state_at(clip, event.thing, float(f)).visible for f in SAMPLED]


def asked(clip: Clip, kind: str, seed: int = 0) -> list[Question]:
    questions = ask_about(clip, np.random.default_rng(seed))
    return [question for question in questions if question.kind == kind]


def test_they_are_long_and_hold_more() -> None:
    assert {len(clip.things) for clip in TRAIN} == {2, 3, 4, 5, 6}
    assert {len(clip.events) for clip in TRAIN} == {4, 5, 6, 7, 8}
    assert all(20 <= clip.duration <= 60 and clip.fps <= 15 for clip in CLIPS)
    assert {event.action for clip in TRAIN for event in clip.events} == set(ACTIONS)


def test_many_things_are_as_frequent_as_few() -> None:
    counts = np.bincount([len(clip.things) for clip in CLIPS], minlength=7)[2:]
    assert counts.min() > len(CLIPS) / 5 / 2


def test_the_same_seed_gives_the_same_clip_and_no_usual_one() -> None:
    for clip in CLIPS[::20]:
        assert make_clip(clip.seed, clip.split, HARD) == clip
        assert make_clip(clip.seed, clip.split).things != clip.things
    assert make_clip(0, "train") == make_clip(0, "train", USUAL)


def test_combinations_are_held_out_as_ever() -> None:
    backwards = [play_backwards(clip) for clip in TRAIN]
    assert not any(held_out_pairs(clip) for clip in [*TRAIN, *filter(None, backwards)])
    assert all(held_out_pairs(clip) for clip in TEST)


def test_events_follow_one_another_and_each_is_told_once() -> None:
    for clip in CLIPS:
        assert all(after.start > before.end for before, after in pairwise(clip.events))
        assert len(set(sentences(clip))) == len(clip.events)
        for thing in range(len(clip.things)):
            actions = [event.action for event in clip.events if event.thing == thing]
            assert len(actions) <= 3
            assert not set(actions[1:]) & ARRIVALS
            assert not set(actions[:-1]) & DEPARTURES


def test_64_frames_show_every_event() -> None:
    for clip in CLIPS:
        for event in clip.events:
            if event.end > event.start:
                assert ((event.start <= SAMPLED) & (event.end > SAMPLED)).sum() >= 2
            if event.action in ("appears", "disappears"):
                before = int((event.start > SAMPLED).sum())
                assert len(set(seen(clip, event)[before - 1 : before + 1])) == 2
            if event.action == "blinks":
                around = [
                    visible
                    for fraction, visible in zip(SAMPLED, seen(clip, event), strict=True)
                    if event.start - 0.017 <= fraction <= event.end + 0.017
                ]
                assert [key for key, _ in groupby(around)] == [True, False, True, False, True]


def test_things_in_view_never_overlap() -> None:
    for clip in CLIPS[::4]:
        require_apart(clip, 161)


@pytest.mark.parametrize("clip", CLIPS[::16])
def test_events_are_counted_and_asked_for_by_number(clip: Clip) -> None:
    (events,) = asked(clip, "events")
    assert events.answer == f"{NUMBER_WORDS[len(clip.events)].capitalize()}."
    (things,) = asked(clip, "count")
    assert things.answer == f"{NUMBER_WORDS[len(clip.things)].capitalize()}."
    for seed in range(6):
        (nth,) = asked(clip, "nth", seed)
        words = re.findall(r"\w+", nth.text)
        (place,) = (place for place, word in enumerate(ORDINALS) if word in words)
        assert 0 < place < len(clip.events) - 1
        assert nth.answer == sentences(clip)[place]


def test_usual_clips_are_asked_nothing_new() -> None:
    for seed in range(40):
        clip = make_clip(seed, "train")
        assert not asked(clip, "events")
        assert not asked(clip, "nth")
