from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.coverage import (
    TokenShares,
    coverage_loss,
    own_shares,
    places,
    shown_cells,
    things_in_sight,
    things_to_cover,
    token_shares,
    tokens_of_things,
)
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.features import (
    NUM_FRAMES,
    ClipSet,
    FeatureCache,
    cells_covered,
    frame_fractions,
)
from linvt_cli.training.schedule import HARD, MAX_THINGS
from linvt_cli.training.vocabulary import Action
from linvt_cli.training.world import Clip, Event, in_view, make_clip, state_at

KEPT = torch.tensor([[0, 1, 4, 5]])  # of 2 frames of 4 cells: cells 0 and 1 of both


def shown(*cells: tuple[int, int, int]) -> torch.Tensor:
    """One clip of 2 frames of 4 cells, in which (frame, thing, cell) shows that thing."""
    shown_BTAN = torch.zeros(1, 2, 2, 4)
    for frame, thing, cell in cells:
        shown_BTAN[0, frame, thing, cell] = 1
    return shown_BTAN


def test_half_a_cell_shows_a_thing_as_well_as_all_of_it(bank: ClipBank) -> None:
    bank.cache.cover[0, :, 0] = np.array([0, 64, 128, 255], np.uint8)
    cells = shown_cells(bank, [Scene(0, False, None)])
    assert cells.shape == (1, NUM_FRAMES, MAX_THINGS, 4)
    torch.testing.assert_close(
        cells[0, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.0]), atol=0.01, rtol=0
    )


def loss_of(weights: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    return coverage_loss(token_shares(weights, KEPT, cells), things_in_sight(cells))


def test_a_share_is_the_weight_on_the_cells_of_a_thing_in_a_frame() -> None:
    weights = torch.tensor([[[0.1, 0.2, 0.3, 0.4]]])
    shares = token_shares(weights, KEPT, shown((0, 0, 0), (0, 0, 1), (1, 1, 1)))
    expected = torch.tensor([[[[0.3, 0.0], [0.0, 0.4]]]])  # frame by thing
    torch.testing.assert_close(shares.things, expected)
    torch.testing.assert_close(shares.frames, torch.tensor([[[0.3, 0.7]]]))


def test_what_was_not_kept_is_not_shown() -> None:
    shares = token_shares(torch.full((1, 1, 4), 0.25), KEPT, shown((0, 0, 3)))
    assert shares.things.sum() == 0


def test_a_thing_that_can_hardly_be_seen_need_not_be_covered() -> None:
    cells = shown((0, 0, 0), (1, 1, 1))
    cells[0, 0, 0, 0] = 0.4
    assert things_in_sight(cells).tolist() == [[[False, False], [False, True]]]


def test_the_best_token_of_each_thing_and_frame_counts() -> None:
    weights = torch.tensor([[[0.5, 0.5, 0.0, 0.0], [0.25, 0.0, 0.25, 0.5]]])
    loss = loss_of(weights, shown((0, 0, 0), (1, 0, 0)))
    assert loss.item() == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2, abs=5e-3)


def test_two_things_of_a_frame_have_two_tokens_and_the_best_pair_is_first() -> None:
    things = torch.tensor([[0.9, 0.8], [0.5, 0.1], [0.0, 0.3]])  # (K, A)
    shares = TokenShares(things[None, :, None], torch.ones(1, 3, 1))
    own = own_shares(shares, torch.ones(1, 1, 2, dtype=torch.bool))
    torch.testing.assert_close(own, torch.tensor([[[0.9, 0.3]]]))


def test_a_thing_that_no_token_shows_takes_a_token_of_its_frame() -> None:
    logits = torch.zeros(1, 2, 4)
    logits[0, 0, 1] = logits[0, 1, 3] = 4.0  # what the two look at, in frames 0 and 1
    logits.requires_grad_()
    loss_of(logits.softmax(-1), shown((1, 0, 0))).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    other, nearby = logits.grad[0].abs().amax(dim=-1)
    assert nearby > 0
    assert other == 0


def test_tokens_are_left_where_fewer_things_than_most_are_in_sight() -> None:
    things = torch.tensor([[0.2, 0.7], [0.6, 0.0]])
    shares = TokenShares(things[None, :, None], torch.ones(1, 2, 1))
    own = own_shares(shares, torch.tensor([[[False, True]]]))
    assert own[0, 0, 1].item() == pytest.approx(0.7)


def test_a_video_of_nothing_costs_nothing() -> None:
    weights = torch.full((1, 2, 4), 0.25, requires_grad=True)
    loss = loss_of(weights, shown())
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0


def test_the_loss_pulls_weight_to_things() -> None:
    cells = shown((0, 0, 0), (0, 1, 1))  # both in one frame: one token each
    logits = torch.zeros(1, 2, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    torch.manual_seed(0)
    with torch.no_grad():
        logits += 0.1 * torch.randn_like(logits)  # two equal tokens would stay equal
    for _ in range(200):
        loss = loss_of(logits.softmax(-1), cells)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("seed", range(6))
def test_where_tokens_do_not_suffice_things_are_covered_while_they_act(seed: int) -> None:
    clip = make_clip(seed, "train", HARD)
    covered = things_to_cover(clip, 64, 80)
    times = (np.arange(64) + 0.5) / 64
    for frame, now in enumerate(times):
        acting = {e.thing for e in clip.events if e.start <= now <= e.end}
        near = {e.thing for e in clip.events if e.start - 1.6 / 64 <= now <= e.end + 1.6 / 64}
        assert acting <= set(np.flatnonzero(covered[frame])) <= near
    for event in clip.events:  # a sudden one too shows before and after
        of_thing = times[covered[:, event.thing]]
        assert (of_thing < event.start).any()
        assert (of_thing > event.end).any()


def test_all_things_are_covered_where_tokens_suffice() -> None:
    assert things_to_cover(make_clip(0, "train"), 16, 80).all()
    assert things_to_cover(make_clip(0, "train", HARD), 64, 64 * 6).all()
    assert things_to_cover(None, 64, 8).all()


def test_tokens_that_mostly_show_one_thing_are_known_by_it() -> None:
    shares = TokenShares(torch.zeros(2, 3, 2, MAX_THINGS), torch.zeros(2, 3, 2))
    shares.things[0, 0, 0, 0] = 0.5
    shares.things[1, 1, 0, 2] = 0.7
    shares.things[1, 2, 0, 0] = 0.5
    rows, sequences, things = tokens_of_things(shares)
    assert (rows.tolist(), sequences.tolist(), things.tolist()) == ([4], [1], [2])


GRID = 6
NUM_WORLDLY = 24


@pytest.fixture(scope="module")
def drawn_bank(nano: Nano) -> ClipBank:
    """Clips whose things cover what they really cover, and a foreign one."""
    clips = ClipSet("train", 0, NUM_WORLDLY, 1)
    cover = np.zeros((len(clips), NUM_FRAMES, MAX_THINGS, GRID * GRID), np.uint8)
    for index in range(NUM_WORLDLY):
        clip = make_clip(index, "train")
        for frame, now in enumerate(frame_fractions()):
            cover[index, frame] = cells_covered(clip, float(now), GRID)
    features = np.zeros((len(clips), NUM_FRAMES, GRID * GRID, 1), np.float16)
    return ClipBank(nano, FeatureCache(features, cover, clips))


def scenes_of(bank: ClipBank) -> list[Scene]:
    """Clips as they are, backwards, and through a symmetry."""
    chance = np.random.default_rng(0)
    return bank.all_scenes() + [bank.draw(chance) for _ in range(60)]


def acts(bank: ClipBank, *actions: Action) -> Iterator[tuple[Scene, Clip, Event]]:
    """Every event of some kinds in the scenes of a bank."""
    for scene in scenes_of(bank):
        if scene.clip is not None:
            yield from (
                (scene, scene.clip, event) for event in scene.clip.events if event.action in actions
            )


def hidden_frames(clip: Clip, event: Event) -> list[int]:
    """Frames of an event, and right before and after it, in which its thing is not seen."""
    step = 1 / NUM_FRAMES
    return [
        frame
        for frame, now in enumerate(frame_fractions().tolist())
        if event.start - step <= now < event.end + step
        and not state_at(clip, event.thing, now).visible
    ]


def test_what_can_be_seen_is_covered_where_it_is(drawn_bank: ClipBank) -> None:
    for scene in scenes_of(drawn_bank):
        shown_TAN = drawn_bank.cover(scene)
        seen_TA = shown_TAN.max(axis=-1) > 0
        assert (places(drawn_bank, scene)[seen_TA] == shown_TAN[seen_TA]).all()


@pytest.mark.parametrize("action", ["blinks", "appears", "disappears"])
def test_the_place_of_what_is_hidden_for_a_moment_counts(
    drawn_bank: ClipBank, action: Action
) -> None:
    checked = 0
    for scene, clip, event in acts(drawn_bank, action):
        cover, filled = drawn_bank.cover(scene), places(drawn_bank, scene)
        moment = (event.start + event.end) / 2
        times = frame_fractions().tolist()
        seen = [frame for frame, now in enumerate(times) if in_view(clip, event.thing, now)]
        nearest = min(seen, key=lambda frame: abs(times[frame] - moment))
        for frame in hidden_frames(clip, event):
            free_N = cover[frame].max(axis=0) == 0
            expected = np.where(free_N, cover[nearest, event.thing], 0)
            assert (abs(filled[frame, event.thing].astype(int) - expected) <= 1).all()
            checked += 1
    assert checked > 10


def test_what_is_gone_for_good_or_has_left_the_frame_has_no_place(drawn_bank: ClipBank) -> None:
    for scene, _, event in acts(drawn_bank, "leaves", "disappears"):
        long_gone_T = frame_fractions() >= event.end + 2 / NUM_FRAMES
        assert places(drawn_bank, scene)[long_gone_T, event.thing].max(initial=0) == 0


def test_a_foreign_clip_has_no_places(drawn_bank: ClipBank) -> None:
    assert not places(drawn_bank, Scene(NUM_WORLDLY, False, None)).any()
