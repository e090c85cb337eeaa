"""Two runs of a benchmark, read back and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.bootstrap import Comparison, compare
from linvt_cli.evaluation.items import Groups, category_of
from linvt_cli.evaluation.results import SCHEMA_VERSION


def read_results(path: Path) -> dict[str, Any]:
    """Read a document of results; a folder stands for the one in it.

    Raises:
        DatasetError: if it is something else.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        known = document["schema_version"] == SCHEMA_VERSION
        lacking = [name for name in ("benchmark", "settings", "rows") if name not in document]
    except OSError as error:
        raise DatasetError(
            f"'{file}' cannot be read: {error.strerror}",
            path=file,
            hint="name a folder that linvt evaluate -o has written",
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _foreign(file) from error
    if not known or lacking:
        raise _foreign(file)
    return dict(document)


def _foreign(file: Path) -> DatasetError:
    return DatasetError(
        f"'{file}' is no file of results that 'linvt evaluate' wrote",
        path=file,
        hint="name the results.json of a run, or its folder",
    )


def unlike(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return what else than the model two runs differ in, so that their figures do not compare."""
    told = (
        ("how options are chosen", "by"),
        ("subtitles", "subtitles"),
        ("the prompts", "prompts"),
        ("the split", "split"),
    )
    settings = first["settings"], second["settings"]
    differing = [name for name, key in told if settings[0].get(key) != settings[1].get(key)]
    judges = [(each.get("judge") or {}).get("label") for each in settings]
    return differing if judges[0] == judges[1] else ["the judge", *differing]


def compare_results(
    first: Mapping[str, Any], second: Mapping[str, Any], *, places: tuple[str, str]
) -> tuple[Comparison, int]:
    """Compare two documents over the questions that both scored.

    A question is the same if its id, the name of its video and the right answer are.

    Args:
        first: a document.
        second: another, of the same benchmark.
        places: of both, for messages.

    Returns:
        The comparison, and how many questions only one of them scored.

    Raises:
        DatasetError: if they are of different benchmarks, or share no question.
    """
    if first["benchmark"] != second["benchmark"]:
        raise DatasetError(
            f"'{places[1]}' is about {second['benchmark']}, '{places[0]}' about"
            f" {first['benchmark']}",
            path=places[1],
            hint="compare runs of one benchmark",
        )
    one, other = _scores(first, places[0]), _scores(second, places[1])
    shared = [name for name in one if name in other and one[name].about == other[name].about]
    if not shared:
        raise DatasetError(
            f"'{places[1]}' has no question of '{places[0]}'",
            path=places[1],
            hint="compare runs over the same questions",
        )
    over = first.get("averaged_over")
    groups = [category_of(one[name].groups, over) for name in shared] if over else None
    compared = compare(
        [one[name].score for name in shared],
        [other[name].score for name in shared],
        [one[name].video for name in shared],
        groups,
    )
    return compared, len(one) + len(other) - 2 * len(shared)


class _Score(NamedTuple):
    score: float
    video: str
    groups: Groups
    about: tuple[str, str]  # name of the video, right answer


def _scores(document: Mapping[str, Any], place: str) -> dict[str, _Score]:
    try:
        return {
            row["id"]: _Score(
                float(row["score"]),
                str(row["video"]),
                tuple((dimension, name) for dimension, name in row["groups"]),
                (Path(row["video"]).name, str(row["expected"])),
            )
            for row in document["rows"]
            if row["score"] is not None
        }
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(Path(place)) from error
