"""Benchmarks of multiple choice, read from the files that their authors publish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.data_files import (
    find_file,
    find_parts,
    json_rows,
    json_table,
    parquet_rows,
    table_rows,
)
from linvt_cli.evaluation.items import Groups, Item, Read, ReadOptions, Subtitle
from linvt_cli.evaluation.rows import Row, item_or_broken, without_letters
from linvt_cli.evaluation.subtitles import read_longvideobench, read_srt

_NEXT_QA_GROUPS = {"C": "Causal", "T": "Temporal", "D": "Descriptive"}
_NEXT_QA_FIELDS = ("video", "question", "answer", "qid", "type", "a0", "a1", "a2", "a3", "a4")
_VIDEO_MME_FIELDS = (
    "duration", "domain", "sub_category", "videoID", "question_id", "task_type", "question",
    "options", "answer",
)  # fmt: skip
_EGO_SCHEMA_FIELDS = ("video_idx", "question", "option")
_LONG_VIDEO_BENCH_FIELDS = (
    "id", "video_path", "question", "correct_choice", "duration_group", "question_category",
    "topic_category", "level",
)  # fmt: skip
_VIDEO_MME_DIMENSIONS = ("duration", "domain", "sub_category", "task_type")
_LONG_VIDEO_BENCH_DIMENSIONS = ("duration_group", "question_category", "topic_category", "level")
_OPTION_FIELDS = tuple(f"option{place}" for place in range(5))
_SUBTITLE_FIELDS = ("subtitle_path", "starting_timestamp_for_subtitles", "duration")
VIDEO_VISTA_UNDERSTANDING = frozenset({
    "Objects Existence", "Objects Count", "Objects Temporal Location", "Objects Temporal Relation",
    "Objects Spatial Location", "Objects Spatial Relation", "Objects Spatial Tracking",
    "Action Count", "Action Recognition", "Action Sequence", "Action Location",
    "Event Description", "Event Sequence", "Event Location", "Brief Description",
    "Detailed Description", "Optical Character Recognition", "Human Activity Analysis",
    "Anomaly Detection",
})  # fmt: skip
VIDEO_VISTA_REASONING = frozenset({
    "Relation Reasoning-Image", "Relation Reasoning-Video", "Event Prediction",
    "Action Prediction", "Causal Reasoning", "Counterfactual Reasoning", "Commonsense Reasoning",
    "Logic Reasoning",
})  # fmt: skip


def read_next_qa(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of NExT-QA (multiple choice) from its CSV file, or Parquet on the hub.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    name = f"{options.split}.csv"
    files = find_parts(
        folder,
        *(f"{place}{name}" for place in ("", "nextqa/", "dataset/nextqa/")),
        f"MC/{options.split}-*.parquet",
    )
    mapping: dict[str, object] = {}
    for place in (folder, files[0].parent):
        if (place / "map_vid_vidorID.json").is_file():
            mapping = json_table(place / "map_vid_vidorID.json")
            break

    def make(row: Row) -> Item:
        video, answers = row.text("video"), tuple(row.text(f"a{place}") for place in range(5))
        groups = _next_qa_groups(row)
        folders = [folder / "NExTVideo", folder / "videos", folder]
        mapped = str(mapping.get(video, video))
        return Item(
            f"{video}_{row.text('qid')}",
            row.video("video", mapped, folders, others=[video]),
            row.text("question"),
            answers,
            row.place("answer", 5),
            groups=groups,
        )

    for row in table_rows(files, _NEXT_QA_FIELDS):
        id_ = f"{row.values['video']}_{row.values['qid']}"
        yield item_or_broken(make, row, id_, _next_qa_groups)


def _next_qa_groups(row: Row) -> Groups:
    kind = row.text("type")
    if kind[0] not in _NEXT_QA_GROUPS:
        raise row.error("type", f"is '{kind}', which is no type of NExT-QA")
    return ("group", _NEXT_QA_GROUPS[kind[0]]), ("type", kind)


def read_ego_schema(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of EgoSchema; those of the public subset know their answers.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    tables = ("Subset",) if options.split == "subset" else ("MC", "GENERATION")
    parts = [f"{table}/test-*.parquet" for table in tables]
    files = find_parts(folder, "questions.json", *parts)
    if files[0].suffix == ".parquet":
        for row in parquet_rows(files, _EGO_SCHEMA_FIELDS, ("answer",)):
            name, known = str(row.values["video_idx"]), row.values.get("answer") is not None
            yield item_or_broken(_ego_schema_maker(folder), row, name, has_answer=known)
        return
    yield from _read_ego_schema_json(folder, files[0], options)


def _ego_schema_maker(folder: Path) -> Callable[[Row], Item]:
    """Return what makes an item of a row on the hub, where answers that are secret are null."""

    def make(row: Row) -> Item:
        name, choices = row.text("video_idx"), without_letters(row.texts("option"))
        right = None
        if row.values.get("answer") is not None:
            right = row.place("answer", len(choices))
        video = row.video("video_idx", f"{name}.mp4", _ego_schema_videos(folder))
        return Item(name, video, row.text("question"), choices, right)

    return make


def _ego_schema_videos(folder: Path) -> list[Path]:
    return [folder / "good_clips_git", folder / "videos"]


def _read_ego_schema_json(folder: Path, file: Path, options: ReadOptions) -> Read:
    subset = options.split == "subset"
    answers_file = folder / "subset_answers.json"
    if subset:
        answers_file = find_file(folder, "subset_answers.json")
    answers = json_table(answers_file) if answers_file.is_file() else {}

    def make(row: Row) -> Item:
        name = row.text("q_uid")
        right = None
        if name in answers:
            right = Row(answers, answers_file, name).place(name, 5)
        return Item(
            name,
            row.video("q_uid", f"{name}.mp4", _ego_schema_videos(folder)),
            row.text("question"),
            tuple(row.text(f"option {place}") for place in range(5)),
            right,
        )

    for row in json_rows(file):
        name = str(row.values.get("q_uid", row.name))
        if not subset or name in answers or "q_uid" not in row.values:
            yield item_or_broken(make, row, name, has_answer=name in answers)


def read_video_mme(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of Video-MME from its Parquet file.

    A video without a file of subtitles has none: a third of the benchmark's have not.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    files = find_parts(folder, "videomme/test-*.parquet", "test-*.parquet", "*.parquet")
    spoken: dict[str, tuple[Subtitle, ...]] = {}

    def make(row: Row) -> Item:
        name = row.text("videoID")
        choices = without_letters(row.texts("options"))
        return Item(
            row.text("question_id"),
            row.video("videoID", f"{name}.mp4", [folder / "data", folder / "videos"]),
            row.text("question"),
            choices,
            row.place_of_letter("answer", len(choices)),
            groups=groups_of(row),
            subtitles=subtitles_of(row, name),
        )

    def groups_of(row: Row) -> Groups:
        return row.groups(*_VIDEO_MME_DIMENSIONS)

    def subtitles_of(row: Row, name: str) -> tuple[Subtitle, ...]:
        if not options.subtitles:
            return ()
        if name not in spoken:
            paths = [folder / each / f"{name}.srt" for each in ("subtitle", "subtitles")]
            there = [path for path in paths if row.is_there("videoID", path)]
            spoken[name] = read_srt(there[0]) if there else ()
        return spoken[name]

    if options.subtitles and not any((folder / n).is_dir() for n in ("subtitle", "subtitles")):
        raise DatasetError(
            f"'{folder}' has no folder 'subtitle'", path=folder, hint="unpack subtitle.zip there"
        )
    for row in parquet_rows(files, _VIDEO_MME_FIELDS):
        yield item_or_broken(make, row, str(row.values["question_id"]), groups_of)


def read_long_video_bench(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of LongVideoBench's validation set.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    files = find_parts(folder, "lvb_val.json", "validation-*.parquet")

    def make(row: Row) -> Item:
        choices = _long_video_bench_options(row)
        return Item(
            row.text("id"),
            row.video("video_path", row.text("video_path"), [folder / "videos", folder]),
            row.text("question"),
            choices,
            row.place("correct_choice", len(choices)),
            groups=groups_of(row),
            subtitles=_spoken(folder, row) if options.subtitles else (),
        )

    def groups_of(row: Row) -> Groups:
        return row.groups(*_LONG_VIDEO_BENCH_DIMENSIONS)

    optional = ("candidates", *_OPTION_FIELDS, *_SUBTITLE_FIELDS)
    for row in table_rows(files, _LONG_VIDEO_BENCH_FIELDS, optional):
        yield item_or_broken(make, row, str(row.values.get("id", row.name)), groups_of)


def _long_video_bench_options(row: Row) -> tuple[str, ...]:
    """Return the options: one list in JSON, a column each in the table on the hub."""
    there = [name for name in _OPTION_FIELDS if row.values.get(name) not in (None, "N/A")]
    if row.values.get("candidates") is not None or len(there) < 2:
        return row.texts("candidates")
    return tuple(row.text(name) for name in there)


def _spoken(folder: Path, row: Row) -> tuple[Subtitle, ...]:
    path = folder / "subtitles" / row.inside("subtitle_path", row.text("subtitle_path"))
    if not row.is_there("subtitle_path", path):
        raise row.error("subtitle_path", f"names '{path}', which is not there")
    return read_longvideobench(
        path,
        begins=row.seconds("starting_timestamp_for_subtitles"),
        duration=row.seconds("duration"),
    )


def read_video_vista(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of VideoVista.

    Raises:
        DatasetError: if a file is missing or something else.
    """
    del options
    file = find_file(folder, "VideoVista.json", "*/VideoVista.json")
    folders = [folder / name for name in ("merged", "videos", "video", ".")]
    categories = sorted(path.name for path in folders[0].glob("*") if path.is_dir())

    def make(row: Row) -> Item:
        choices = without_letters(row.texts("Answer_Choices"))
        name, own = row.text("video_name"), row.text("category")
        # As merged.zip has them: by category and clip, some below another category.
        clip = "".join(name.split(".")[1:2])
        others = [f"{category}/{clip}/{name}" for category in (own, *categories)]
        return Item(
            row.text("question_id"),
            row.video("video_name", name, folders, others=[f"{own}/{name}", *others]),
            row.text("Question"),
            choices,
            row.place("Answer", len(choices)),
            groups=_video_vista_groups(row),
        )

    for row in json_rows(file):
        id_ = str(row.values.get("question_id", row.name))
        yield item_or_broken(make, row, id_, _video_vista_groups)


def _video_vista_groups(row: Row) -> Groups:
    kind = row.text("Type")
    if kind not in VIDEO_VISTA_UNDERSTANDING | VIDEO_VISTA_REASONING:
        what = f"is '{kind}', which is no type of VideoVista"
        raise row.error("Type", what, hint="fetch the file again, as it is published")
    ability = "Reasoning" if kind in VIDEO_VISTA_REASONING else "Understanding"
    return ("ability", ability), *row.groups("Type", "category")
