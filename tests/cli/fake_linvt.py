"""The ``linvt`` command with a fake model, for tests that need a process of its own.

``FAKE_ANSWER`` is what the model says; ``all that is seen`` lets the answer
depend on that; ``what was asked`` repeats the question and the number of turns
before it, again and again and slowly if the question says ``slowly``.
``FAKE_FAULT`` lets the model hang in C while it looks, while it answers or only
over a question that says ``for ever``, break as a bug would, or chatter on stdout.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from typing import Any

from linvt_cli import __main__
from linvt_cli.config import FrameSampling
from linvt_cli.pipeline import VideoQA
from linvt_cli.types import Frames, VisualFeatures
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.fakes import TinyBackbone


class FaultyBackbone(TinyBackbone):
    """A backbone that fails in the way that is asked for."""

    is_slow = False
    is_endless = False

    def render_prompt(self, question: str, num_images: int = 1, history: Any = ()) -> Any:
        """Note what is asked, where the answer or a fault depends on it."""
        self.is_endless = "for ever" in question
        if os.environ.get("FAKE_ANSWER") == "what was asked":
            self.is_slow = "slowly" in question
            said = f"Behind {len(history)}: {question}"
            self.answer(" ".join([said] * (100 if self.is_slow else 1)))
        return super().render_prompt(question, num_images, history)

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Look, unless a fault was asked for."""
        if os.environ.get("FAKE_FAULT") == "hang while looking":
            hang()
        return super().encode_frames(frames)

    def step(self, inputs_embeds: Any, kv_cache: Any, **options: Any) -> Any:
        """Answer, unless a fault was asked for."""
        if self.is_slow:
            time.sleep(0.05)
        match os.environ.get("FAKE_FAULT"):
            case "hang while answering":
                hang()
            case "hang for ever" if self.is_endless:
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


def main() -> None:
    """Run the command line of this process on the fake, and exit."""
    VideoQA.load = load  # type: ignore[method-assign]
    __main__.main()


if __name__ == "__main__":
    main()
