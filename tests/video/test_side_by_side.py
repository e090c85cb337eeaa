from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.video.side_by_side import decode_shares, shares_of, usable_cores

PIXELS = np.zeros((1, 1, 3), np.uint8)
LONG_STOPPED = 20.0  # s, in which a thread that is not stopped would have been


def from_key_frames(every: int) -> Callable[[Sequence[int]], float]:
    """What a decoder pays that seeks to a key frame wherever this saves it a frame."""

    def cost(frames: Sequence[int]) -> float:
        paid, position = 0, 0
        for frame in frames:
            start = max(position, frame // every * every)
            paid += frame + 1 - start
            position = frame + 1
        return float(paid)

    return cost


def quick(frames: Sequence[int], advance: Callable[[], None]) -> Iterator[tuple[int, np.ndarray]]:
    for frame in frames:
        advance()
        yield frame, PIXELS


def collect(
    decode: Callable[..., Iterator[tuple[int, np.ndarray]]], shares: Sequence[Sequence[int]]
) -> tuple[list[int], int]:
    """Numbers of the frames that come, and how often progress is told."""
    told: list[None] = []
    frames = [number for number, _ in decode_shares(decode, shares, lambda: told.append(None))]
    return sorted(frames), len(told)


def test_stretches_of_equal_cost_for_each_decoder():
    shares = shares_of(range(0, 3000, 100), from_key_frames(30), cores=2)
    assert [len(share) for share in shares] == [15, 15]
    assert len(shares_of(range(0, 3000, 100), from_key_frames(30), cores=16)) == 4


def test_one_decoder_where_the_way_to_the_second_half_leads_through_the_first():
    assert shares_of(range(0, 3000, 100), from_key_frames(10_000), cores=4) == [range(0, 3000, 100)]


def test_one_decoder_where_there_is_one_core_or_hardly_anything_to_decode():
    frames = range(0, 3000, 100)
    assert shares_of(frames, from_key_frames(30), cores=1) == [frames]
    assert shares_of([3, 33], from_key_frames(30), cores=2) == [[3, 33]]
    assert shares_of([], from_key_frames(30), cores=2) == [[]]


def test_two_decoders_where_four_would_do_too_much_twice():
    # Two key frames: no third decoder can begin anywhere else.
    shares = shares_of(range(0, 600, 10), from_key_frames(300), cores=8)
    assert [(share[0], share[-1]) for share in shares] == [(0, 290), (300, 590)]


@given(
    st.lists(st.integers(0, 5000), unique=True, max_size=40).map(sorted),
    st.integers(1, 400),
    st.integers(1, 9),
)
def test_every_frame_is_in_one_share_and_none_is_dearer_than_all(frames, every, cores):
    cost = from_key_frames(every)
    shares = shares_of(frames, cost, cores)
    assert [frame for share in shares for frame in share] == frames
    assert len(shares) <= min(4, cores)
    if len(shares) > 1:
        assert all(cost(share) < cost(frames) for share in shares)


@pytest.mark.parametrize("shares", [[range(50)], [range(20), range(20, 50)], [[1], [], [2], [7]]])
def test_all_frames_come_and_all_progress_is_told(shares):
    wanted = [frame for share in shares for frame in share]
    assert collect(quick, shares) == (wanted, len(wanted))


def test_shares_are_decoded_at_the_same_time():
    together = threading.Barrier(3, timeout=LONG_STOPPED)

    def decode(frames, advance):
        together.wait()
        yield from quick(frames, advance)

    assert collect(decode, [[0], [1], [2]])[0] == [0, 1, 2]


def endless(frames: Sequence[int], advance: Callable[[], None]) -> Iterator[tuple[int, np.ndarray]]:
    yield frames[0], PIXELS
    while True:
        advance()


def test_an_error_ends_the_other_decoders_and_is_raised():
    def decode(frames, advance):
        if frames[0] == 0:
            raise MemoryError("no room")
        yield from endless(frames, advance)

    before = threading.active_count()
    with pytest.raises(MemoryError, match="no room"):
        collect(decode, [[0], [1]])
    assert threading.active_count() == before


def test_decoders_end_where_nobody_takes_more_frames():
    before = threading.active_count()
    frames = decode_shares(endless, [[0], [1]], lambda: None)
    next(frames)
    frames.close()
    assert threading.active_count() == before


def test_an_interruption_ends_the_decoders():
    def interrupted() -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        list(decode_shares(endless, [[0], [1]], interrupted))
    assert threading.active_count() == before


def test_there_is_a_core():
    assert usable_cores() >= 1
