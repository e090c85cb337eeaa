from __future__ import annotations

from array import array
from fractions import Fraction

import pytest

from linvt_cli.video.avi import Places
from linvt_cli.video.frame_order import (
    Clock,
    last_duration,
    restart_points,
    timing_of,
    with_gaps,
)
from linvt_cli.video.scan import NO_STAMP, Scan

CLOCK = Clock(Fraction(1, 10), Fraction(10))


def scan_of(stamps: list[int], keys: list[int] | None = None, duration: int = 1) -> Scan:
    count = len(stamps)
    return Scan(
        stamps=array("q", stamps),
        decode_stamps=array("q", range(count)),
        durations=array("q", [duration] * count),
        keys=array("b", keys or [1] + [0] * (count - 1)),
        visible=array("b", [1] * count),
    )


def test_reordered_frames_are_shown_by_their_stamps():
    timing = timing_of(scan_of([5, 8, 6, 7]), "matroska,webm", CLOCK)
    assert list(timing.shown) == [0, 2, 3, 1]
    assert list(timing.frame_times) == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_without_stamps_the_frames_are_counted():
    timing = timing_of(scan_of([0, NO_STAMP, 2]), "avi", CLOCK)
    assert timing.stamps is None
    assert list(timing.frame_times) == pytest.approx([0.0, 0.1, 0.2])


def test_no_visible_packet_is_no_frame():
    scan = scan_of([0, 1])
    scan.visible = array("b", [0, 0])
    assert len(timing_of(scan, "mpegts", CLOCK).shown) == 0


@pytest.mark.parametrize("container", ["mpegts", "matroska,webm"])
def test_where_the_clock_of_a_transport_stream_begins_anew_it_runs_on(container):
    scan = scan_of([1, 3, 2, 4, 1, 3, 2, 4])
    scan.decode_stamps = array("q", [0, 1, 2, 3] * 2)
    timing = timing_of(scan, container, CLOCK)
    if container == "mpegts":
        assert list(timing.shown) == [0, 2, 1, 3, 4, 6, 5, 7]
        assert list(timing.frame_times) == pytest.approx([n / 10 for n in range(8)])
    assert timing.joined is (container == "mpegts")


@pytest.mark.parametrize("damaged", [{3: 900}, {3: 0}, {2: NO_STAMP}, {6: 0, 7: 0}])
def test_single_damaged_decode_stamps_are_no_joint(damaged):
    scan = scan_of(list(range(10, 18)))
    scan.decode_stamps = array("q", [damaged.get(n, n + 10) for n in range(8)])
    timing = timing_of(scan, "mpegts", CLOCK)
    assert timing.joined is (len(damaged) == 2)
    assert list(timing.shown) == list(range(8))


def test_a_leap_of_the_clock_is_no_time_that_passes():
    stamps = [0, 1, 2, 500, 501, 502]
    timing = timing_of(scan_of(stamps), "mpegts", CLOCK)
    assert list(timing.frame_times) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert list(timing.packet_times) == list(timing.frame_times)
    assert timing.stamps is not None
    assert list(timing.stamps) == stamps  # by which the file is sought
    assert timing_of(scan_of([0, 99]), "mpegts", CLOCK).frame_times[1] == pytest.approx(9.9)
    assert timing_of(scan_of([0, 200]), "matroska", CLOCK).frame_times[1] == pytest.approx(20)


def test_a_slide_show_keeps_its_pace():
    slow = Clock(Fraction(1, 10), Fraction(1, 15))
    timing = timing_of(scan_of([0, 150, 300]), "mpegts", slow)
    assert list(timing.frame_times) == pytest.approx([0, 15, 30])


def test_missing_frames_stand_between_those_that_are_there():
    scan = scan_of([0, 1, 2, 3])
    timing = with_gaps(
        timing_of(scan, "avi", CLOCK), Places([0, 1, 4, None], [2, 3, 5]), scan, CLOCK
    )
    assert list(timing.frame_times) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert timing.lost == {2, 3, 5}
    assert list(timing.shown) == [0, 1, 1, 1, 2, 2]


def test_where_frames_are_only_counted_a_gap_ends_the_count():
    scan = scan_of([NO_STAMP] * 4)
    timing = with_gaps(timing_of(scan, "avi", CLOCK), Places([0, 1, 3, 4], [2]), scan, CLOCK)
    assert timing.countable == 2
    assert timing.lost == {2, 3, 4}


def test_the_last_frame_lasts_as_long_as_its_packet_says_or_as_the_one_before():
    for duration, seconds in ((3, 0.3), (0, 0.1)):
        scan = scan_of([0, 1, 2], duration=duration)
        timing = timing_of(scan, "mpegts", CLOCK)
        assert last_duration(scan, timing, CLOCK) == pytest.approx(seconds)


def test_leading_frames_begin_at_the_key_frame_before():
    scan = scan_of([0, 1, 4, 2, 5], keys=[1, 0, 1, 0, 0])
    assert list(restart_points(scan, scan.stamps)) == [0, 0, 2, 0, 2]
