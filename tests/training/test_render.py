from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linvt_cli.training.render import Renderer, draw_background
from linvt_cli.training.stage import Track
from linvt_cli.training.vocabulary import COLOURS, SHAPES, sprite_names
from linvt_cli.training.world import Background, Clip, Thing, make_clip, state_at

CLIPS = [make_clip(seed, "train") for seed in range(60)]
GREY = Background("plain", ((128, 128, 128), (128, 128, 128)), 0)
KINDS = ("plain", "gradient", "stripes", "checks", "dots", "clouds", "grain")
SAMPLED = (np.arange(16) + 0.5) / 16


@pytest.fixture
def renderer() -> Renderer:
    return Renderer()


def resting(thing: Thing, x: float = 0.5, y: float = 0.5, size: float = 0.4) -> Clip:
    """A clip in which one thing rests on grey."""
    track = Track((0.0, 1.0), (x, x), (y, y), (size, size), ())
    return replace(
        CLIPS[0],
        things=(thing,),
        tracks=(track,),
        events=(),
        background=GREY,
        width=200,
        height=100,
    )


def drawn(frame: np.ndarray) -> np.ndarray:
    """Where a frame differs from grey: (H, W)."""
    return np.asarray(np.abs(frame.astype(int) - 128).max(axis=-1) > 12)


def test_a_frame_has_the_size_of_the_clip_or_the_size_asked_for(renderer: Renderer) -> None:
    clip = CLIPS[1]
    frame = renderer.frame(clip, 0.5)
    assert frame.shape == (clip.height, clip.width, 3)
    assert frame.dtype == np.uint8
    assert renderer.frame(clip, 0.5, (64, 48)).shape == (48, 64, 3)


def test_a_frame_depends_on_clip_and_time_only(renderer: Renderer) -> None:
    expected = [Renderer().frame(clip, 0.4, (96, 72)) for clip in CLIPS[:8]]
    mixed = [renderer.frame(clip, 0.4, (96, 72)) for clip in CLIPS[:8]]
    again = [renderer.frame(clip, 0.4, (96, 72)) for clip in reversed(CLIPS[:8])][::-1]
    for one, two, three in zip(expected, mixed, again, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, three)


def test_frames_handed_out_may_be_written_to(renderer: Renderer) -> None:
    untouched = renderer.frame(CLIPS[2], 0.5).copy()
    renderer.frame(CLIPS[2], 0.5)[:] = 0
    assert np.array_equal(renderer.frame(CLIPS[2], 0.5), untouched)


def test_a_thing_is_drawn_at_its_place_and_in_its_size(renderer: Renderer) -> None:
    rows, columns = np.nonzero(drawn(renderer.frame(resting(Thing("circle", "red"), 0.25), 0.5)))
    assert columns.mean() == pytest.approx(0.25 * 200, abs=1)
    assert rows.mean() == pytest.approx(0.5 * 100, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(40, abs=2)
    assert np.ptp(rows) + 1 == pytest.approx(40, abs=2)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_has_its_colour_and_smooth_edges(
    renderer: Renderer, shape: str, colour: str
) -> None:
    frame = renderer.frame(resting(Thing(shape, colour)), 0.5)
    assert np.abs(frame[50, 100].astype(int) - COLOURS[colour]).max() <= 1
    pure = np.all(np.abs(frame.astype(int) - COLOURS[colour]) <= 2, axis=-1)
    edge = drawn(frame) & ~pure
    assert 0 < edge.sum() < pure.sum()


def test_shapes_differ_in_outline(renderer: Renderer) -> None:
    outlines = [drawn(renderer.frame(resting(Thing(shape, "blue")), 0.5)) for shape in SHAPES]
    for i, one in enumerate(outlines):
        for other in outlines[:i]:
            assert (one ^ other).sum() > 0.1 * (one | other).sum()


@pytest.mark.parametrize("name", sprite_names())
def test_every_sprite_ships_and_fills_its_box(renderer: Renderer, name: str) -> None:
    rows, columns = np.nonzero(drawn(renderer.frame(resting(Thing(name)), 0.5)))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(40, abs=3)
    assert rows.size > 0.2 * 40 * 40


def test_what_lies_beyond_the_edge_is_cut_off(
    renderer: Renderer,
) -> None:
    half = drawn(renderer.frame(resting(Thing("circle", "red"), x=0.0), 0.5))
    whole = drawn(renderer.frame(resting(Thing("circle", "red")), 0.5))
    assert half.sum() == pytest.approx(whole.sum() / 2, rel=0.1)
    assert half[:, :21].sum() == half.sum()
    assert not drawn(renderer.frame(resting(Thing("circle", "red"), x=-0.2), 0.5)).any()
    assert not drawn(renderer.frame(resting(Thing("circle", "red"), y=1.3), 0.5)).any()


def test_between_events_the_picture_stands_still(renderer: Renderer) -> None:
    for clip in CLIPS[:20]:
        for fraction in (0.0, clip.events[-1].end):
            one = renderer.frame(clip, fraction + 0.005, (96, 72))
            assert np.array_equal(one, renderer.frame(clip, fraction + 0.03, (96, 72)))


def test_every_event_changes_the_picture_between_sampled_frames(renderer: Renderer) -> None:
    for clip in CLIPS:
        frames = np.stack([renderer.frame(clip, float(f), (96, 72)) for f in SAMPLED]).astype(int)
        changed = np.abs(np.diff(frames, axis=0)).max(axis=-1) > 30
        for event in clip.events:
            near = (SAMPLED[1:] > event.start) & (SAMPLED[:-1] < event.end)
            if event.start == event.end:
                near = (SAMPLED[1:] >= event.start) & (SAMPLED[:-1] <= event.start)
            assert changed[near].sum(axis=(1, 2)).max() > 20, (clip.seed, event)


def test_a_hidden_thing_leaves_the_bare_background(renderer: Renderer) -> None:
    checked = 0
    for clip in CLIPS:
        if any(state_at(clip, thing, 0.99).visible for thing in range(len(clip.things))):
            continue
        expected = draw_background(clip.background, (96, 72))
        assert np.array_equal(renderer.frame(clip, 0.99, (96, 72)), expected)
        checked += 1
    assert checked


@pytest.mark.parametrize("kind", KINDS)
def test_backgrounds_stay_between_their_colours(kind: str) -> None:
    picture = draw_background(Background(kind, ((90, 100, 110), (120, 90, 140)), 3), (80, 60))
    assert picture.shape == (60, 80, 3)
    slack = 45 if kind == "grain" else 1
    assert (picture >= np.array((90, 90, 110)) - slack).all()
    assert (picture <= np.array((120, 100, 140)) + slack).all()
    is_plain = len(np.unique(picture.reshape(-1, 3), axis=0)) == 1
    assert is_plain == (kind == "plain")


def test_a_texture_is_decided_by_its_seed() -> None:
    colours = ((40, 40, 60), (90, 80, 60))
    one, same, other = (
        draw_background(Background("clouds", colours, seed), (80, 60)) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
