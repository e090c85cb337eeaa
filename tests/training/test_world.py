from __future__ import annotations

import hashlib
from itertools import groupby

import numpy as np
import pytest

from linvt_cli.training.schedule import BUSY, USUAL
from linvt_cli.training.stage import half_box
from linvt_cli.training.vocabulary import (
    ACTIONS,
    ARRIVALS,
    COLOURS,
    DEPARTURES,
    PLACES,
    SHAPES,
    Split,
    sprite_colours,
    sprite_names,
)
from linvt_cli.training.world import (
    Clip,
    Event,
    Thing,
    is_held_out,
    make_clip,
    place_name,
    play_backwards,
    size_in_square,
    state_at,
)

TRAIN = [make_clip(seed, "train") for seed in range(300)]
TEST = [make_clip(seed, "test") for seed in range(100)]
VALIDATION = [make_clip(seed, "validation") for seed in range(100)]
CLIPS = TRAIN + TEST + VALIDATION
HELD_OUT_FROM_GROWING = ["elephant", "parrot", "shark"]
PLANNED = "264a371418484520"
SAMPLED = (np.arange(16) + 0.5) / 16


def pairs(clip: Clip) -> list[tuple[Thing, str]]:
    return [(clip.things[event.thing], event.action) for event in clip.events]


def held_out_pairs(clip: Clip) -> int:
    return sum(is_held_out(clip.things[e.thing], e.action) for e in clip.events)


def seen(clip: Clip, event: Event) -> list[bool]:
    """Whether the thing of an event is visible in each of the 16 sampled frames."""
    return [state_at(clip, event.thing, float(f)).visible for f in SAMPLED]


def test_the_same_seed_and_split_give_the_same_clip() -> None:
    for clip in CLIPS[::25]:
        assert make_clip(clip.seed, clip.split) == clip


def test_what_a_clip_holds_never_changes() -> None:
    # Shipped weights were trained on exactly these, and measured on others.
    told = [
        (clip.things, [(e.thing, e.action, e.direction) for e in clip.events], clip.fps)
        for clip in CLIPS[::10]
    ]
    assert hashlib.sha256(repr(told).encode()).hexdigest()[:16] == PLANNED


def test_no_two_clips_coincide_within_or_between_splits() -> None:
    assert len({(clip.things, clip.events, clip.tracks) for clip in CLIPS}) == len(CLIPS)


def test_training_and_validation_hold_no_held_out_pair() -> None:
    assert not any(held_out_pairs(clip) for clip in TRAIN + VALIDATION)


def test_every_test_clip_holds_a_held_out_pair() -> None:
    assert all(held_out_pairs(clip) for clip in TEST)


def test_about_a_tenth_of_all_pairs_is_held_out_and_every_action_is_trained() -> None:
    things = [Thing(name) for name in sprite_names()]
    things += [Thing(shape, colour) for shape in SHAPES for colour in COLOURS]
    table = np.array([[is_held_out(thing, action) for action in ACTIONS] for thing in things])
    assert 0.07 < table.mean() < 0.13
    assert table.mean(axis=0).max() < 0.25
    assert not table.all(axis=1).any()


def test_which_pairs_are_held_out_never_changes() -> None:
    # Shipped weights were trained without exactly these.
    held = [name for name in sprite_names() if is_held_out(Thing(name), "grows")]
    assert held == HELD_OUT_FROM_GROWING


def test_backwards_a_training_clip_stays_free_of_held_out_pairs() -> None:
    reversed_clips = [play_backwards(clip) for clip in TRAIN]
    assert not any(held_out_pairs(clip) for clip in reversed_clips if clip)
    assert sum(clip is None for clip in reversed_clips) < len(TRAIN) / 2


def test_backwards_shows_the_same_states_in_reverse() -> None:
    for clip in TRAIN[:40]:
        if (backwards := play_backwards(clip)) is None:
            continue
        for thing in range(len(clip.things)):
            for fraction in SAMPLED:
                there = state_at(clip, thing, float(fraction))
                back = state_at(backwards, thing, float(1 - fraction))
                assert back.visible == there.visible
                assert (back.x, back.y, back.size) == pytest.approx((there.x, there.y, there.size))


def test_a_clip_holds_one_to_four_different_things_and_events() -> None:
    for clip in CLIPS:
        assert 1 <= len(clip.things) <= 4
        assert len({thing.phrase for thing in clip.things}) == len(clip.things)
        assert 1 <= len(clip.events) <= 4
        assert len(set(pairs(clip))) == len(clip.events)
    assert {len(clip.events) for clip in TRAIN} == {1, 2, 3, 4}
    assert {len(clip.things) for clip in TRAIN} == {1, 2, 3, 4}


def test_a_busy_clip_holds_events_enough_for_one_between_two_others() -> None:
    clips = [make_clip(seed, "train", BUSY) for seed in range(60)]
    assert {len(clip.events) for clip in clips} == {3, 4}
    assert {len(clip.things) for clip in clips} == {2, 3, 4}
    assert {clip.num_frames for clip in (BUSY, USUAL)} == {16}
    assert not any(held_out_pairs(clip) for clip in clips)
    assert clips[0].background != TRAIN[0].background  # it is no usual clip under another name


def test_all_actions_and_both_sorts_of_things_occur() -> None:
    assert {event.action for clip in TRAIN for event in clip.events} == set(ACTIONS)
    shapes = np.mean([thing.colour is not None for clip in TRAIN for thing in clip.things])
    assert 0.25 < shapes < 0.45


def test_events_follow_one_another_with_a_pause_inside_the_clip() -> None:
    for clip in CLIPS:
        assert clip.events[0].start >= 0.05
        assert clip.events[-1].end <= 0.951
        for before, after in zip(clip.events, clip.events[1:], strict=False):
            assert after.start - before.end >= 0.029


def test_arrivals_come_first_and_departures_last_for_every_thing() -> None:
    for clip in CLIPS:
        for thing in range(len(clip.things)):
            actions = [event.action for event in clip.events if event.thing == thing]
            assert len(actions) <= 2
            assert not set(actions[1:]) & ARRIVALS
            assert not set(actions[:-1]) & DEPARTURES


def test_a_thing_is_in_view_from_its_arrival_to_its_departure_only() -> None:
    for clip in CLIPS:
        for event in clip.events:
            if event.action in ARRIVALS:
                assert not state_at(clip, event.thing, event.start - 0.01).visible
                assert state_at(clip, event.thing, event.end + 0.01).visible
            if event.action in DEPARTURES:
                assert state_at(clip, event.thing, event.start - 0.01).visible
                assert not state_at(clip, event.thing, event.end + 0.01).visible


def test_sixteen_frames_show_every_gradual_event_at_least_twice() -> None:
    for clip in CLIPS:
        for event in clip.events:
            if event.end > event.start:
                assert ((event.start <= SAMPLED) & (event.end > SAMPLED)).sum() >= 2


def test_sixteen_frames_show_every_sudden_change_from_both_sides() -> None:
    for clip in CLIPS:
        for event in clip.events:
            if event.action in ("appears", "disappears"):
                num_before = int((event.start > SAMPLED).sum())
                assert 0 < num_before < len(SAMPLED)
                assert len(set(seen(clip, event)[num_before - 1 : num_before + 1])) == 2


def test_sixteen_frames_show_both_halves_of_a_blink() -> None:
    for clip in CLIPS:
        for event in clip.events:
            if event.action == "blinks":
                around = [
                    visible
                    for fraction, visible in zip(SAMPLED, seen(clip, event), strict=True)
                    if event.start - 0.07 <= fraction <= event.end + 0.07
                ]
                assert [key for key, _ in groupby(around)] == [True, False, True, False, True]


def test_slides_go_the_way_that_the_event_says() -> None:
    signs = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "top": (0, -1)}
    signs |= {"down": (0, 1), "bottom": (0, 1)}
    for clip in CLIPS:
        for event in clip.events:
            if event.direction is None:
                assert event.action not in ("enters", "leaves", "moves")
                continue
            first = state_at(clip, event.thing, event.start)
            last = state_at(clip, event.thing, event.end)
            towards = -1 if event.action == "enters" else 1
            way = np.sign(np.round([last.x - first.x, last.y - first.y], 6)) * towards
            assert tuple(way) == signs[event.direction]
            if event.action == "moves":
                assert abs(last.x - first.x) + abs(last.y - first.y) >= 0.3


def test_growing_and_shrinking_change_the_size_clearly() -> None:
    for clip in CLIPS:
        for event in clip.events:
            first = state_at(clip, event.thing, event.start).size
            last = state_at(clip, event.thing, event.end).size
            ratio = {"grows": last / first, "shrinks": first / last}.get(event.action)
            assert last == pytest.approx(first) if ratio is None else 1.6 <= ratio <= 2.05


def require_apart(clip: Clip, num_moments: int) -> None:
    """Fail if two things in view overlap at one of so many moments."""
    aspect = clip.width / clip.height
    for fraction in np.linspace(0, 1, num_moments):
        states = [state_at(clip, thing, float(fraction)) for thing in range(len(clip.things))]
        boxes = [(s.x, s.y, *half_box(s.size, aspect)) for s in states if s.visible]
        for i, one in enumerate(boxes):
            for other in boxes[:i]:
                apart_x = abs(one[0] - other[0]) >= one[2] + other[2]
                apart_y = abs(one[1] - other[1]) >= one[3] + other[3]
                assert apart_x or apart_y


def test_things_in_view_never_overlap() -> None:
    for clip in CLIPS[::3]:
        require_apart(clip, 41)


def test_things_rest_near_the_centre_of_a_place_of_their_own() -> None:
    for clip in CLIPS:
        for fraction in (0.0, 1.0):
            states = [state_at(clip, thing, fraction) for thing in range(len(clip.things))]
            resting = [state for state in states if state.visible]
            assert len({place_name(s.x, s.y) for s in resting}) == len(resting)
            for state in resting:
                for value in (state.x, state.y):
                    assert min(abs(value - centre) for centre in (1 / 6, 1 / 2, 5 / 6)) <= 0.05


def test_places_are_named_by_row_and_column() -> None:
    names = [place_name((c + 0.5) / 3, (r + 0.5) / 3) for r in range(3) for c in range(3)]
    assert names == [name for row in PLACES for name in row]


def test_the_size_in_a_square_is_the_root_of_the_area_there() -> None:
    for clip in CLIPS[:50]:
        half_x, half_y = half_box(0.25, clip.width / clip.height)
        assert size_in_square(clip, 0.25) == pytest.approx((4 * half_x * half_y) ** 0.5)


def test_shapes_stand_out_from_their_background() -> None:
    for clip in CLIPS:
        for thing in clip.things:
            rgb = COLOURS[thing.colour] if thing.colour else sprite_colours()[thing.name]
            for behind in clip.background.colours:
                distance = np.linalg.norm(np.subtract(rgb, behind))
                assert distance > (95 if thing.colour else 55)


@pytest.mark.parametrize("split", ["train", "test"])
def test_lengths_rates_and_sizes_are_those_of_small_videos(split: Split) -> None:
    for clip in [clip for clip in CLIPS if clip.split == split]:
        assert 2 <= clip.duration <= 20
        assert 5 <= clip.fps <= 30
        assert round(clip.duration * clip.fps) >= 32
        assert clip.width % 2 == clip.height % 2 == 0
