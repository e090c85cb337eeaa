"""TempCompass: four tasks over the same videos, and the rules that match answers of three."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import find_parts, json_table, parquet_rows
from linvt_cli.evaluation.items import Item, Read, ReadOptions
from linvt_cli.evaluation.rows import Row, item_or_broken

TASKS = ("multi-choice", "yes_no", "caption_matching", "captioning")
SUFFIXES = {
    "multi-choice": "\nPlease directly give the best option:",
    "yes_no": "\nPlease answer yes or no:",
    "caption_matching": "\nPlease directly give the best option:",
    "captioning": "",  # its questions end with "Generated Caption:"
}
YES_NO = ("yes", "no")
_ANSWER_FIELDS = ("answer", "mc_question", "mc_answer")
_LETTERED = re.compile(r"^([A-D])\. (.+)$", flags=re.MULTILINE)
_CAPTION = re.compile(r"^((?:Caption|Sentence|Option) [AB12]): (.+)$", flags=re.MULTILINE)


def read_temp_compass(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of TempCompass, task by task: from the authors' JSON or the hub's tables.

    Raises:
        DatasetError: if the file of a task is missing or something else.
    """
    for task in options.tasks(TASKS):
        files = _files(folder, task)
        on_hub = files[0].suffix == ".parquet"
        choices = {}
        if task == "captioning" and not on_hub:
            choices = json_table(_files(folder, "multi-choice")[0])
        for row, video, dimension in _hub_rows(files) if on_hub else _rows(files[0]):
            groups = (("task", task), ("dimension", dimension))
            make = partial(
                _item, folder=folder, task=task, video=video, dimension=dimension, choices=choices
            )
            yield item_or_broken(make, row, f"{task}/{row.name}", groups)


def _files(folder: Path, task: str) -> tuple[Path, ...]:
    return find_parts(folder, f"questions/{task}.json", f"{task}.json", f"{task}/test-*.parquet")


def _hub_rows(files: Sequence[Path]) -> Iterator[tuple[Row, str, str]]:
    """Yield each row of a table with its video and dimension, under the name it has in JSON."""
    seen: Counter[tuple[str, str]] = Counter()
    for row in parquet_rows(files, ("video_id", "question", "dim"), _ANSWER_FIELDS):
        video, dimension = str(row.values["video_id"]), str(row.values["dim"])
        seen[video, dimension] += 1
        name = f"{video}/{dimension}/{seen[video, dimension]}"
        yield Row(row.values, row.file, name), video, dimension


def _rows(file: Path) -> Iterator[tuple[Row, str, str]]:
    """Yield each entry with its video and dimension."""
    for video, dimensions in json_table(file).items():
        if not isinstance(dimensions, dict):
            raise _foreign(file, f"Entry '{video}'", "object")
        for dimension, entries in dimensions.items():
            if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
                raise _foreign(file, f"Field '{dimension}' of entry '{video}'", "list of objects")
            for number, entry in enumerate(entries, start=1):
                yield Row(entry, file, f"{video}/{dimension}/{number}"), video, dimension


def _foreign(file: Path, what: str, expected: str) -> DatasetError:
    return DatasetError(
        f"{what} of '{file}' is no {expected}",
        path=file,
        hint="fetch the file again, as it is published",
    )


def _item(
    row: Row, folder: Path, task: str, video: str, dimension: str, choices: dict[str, Any]
) -> Item:
    question = row.text("question")
    path = row.video("(key)", f"{video}.mp4", [folder / "videos", folder / "video", folder])
    if task == "captioning":
        # A caption is judged by a question of multiple choice: that is the answer it has.
        answer, options, right = _judged_by(row, video, dimension, choices)
    else:
        answer = row.text("answer")
        options, right = _options(row, task, question, answer)
    groups = (("task", task), ("dimension", dimension))
    return Item(f"{task}/{row.name}", path, question, options, right, answer, groups, task)


def _options(row: Row, task: str, question: str, answer: str) -> tuple[tuple[str, ...], int]:
    if task == "yes_no":
        return YES_NO, row.place_of_text("answer", YES_NO)
    pattern = _LETTERED if task == "multi-choice" else _CAPTION
    lines = tuple(found[0] for found in pattern.finditer(question))
    if len(lines) < 2:
        raise row.error("question", "has no lines with options")
    if answer not in lines:
        raise row.error("answer", f"is '{answer}', which is no line of the question")
    return lines, lines.index(answer)


def _judged_by(
    row: Row, video: str, dimension: str, choices: dict[str, Any]
) -> tuple[str, tuple[str, ...], int]:
    """Return the question by which a caption is judged: its own, or the first of its kind.

    Raises:
        DatasetError: if there is none.
    """
    asked = row
    if row.values.get("mc_question") is None:
        try:
            entry = choices[video][dimension][0]
            of_choice = {"mc_question": entry["question"], "mc_answer": entry["answer"]}
            asked = replace(row, values=of_choice)
        except (KeyError, IndexError, TypeError) as error:
            what = "has no question in multi-choice.json to judge it by"
            raise row.error("(key)", what) from error
    question, answer = asked.text("mc_question"), asked.text("mc_answer")
    lines = tuple(found[0] for found in _LETTERED.finditer(question))
    if answer not in lines:
        raise row.error("(key)", f"is judged by '{answer}', which is no line of its question")
    return question, lines, lines.index(answer)


def match(text: str, item: Item) -> int | None:
    """Return the option that an answer names by the published rules, None where they are silent."""
    said = text.replace("</s>", "").strip()
    if not said:
        return None
    if item.task == "yes_no":
        starts = [said.lower().startswith(word) for word in YES_NO]
        return starts.index(True) if any(starts) else None
    if item.task == "multi-choice":
        return _match_letter(said, item.options)
    return _match_caption(said, item.options)


def _match_letter(said: str, options: tuple[str, ...]) -> int | None:
    if said in options:
        return options.index(said)
    letters = [option[0] for option in options]
    named = said[0] if said[:2] in {f"{said[0]}.", f"{said[0]})", said[0]} else ""
    return letters.index(named) if named in letters else None


def _match_caption(said: str, options: tuple[str, ...]) -> int | None:
    """Match a whole line, its sentence, or its name with or without the first word."""
    found = None
    names = [option.split(": ", 1)[0] for option in options]
    sentences = [option.split(": ", 1)[1] for option in options]
    after = said.split(") ")[1] if ") " in said else None
    for place, option in enumerate(options):
        if said == option or sentences[place] in (said, after):
            found = place
    short = [name.split(" ", 1)[1] for name in names]
    for place, name in enumerate(names):
        if name in (said, said.replace(".", "")) or short[place] in (said, said.replace(".", "")):
            found = place
    return found
