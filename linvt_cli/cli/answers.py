"""The answers about one video: each question ends as an answer or as an error, none is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.asking import answer_all
from linvt_cli.cli.failures import ExitCode, exit_code_of
from linvt_cli.cli.interrupts import ended_by_sigterm, prompt_interrupt
from linvt_cli.cli.output import Output, print_error
from linvt_cli.cli.watching import Watching
from linvt_cli.config import ANY_SHAPE, AnswerShape
from linvt_cli.errors import LinVTError

if TYPE_CHECKING:
    from linvt_cli.config import GenerationConfig
    from linvt_cli.pipeline import VideoQA, WatchedVideo
    from linvt_cli.types import Answer, AnswerChunk, GenerationStats


class AnswerSheet:
    """What came of the questions about one video.

    As a context manager it closes the sheet: an error that leaves the block becomes the record of
    each question that is still open, and goes on. Answers given before it are kept.

    Args:
        video: as the user named it.
        questions: at least one.
        output: where answers go.
    """

    def __init__(self, video: str, questions: Sequence[str], output: Output) -> None:
        self._video = video
        self._questions = tuple(questions)
        self._is_list = len(self._questions) > 1
        self._num_closed = 0
        self._output = output
        self._failures: list[LinVTError] = []
        self._while_open = ExitStack()

    def __enter__(self) -> Self:
        """Open the sheet: from here on only answers reach stdout, and Ctrl-C works at once."""
        save = partial(self._output.save, as_list=self._is_list)
        self._while_open.enter_context(prompt_interrupt(save=save))
        self._while_open.enter_context(ended_by_sigterm())
        self._while_open.enter_context(self._output.sole_writer())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the sheet."""
        with self._while_open:
            if isinstance(error, LinVTError):
                for question in self._questions[self._num_closed :]:
                    self._record_failure(question, error)
            self._output.finish(as_list=self._is_list)

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends once the sheet is closed."""
        if not self._failures:
            return ExitCode.DONE
        if len(self._failures) < len(self._questions):
            return ExitCode.SOME_FAILED
        return exit_code_of(self._failures[0])

    def fill(
        self,
        model: ModelOptions,
        frames: FrameOptions,
        generation: GenerationConfig,
        shape: AnswerShape = ANY_SHAPE,
    ) -> None:
        """Answer all questions. One that cannot be answered does not stop the next.

        Raises:
            LinVTError: if the options contradict each other, or the model or the video cannot be
                used; then no question is answered.
        """
        from linvt_cli.video.files import regular_file

        # What is wrong with options and paths is said before the model is loaded.
        frames.sampling_of(self._video, model.default_frames)
        regular_file(self._video)
        model = model.doing(frames, generation)
        watching = Watching(model, self._video, frames, self._output)
        watching.start()
        if len(self._questions) > 1 and shape.is_free and not self._output.is_read_along:
            answer_all(watching, self._questions, generation, shape, self._give)
            return
        for question in self._questions:
            answer = _OneAnswer(question, generation, self._output, shape)
            with self._failure_recorded(question):
                if self._output.form == "text" and len(self._questions) > 1:
                    self._output.aside(question)
                watching.use(answer.give, may_repeat=answer.may_repeat)
            self._num_closed += 1

    def _give(self, outcome: Answer | LinVTError, watched: WatchedVideo | None) -> bool:
        question = self._questions[self._num_closed]
        self._num_closed += 1
        if self._output.form == "text":
            self._output.aside(question)
        if isinstance(outcome, LinVTError):
            print_error(outcome)
            self._record_failure(question, outcome)
        elif self._output.form == "text":
            self._output.line(outcome.text)
            if watched is not None:
                self._output.aside(closing_line(watched, outcome.stats))
        else:
            from linvt_cli.pipeline import to_record

            self._output.record(to_record(outcome))
        return True

    @contextmanager
    def _failure_recorded(self, question: str) -> Iterator[None]:
        try:
            yield
        except LinVTError as error:
            print_error(error)
            self._record_failure(question, error)

    def _record_failure(self, question: str, error: LinVTError) -> None:
        self._failures.append(error)
        if self._output.form != "text":
            from linvt_cli.pipeline import error_record

            self._output.record(error_record(self._video, question, error))


class _OneAnswer:
    """The answer to one question, as it reaches the user.

    Args:
        question: what is asked.
        generation: how the answer is generated.
        output: where it goes.
        shape: what form it must have.
    """

    def __init__(
        self,
        question: str,
        generation: GenerationConfig,
        output: Output,
        shape: AnswerShape = ANY_SHAPE,
    ) -> None:
        self._shape = shape
        self._question = question
        self._generation = generation
        self._output = output
        self._streamed = StreamedText(output)

    def may_repeat(self) -> bool:
        """Whether nothing of the answer has reached the user yet."""
        return not self._streamed.has_begun

    def give(self, qa: VideoQA, watched: WatchedVideo) -> None:
        """Stream the answer as text, or record it."""
        if self._output.form != "text":
            from linvt_cli.pipeline import to_record

            answer = qa.ask(watched, self._question, self._generation, self._shape)
            self._output.record(to_record(answer))
            return
        if not self._shape.is_free:  # it is known as a whole only
            answer = qa.ask(watched, self._question, self._generation, self._shape)
            self._output.line(answer.text)
            self._output.aside(closing_line(watched, answer.stats))
            return
        chunks = qa.stream(watched, self._question, self._generation)
        self._streamed.print(chunks, watched)


class StreamedText:
    """A text on its way to stdout, piece by piece.

    Args:
        output: where it goes.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self.has_begun = False

    def print(self, chunks: Iterable[AnswerChunk], watched: WatchedVideo) -> None:
        """Print each piece as it comes, and the closing line; end the line whatever happens."""
        is_ended = False
        try:
            for chunk in chunks:
                self._output.write(chunk.text)
                self.has_begun |= chunk.text != ""
                if chunk.stats is not None:
                    is_ended = True
                    self._output.line()
                    self._output.aside(closing_line(watched, chunk.stats))
        finally:
            if self.has_begun and not is_ended:
                self._output.line()


def closing_line(watched: WatchedVideo, stats: GenerationStats, *, looked: bool = True) -> str:
    """Return what an answer rests on: frames, the span they cover, tokens and seconds.

    Those of looking at the video are among them where it was ``looked`` at for this answer.
    """
    frames = watched.frames
    first, last = frames.span
    seconds = stats.prefill_seconds + stats.generate_seconds + (watched.seconds if looked else 0.0)
    return " · ".join(
        (
            f"{len(frames.times)} {'frame' if len(frames.times) == 1 else 'frames'}",
            f"{first:.1f} s" if first == last else f"{first:.1f} to {last:.1f} s",
            f"{stats.num_visual_tokens} visual → {stats.num_video_tokens} video tokens",
            f"{seconds:.1f} s",
            *(("seen before",) if watched.cached else ()),
        )
    )
