"""What an ablation has measured so far: one list of runs, from which it also goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from linvt_cli.errors import ConfigError
from linvt_cli.training.whole_file import write_whole

Counts = dict[str, tuple[int, int]]  # kind of question -> exact answers, all answers
ORDER = ("after", "before", "direction", "first", "last")
NOT_OF_THE_WORLD = ("foreign", "off-topic")
_LIST = "results.jsonl"


@dataclass(frozen=True, slots=True)
class RunResult:
    """One variant, trained with one seed and asked about the test clips."""

    variant: str
    seed: int
    num_steps: int  # 0 where nothing is trained
    num_video_tokens: int  # K that reached the language model
    num_kept: int | None  # k; None where nothing is kept
    num_weights: int  # that were trained
    linear: bool
    loss: float | None  # mean over the last steps
    seconds_per_step: float | None
    exact: Counts

    def share(self, kinds: Collection[str] | None = None) -> float | None:
        """Exact answers among those of some kinds, or of all kinds of questions about the world."""
        return share_of(self.exact, kinds)


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The image-LLM asked about stills, before and after it was trained on clips."""

    before: Counts
    after: Counts
    weights_after: str  # SHA-256


def share_of(exact: Counts, kinds: Collection[str] | None = None) -> float | None:
    """Exact answers among those of some kinds, or of all kinds of questions about the world.

    None where there is no such question.
    """
    if kinds is None:
        kinds = [kind for kind in exact if kind not in NOT_OF_THE_WORLD]
    counted = [exact[kind] for kind in kinds if kind in exact]
    total = sum(count for _, count in counted)
    return sum(right for right, _ in counted) / total if total else None


def add_result(run_dir: Path, result: RunResult, order: Sequence[str]) -> None:
    """Add a run to ``results.jsonl``, whose lines are by the order of variants, then by seed."""
    results = sorted([*read_results(run_dir, order), result], key=_place_in(order))
    lines = [json.dumps(asdict(result)) + "\n" for result in results]
    write_whole(run_dir / _LIST, "".join(lines))


def read_results(run_dir: Path, order: Sequence[str]) -> list[RunResult]:
    """Return the results of all finished runs of the variants in ``order``, and by it.

    Raises:
        ConfigError: a line of ``results.jsonl`` is no result.
    """
    path = run_dir / _LIST
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [_result(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    known = [result for result in found if result.variant in order]
    return sorted(known, key=_place_in(order))


def _result(line: str, place: str) -> RunResult:
    try:
        document = json.loads(line)
        return RunResult(**{**document, "exact": _counts(document["exact"])})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{place}: no result of a run",
            field="output",
            hint="delete the line: its run is then made again",
        ) from error


def _place_in(order: Sequence[str]) -> Callable[[RunResult], tuple[int, int]]:
    return lambda result: (order.index(result.variant), result.seed)


def write_image_result(run_dir: Path, result: ImageResult) -> None:
    """Keep the answers about stills."""
    write_whole(run_dir / "images.json", json.dumps(asdict(result), indent=2) + "\n")


def read_image_result(run_dir: Path) -> ImageResult | None:
    """Return the answers about stills, or None where nobody has asked yet."""
    path = run_dir / "images.json"
    if not path.exists():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    return ImageResult(
        before=_counts(document["before"]),
        after=_counts(document["after"]),
        weights_after=document["weights_after"],
    )


def _counts(document: dict[str, list[int]]) -> Counts:
    return {kind: (right, total) for kind, (right, total) in document.items()}
