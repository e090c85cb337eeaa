from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.schedule import BUSY
from linvt_cli.training.symmetry import IDENTITY, SYMMETRIES, Symmetry
from linvt_cli.training.wordings import FOREIGN_ANSWER
from linvt_cli.training.world import is_held_out, play_backwards


def test_a_backwards_scene_has_the_features_and_the_story_backwards(bank: ClipBank) -> None:
    rng = np.random.default_rng(0)
    scenes = [bank.draw(rng) for _ in range(200)]
    backwards = next(
        s for s in scenes if s.backwards and s.clip is not None and s.symmetry == IDENTITY
    )
    forwards = bank.all_scenes()[backwards.index]
    assert forwards.clip is not None
    assert np.array_equal(bank.features(backwards), bank.features(forwards)[::-1])
    assert backwards.clip == play_backwards(forwards.clip)


def test_no_scene_shows_a_held_out_combination(bank: ClipBank) -> None:
    rng = np.random.default_rng(0)
    clips = [bank.draw(rng).clip for _ in range(100)]
    for clip in clips:
        for event in clip.events if clip else ():
            assert clip is not None
            assert not is_held_out(clip.things[event.thing], event.action)


def test_foreign_scenes_are_drawn_now_and_then_and_get_the_honest_answer(
    bank: ClipBank, nano: Nano
) -> None:
    rng = np.random.default_rng(0)
    scenes = [bank.draw(rng) for _ in range(400)]
    foreign = [scene for scene in scenes if scene.clip is None]
    assert 50 < len(foreign) < 110
    turns = bank.turns(foreign[0], 5, rng) + bank.still_turns(foreign[0], 0.5, 3, rng)
    assert {nano.detokenize(list(turn.answer)) for turn in turns} == {FOREIGN_ANSWER}
    assert {turn.kind for turn in turns} == {"foreign"}


def test_as_many_turns_come_as_are_asked_for(bank: ClipBank) -> None:
    rng = np.random.default_rng(0)
    assert {len(bank.turns(scene, 7, rng)) for scene in bank.all_scenes()} == {7}


def test_kinds_are_drawn_evenly_but_for_descriptions_and_order(bank: ClipBank) -> None:
    rng = np.random.default_rng(0)
    kinds = [turn.kind for turn in bank.turns(bank.all_scenes()[0], 600, rng)]
    assert 0.25 < kinds.count("describe") / 600 < 0.45
    apart = {"describe", "off-topic", "after", "before", "first", "last"}
    others = {kind: kinds.count(kind) for kind in set(kinds) - apart}
    assert max(others.values()) < 2.5 * min(others.values())


def test_features_follow_the_direction_of_the_scene(bank: ClipBank) -> None:
    forwards, backwards = Scene(0, False, None), Scene(0, True, None)
    assert np.array_equal(bank.features(forwards)[::-1], bank.features(backwards))


def test_a_turned_scene_has_its_cells_and_its_story_turned(bank: ClipBank) -> None:
    rng = np.random.default_rng(0)
    scenes = [bank.draw(rng) for _ in range(300)]
    assert {s.symmetry for s in scenes if s.clip is not None} == set(SYMMETRIES)
    mirrored = Symmetry(flips_x=True)
    plain = bank.all_scenes()[0]
    assert plain.clip is not None
    turned = Scene(0, False, mirrored.clip(plain.clip), mirrored)
    swapped = [1, 0, 3, 2]
    assert np.array_equal(bank.features(turned), bank.features(plain)[:, swapped])
    assert np.array_equal(bank.cover(turned), bank.cover(plain)[..., swapped])


def test_what_needs_the_order_of_events_is_asked_oftener(bank: ClipBank) -> None:
    rng = np.random.default_rng(0)
    scenes = [scene for scene in bank.all_scenes() if scene.clip and len(scene.clip.events) > 1]
    kinds = [turn.kind for scene in scenes for turn in bank.turns(scene, 400, rng)]
    share = {kind: kinds.count(kind) / len(kinds) for kind in ("describe", "after", "count")}
    assert share["describe"] == pytest.approx(0.3, abs=0.05)
    assert share["after"] > 2 * share["count"]


def test_busy_clips_are_asked_mostly_about_what_comes_before_and_after(bank: ClipBank) -> None:
    scenes = [scene for scene in bank.all_scenes() if scene.clip and len(scene.clip.events) > 1]
    busy = [replace(s, clip=replace(s.clip, difficulty=BUSY)) for s in scenes if s.clip]

    def share(scenes: list[Scene]) -> float:
        rng = np.random.default_rng(0)
        kinds = [turn.kind for scene in scenes for turn in bank.turns(scene, 400, rng)]
        return sum(kind in ("before", "after") for kind in kinds) / len(kinds)

    assert share(busy) > 1.3 * share(scenes)
