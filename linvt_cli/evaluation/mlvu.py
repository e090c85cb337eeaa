"""MLVU's dev set: seven tasks with options, and two whose answers are written and judged."""

from __future__ import annotations

from pathlib import Path

from linvt_cli.evaluation.data_files import find_file, json_rows
from linvt_cli.evaluation.items import Item, Read, ReadOptions
from linvt_cli.evaluation.rows import Row, item_or_broken

CHOICE_FILES = {
    "plotQA": "1_plotQA",
    "needle": "2_needle",
    "ego": "3_ego",
    "count": "4_count",
    "order": "5_order",
    "anomaly_reco": "6_anomaly_reco",
    "topic_reasoning": "7_topic_reasoning",
}
"""Tasks with options, and the names of their files."""

SUB_SCENE, SUMMARY = "sub_scene", "summary"
GENERATION_FILES = {SUB_SCENE: "8_sub_scene", SUMMARY: "9_summary"}
_OTHER_FOLDERS = {SUB_SCENE: ("subPlot",)}  # as the authors' scripts name it


def read_mlvu(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of the seven tasks that have options.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    for task in options.tasks(tuple(CHOICE_FILES)):

        def make(row: Row, task: str = task) -> Item:
            choices = row.texts("candidates")
            return Item(
                f"{task}_{row.name}",
                _video(row, folder, task, CHOICE_FILES[task]),
                row.text("question"),
                choices,
                row.place_of_text("answer", choices),
                groups=(("task", task),),
            )

        for row in json_rows(_file(folder, CHOICE_FILES[task])):
            yield item_or_broken(make, row, f"{task}_{row.name}", (("task", task),))


def read_mlvu_generation(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of sub-scene captioning and of video summary.

    The answer of a question of the first is its list of scoring points, a line each: that is what
    its judge is shown.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    for task in options.tasks(tuple(GENERATION_FILES)):

        def make(row: Row, task: str = task) -> Item:
            return Item(
                f"{task}_{row.name}",
                _video(row, folder, task, GENERATION_FILES[task]),
                row.text("question"),
                answer=_points(row) if task == SUB_SCENE else row.text("answer"),
                groups=(("task", task),),
                task=task,
            )

        for row in json_rows(_file(folder, GENERATION_FILES[task])):
            yield item_or_broken(make, row, f"{task}_{row.name}", (("task", task),))


def _file(folder: Path, name: str) -> Path:
    return find_file(folder, *(f"{place}{name}.json" for place in ("json/", "", "MLVU/json/")))


def _video(row: Row, folder: Path, task: str, name: str) -> Path:
    names = (name, task, *_OTHER_FOLDERS.get(task, ()))
    roots = (folder, folder / "MLVU")
    folders = [root / "video" / each for root in roots for each in names]
    return row.video("video", row.text("video"), folders)


def _points(row: Row) -> str:
    points = row.texts("scoring_points", least=1)
    return "\n".join(f"{number}. {point}" for number, point in enumerate(points, start=1))
