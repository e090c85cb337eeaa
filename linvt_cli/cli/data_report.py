"""The report of ``linvt data check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from linvt_cli.cli.output import Output, printable
from linvt_cli.cli.sizes import count_text, table
from linvt_cli.errors import DatasetError
from linvt_cli.training.video_data.samples import read_samples
from linvt_cli.training.video_data.survey import Survey

_SHOW_EVERY = 1000  # lines
_MAX_SOURCES = 20


def surveyed(
    file: Path, *, root: Path | None, looks: bool, num_shown: int, output: Output
) -> Survey:
    """Read a training file to its end and return what is in it.

    Raises:
        ConfigError: if it cannot be read.
    """
    survey = Survey(num_shown=num_shown, look_for_videos=looks)
    with output.progress(f"Reading {file}") as show:
        for read in read_samples(file, root=root):
            survey.add(read)
            if survey.num_lines % _SHOW_EVERY == 0:
                show(f"Reading {file}: {survey.num_lines:,} lines, {survey.num_bad:,} bad")
    return survey


def report_lines(survey: Survey) -> Iterator[str]:
    """Yield the lines of the report."""
    record = survey.to_record()
    spans = f", {record['spans']:,} about a part of their video" if record["spans"] else ""
    yield f"samples    {record['samples']:,}{spans}"
    yield f"questions  {record['exchanges']:,}"
    videos = record["videos"]
    missing = "not looked for" if videos["missing"] is None else f"{videos['missing']:,} missing"
    yield f"videos     {videos['count']:,}, {missing}"
    yield f"bad lines  {record['bad']['count']:,}"
    if survey.num_samples:
        yield ""
        yield from _lengths(survey)
        yield ""
        yield from _sources(survey)
    for title, count, shown in (
        ("bad lines", record["bad"]["count"], survey.bad),
        ("samples without their video", videos["samples_without"] or 0, survey.without_video),
    ):
        if count:
            yield ""
            yield f"{title}:"
            yield from (f"{printable(bad.place)}: {printable(bad.reason)}" for bad in shown)
            if count > len(shown):
                yield f"and {count - len(shown):,} more"


def _lengths(survey: Survey) -> Iterator[str]:
    record = survey.to_record()
    columns = ("min", "median", "p95", "max", "mean")
    rows = [("CHARACTERS", *(column.upper() for column in columns))]
    for name in ("question", "answer"):
        lengths = record[f"{name}_characters"]
        rows.append((name, *(f"{lengths[column]:,}" for column in columns)))
    yield from table(rows)


def _sources(survey: Survey) -> Iterator[str]:
    sources = list(survey.to_record()["sources"].items())
    rows = [("SOURCE", "SAMPLES")]
    rows += [
        (printable(name) or "none given", f"{count:,}") for name, count in sources[:_MAX_SOURCES]
    ]
    yield from table(rows)
    if len(sources) > _MAX_SOURCES:
        yield f"and {len(sources) - _MAX_SOURCES:,} more"


def complaint(file: Path, survey: Survey) -> DatasetError:
    """Return the error that a training file is not fine as it is."""
    if not survey.num_lines:
        wrong = ["nothing is in it"]
    else:
        wrong = [
            counted
            for count, counted in (
                (survey.num_bad, count_text(survey.num_bad, "bad line")),
                (
                    survey.num_without_video,
                    f"{count_text(survey.num_without_video, 'sample')} without their video",
                ),
            )
            if count
        ]
    return DatasetError(
        f"'{file}' cannot be used as it is: {', '.join(wrong)}",
        path=file,
        hint="mend or remove these lines; --show N names more, --videos DIR says where videos are",
    )
