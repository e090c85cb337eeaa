"""Benchmarks of open questions: the four that a judge scores since Video-ChatGPT, and MM-Vet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import Row, find_file, item_or_broken, json_rows, json_table
from linvt_cli.evaluation.items import Item, Read, ReadOptions

ACTIVITYNET_TYPES = (
    "Motion", "Spatial Relation", "Temporal Relation", "Yes/No", "Color", "Object", "Location",
    "Number", "Other",
)  # fmt: skip
_CAPABILITIES = {
    "rec": "recognition",
    "ocr": "OCR",
    "know": "knowledge",
    "gen": "generation",
    "spat": "spatial",
    "math": "math",
}


@dataclass(frozen=True, slots=True)
class OpenSet:
    """How a benchmark names its videos."""

    folders: tuple[str, ...]
    names: tuple[str, ...]  # patterns of a video's name, the usual one first


ACTIVITYNET = OpenSet(("all_test", "videos", "."), ("v_{}", "{}"))
MSRVTT = OpenSet(("videos/all", "videos", "."), ("{}", "video{}"))
MSVD = OpenSet(("videos", "YouTubeClips", "."), ("{}", "vid{}"))
TGIF = OpenSet(("mp4", "videos", "gifs", "."), ("{}", "{}.gif"))


def reader_of(described: OpenSet) -> Callable[[Path, ReadOptions], Read]:
    """Return the reader of a benchmark with ``test_q.json`` and ``test_a.json``.

    The authors' own ``test_qa.json``, where question and answer are one entry, is read as well.
    """

    def read(folder: Path, options: ReadOptions) -> Read:
        del options
        pairs: Iterator[tuple[Row, Row]]
        if not (folder / "test_q.json").is_file() and (folder / "test_qa.json").is_file():
            pairs = ((row, row) for row in json_rows(folder / "test_qa.json"))
        else:
            pairs = _joined(find_file(folder, "test_q.json"), find_file(folder, "test_a.json"))
        for asked, answered in pairs:

            def make(row: Row, answered: Row = answered) -> Item:
                return _item(row, answered, folder, described)

            name = asked.values.get("question_id", asked.values.get("id", asked.name))
            yield item_or_broken(make, asked, str(name))

    return read


def _joined(questions_file: Path, answers_file: Path) -> Iterator[tuple[Row, Row]]:
    """Pair questions and answers: in their order where the ids agree, else by id."""
    questions, answers = list(json_rows(questions_file)), list(json_rows(answers_file))
    if [_id(row) for row in questions] == [_id(row) for row in answers]:
        yield from zip(questions, answers, strict=True)
        return
    by_id = {_id(row): row for row in answers}
    for row in questions:
        # An empty row makes the answer a missing field of the file of answers.
        yield row, by_id.get(_id(row), Row({}, answers_file, f"of question {_id(row)}"))


def _id(row: Row) -> str:
    return str(row.values.get("question_id"))


def _item(asked: Row, answered: Row, folder: Path, described: OpenSet) -> Item:
    joined = "question_id" in asked.values
    field = "video_name" if "video_name" in asked.values else "video_id"
    video = _video(asked, field, folder, described)
    answer = answered.text("answer")
    return Item(
        asked.text("question_id" if joined else "id"),
        video,
        asked.text("question"),
        answer=answer,
        groups=(("type", _type(answered)),) if "type" in answered.values else (),
    )


def _video(row: Row, field: str, folder: Path, described: OpenSet) -> Path:
    name = row.text(field)
    folders = [folder / part for part in described.folders]
    missing = None
    for pattern in described.names:
        try:
            return row.video(field, pattern.format(name), folders)
        except DatasetError as error:
            missing = missing or error
    raise missing or row.error(field, "names no video")


def _type(row: Row) -> str:
    kind = row.text("type")
    if kind.isdecimal() and int(kind) < len(ACTIVITYNET_TYPES):
        return ACTIVITYNET_TYPES[int(kind)]
    return kind


def read_mm_vet(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of MM-Vet; a question may need several capabilities.

    Raises:
        DatasetError: if the file is missing or something else.
    """
    del options
    file = find_file(folder, "mm-vet.json", "*/mm-vet.json")

    def make(row: Row) -> Item:
        return Item(
            str(row.name),
            row.video("imagename", row.text("imagename"), [file.parent / "images", file.parent]),
            row.text("question"),
            answer=row.text("answer"),
            groups=tuple(("capability", name) for name in _capabilities(row)),
        )

    for name, values in json_table(file).items():
        if not isinstance(values, dict):
            raise DatasetError(
                f"Entry '{name}' of '{file}' is no object",
                path=file,
                hint="fetch the file again, as it is published",
            )
        yield item_or_broken(make, Row(values, file, name), name)


def _capabilities(row: Row) -> Sequence[str]:
    value = row.values.get("capability")
    if not isinstance(value, list) or not value:
        raise row.error("capability", "is no list of capabilities")
    return [_CAPABILITIES.get(str(each), str(each)) for each in value]
