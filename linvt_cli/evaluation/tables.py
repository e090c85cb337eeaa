"""Results as Markdown, for people; figures are percent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from linvt_cli.evaluation.answered_by import mixture
from linvt_cli.evaluation.bootstrap import Comparison

_MOST_FAILURES = 20  # that are listed; all are in results.json
_BY = {
    "letter": "the option that the generated answer names",
    "letter-likelihood": "the likeliest letter",
    "text-likelihood": "the likeliest text",
    "words": "generated answers",
}


def as_markdown(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report: score, paper's score, settings, categories, failures."""
    yield f"# {document['title']}"
    yield ""
    yield from _headline(document)
    yield ""
    yield from _counts(document)
    yield ""
    yield from _settings(document["settings"])
    for dimension, categories in document["groups"].items():
        yield ""
        yield from _categories(dimension, categories)
    if document["paper"] is not None:
        yield ""
        yield "Against the paper's figure:"
        yield ""
        for difference in document["paper"]["differences"]:
            yield f"- {_plain(difference)}"
    if document["failures"]:
        yield ""
        yield from _failures(document["failures"])


def _headline(document: Mapping[str, Any]) -> Iterator[str]:
    paper, accuracy, rating = document["paper"], document["accuracy"], document["rating"]
    over = document["averaged_over"]
    name = "accuracy" if over is None else f"accuracy, mean over each {over}"
    yield _row("", "here", "95 % interval", *(() if paper is None else ("the paper",)))
    yield "|---|---|---|" if paper is None else "|---|---|---|---|"
    reported = () if paper is None else (f"{100 * paper['accuracy']:.1f}",)
    yield _row(f"{name}, %", _percent(accuracy), _interval(accuracy), *reported)
    if rating is not None:
        low, high = rating["low"], rating["high"]
        stars = () if paper is None else (_number(paper["rating"]),)
        label = f"rating, 0 to {document['best_rating']}"
        yield _row(label, f"{rating['value']:.2f}", f"{low:.2f} to {high:.2f}", *stars)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _counts(document: Mapping[str, Any]) -> Iterator[str]:
    questions = document["questions"]
    told = [f"{questions['asked']} questions", f"{questions['scored']} scored"]
    hidden = questions["answered"] - questions["scored"]
    if hidden:
        told.append(f"{hidden} answered whose right answer is not public")
    if questions["failed"]:
        told.append(f"**{questions['failed']} failed**")
    if questions["without_option"]:
        told.append(f"{questions['without_option']} answers name no option and count as wrong")
    yield f"{', '.join(told)}."
    if (mixed := mixture(document["settings"]["model"])) is not None:
        yield f"**Warning:** answers of several quantizations are mixed: {_plain(mixed)}."
    if questions["failed"] and document["accuracy_if_failures_are_wrong"] is not None:
        share = document["accuracy_if_failures_are_wrong"]
        yield f"If failures counted as wrong, the accuracy would be {100 * share:.1f} %."


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    model, judge = settings["model"], settings["judge"]
    yield "| setting | value |"
    yield "|---|---|"
    bits = "not quantized" if model["quantization"] in (None, "none") else model["quantization"]
    yield f"| model | {_plain(model['backbone'])}, {bits} |"
    checkpoint = _plain(model["checkpoint"] or "none")
    yield f"| tokenizer | {model['tokenizer']}, checkpoint {checkpoint} |"
    yield f"| frames | {settings['frames']} |"
    yield f"| split | {settings['split']} |"
    yield f"| answers | {_BY[settings['by']]} |"
    if settings["subtitles"]:
        yield "| subtitles | those at the frames, before the question |"
    if settings["categories"] or settings["limit"] is not None:
        part = _plain(", ".join(settings["categories"])) or "all categories"
        limit = "" if settings["limit"] is None else f", the first {settings['limit']} questions"
        yield f"| part | {part}{limit} |"
    if judge is not None:
        yield f"| judge | {_plain(judge['label'])} |"


def _categories(dimension: str, categories: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {dimension} | questions | accuracy, % | 95 % interval |"
    yield "|---|---|---|---|"
    for name, record in categories.items():
        yield f"| {_plain(name)} | {record['count']} | {_percent(record)} | {_interval(record)} |"


def _failures(failures: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "Failures:"
    yield ""
    for failure in failures[:_MOST_FAILURES]:
        yield f"- {_plain(failure['id'])}: {_plain(failure['message'])}"
    if len(failures) > _MOST_FAILURES:
        yield f"- and {len(failures) - _MOST_FAILURES} more"


def _plain(text: str) -> str:
    """Return a text from a file or a judge as one line that breaks neither table nor terminal."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split()).replace("|", "\\|")


def _percent(record: Mapping[str, Any] | None) -> str:
    return "-" if record is None else f"{100 * record['value']:.1f}"


def _interval(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "-"
    return f"{100 * record['low']:.1f} to {100 * record['high']:.1f}"


def comparison_table(first: str, second: str, result: Comparison, unmatched: int) -> Iterator[str]:
    """Yield the lines of a Markdown table about two runs.

    Args:
        first: what the first run is called.
        second: what the second is called.
        result: of the comparison.
        unmatched: questions that only one of them scored.
    """
    yield f"| over {result.count} questions that both scored | |"
    yield "|---|---|"
    yield f"| {_plain(first)}, % | {100 * result.first:.1f} |"
    yield f"| {_plain(second)}, % | {100 * result.second:.1f} |"
    yield (
        f"| difference, points | {100 * result.difference:+.1f}"
        f" ({100 * result.low:+.1f} to {100 * result.high:+.1f}) |"
    )
    yield f"| better in the first alone | {result.only_first} |"
    yield f"| better in the second alone | {result.only_second} |"
    yield f"| p, signs of whole videos flipped | {result.p_value:.4f} |"
    if unmatched:
        yield f"| scored in one run only, left out | {unmatched} |"
