from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from linvt_cli.config import FrameSampling
from linvt_cli.errors import DecoderCrashedError, DecodeTimeoutError, VideoError
from linvt_cli.types import Frames
from linvt_cli.video.decode_process import DecodeProcess
from linvt_cli.video.decode_worker import DecodeJob
from linvt_cli.video.fingerprint import Fingerprint
from linvt_cli.video.reader import read_frames

FAKE_WORKER = (sys.executable, "-S", str(Path(__file__).with_name("fake_worker.py")))


def job(name: str) -> DecodeJob:
    return DecodeJob(name, FrameSampling())


@pytest.fixture
def fake() -> Iterator[DecodeProcess]:
    process = DecodeProcess(timeout=100, command=FAKE_WORKER)
    yield process
    process.close()


@pytest.fixture
def hasty() -> Iterator[DecodeProcess]:
    process = DecodeProcess(timeout=2, command=FAKE_WORKER)
    yield process
    process.close()


def test_frames_are_those_of_the_reader(video):
    process = DecodeProcess(timeout=100)
    try:
        for sampling in (FrameSampling(num_frames=4), FrameSampling(num_frames=2)):
            frames = process.decode(DecodeJob(str(video), sampling)).frames
            assert isinstance(frames, Frames)
            expected = read_frames(video, sampling)
            assert np.array_equal(frames.pixels, expected.pixels)
            assert frames.times == expected.times
    finally:
        process.close()


def test_a_file_that_hangs_costs_its_time_and_the_next_is_decoded(hasty):
    error = hasty.decode(job("hang.mp4")).frames
    assert isinstance(error, DecodeTimeoutError)
    assert error.message == "'hang.mp4' could not be decoded within 2 s"
    assert "--decode-timeout" in (error.hint or "")
    assert isinstance(hasty.decode(job("a.mp4")).frames, Frames)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash.mp4", r"crashed \(code 3\) on 'crash.mp4': last words"),
        ("half.mp4", r"crashed \(SIGKILL\) on 'half.mp4'$"),
    ],
)
def test_a_crash_is_an_error_and_the_next_is_decoded(fake, name, message):
    error = fake.decode(job(name)).frames
    assert isinstance(error, DecoderCrashedError)
    with pytest.raises(VideoError, match=message):
        raise error
    assert isinstance(fake.decode(job("a.mp4")).frames, Frames)


@pytest.mark.parametrize("fault", ["hang", "crash"])
def test_of_a_file_that_was_read_before_the_end_it_is_known_what_it_holds(hasty, fault):
    assert hasty.decode(job(f"read, then {fault}.mp4")).source == Fingerprint("sha256:0", 1)
    assert hasty.decode(job(f"{fault}.mp4")).source is None


def test_room_for_pixels_is_asked_for_before_they_are_taken(fake):
    sizes: list[int] = []
    fake.decode(job("7"), sizes.append)
    assert sizes == [21]


def test_closing_ends_a_process_that_hangs(fake):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(fake.decode(job("hang.mp4"))))
    thread.start()
    time.sleep(0.3)
    fake.close()
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert isinstance(outcomes[0].frames, VideoError)
    assert isinstance(fake.decode(job("a.mp4")).frames, VideoError)


def test_a_file_may_take_for_ever(monkeypatch):
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    patient = DecodeProcess(timeout=math.inf, command=FAKE_WORKER)
    try:
        assert isinstance(patient.decode(job("a.mp4")).frames, Frames)
    finally:
        patient.close()
    assert failures == []
