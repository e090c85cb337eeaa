"""The questions about one video: together where that is the same as one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from linvt_cli.cli.watching import Watching
from linvt_cli.errors import LinVTError, OutOfMemoryError

if TYPE_CHECKING:
    from linvt_cli.config import AnswerShape, GenerationConfig
    from linvt_cli.pipeline import VideoQA, WatchedVideo
    from linvt_cli.types import Answer

    Give = Callable[[Answer | LinVTError, WatchedVideo | None], bool]


def answer_all(
    watching: Watching,
    questions: Sequence[str],
    generation: GenerationConfig,
    shape: AnswerShape,
    give: Give,
) -> None:
    """Answer questions about one video. One that cannot be answered does not stop the next.

    Answers in any words are generated together; one by one those of a shape, and the others if
    memory does not suffice for all.

    Args:
        watching: the model and the video.
        questions: at least one.
        generation: how each answer is generated.
        shape: what form the answers must have.
        give: called with the answer or the error of each question, in their order, and with the
            video where there is an answer; returns whether to go on.
    """
    _Asking(watching, questions, generation, shape, give).run()


class _Asking:
    def __init__(
        self,
        watching: Watching,
        questions: Sequence[str],
        generation: GenerationConfig,
        shape: AnswerShape,
        give: Give,
    ) -> None:
        self._watching = watching
        self._left = list(questions)
        self._generation = generation
        self._shape = shape
        self._give = give
        self._has_begun = False

    def run(self) -> None:
        if len(self._left) > 1 and self._shape.is_free:
            try:
                self._watching.use(self._together, may_repeat=lambda: not self._has_begun)
            except OutOfMemoryError:
                pass  # one by one there may be room
            except LinVTError as error:  # of the model or the video
                while self._left:
                    self._close(error)
        while self._left:
            self._answer_next()

    def _together(self, qa: VideoQA, watched: WatchedVideo) -> None:
        for outcome in qa.ask_each(watched, tuple(self._left), self._generation):
            self._close(outcome, watched)
            if not self._left:
                return

    def _answer_next(self) -> None:
        answered: list[tuple[Answer, WatchedVideo]] = []

        def answer(qa: VideoQA, watched: WatchedVideo) -> None:
            asked = qa.ask(watched, self._left[0], self._generation, self._shape)
            answered.append((asked, watched))

        try:
            self._watching.use(answer, may_repeat=lambda: True)
        except LinVTError as error:
            self._close(error)
        else:
            self._close(*answered[-1])

    def _close(self, outcome: Answer | LinVTError, watched: WatchedVideo | None = None) -> None:
        self._has_begun = True
        del self._left[0]
        if not self._give(outcome, watched):
            self._left.clear()
