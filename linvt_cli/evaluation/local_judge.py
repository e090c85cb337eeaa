"""A judge on this machine: an image-LLM that reads requests beside a blank picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from linvt_cli.config import GenerationConfig
from linvt_cli.errors import ContextLengthError, JudgeError, JudgementError, LinVTError
from linvt_cli.evaluation.judging import CUT_OFF
from linvt_cli.evaluation.kept_replies import KeptReplies, key_of
from linvt_cli.pipeline import VideoQA, WatchedVideo
from linvt_cli.types import Frames, VideoInfo

_SIDE = 56  # px: the models of linvt take any size
_GREY = 128
_MAX_NEW_TOKENS = 256


@dataclass
class LocalJudge:
    """An image-LLM of linvt as judge.

    All its prompts have a picture, so it is shown a blank one, which costs a few tokens.

    Args:
        qa: the model.
        kept: replies of earlier runs.
    """

    qa: VideoQA
    kept: KeptReplies = field(default_factory=lambda: KeptReplies(None))

    def __post_init__(self) -> None:
        """Look at the blank picture, once."""
        self._watched = _watch_nothing(self.qa)

    @property
    def label(self) -> str:
        """Name of the model with its revision, and that it runs here."""
        model = self.qa.model
        revision = "" if model.revision is None else f"@{model.revision}"
        return f"{model.backbone}{revision} ({model.quantization}) on this machine"

    def reply(self, request: str, attempt: int, means: Callable[[str], bool]) -> str:
        """Return the model's reply. It is greedy: another attempt would give the same.

        Raises:
            JudgementError: at another attempt, or if the request is too long for the model.
            JudgeError: if the model fails.
        """
        if attempt:
            raise JudgementError(
                f"What {self.label} replies is no judgement",
                hint="another --judge-model may be able to judge",
            )
        key = key_of(self.label, {"request": request})
        kept = self.kept.find(key)
        if kept is not None and means(str(kept["reply"])):
            return str(kept["reply"])
        config = GenerationConfig(max_new_tokens=_MAX_NEW_TOKENS)
        try:
            answer = self.qa.ask(self._watched, request, config)
        except ContextLengthError as error:
            raise JudgementError(
                f"{self.label} failed: {error.message}", hint=error.hint
            ) from error
        except LinVTError as error:
            raise JudgeError(f"{self.label} failed: {error.message}", hint=error.hint) from error
        reply = answer.text + (CUT_OFF if answer.finish_reason == "length" else "")
        if means(reply):
            self.kept.keep(key, reply, self.label, judge=self.label)
        return reply


def _watch_nothing(qa: VideoQA) -> WatchedVideo:
    pixels = np.full((1, _SIDE, _SIDE, 3), _GREY, dtype=np.uint8)
    info = VideoInfo(Path("blank"), _SIDE, _SIDE, 1.0, 1, "none", "pillow")
    return qa.refine("blank", *qa.look(Frames(pixels, (0.0,), info, coverage=1.0)))
