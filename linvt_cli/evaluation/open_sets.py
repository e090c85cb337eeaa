"""Benchmarks of open questions: the four that a judge scores since Video-ChatGPT, and MM-Vet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import (
    csv_rows,
    find_file,
    find_parts,
    json_rows,
    json_table,
    parquet_rows,
)
from linvt_cli.evaluation.items import Groups, Item, Read, ReadOptions
from linvt_cli.evaluation.rows import Row, item_or_broken

ACTIVITYNET_TYPES = (
    "Motion", "Spatial Relation", "Temporal Relation", "Yes/No", "Color", "Object", "Location",
    "Number", "Other",
)  # fmt: skip
TGIF_TYPES = ("Object", "Number", "Color", "Location")
_TABLE_FIELDS = ("video_name", "question", "question_id", "answer")
_FRAME_QA_FIELDS = ("gif_name", "question", "answer", "type", "vid_id")
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
    types: tuple[str, ...] = ()  # names of its types of questions, which the files number from 0
    renamed: str = ""  # file whose lines have a video's own name, and that of the questions


ACTIVITYNET = OpenSet(("all_test", "videos", "."), ("v_{}", "{}"), ACTIVITYNET_TYPES)
MSRVTT = OpenSet(("videos/all", "videos", "."), ("{}", "video{}"))
MSVD = OpenSet(("videos", "YouTubeClips", "."), ("{}", "vid{}"), renamed="youtube_mapping.txt")
TGIF = OpenSet(("mp4", "videos", "gifs", "."), ("{}", "{}.gif"), TGIF_TYPES)


def reader_of(described: OpenSet) -> Callable[[Path, ReadOptions], Read]:
    """Return the reader of a benchmark with ``test_q.json`` and ``test_a.json``.

    The authors' own ``test_qa.json``, where question and answer are one entry, is read as well, and
    the table that the hub has of ActivityNet-QA.
    """

    def read(folder: Path, options: ReadOptions) -> Read:
        del options
        own_names = _own_names(folder, described)
        for asked, answered in _pairs(folder):

            def make(row: Row, answered: Row = answered) -> Item:
                return _item(row, answered, folder, described, own_names)

            def groups_of(row: Row, answered: Row = answered) -> Groups:
                del row
                return _typed(answered, described)

            name = asked.values.get("question_id", asked.values.get("id", asked.name))
            yield item_or_broken(make, asked, str(name), groups_of)

    return read


def _pairs(folder: Path) -> Iterator[tuple[Row, Row]]:
    """Yield each question with the row of its answer."""
    files = find_parts(
        folder, "test_q.json", "test_qa.json", "data/test-*.parquet", "test-*.parquet"
    )
    if files[0].suffix == ".parquet":
        yield from ((row, row) for row in parquet_rows(files, _TABLE_FIELDS, ("type",)))
    elif files[0].name == "test_qa.json":
        yield from ((row, row) for row in json_rows(files[0]))
    else:
        yield from _joined(files[0], find_file(folder, "test_a.json"))


def read_tgif(folder: Path, options: ReadOptions) -> Read:
    """Yield the open questions of TGIF-QA: those of FrameQA, or what ``test_q.json`` has.

    The first are in the authors' own table, separated by tabs. Its other tasks (counting, repeated
    actions, transitions) are no part of the zero-shot benchmark and are not read.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    if (folder / "test_q.json").is_file():
        yield from reader_of(TGIF)(folder, options)
        return
    names = ("Test_frameqa_question.csv", "Test_frameqa_question.tsv")
    file = find_file(folder, "test_q.json", *names, *(f"dataset/{name}" for name in names))

    def make(row: Row) -> Item:
        return Item(
            row.text("vid_id"),
            _video(row, "gif_name", folder, TGIF),
            row.text("question"),
            answer=row.text("answer"),
            groups=groups_of(row),
        )

    def groups_of(row: Row) -> Groups:
        return (("type", _type(row, TGIF)),)

    for row in csv_rows(file, _FRAME_QA_FIELDS, tabs=True):
        yield item_or_broken(make, row, str(row.values["vid_id"] or row.name), groups_of)


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


def _own_names(folder: Path, described: OpenSet) -> dict[str, str]:
    """Return the names that videos were published under, by those in the questions."""
    file = folder / described.renamed
    if not described.renamed or not file.is_file():
        return {}
    try:
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"'{file}' cannot be read", path=file, hint="fetch the file again, as it is published"
        ) from error
    return {line[1]: line[0] for line in lines if len(line) == 2}


def _item(
    asked: Row, answered: Row, folder: Path, described: OpenSet, own_names: Mapping[str, str]
) -> Item:
    joined = "question_id" in asked.values
    field = "video_name" if "video_name" in asked.values else "video_id"
    video = _video(asked, field, folder, described, own_names)
    answer = answered.text("answer")
    return Item(
        asked.text("question_id" if joined else "id"),
        video,
        asked.text("question"),
        answer=answer,
        groups=_typed(answered, described),
    )


def _typed(answered: Row, described: OpenSet) -> Groups:
    return (("type", _type(answered, described)),) if "type" in answered.values else ()


def _video(
    row: Row,
    field: str,
    folder: Path,
    described: OpenSet,
    own_names: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    name = row.text(field)
    usual, *others = (pattern.format(name) for pattern in described.names)
    others += [own_names[each] for each in (usual, *others) if each in own_names]
    return row.video(field, usual, [folder / part for part in described.folders], others=others)


def _type(row: Row, described: OpenSet) -> str:
    kind = row.text("type")
    if kind.isdecimal() and int(kind) < len(described.types):
        return described.types[int(kind)]
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
            groups=_capabilities(row),
        )

    for name, values in json_table(file).items():
        if not isinstance(values, dict):
            raise DatasetError(
                f"Entry '{name}' of '{file}' is no object",
                path=file,
                hint="fetch the file again, as it is published",
            )
        yield item_or_broken(make, Row(values, file, name), name, _capabilities)


def _capabilities(row: Row) -> Groups:
    value = row.values.get("capability")
    if not isinstance(value, list) or not value:
        raise row.error("capability", "is no list of capabilities")
    return tuple(("capability", _CAPABILITIES.get(str(each), str(each))) for each in value)
