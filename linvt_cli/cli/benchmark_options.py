"""What is chosen for a run of a benchmark, and what of it contradicts the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.batch import DecodingOptions
from linvt_cli.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from linvt_cli.evaluation.benchmarks import Benchmark

OWN = "own"
TITLES = {
    "mvbench": "MVBench",
    "next-qa": "NExT-QA (multiple choice)",
    "egoschema": "EgoSchema",
    "activitynet-qa": "ActivityNet-QA",
    "msrvtt-qa": "MSRVTT-QA",
    "msvd-qa": "MSVD-QA",
    "tgif-qa": "TGIF-QA",
    "mm-vet": "MM-Vet",
    "video-mme": "Video-MME",
    "mlvu": "MLVU dev (multiple choice)",
    "mlvu-generation": "MLVU dev (generation)",
    "longvideobench": "LongVideoBench",
    "tempcompass": "TempCompass",
    "videovista": "VideoVista",
    OWN: "Your own questions",
}
"""Names of the benchmarks; those of ``evaluation.benchmarks``, which is slow to import."""

_RULED, _JUDGED = frozenset({"by"}), frozenset({"judge"})
_SHORT = frozenset({"judge", "embedding"})
TAKES: dict[str, frozenset[str]] = {
    "mvbench": _RULED,
    "next-qa": _RULED | {"split"},
    "egoschema": _RULED | {"split"},
    "activitynet-qa": _SHORT,
    "msrvtt-qa": _SHORT,
    "msvd-qa": _SHORT,
    "tgif-qa": _SHORT,
    "mm-vet": _JUDGED,
    "video-mme": _RULED | {"subtitles"},
    "mlvu": _RULED,
    "mlvu-generation": _JUDGED,
    "longvideobench": _RULED | {"subtitles"},
    "tempcompass": _RULED | _JUDGED,
    "videovista": _RULED,
    OWN: _RULED | _SHORT,
}
"""What a benchmark has a use for, of what only some have; other options are not in its help."""

EXACT, LOCAL = "exact", "local"
By = Literal["letter", "letter-likelihood", "text-likelihood"]


def require_questions(items: Sequence[object], data: str) -> None:
    """Refuse files without a question.

    Raises:
        DatasetError: if there is none.
    """
    if not items:
        raise DatasetError(
            f"The files in '{data}' hold no question",
            path=data,
            hint="see what is in them; those of a benchmark may have to be fetched again",
        )


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Who scores open answers, in the user's words."""

    judge: str | None = None  # exact, local or an address
    model: str | None = None
    timeout: float = 60.0  # s for one reply
    workers: int = 8  # requests at a time
    embedding: float | None = None  # cosine that is right; None: the judge is a language model

    def check(self, benchmark: Benchmark) -> None:
        """Refuse options that contradict each other or the benchmark.

        Raises:
            ConfigError: if they do.
        """
        if benchmark.needs_judge and self.judge in (None, EXACT):
            raise ConfigError(
                f"The answers of {benchmark.title} can only be scored by a judge",
                field="judge",
                hint="--judge URL --judge-model NAME, or --judge local --judge-model NAME",
            )
        if self.judge is None and self.model is None and self.embedding is None:
            return
        if benchmark.judged is None:
            raise ConfigError(
                f"{benchmark.title} is scored by a rule, and needs no judge",
                field="judge",
                hint="leave out --judge",
            )
        if self.judge is None or (self.judge != EXACT and self.model is None):
            raise ConfigError(
                "--judge and --judge-model belong together",
                field="judge_model",
                hint="--judge URL --judge-model NAME, --judge local --judge-model NAME, or"
                " --judge exact",
            )
        if self.embedding is not None and benchmark.judged != "meaning":
            raise ConfigError(
                f"{benchmark.title} is not scored by the meaning of short answers alone",
                field="judge_embedding",
                hint="leave out --judge-embedding",
            )
        if self.embedding is not None and self.judge in (EXACT, LOCAL):
            raise ConfigError(
                f"--judge {self.judge} has no embeddings",
                field="judge_embedding",
                hint="--judge http://localhost:11434/v1 --judge-model NAME --judge-embedding 0.8",
            )
        if self.judge == EXACT and self.model is not None:
            raise ConfigError(
                "--judge exact has no model", field="judge_model", hint="leave out --judge-model"
            )


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """All that is chosen for a run."""

    data: str
    model: ModelOptions = field(default_factory=ModelOptions)
    frames: FrameOptions = field(default_factory=FrameOptions)
    by: By = "letter"
    split: str | None = None  # None: the benchmark's first
    subtitles: bool = False
    categories: tuple[str, ...] = ()
    limit: int | None = None
    shard: str | None = None  # I/N
    max_new_tokens: int | None = None  # None: the benchmark's
    judge: JudgeOptions = field(default_factory=JudgeOptions)
    folder: str | None = None  # for answers and results; None keeps nothing
    resume: bool = False
    retry_errors: bool = False
    decoding: DecodingOptions = field(default_factory=DecodingOptions)

    def check(self, benchmark: Benchmark) -> None:
        """Refuse options that contradict each other or the benchmark.

        Raises:
            ConfigError: if they do.
        """
        if self.split is not None and self.split not in benchmark.splits:
            raise ConfigError(
                f"{benchmark.title} has no split '{self.split}'."
                f" Expected {' or '.join(benchmark.splits)}",
                field="split",
                hint="leave out --split for the usual one",
            )
        if self.subtitles and not benchmark.has_subtitles:
            raise ConfigError(
                f"{benchmark.title} has no subtitles",
                field="subtitles",
                hint="leave out --subtitles",
            )
        if self.by != "letter" and benchmark.rule is None:
            raise ConfigError(
                f"{benchmark.title} has no options whose likelihood could be compared",
                field="by",
                hint="leave out --by",
            )
        if self.by == "text-likelihood" and self.subtitles:
            raise ConfigError(
                "--by text-likelihood shows the question alone, without --subtitles",
                field="subtitles",
                hint="leave out --subtitles, or take --by letter-likelihood",
            )
        if self.shard is not None and self.folder is None:
            raise ConfigError(
                "--shard needs --output, a folder for all parts", field="shard", hint="-o results"
            )
        if self.resume and self.folder is None:
            raise ConfigError("--resume needs --output", field="resume", hint="-o results")
        if self.retry_errors and not self.resume:
            raise ConfigError(
                "--retry-errors needs --resume",
                field="retry_errors",
                hint="--resume --retry-errors -o results",
            )
        self.judge.check(benchmark)
