"""From a video file to the frames that are shown at the wanted times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from linvt_cli.config import FrameSampling
from linvt_cli.errors import VideoDecodeError
from linvt_cli.types import Frames
from linvt_cli.video.collected import Collected, NumberedPixels
from linvt_cli.video.decode_opencv import decode_opencv
from linvt_cli.video.decode_pyav import DamageFound, decode_pyav
from linvt_cli.video.dynamic_range import as_standard
from linvt_cli.video.files import content_of, regular_file, shown_name
from linvt_cli.video.index import VideoIndex
from linvt_cli.video.library_errors import errors_of_damage
from linvt_cli.video.pictures import read_picture
from linvt_cli.video.plan import (
    Planner,
    opencv_obstacle,
    opencv_planner,
    plan_pyav,
    prefers_opencv,
    pyav_planner,
    suspicious,
)
from linvt_cli.video.probe import read_index, video_info
from linvt_cli.video.sampling import Timeline, choose_frames
from linvt_cli.video.shrink import fit, target_size, upright
from linvt_cli.video.side_by_side import decode_shares, shares_of, usable_cores

OnProgress = Callable[[float], None]
_PROGRESS_STEPS = 100
# Every choice avoids the packets that turned out to hold no picture; one or two are enough.
_MOST_CHOICES = 4
_RESIZED = (
    "The picture changes its size: all frames have that of the largest,"
    " with black edges where their shape is another one"
)


def read_frames(
    path: str | Path,
    sampling: FrameSampling,
    *,
    on_progress: OnProgress | None = None,
    threads: int = 0,
) -> Frames:
    """The frames shown at the wanted times, upright, with square pixels, shrunk as asked.

    Where the video has fewer frames than wanted, each comes once. ``coverage`` falls below 1 where
    frames are damaged or the file was cut off before the length that it announces.
    ``on_progress`` is given the done share from time to time, at last 1. ``threads`` decode, or one
    for each core where that is 0, in one decoder or several; the frames are the same.

    Raises:
        VideoNotFoundError: When there is no such file.
        VideoError: When it is not a regular file, a wanted time lies beyond its end, or the frames
            do not fit into memory.
        VideoDecodeError: When it holds no video, or no wanted frame can be decoded.
        ConfigError: When wanted times contradict ``start`` and ``end``.
    """
    began = time.perf_counter()
    file = regular_file(path)
    read = _read_video if content_of(file) == "video" else _read_picture
    with errors_of_damage(file):
        frames = read(file, sampling, on_progress or (lambda _: None), threads)
    return replace(frames, seconds=time.perf_counter() - began)


def _read_picture(
    file: Path, sampling: FrameSampling, on_progress: OnProgress, _threads: int
) -> Frames:
    with read_picture(file) as picture:
        choice = choose_frames(sampling, picture.timeline, file)
        size = target_size((picture.info.height, picture.info.width), sampling.short_side)
        collected = Collected(choice, size, file)
        collected.add(picture.pixels(choice.frames))
    on_progress(1.0)
    return collected.frames(picture.info, picture.timeline)


def _read_video(
    file: Path, sampling: FrameSampling, on_progress: OnProgress, threads: int
) -> Frames:
    index, choices = read_index(file), 0
    while True:
        timeline = Timeline(index.frame_times, index.end, index.promised, index.cut_off)
        choice = choose_frames(sampling, timeline, file)
        size = target_size(index.picture.shown_size, sampling.short_side)
        collected = Collected(choice, size, file, lost=index.lost)
        decoder = _choose_decoder(index, collected.missing, sampling)
        advance = _progress_counter(index, collected.missing, on_progress)
        work = _Decoding(collected, index, advance, threads)
        hollow = _decode_into(work, decoder, sampling)
        grown = index.picture.grown_to(work.sizes)
        if target_size(grown.shown_size, sampling.short_side) != size:
            index = replace(index, picture=grown)  # to what was seen, so this has an end
            continue
        choices += 1
        if not hollow or len(hollow) == len(index.shown) or choices == _MOST_CHOICES:
            break
        index = index.without(hollow)
    on_progress(1.0)
    frames = collected.frames(video_info(index, decoder=decoder), timeline)
    if len(work.sizes | {(index.picture.height, index.picture.width)}) > 1:
        frames = replace(frames, warnings=(*frames.warnings, _RESIZED))
    return frames


def _decode_into(
    work: _Decoding, decoder: Literal["opencv", "pyav"], sampling: FrameSampling
) -> tuple[int, ...]:
    """Decodes the wanted frames: the fast way, then what is left of them in slower ways.

    Returns the frames of packets that turned out to hold no picture: second fields, repeats.
    """
    collected, index = work.collected, work.index
    if decoder == "opencv":
        work.shared(decode_opencv, opencv_planner, collected.missing)
        if sampling.decoder == "opencv":
            work.alone(decode_opencv, collected.missing, seeks=False)
            return ()
    doubtful = suspicious(index, collected.missing)
    clear = [frame for frame in collected.missing if frame not in doubtful]
    try:
        work.shared(decode_pyav, pyav_planner, clear)
    except DamageFound:
        collected.forget()
        work.sizes.clear()
    # With several threads libav loses a frame once in a blue moon, so also without damage.
    work.alone(decode_pyav, collected.missing, careful=True)
    if index.stamps is None:
        return ()
    # After a seek into a picture that is refreshed bit by bit, frames are held back.
    work.alone(decode_pyav, collected.unexplained, careful=True, seeks=False)
    return collected.unexplained


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What all ways of decoding one video have in common."""

    collected: Collected
    index: VideoIndex
    advance: Callable[[], None]
    threads: int  # 0 for one on each core
    sizes: set[tuple[int, int]] = field(default_factory=set)  # heights and widths that were decoded

    def shared(
        self,
        decode: Callable[..., NumberedPixels],
        planner: Callable[[VideoIndex, Sequence[int]], Planner],
        frames: Sequence[int],
    ) -> None:
        """Decode frames in as many decoders as that pays for."""
        cores = self.threads or usable_cores()
        plan = planner(self.index, frames)
        shares = shares_of(frames, lambda share: plan(share).cost, cores)
        threads = self.threads if len(shares) == 1 else -(-cores // len(shares))

        def decode_share(share: Sequence[int], advance: Callable[[], None]) -> NumberedPixels:
            decoded = decode(self.index, share, advance=advance, threads=threads)
            return self._shrunk(decoded)

        self.collected.add(decode_shares(decode_share, shares, self.advance))

    def alone(
        self, decode: Callable[..., NumberedPixels], frames: Sequence[int], **options: bool
    ) -> None:
        """Decode frames that are left, in one decoder."""
        if frames:
            decoded = decode(
                self.index, frames, advance=self.advance, threads=self.threads, **options
            )
            self.collected.add(self._shrunk(decoded))

    def _shrunk(self, frames: NumberedPixels) -> NumberedPixels:
        """Frames as they will be kept, made where they are decoded, side by side as well."""
        picture, size = self.index.picture, self.collected.size
        for number, pixels in frames:
            if pixels is None:
                yield number, None
                continue
            height, width = pixels.shape[:2]
            self.sizes.add((height, width))
            shown_size = replace(picture, height=height, width=width).shown_size
            fitting = fit(upright(pixels, picture.orientation), shown_size, size)
            yield number, as_standard(fitting, picture.transfer)


def _choose_decoder(
    index: VideoIndex, frames: Sequence[int], sampling: FrameSampling
) -> Literal["opencv", "pyav"]:
    if sampling.decoder == "auto":
        return "opencv" if frames and prefers_opencv(index, frames) else "pyav"
    if sampling.decoder == "opencv" and (obstacle := opencv_obstacle(index)):
        raise VideoDecodeError(
            f"OpenCV cannot decode {shown_name(index.path)} exactly: {obstacle}",
            path=index.path,
            hint="use --decoder auto",
        )
    return sampling.decoder


def _progress_counter(
    index: VideoIndex, frames: Sequence[int], on_progress: OnProgress
) -> Callable[[], None]:
    """A function to call for every packet that is worked on."""
    total = max(1, plan_pyav(index, frames).num_packets)
    step = max(1, total // _PROGRESS_STEPS)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done % step == 0:
            on_progress(min(1.0, done / total))

    return advance
