"""``linvt ask`` about many videos: a row for each video and question, answered or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from linvt_cli import errors
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.asking import answer_all
from linvt_cli.cli.batch import (
    Batch,
    BatchVideo,
    DecodingOptions,
    Turn,
    terminated_like_interrupted,
)
from linvt_cli.cli.batch_progress import batch_progress
from linvt_cli.cli.failures import ExitCode, exit_code_of_class
from linvt_cli.cli.inputs import Asked, Selection, VideoRequest, find_requests
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.model_version import weights_versions
from linvt_cli.cli.output import Output, StdoutError, print_message, printable
from linvt_cli.cli.result_files import ResultFile, files_of, open_results
from linvt_cli.cli.resume import Open, Plan, make_plan, settings_of
from linvt_cli.cli.watching import fetch_model
from linvt_cli.config import ANY_SHAPE, AnswerShape
from linvt_cli.errors import ConfigError, LinVTError, MachineError

if TYPE_CHECKING:
    from linvt_cli.config import GenerationConfig
    from linvt_cli.types import Answer

_MOST_SHOWN = 60  # characters of a question


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """Where rows go, and what is done about those that failed."""

    file: str | None = None
    resume: bool = False
    retry_errors: bool = False
    fail_fast: bool = False

    def check(self, output: Output) -> None:
        """Refuse options that contradict each other.

        Raises:
            ConfigError: if they do.
        """
        if self.file is not None and output.form != "text":
            raise ConfigError(
                "--json and --jsonl print; --output writes a file",
                field="output",
                hint="leave out one of them",
            )
        if self.file is None and self.resume:
            raise ConfigError("--resume needs --output", field="resume", hint="-o answers.jsonl")
        if self.retry_errors and not self.resume:
            raise ConfigError(
                "--retry-errors needs --resume",
                field="retry_errors",
                hint="--resume --retry-errors -o answers.jsonl",
            )


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """All that is chosen for many videos."""

    model: ModelOptions
    frames: FrameOptions
    generation: GenerationConfig
    selection: Selection = field(default_factory=Selection)
    results: ResultOptions = field(default_factory=ResultOptions)
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    shape: AnswerShape = ANY_SHAPE

    @property
    def is_about_one(self) -> bool:
        """Whether nothing was chosen that only many videos need."""
        return self.selection.is_usual and self.results == ResultOptions()


def ask_batch(
    inputs: Sequence[str], questions: Sequence[str], options: BatchOptions, output: Output
) -> ExitCode:
    """Ask questions about many videos, and return how the command ends.

    A video that cannot be used becomes rows with an error, and the others are answered.

    Raises:
        LinVTError: if the inputs, the options, the model or the file for results cannot be used.
    """
    options.results.check(output)
    options.frames.sampling(options.model.default_frames)
    save = partial(output.save, as_list=True)
    with prompt_interrupt(save=save), terminated_like_interrupted(), output.sole_writer():
        own = () if options.results.file is None else files_of(options.results.file)
        requests = find_requests(inputs, questions, options.selection, own)
        return _Asking(requests, options, output).run()


class _Asking:
    """One run over the videos that are left to do."""

    def __init__(
        self, requests: Sequence[VideoRequest], options: BatchOptions, output: Output
    ) -> None:
        self._requests = requests
        self._options = options
        self._output = output
        self._file: ResultFile | None = None
        self._failed: list[str] = []  # types of errors, in the order of rows
        self._num_answered = 0
        self._num_kept = self._num_failed_before = 0
        self._hints: set[str] = set()  # that were printed; each would stand there for every video
        self._stopped = False  # by the first failure, where that is wanted
        self._shows_question = any(len(request.asked) > 1 for request in requests)

    def run(self) -> ExitCode:
        results = self._options.results
        with ExitStack() as while_running:
            if results.file is not None:
                self._file = while_running.enter_context(
                    open_results(results.file, resume=results.resume)
                )
            options = self._options
            model = options.model.doing(options.frames, options.generation)
            is_done = False
            try:
                batch = Batch(model, options.decoding, self._output)
                plan = self._plan(batch.model)
                self._ask_all(batch, plan.todo)
                is_done = True
            except LinVTError as error:
                self._give_up(error)
                raise
            finally:
                self._output.finish(as_list=True, may_be_empty=is_done)
                self._tell()
            if self._file is not None and not self._stopped:
                self._file.complete()
        return self._exit_code()

    def _plan(self, model: ModelOptions) -> Plan:
        fetch_model(model, self._output)
        settings = self._settings(model)
        asked = [(request, settings(self._frames(request))) for request in self._requests]
        if self._file is None:
            return Plan([Open(request, settings, request.asked) for request, settings in asked])
        plan = make_plan(asked, self._file.rows, retry_errors=self._options.results.retry_errors)
        self._file.keep(plan.kept)
        self._failed = [row.error for row in plan.done if row.error is not None]
        self._num_failed_before = len(self._failed)
        self._num_kept = len(plan.done) - len(self._failed)
        return plan

    def _settings(self, model: ModelOptions) -> Callable[[FrameOptions], str]:
        versions = weights_versions(model)
        generation, shape = self._options.generation, self._options.shape
        return cache(lambda frames: settings_of(model, frames, generation, shape, versions))

    def _frames(self, request: VideoRequest) -> FrameOptions:
        frames = self._options.frames
        return replace(
            frames,
            start=frames.start if request.start is None else request.start,
            end=frames.end if request.end is None else request.end,
        )

    def _ask_all(self, batch: Batch, todo: Sequence[Open]) -> None:
        videos = [BatchVideo(each.request.video, self._frames(each.request)) for each in todo]
        with (
            batch_progress(self._output, len(videos)) as progress,
            closing(batch.turns(videos)) as turns,
        ):
            for turn in turns:
                progress.begin(turn.video)
                before = len(self._failed)
                self._ask_about(turn, todo[turn.number])
                progress.end(turn.video, failed=len(self._failed) > before)
                if self._stopped:
                    break

    def _ask_about(self, turn: Turn, what: Open) -> None:
        from linvt_cli.pipeline import to_record

        left = deque(what.asked)
        told: set[str] = set()

        def give(outcome: Answer | LinVTError, _: object = None) -> bool:
            asked = left.popleft()
            if isinstance(outcome, LinVTError):
                line = self._line(turn, asked, outcome)
                if line not in told:
                    told.add(line)
                    self._tell_failure(line, outcome.hint)
                record = self._failure(turn, asked, outcome)
                self._failed.append(type(outcome).__name__)
                self._stopped = self._options.results.fail_fast
            else:
                record = to_record(outcome)
            self._give(record, turn, asked, what.settings)
            self._num_answered += not isinstance(outcome, LinVTError)
            return not self._stopped

        if isinstance(turn.watching, LinVTError):
            while left and give(turn.watching):
                pass
            return
        questions = [asked.question for asked in what.asked]
        chosen = self._options
        answer_all(turn.watching, questions, chosen.generation, chosen.shape, give)

    def _give_up(self, error: LinVTError) -> None:
        """Print a record of each question that is still open, where records are printed."""
        if self._file is not None or self._output.form == "text":
            return
        from linvt_cli.pipeline import error_record

        asked = [(request.video, one) for request in self._requests for one in request.asked]
        for video, one in asked[self._num_answered + len(self._failed) :]:
            record = error_record(video, one.question, error)
            self._output.record(record if one.id is None else {**record, "id": one.id})
            self._failed.append(type(error).__name__)

    def _line(self, turn: Turn, asked: Asked, error: LinVTError) -> str:
        """Return what failed and why: all of a video, or one of its questions."""
        from linvt_cli.video.files import shown_name

        if shown_name(turn.video)[1:-1] in error.message:
            return error.message
        if not self._shows_question or isinstance(turn.watching, LinVTError):
            return f"{turn.video}: {error.message}"
        question = " ".join(asked.question.split())
        if len(question) > _MOST_SHOWN:
            question = f"{question[:_MOST_SHOWN]}…"
        return f"{turn.video}, '{question}': {error.message}"

    def _tell_failure(self, line: str, hint: str | None) -> None:
        print_message(f"error: {line}")
        if hint is not None and hint not in self._hints:
            self._hints.add(hint)
            print_message(f"hint: {hint}")

    def _failure(self, turn: Turn, asked: Asked, error: LinVTError) -> dict[str, Any]:
        from linvt_cli.pipeline import error_record

        return error_record(turn.video, asked.question, error)

    def _give(self, record: dict[str, Any], turn: Turn, asked: Asked, settings: str) -> None:
        if self._file is None and self._output.form == "text":
            if record["error"] is None:
                question = f"{' '.join(asked.question.split())} " if self._shows_question else ""
                text = " ".join((record["answer"] or "").split())  # it may abstain
                self._output.line(f"{printable(turn.video)}: {question}{text}")
            return
        if asked.id is not None:
            record["id"] = asked.id
        record["source"] = None if turn.source is None else asdict(turn.source)
        record["settings"] = settings
        if self._file is None:
            self._output.record(record)
        else:
            try:
                self._file.append(record)
            except MachineError as error:  # no failure of the question, so that nothing goes on
                raise StdoutError(error) from error

    def _tell(self) -> None:
        before = self._num_failed_before
        failed = len(self._failed) - before
        parts = [f"{self._num_answered} answered", f"{failed} failed"]
        parts += [f"{before} failed before"] if before else []
        parts += [f"{self._num_kept} were there"] if self._num_kept else []
        where = "" if self._file is None else f" in {self._options.results.file}"
        again = "; --retry-errors tries again what failed before" if before else ""
        self._output.notice(f"{', '.join(parts)}{where}{again}")

    def _exit_code(self) -> ExitCode:
        if not self._failed:
            return ExitCode.DONE
        if self._num_answered or self._num_kept:
            return ExitCode.SOME_FAILED
        first = getattr(errors, self._failed[0], errors.VideoError)
        return exit_code_of_class(first)
