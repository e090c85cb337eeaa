"""The ``linvt`` command with a fake model, for tests that need a process of its own.

``FAKE_ANSWER`` is what the model says; ``all that is seen`` lets the answer
depend on that. ``FAKE_FAULT`` lets the model hang in C while it looks or
while it answers, break as a bug would, or chatter on stdout.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any

from linvt_cli import __main__
from linvt_cli.config import FrameSampling
from linvt_cli.pipeline import VideoQA
from linvt_cli.types import Frames, VisualFeatures
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.fakes import TinyBackbone


class FaultyBackbone(TinyBackbone):
    """A backbone that fails in the way that is asked for."""

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Look, unless a fault was asked for."""
        if os.environ.get("FAKE_FAULT") == "hang while looking":
            hang()
        return super().encode_frames(frames)

    def step(self, inputs_embeds: Any, kv_cache: Any, **options: Any) -> Any:
        """Answer, unless a fault was asked for."""
        match os.environ.get("FAKE_FAULT"):
            case "hang while answering":
                hang()
            case "bug":
                raise KeyError("a bug")
            case "chatter":
                print("chatter of a library")  # noqa: T201
        return super().step(inputs_embeds, kv_cache, **options)


def hang() -> None:
    """Wait for ever in C for a lock, which no signal ends, and say so once it is so."""
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex)
    threading.Timer(0.3, os.write, (2, b"hanging\n")).start()
    lock(mutex)


def load(model: str = "nano", **options: Any) -> VideoQA:
    """Return the fake, whatever is asked for."""
    answer = os.environ.get("FAKE_ANSWER", "A grey wall.")
    backbone = FaultyBackbone(None if answer == "all that is seen" else answer)
    return VideoQA(backbone, MeanTokenizer(8), sampling=FrameSampling(num_frames=4))


if __name__ == "__main__":
    VideoQA.load = load  # type: ignore[method-assign]
    __main__.main()
