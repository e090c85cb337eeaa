"""Many videos, one after the other: the next are decoded while something is done with one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.short_videos import Arrival, SharedLook, in_groups
from linvt_cli.cli.watching import Watching
from linvt_cli.config import DECODE_TIMEOUT
from linvt_cli.errors import LinVTError

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA, WatchedVideo
    from linvt_cli.pipeline.token_cache import Memory
    from linvt_cli.types import Frames, VisualFeatures
    from linvt_cli.video.decode_worker import Decoded, DecodeJob
    from linvt_cli.video.fingerprint import Fingerprint

    Look = Callable[[VideoQA], tuple[Frames, VisualFeatures]]


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How videos are decoded ahead."""

    workers: int | None = None  # None: as many as suit the machine
    timeout: float = DECODE_TIMEOUT  # s for one video


@dataclass(frozen=True, slots=True)
class BatchVideo:
    """A video, and which of its frames are looked at."""

    video: str
    frames: FrameOptions
    frame_rate: float | None = None  # of a folder of pictures; None for a file


@dataclass(frozen=True, slots=True)
class Turn:
    """A video whose turn it is: decoded, or why it is not."""

    number: int  # place in the batch
    video: str
    source: Fingerprint | None  # None where there is no file to read
    watching: Watching | LinVTError  # to be used while it is the video's turn


class Batch:
    """A model that watches many videos. What is done with them is up to the caller.

    Args:
        model: which one.
        decoding: how videos are decoded ahead.
        output: where notices go.
    """

    def __init__(self, model: ModelOptions, decoding: DecodingOptions, output: Output) -> None:
        self._decoding = decoding
        self._output = output
        if decoding.workers != 0:
            sleep_while_waiting()
        self._watching = Watching(model, "", FrameOptions(), output)

    @property
    def model(self) -> ModelOptions:
        """What was asked for, with the name of a model."""
        return self._watching.model

    def turns(self, videos: Sequence[BatchVideo]) -> Generator[Turn, None, None]:
        """Give every video its turn, in order. Nothing that is wrong with a video is raised.

        Close the iterator to end the processes that decode.

        Args:
            videos: to be watched.

        Raises:
            LinVTError: if the model cannot be used.
        """
        if not videos:
            return
        from linvt_cli.video.decode_ahead import DecodeAhead

        qa = self._watching.load()
        memory = qa.memory
        jobs = [_job(each, qa.sampling.num_frames) for each in videos]
        del qa  # it may be loaded again, in fewer bits
        ahead = DecodeAhead(
            [job for job in jobs if not isinstance(job, LinVTError)],
            workers=self._decoding.workers,
            timeout=self._decoding.timeout,
            known=lambda job: _held(memory, job),
        )
        with ahead:
            for group in in_groups(_arrivals(jobs, iter(ahead))):
                shared = SharedLook(group)
                for place, arrival in enumerate(group):
                    each = videos[arrival.number]
                    watching = self._taken_up(each, arrival, partial(shared.result, place=place))
                    yield Turn(arrival.number, each.video, arrival.source, watching)
                del group, shared, arrival  # or two videos would lie in memory at once

    def _taken_up(self, each: BatchVideo, arrival: Arrival, look: Look) -> Watching | LinVTError:
        frames, source = arrival.frames, arrival.source
        if isinstance(frames, LinVTError):
            return frames
        if frames is None:
            self._watching.turn_to(lambda qa: watch_again(qa, each, self._output))
        else:
            for warning in frames.warnings:
                self._output.warning(f"{each.video}: {warning}")
            self._watching.turn_to(lambda qa: watch_frames(qa, each, frames, source, look))
        return self._watching


def sleep_while_waiting() -> None:
    """Let the model's idle threads sleep: they would take cores from decoding by waiting busily.

    Without effect once torch is loaded, or where the user has chosen.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def watch_frames(
    qa: VideoQA, each: BatchVideo, frames: Frames, source: Fingerprint | None, look: Look
) -> WatchedVideo:
    """Look at the decoded frames of a video, and keep its tokens for later.

    Args:
        qa: the model.
        each: the video.
        frames: of it.
        source: what the file is.
        look: encodes the frames.

    Raises:
        CoverageError: if they are too few.
        OutOfMemoryError: if the device runs out of memory.
    """
    from linvt_cli.pipeline.watched import check_coverage

    check_coverage(frames, each.video, each.frames.min_coverage)
    watched = qa.refine(each.video, *look(qa))
    qa.remember(watched, each.frames.sampling(qa.sampling.num_frames), source)
    return watched


def watch_again(qa: VideoQA, each: BatchVideo, output: Output) -> WatchedVideo:
    """Take up what is kept of a video; where that turns out to be gone, decode the video now.

    Raises:
        VideoError: if neither can be read.
        CoverageError: if too few frames were decoded.
        OutOfMemoryError: if the device runs out of memory.
    """
    sampling = each.frames.sampling(qa.sampling.num_frames)
    watched = qa.watch(each.video, sampling, min_coverage=each.frames.min_coverage)
    for warning in watched.frames.warnings:
        output.warning(f"{each.video}: {warning}")
    return watched


def _held(memory: Memory, job: DecodeJob) -> Fingerprint | None:
    """Return which file a job is about, if tokens of it are on disk."""
    try:
        return memory.holds(job.video, job.sampling)
    except LinVTError:  # whoever decodes it will say what is wrong
        return None


def _arrivals(
    jobs: Sequence[DecodeJob | LinVTError], outcomes: Iterator[Decoded]
) -> Iterator[Arrival]:
    """Give what came of each job, in order; one that cannot be done was never begun."""
    for number, job in enumerate(jobs):
        if isinstance(job, LinVTError):
            yield Arrival(number, job, None)
        else:
            yield _arrived(number, next(outcomes))


def _arrived(number: int, decoded: Decoded) -> Arrival:
    """Name nothing in the generator above, where it would keep pixels until the next video."""
    return Arrival(number, decoded.frames, decoded.source)


def _job(each: BatchVideo, default_frames: int) -> DecodeJob | LinVTError:
    from linvt_cli.video.decode_worker import DecodeJob

    try:
        return DecodeJob(
            each.video, each.frames.sampling_of(each.video, default_frames), each.frame_rate
        )
    except LinVTError as error:  # a part of the video that cannot be
        return error


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do in the block what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
