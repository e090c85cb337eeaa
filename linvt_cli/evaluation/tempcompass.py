"""TempCompass: four tasks over the same videos, and the rules that match answers of three."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import Row, find_file, item_or_broken, json_table
from linvt_cli.evaluation.items import Item, Read, ReadOptions

TASKS = ("multi-choice", "yes_no", "caption_matching", "captioning")
SUFFIXES = {
    "multi-choice": "\nPlease directly give the best option:",
    "yes_no": "\nPlease answer yes or no:",
    "caption_matching": "\nPlease directly give the best option:",
    "captioning": "",  # its questions end with "Generated Caption:"
}
YES_NO = ("yes", "no")
_LETTERED = re.compile(r"^([A-D])\. (.+)$", flags=re.MULTILINE)
_CAPTION = re.compile(r"^((?:Caption|Sentence|Option) [AB12]): (.+)$", flags=re.MULTILINE)


def read_temp_compass(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of TempCompass, task by task.

    Raises:
        DatasetError: if the file of a task is missing or something else.
    """
    for task in options.tasks(TASKS):
        file = _file(folder, task)
        choices = json_table(_file(folder, "multi-choice")) if task == "captioning" else {}
        for row, video, dimension in _rows(file):
            groups = (("task", task), ("dimension", dimension))
            make = partial(
                _item, folder=folder, task=task, video=video, dimension=dimension, choices=choices
            )
            yield item_or_broken(make, row, f"{task}/{row.name}", groups)


def _file(folder: Path, task: str) -> Path:
    return find_file(folder, f"questions/{task}.json", f"{task}.json")


def _rows(file: Path) -> Iterator[tuple[Row, str, str]]:
    """Yield each entry with its video and dimension."""
    for video, dimensions in json_table(file).items():
        if not isinstance(dimensions, dict):
            raise DatasetError(
                f"Entry '{video}' of '{file}' is no object",
                path=file,
                hint="fetch the file again, as it is published",
            )
        for dimension, entries in dimensions.items():
            if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
                raise DatasetError(
                    f"Field '{dimension}' of entry '{video}' in '{file}' is no list of objects",
                    path=file,
                    hint="fetch the file again, as it is published",
                )
            for number, entry in enumerate(entries, start=1):
                yield Row(entry, file, f"{video}/{dimension}/{number}"), video, dimension


def _item(
    row: Row, folder: Path, task: str, video: str, dimension: str, choices: dict[str, Any]
) -> Item:
    question, answer = row.text("question"), row.text("answer")
    path = row.video("(key)", f"{video}.mp4", [folder / "videos", folder / "video", folder])
    groups = (("task", task), ("dimension", dimension))
    options, right = _options(row, task, question, answer)
    if task == "captioning":
        question_of_judge, options, right = _judged_by(row, video, dimension, choices)
        return Item(
            f"{task}/{row.name}", path, question, options, right, question_of_judge, groups, task
        )
    return Item(
        f"{task}/{row.name}", path, question, options, right, answer, groups=groups, task=task
    )


def _options(row: Row, task: str, question: str, answer: str) -> tuple[tuple[str, ...], int | None]:
    if task == "captioning":
        return (), None
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
    """Return the question of multiple choice by which a caption is judged: the first of its kind.

    Raises:
        DatasetError: if there is none.
    """
    try:
        entry = choices[video][dimension][0]
        question, answer = entry["question"], entry["answer"]
    except (KeyError, IndexError, TypeError) as error:
        raise row.error("(key)", "has no question in multi-choice.json to judge it by") from error
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
