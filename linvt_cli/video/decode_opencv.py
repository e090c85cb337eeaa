"""Decoding planned frames with OpenCV, each checked by its presentation time.

OpenCV reports success for frames that it did not reach, so a frame is believed only when its time
is the one in the index. It paints over damage and says nothing; that cannot be seen from here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

# OpenCV reads these at import and at the first file; libav in it writes to stderr from C otherwise.
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
os.environ["OPENCV_LOG_LEVEL"] = "OFF"
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file")

import cv2
import numpy as np

from linvt_cli.video.index import CLOCK_TOLERANCE, VideoIndex
from linvt_cli.video.plan import Run, plan_opencv


def decode_opencv(
    index: VideoIndex,
    frames: Sequence[int],
    *,
    advance: Callable[[], None],
    seeks: bool = True,
    threads: int = 0,
) -> Iterator[tuple[int, np.ndarray]]:
    """The wanted frames as ``(frame number, (H, W, 3) uint8 RGB as coded)``, ascending.

    Ends at the first frame that OpenCV fails on or whose time contradicts the index; the caller
    has another decoder take over from there. ``advance`` is called for every frame. Without
    ``seeks`` all is walked through. 0 ``threads`` are one for each core.
    """
    chosen = [cv2.CAP_PROP_N_THREADS, threads] if threads else []
    capture = cv2.VideoCapture(str(index.path), cv2.CAP_FFMPEG, chosen)
    try:
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        walk = _Walk(capture, index, advance)
        runs = plan_opencv(index, frames).runs if seeks else (Run(0, tuple(frames)),)
        for run in runs:
            if run.start and not walk.seek(run.start):
                return
            for frame in run.targets:
                pixels = walk.read(frame)
                if pixels is None:
                    return
                yield frame, pixels
    except cv2.error:
        return  # damage that confuses it
    finally:
        capture.release()


class _Walk:
    """A capture together with the number of the frame that it will give next."""

    def __init__(
        self, capture: cv2.VideoCapture, index: VideoIndex, advance: Callable[[], None]
    ) -> None:
        self.capture = capture
        self.index = index
        self.advance = advance
        self.grabbed = -1

    def seek(self, frame: int) -> bool:
        """Grabs ``frame`` or one shortly before it, where OpenCV's clock is off."""
        # OpenCV counts by time over rate, which is not our number where the rate varies.
        clock = self.index.frame_times[frame] * self.capture.get(cv2.CAP_PROP_FPS)
        self.capture.set(cv2.CAP_PROP_POS_FRAMES, float(int(clock + 0.5)))
        if not self.capture.grab():
            return False
        self.advance()
        landed = self.index.frame_near(self._time())
        if landed is None or landed > frame:
            return False
        self.grabbed = landed
        return True

    def read(self, frame: int) -> np.ndarray | None:
        """The pixels of ``frame``; None where a frame on the way to it is not the expected one."""
        while self.grabbed < frame:
            if not self.capture.grab():
                return None
            self.advance()
            self.grabbed += 1
            if not self._is_on_time():
                return None
        success, pixels = self.capture.retrieve()
        if not success or pixels is None or pixels.ndim != 3:
            return None
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    def _is_on_time(self) -> bool:
        return abs(self._time() - self.index.frame_times[self.grabbed]) <= CLOCK_TOLERANCE

    def _time(self) -> float:
        milliseconds = self.capture.get(cv2.CAP_PROP_POS_MSEC)
        return milliseconds / 1000 - self.index.opencv_shift
