"""The description of one video, from the model to the place where it goes."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from linvt_cli.backbones.spec import DESCRIBE_QUESTION
from linvt_cli.cli.answers import StreamedText
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.description_formats import (
    DescriptionForm,
    as_markdown,
    as_subrip,
    as_text,
    as_webvtt,
    text_line,
)
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.interrupts import ended_by_sigterm, prompt_interrupt
from linvt_cli.cli.output import Output, json_text, print_error
from linvt_cli.cli.output_files import write_text
from linvt_cli.cli.watching import Watching
from linvt_cli.errors import LinVTError

if TYPE_CHECKING:
    from linvt_cli.config import FrameSampling, GenerationConfig, TimelineConfig
    from linvt_cli.pipeline import VideoQA, WatchedVideo
    from linvt_cli.pipeline.timeline import Description, Segment
    from linvt_cli.types import Answer
    from linvt_cli.video.spans import Span


class DescriptionSheet:
    """What comes of describing one video.

    As a context manager it closes the sheet: an error that leaves the block becomes a record where
    records go to stdout, and goes on. A file is left as it was.

    Args:
        video: as the user named it.
        form: of what is written.
        file: where it goes; stdout where None.
        output: where messages go, and what goes to stdout.
    """

    def __init__(
        self, video: str, form: DescriptionForm, file: Path | None, output: Output
    ) -> None:
        self._video = video
        self._form = form
        self._file = file
        self._output = output
        self._failures: list[LinVTError] = []
        self._question = DESCRIBE_QUESTION
        self._while_open = ExitStack()

    def __enter__(self) -> Self:
        """Open the sheet: from here on only the description reaches stdout."""
        self._while_open.enter_context(prompt_interrupt())
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
            has_records = self._file is None and self._form in ("json", "jsonl")
            if has_records and isinstance(error, LinVTError):
                from linvt_cli.pipeline.description_records import failed_description_record

                record = failed_description_record(self._video, self._question, error)
                self._output.write(self._rendered_record(record))

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends once the sheet is closed: segments may have failed."""
        return ExitCode.SOME_FAILED if self._failures else ExitCode.DONE

    def fill(
        self,
        model: ModelOptions,
        frames: FrameOptions,
        plan: TimelineConfig,
        generation: GenerationConfig,
    ) -> None:
        """Describe the video and its segments. A segment that fails does not stop the next.

        Raises:
            LinVTError: if options contradict each other, or the model or the video cannot be used.
        """
        from linvt_cli.video.files import regular_file

        model = settle_model(model.doing(frames, generation), self._output)
        self._question = model.describe_question
        # What is wrong with options and paths is said before the model is loaded.
        frames.sampling_of(self._video, model.default_frames)
        regular_file(self._video)
        watching = Watching(model, self._video, frames, self._output)
        watching.start()
        work = _Work(frames, plan, generation, self._output, streams=self._streams)
        if plan.every is not None:  # too many parts are refused before anything is described
            watching.use(work.find_parts, may_repeat=lambda: True)
        watching.use(work.describe_whole, may_repeat=work.may_repeat)
        if plan.every is None:
            watching.use(work.find_parts, may_repeat=lambda: True)
        self._describe_parts(work, watching)
        if not self._streams:
            self._put(self._rendered(work.description))

    def _describe_parts(self, work: _Work, watching: Watching) -> None:
        for span in work.spans:
            shown = f"Describing part {len(work.segments) + 1} of {len(work.spans)}"
            try:
                with self._output.progress(shown):
                    watching.use(partial(work.describe, span=span), may_repeat=lambda: True)
            except LinVTError as error:
                print_error(error)
                self._failures.append(error)
                work.give_up(span, error)
            work.print_segment()

    @property
    def _streams(self) -> bool:
        return self._form == "text" and self._file is None

    def _rendered(self, description: Description) -> str:
        match self._form:
            case "text":
                return as_text(description)
            case "md":
                return as_markdown(description)
            case "srt":
                return as_subrip(description)
            case "vtt":
                return as_webvtt(description)
        from linvt_cli.pipeline.description_records import description_record

        return self._rendered_record(description_record(description))

    def _rendered_record(self, record: dict[str, object]) -> str:
        return f"{json_text(record, indent=2 if self._form == 'json' else None)}\n"

    def _put(self, text: str) -> None:
        if self._file is None:
            self._output.write(text)
        else:
            write_text(self._file, text)


class _Work:
    """The steps of a description; each may be done again with fewer bits.

    Args:
        frames: which frames are looked at.
        plan: how finely the video is cut.
        generation: how texts are generated.
        output: where texts go at once if they are streamed.
        streams: whether they are.
    """

    def __init__(
        self,
        frames: FrameOptions,
        plan: TimelineConfig,
        generation: GenerationConfig,
        output: Output,
        *,
        streams: bool,
    ) -> None:
        self._frames = frames
        self._plan = plan
        self._generation = generation
        self._output = output
        self._streams = streams
        self._streamed = StreamedText(output)
        self._answer: Answer | None = None
        self._scan_seconds = self._timeline_seconds = 0.0
        self.spans: tuple[Span, ...] = ()
        self.segments: list[Segment] = []

    def may_repeat(self) -> bool:
        """Whether nothing has reached the user yet."""
        return not self._streamed.has_begun

    def describe_whole(self, qa: VideoQA, watched: WatchedVideo) -> None:
        """Describe the whole video, and print it where texts are streamed."""
        from linvt_cli.pipeline.timeline import whole_question

        question = whole_question(qa, self._plan)
        if not self._streams:
            self._answer = qa.ask(watched, question, self._generation)
            return
        self._streamed.print(qa.stream(watched, question, self._generation), watched)

    def find_parts(self, qa: VideoQA, watched: WatchedVideo) -> None:
        """Find the parts of the video."""
        from linvt_cli.pipeline.timeline import find_parts

        began = time.perf_counter()
        with self._output.progress("Looking for scenes") as show:
            self.spans = find_parts(
                watched,
                self._plan,
                self._sampling(qa),
                on_progress=lambda share: show(f"Looking for scenes: {share:.0%}"),
            )
        self._scan_seconds = time.perf_counter() - began

    def describe(self, qa: VideoQA, watched: WatchedVideo, *, span: Span) -> None:
        """Describe one part."""
        from linvt_cli.pipeline.timeline import describe_part

        began = time.perf_counter()
        segment = describe_part(
            qa,
            watched.video,
            span,
            self._plan,
            self._sampling(qa),
            self._generation,
            min_coverage=self._frames.min_coverage,
        )
        self._timeline_seconds += time.perf_counter() - began
        self.segments.append(segment)

    def give_up(self, span: Span, error: LinVTError) -> None:
        """Keep a part that could not be described."""
        from linvt_cli.pipeline.timeline import failed_part

        self.segments.append(failed_part(span, error))

    def print_segment(self) -> None:
        """Print the newest segment where texts are streamed."""
        if self._streams:
            if len(self.segments) == 1:
                self._output.line()
            self._output.line(text_line(self.segments[-1]))

    @property
    def description(self) -> Description:
        """All that was described; not there where texts are streamed."""
        from linvt_cli.pipeline.timeline import Description

        if self._answer is None:
            raise RuntimeError("the whole has not been described")
        return Description(
            self._answer, tuple(self.segments), self._scan_seconds, self._timeline_seconds
        )

    def _sampling(self, qa: VideoQA) -> FrameSampling:
        return self._frames.sampling(qa.sampling.num_frames)
