"""A conversation as it reaches the user: what each line asks for, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from linvt_cli.cli.answers import closing_line
from linvt_cli.cli.chat_view import ChatView
from linvt_cli.cli.failures import ExitCode, exit_code_of
from linvt_cli.cli.interrupts import held_interrupt
from linvt_cli.cli.output import Output, print_error, print_message
from linvt_cli.cli.slash_commands import COMMANDS, file_name, is_command, parse_command
from linvt_cli.cli.transcript import Transcript
from linvt_cli.errors import LinVTError

if TYPE_CHECKING:
    from linvt_cli.config import GenerationConfig
    from linvt_cli.pipeline import VideoQA, WatchedVideo
    from linvt_cli.types import Turn

_KEYS = "Ctrl-C stops an answer, Alt-Enter begins a new line, Tab completes, Ctrl-D ends"


class Chatting:
    """What is said about a video.

    A line that fails is said to have failed, and the conversation goes on.

    Args:
        view: the video and the model.
        generation: how answers are generated.
        output: where answers and messages go.
        interactive: whether somebody sits at a terminal; then Ctrl-C stops an answer alone.
    """

    def __init__(
        self, view: ChatView, generation: GenerationConfig, output: Output, *, interactive: bool
    ) -> None:
        self._view = view
        self._generation = generation
        self._output = output
        self._interactive = interactive
        self._turns: list[Turn] = []
        self._is_cut = False  # whether the oldest turns are left out
        self._told_of: WatchedVideo | None = None  # how long the look at it took
        self._reads_alone: set[str] = set()  # models of which it was said
        self._transcript = Transcript()
        self._num_lines = 0
        self._failures: list[LinVTError] = []
        self._commands: dict[str, Callable[[str], None]] = {
            "frames": lambda _: self._show_frames(),
            "at": self._look_at,
            "model": self._change_model,
            "video": self._change_video,
            "forget": lambda _: self._forget(),
            "save": self._save,
            "help": lambda _: self._help(),
        }

    def begin(self) -> None:
        """Load the model and look at the video.

        Raises:
            LinVTError: if the options contradict each other, or one of the two cannot be used.
        """
        self._view.check()
        summary = self._view.summary()
        if self._interactive:
            self._output.aside(f"{summary} · /help shows the commands, Ctrl-D ends")

    def take(self, line: str) -> bool:
        """Do what a line asks for, and return whether the conversation goes on.

        Raises:
            KeyboardInterrupt: if Ctrl-C was pressed meanwhile, and did not stop an answer.
        """
        if not line.strip():
            return True
        self._num_lines += 1
        if not is_command(line):
            # Bytes that are no UTF-8 may name a file, but no tokenizer reads them.
            self._ask(line.strip().encode("utf-8", "replace").decode("utf-8"))
            return True
        with self._failure_told():
            name, argument = parse_command(line)
            if name == "quit":
                return False
            self._commands[name](argument)
        return True

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends: at a terminal well, else by what became of the lines."""
        if self._interactive or not self._failures:
            return ExitCode.DONE
        if len(self._failures) < self._num_lines:
            return ExitCode.SOME_FAILED
        return exit_code_of(self._failures[0])

    @contextmanager
    def _failure_told(self, question: str | None = None) -> Iterator[None]:
        try:
            yield
        except LinVTError as error:
            print_error(error)
            self._failures.append(error)
            if question is not None:
                from linvt_cli.pipeline import error_record

                self._record(error_record(self._view.video, question, error))

    def _record(self, record: dict[str, object]) -> None:
        self._transcript.add(record)
        if self._output.form == "jsonl":
            self._output.record(record)

    def _ask(self, question: str) -> None:
        if not self._interactive:
            self._output.aside(question)
        spoken = _SpokenAnswer(self._output)
        # In a pipe Ctrl-C ends the command, as it ends others.
        holding = held_interrupt() if self._interactive else nullcontext()
        with self._failure_told(question), spoken.ended(), holding as interrupted:
            self._view.use(
                lambda qa, watched: self._answer(qa, watched, question, spoken, interrupted),
                may_repeat=lambda: not spoken.has_begun,
            )

    def _answer(
        self,
        qa: VideoQA,
        watched: WatchedVideo,
        question: str,
        spoken: _SpokenAnswer,
        interrupted: Callable[[], bool] | None,
    ) -> None:
        from linvt_cli.pipeline import Conversation, to_record

        self._tell_if_read_alone(qa)
        conversation = Conversation(qa, watched, self._generation, turns=self._turns)
        answer = conversation.ask(question, on_text=spoken.write, interrupted=interrupted)
        self._turns = conversation.turns
        spoken.end()
        self._record(to_record(answer))
        if answer.finish_reason == "interrupted":
            self._output.notice("stopped: the answer is not whole")
        looked = self._told_of is not watched
        self._output.aside(closing_line(watched, answer.stats, looked=looked))
        self._told_of = watched
        if conversation.num_left_out and not self._is_cut:
            self._output.notice(
                "note: the conversation no longer fits into what"
                f" {qa.model.backbone} reads at once; the oldest turns are left out"
            )
        self._is_cut = conversation.num_left_out > 0

    def _tell_if_read_alone(self, qa: VideoQA) -> None:
        name = qa.model.backbone
        if self._turns and not qa.backbone.converses and name not in self._reads_alone:
            self._reads_alone.add(name)
            self._output.notice(f"note: {_alone(name)}")

    def _look_at(self, part: str) -> None:
        if part:
            self._view.look_at(part)
        self._show_frames()

    def _change_video(self, name: str) -> None:
        self._view.change_video(file_name(name))
        self._show_frames()
        if self._turns:
            self._forget()

    def _change_model(self, name: str) -> None:
        if name:
            self._told_of = None  # nothing of the old model is to stay in memory
            self._view.change_model(name)
        print_message(self._view.summary())

    def _forget(self) -> None:
        self._turns = []
        self._is_cut = False
        self._output.notice("what was said is forgotten; /save still has it")

    def _save(self, name: str) -> None:
        print_message(f"written: {self._transcript.save(file_name(name))}")

    def _help(self) -> None:
        width = max(len(each.usage) for each in COMMANDS)
        for each in COMMANDS:
            print_message(f"{each.usage.ljust(width)}  {each.summary}")
        print_message(_KEYS)
        qa, _ = self._view.seen()
        if not qa.backbone.converses:
            print_message(_alone(qa.model.backbone))

    def _show_frames(self) -> None:
        print_message(self._view.summary())
        _, watched = self._view.seen()
        times = ", ".join(f"{time:.2f}" for time in watched.frames.times)
        print_message(f"at {times} s")


class _SpokenAnswer:
    """An answer on its way to stdout; as a record it goes there whole."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._is_text = output.form == "text"
        self._is_over = False
        self.has_begun = False

    def write(self, text: str) -> None:
        """Print a piece of it at once."""
        if self._is_text:
            self._output.write(text)
            self.has_begun = True

    def end(self) -> None:
        """End its line."""
        if self._is_text and not self._is_over:
            self._output.line()
        self._is_over = True

    @contextmanager
    def ended(self) -> Iterator[None]:
        """End the line of an answer that breaks off in the block."""
        try:
            yield
        finally:
            if self.has_begun:
                self.end()


def _alone(name: str) -> str:
    return (
        f"{name} was trained on single questions: it reads each by itself, without what was said"
        " before"
    )
