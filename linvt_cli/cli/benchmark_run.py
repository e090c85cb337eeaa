"""A run of a benchmark: ask what has no answer yet, score all answers, write the results."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.batch import Batch, BatchVideo, Turn, terminated_like_interrupted
from linvt_cli.cli.batch_progress import batch_progress
from linvt_cli.cli.benchmark_options import BenchmarkOptions, require_questions
from linvt_cli.cli.benchmark_parts import answers_file, kept_answers, of_shard, require_no_answers
from linvt_cli.cli.benchmark_results import (
    end_of_run,
    require_judge,
    score_all,
    tell,
    write_results,
)
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.model_version import weights_versions
from linvt_cli.cli.output import Output, print_message
from linvt_cli.cli.result_files import ResultFile
from linvt_cli.cli.resume import settings_of
from linvt_cli.cli.row_formats import JsonLines
from linvt_cli.cli.watching import fetch_model
from linvt_cli.config import AnswerShape, GenerationConfig
from linvt_cli.errors import ConfigError, LinVTError, MachineError
from linvt_cli.evaluation.answered_by import answered_by, mixture
from linvt_cli.evaluation.benchmarks import BENCHMARKS, Benchmark, read_items
from linvt_cli.evaluation.items import BrokenItem, Item, ReadOptions
from linvt_cli.evaluation.prompts import VERSION
from linvt_cli.evaluation.results import Failure, to_document
from linvt_cli.evaluation.scoring import choices_for, is_choice
from linvt_cli.evaluation.subtitles import spoken_at

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA, WatchedVideo

_SETTINGS_DIGITS = 16
_MOST_TOLD = 10  # rows that cannot be asked


def evaluate_benchmark(name: str, options: BenchmarkOptions, output: Output) -> ExitCode:
    """Run a benchmark and return how the command ends.

    A question that cannot be read, or a video that cannot be used, is a failure that the results
    list; the others are asked.

    Raises:
        LinVTError: if options, files, model or judge cannot be used.
    """
    benchmark = BENCHMARKS[name]
    options.check(benchmark)
    options.frames.sampling(1)
    if options.shard is not None and output.form == "json":
        raise ConfigError(
            "--shard has no results that --json could print", field="json", hint="leave out --json"
        )
    with prompt_interrupt(), terminated_like_interrupted(), output.sole_writer():
        split = options.split or benchmark.splits[0]
        items = read_items(
            benchmark,
            Path(options.data),
            ReadOptions(split, options.categories, options.subtitles),
            limit=options.limit,
        )
        require_questions(items, options.data)
        return _Run(benchmark, items, replace(options, split=split), output).run()


@dataclass(frozen=True, slots=True)
class _Part:
    """A video, or a part of one, with the questions about it that are open."""

    video: BatchVideo
    items: tuple[tuple[Item, str], ...]  # with the settings of each


class _Run:
    """One run over the questions of a benchmark."""

    def __init__(
        self,
        benchmark: Benchmark,
        items: Sequence[Item | BrokenItem],
        options: BenchmarkOptions,
        output: Output,
    ) -> None:
        self._benchmark = benchmark
        self._items = of_shard([item for item in items if isinstance(item, Item)], options.shard)
        # Those of all parts are told once, with the results.
        broken = [item for item in items if isinstance(item, BrokenItem)]
        self._broken = broken if options.shard is None else []
        self._options = options
        self._output = output
        self._generation = GenerationConfig(
            max_new_tokens=options.max_new_tokens or benchmark.max_new_tokens
        )
        self._file: ResultFile | None = None
        self._rows: dict[str, dict[str, Any]] = {}  # by id of the question
        self._versions: tuple[str | None, ...] = ()  # of the model's weights

    def run(self) -> ExitCode:
        with ExitStack() as while_running:
            if self._options.folder is not None:
                self._file = while_running.enter_context(self._opened(Path(self._options.folder)))
            self._tell_broken()
            if self._options.shard is None:  # a part is not scored
                require_judge(self._benchmark, self._options, self._output)
            model = self._ask()
            if self._options.shard is not None:
                return self._end_of_part()
            scored, failures, judge = score_all(
                self._benchmark, self._items, self._rows, self._options, self._output
            )
            told = [Failure.of(each) for each in self._broken]
            settings = self._settings(model, judge)
            document = to_document(self._benchmark, settings, scored, [*told, *failures])
            if (mixed := mixture(settings["model"])) is not None:
                self._output.warning(f"answers of several quantizations are mixed: {mixed}")
            write_results(document, scored, self._benchmark, self._options, self._output)
        tell(document, self._output)
        types = [failure["type"] for failure in document["failures"]]
        return end_of_run(types, answered=document["questions"]["answered"])

    def _opened(self, folder: Path) -> ResultFile:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(
                f"'{folder}' cannot be made: {error.strerror}",
                hint="name another folder with --output",
            ) from error
        if not self._options.resume:
            require_no_answers(folder, self._options.shard)
        answers = answers_file(folder, self._options.shard)
        return ResultFile(answers, JsonLines(), resume=self._options.resume)

    def _end_of_part(self) -> ExitCode:
        """Say how the parts become results; return how this one ends."""
        self._output.notice(
            f"note: part {self._options.shard} is answered; when all parts are, the same command"
            " with --resume instead of --shard scores them"
        )
        ends = [row["error"] for row in self._rows.values()]
        types = [error["type"] for error in ends if error is not None]
        return end_of_run(types, answered=len(ends) - len(types))

    def _tell_broken(self) -> None:
        for broken in self._broken[:_MOST_TOLD]:
            print_message(f"error: {broken.error.message}")
        if len(self._broken) > _MOST_TOLD:
            print_message(f"error: and {len(self._broken) - _MOST_TOLD} more; the results list all")
        for hint in dict.fromkeys(broken.error.hint for broken in self._broken[:_MOST_TOLD]):
            if hint is not None:
                print_message(f"hint: {hint}")

    def _ask(self) -> ModelOptions:
        """Ask what has no answer yet; return which model was asked."""
        batch = Batch(self._options.model, self._options.decoding, self._output)
        fetch_model(batch.model, self._output)
        self._versions = weights_versions(batch.model)
        parts = self._open_parts(batch.model)
        with (
            batch_progress(self._output, len(parts)) as progress,
            closing(batch.turns([part.video for part in parts])) as turns,
        ):
            for turn in turns:
                progress.begin(turn.video)
                failed = [self._ask_about(turn, *asked) for asked in parts[turn.number].items]
                progress.end(turn.video, failed=any(failed))
        return batch.model

    def _open_parts(self, model: ModelOptions) -> list[_Part]:
        """Return what is left to do, questions about the same frames together."""
        frames_of = {
            item.id: self._options.frames.between(item.start, item.end) for item in self._items
        }
        settings_of_items = {
            item.id: self._settings_of(model, frames_of[item.id], item) for item in self._items
        }
        kept = self._kept(settings_of_items)
        parts: dict[tuple[object, ...], tuple[BatchVideo, list[tuple[Item, str]]]] = {}
        for item in self._items:
            frames, settings = frames_of[item.id], settings_of_items[item.id]
            if (row := kept.get(settings)) is not None:
                self._rows[item.id] = row
                continue
            key = str(item.video), item.start, item.end
            video = BatchVideo(str(item.video), frames, item.frame_rate)
            parts.setdefault(key, (video, []))[1].append((item, settings))
        return [_Part(video, tuple(items)) for video, items in parts.values()]

    def _kept(self, settings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return the rows of earlier runs by their settings, which hold the question."""
        if self._file is None or not self._options.resume:
            return {}
        videos = {settings[item.id]: item.video for item in self._items}
        kept = kept_answers(self._file, videos, retry_errors=self._options.retry_errors)
        return {row.settings: json.loads(row.content) for row in kept}

    def _settings_of(self, model: ModelOptions, frames: FrameOptions, item: Item) -> str:
        asked = [
            settings_of(model, frames, self._generation, versions=self._versions),
            self._benchmark.name,
            VERSION,
            self._options.by,
            self._options.subtitles,
            item.question,
            item.options,
            self._place(item),
            *map(asdict, item.subtitles),
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:_SETTINGS_DIGITS]

    def _place(self, item: Item) -> str:
        """Where a video is in the benchmark's folder, which may stand elsewhere next time."""
        return os.path.relpath(item.video, self._options.data)

    def _ask_about(self, turn: Turn, item: Item, settings: str) -> bool:
        """Ask one question and keep the row; return whether it failed."""
        from linvt_cli.pipeline import error_record

        try:
            record = self._answer(turn, item)
        except LinVTError as error:
            print_message(f"error: question {item.id}: {error.message}")
            record = error_record(turn.video, item.question, error)
        record["id"] = item.id
        record["source"] = (
            None
            if turn.source is None
            else {"digest": turn.source.digest, "size": turn.source.size}
        )
        record["settings"] = settings
        self._rows[item.id] = record
        if self._file is not None:
            self._file.append(record)
        return record["error"] is not None

    def _answer(self, turn: Turn, item: Item) -> dict[str, Any]:
        from linvt_cli.pipeline import to_record

        if isinstance(turn.watching, LinVTError):
            raise turn.watching
        # The last is the one that counts: work is done again where memory ran out.
        answers: deque[dict[str, Any]] = deque(maxlen=1)
        shape = self._shape(item)

        def answer(qa: VideoQA, watched: WatchedVideo) -> None:
            prompt = self._prompt(item, watched)
            answers.append(to_record(qa.ask(watched, prompt, self._generation, shape)))

        turn.watching.use(answer, may_repeat=lambda: True)
        return answers.pop()

    def _shape(self, item: Item) -> AnswerShape:
        by = self._options.by
        if by == "letter" or not is_choice(self._benchmark, item):
            return AnswerShape()
        return AnswerShape(choices_for(item, by))

    def _prompt(self, item: Item, watched: WatchedVideo) -> str:
        if self._options.by == "text-likelihood":
            return item.question
        return self._benchmark.prompt(item, spoken_at(item.subtitles, watched.frames.times))

    def _settings(self, model: ModelOptions, judge: dict[str, Any] | None) -> dict[str, Any]:
        rows = [self._rows[item.id] for item in self._items]
        answered = [row for row in rows if row["error"] is None]
        unknown: dict[str, Any] = {
            "backbone": model.chosen,
            "tokenizer": model.tokenizer or "unknown",
        }
        unknown.update(dict.fromkeys(("checkpoint", "quantization", "revision")))
        counts = [row["frames"]["count"] for row in answered]
        return {
            "model": answered_by([row["model"] for row in answered]) if answered else unknown,
            "frames": self._options.frames.frames or max(counts, default=None),
            "fps": self._options.frames.fps,
            "by": self._options.by if self._benchmark.rule is not None else "words",
            "split": self._options.split,
            "subtitles": self._options.subtitles,
            "categories": list(self._options.categories),
            "limit": self._options.limit,
            "max_new_tokens": self._generation.max_new_tokens,
            "prompts": VERSION,
            "judge": judge,
            "data": self._options.data,
        }
