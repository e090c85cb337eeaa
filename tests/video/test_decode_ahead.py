from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import DecoderCrashedError, DecodeTimeoutError, VideoDecodeError
from linvt_cli.types import Frames
from linvt_cli.video import decode_ahead
from linvt_cli.video.decode_ahead import DecodeAhead, usual_workers
from linvt_cli.video.decode_worker import Decoded, DecodeJob
from linvt_cli.video.fingerprint import Fingerprint
from tests.video.test_decode_process import FAKE_WORKER


def jobs(*names: str) -> list[DecodeJob]:
    return [DecodeJob(name, FrameSampling(num_frames=2)) for name in names]


def width(outcome: object) -> int:
    assert isinstance(outcome, Frames)
    return int(outcome.pixels.shape[2])


def begun(log: Path, least: int = 0) -> int:
    """How many jobs were begun, once no more follow; waits for ``least``."""
    limit = time.monotonic() + 60
    while len(log.read_text().splitlines()) < least and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(0.5)
    return len(log.read_text().splitlines())


@pytest.fixture
def log(tmp_path, monkeypatch) -> Path:
    path: Path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("FAKE_WORKER_LOG", str(path))
    return path


@pytest.mark.parametrize("workers", [0, 2])
def test_outcomes_come_in_the_order_of_the_jobs(video, tmp_path, workers):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with DecodeAhead(jobs(str(video), str(broken), str(video)), workers=workers) as decoded:
        kinds = [type(outcome.frames) for outcome in decoded]
    assert kinds == [Frames, VideoDecodeError, Frames]


def test_a_slow_video_is_not_overtaken():
    names = jobs("slow1", "2", "3", "slow4", "5")
    with DecodeAhead(names, workers=3, command=FAKE_WORKER) as decoded:
        assert [width(outcome.frames) for outcome in decoded] == [1, 2, 3, 4, 5]


def test_files_that_hang_or_crash_cost_only_themselves():
    names = jobs("1", "hang", "2", "crash", "half", "3")
    with DecodeAhead(names, workers=2, timeout=2, command=FAKE_WORKER) as decoded:
        kinds = [type(outcome.frames) for outcome in decoded]
    expected = [Frames, DecodeTimeoutError, Frames, DecoderCrashedError, DecoderCrashedError]
    assert kinds == [*expected, Frames]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_known_is_not_decoded(log, workers):
    source = Fingerprint("sha256:2", 2)
    with DecodeAhead(
        jobs("1", "2", "3"),
        workers=workers,
        command=FAKE_WORKER,
        known=lambda job: source if job.video == "2" else None,
    ) as decoded:
        first, second, third = decoded
    assert (width(first.frames), width(third.frames)) == (1, 3)
    assert second == Decoded(None, source)
    assert len(log.read_text().splitlines()) == 2


def test_without_processes_too_what_is_known_is_not_decoded(video):
    source = Fingerprint("sha256:2", 2)
    with DecodeAhead(jobs(str(video)), workers=0, known=lambda _: source) as decoded:
        assert list(decoded) == [Decoded(None, source)]


def test_where_there_can_be_no_processes_this_one_decodes(video, monkeypatch):
    monkeypatch.setattr(decode_ahead, "_HAS_PROCESSES", False)
    with DecodeAhead(jobs(str(video)), workers=2) as outcomes:
        (decoded,) = outcomes
    assert isinstance(decoded.frames, Frames)


def test_no_more_is_decoded_ahead_than_the_window(log):
    with DecodeAhead(jobs(*"1" * 50), workers=2, command=FAKE_WORKER) as decoded:
        outcomes = iter(decoded)
        next(outcomes)
        assert begun(log) <= 1 + 4
        for _ in range(10):
            next(outcomes)
        assert begun(log) <= 11 + 4


def test_pixels_wait_in_the_process_when_there_is_no_room_for_them(log):
    names = jobs(*["1000"] * 9)
    with DecodeAhead(names, workers=1, max_bytes=4000, command=FAKE_WORKER) as decoded:
        outcomes = iter(decoded)
        next(outcomes)
        # One lies here, one waits in the process, which therefore begins no other.
        assert begun(log, least=3) == 3
        assert [width(outcome.frames) for outcome in outcomes] == [1000] * 8


def test_the_end_of_the_block_ends_threads_and_processes():
    before = threading.active_count()
    began = time.perf_counter()
    with DecodeAhead(jobs("hang", "hang", "1"), workers=2, command=FAKE_WORKER):
        time.sleep(0.3)
    assert threading.active_count() <= before
    assert time.perf_counter() - began < 30


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (3, 3), (64, 4)])
def test_a_process_decodes_on_each_core_where_there_are_few(monkeypatch, cores, workers):
    monkeypatch.setattr(decode_ahead, "usable_cores", lambda: cores)
    assert usual_workers() == workers


@pytest.mark.parametrize(
    ("cores", "num_jobs", "threads"), [(1, 9, 1), (2, 9, 1), (2, 1, 2), (16, 9, 4), (16, 2, 8)]
)
def test_the_processes_share_the_cores(monkeypatch, cores, num_jobs, threads):
    monkeypatch.setattr(decode_ahead, "usable_cores", lambda: cores)
    started: list[int] = []

    def start(**options: Any) -> None:
        started.append(options["threads"])

    monkeypatch.setattr(decode_ahead, "DecodeProcess", start)
    DecodeAhead(jobs(*"1" * num_jobs))
    assert started == [threads] * min(num_jobs, cores, 4)


@pytest.mark.parametrize(
    ("told", "workers", "threads"),
    [("8", 2, 1), ("2", 4, 2), ("64", 1, 1), ("1", 4, 4), ("0", 4, 4), ("many", 4, 4)],
)
def test_processes_that_train_together_share_the_cores(monkeypatch, told, workers, threads):
    monkeypatch.setattr(decode_ahead, "usable_cores", lambda: 16)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", told)
    started: list[int] = []
    monkeypatch.setattr(
        decode_ahead, "DecodeProcess", lambda **options: started.append(options["threads"])
    )
    assert usual_workers() == workers
    DecodeAhead(jobs(*"1" * 9))
    assert started == [threads] * workers
