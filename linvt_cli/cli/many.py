"""Options of commands that take many videos, each declared once."""

from __future__ import annotations

from typing import Annotated

import typer

InputsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT... QUESTION",
        help="Videos, pictures, folders or patterns, then what to ask",
        show_default=False,
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write a row for each video and question into FILE, as its ending says: .jsonl, .csv"
        " or .parquet",
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume", help="Keep the rows that are in FILE, and ask only what has no row yet"
    ),
]
RetryErrorsOption = Annotated[
    bool, typer.Option("--retry-errors", help="With --resume, try again what failed")
]
FailFastOption = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure")]
FromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="LIST",
        help="Read videos from a file, or from standard input with -: a path a line, or JSON with"
        " video, question, id, start, end; may be repeated",
    ),
]
NullOption = Annotated[
    bool, typer.Option("--null", "-0", help="A NUL ends each path of a list, not a line's end")
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="Take from folders the files like PATTERN, instead of all videos and pictures; may be"
        " repeated",
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Leave out files and folders like PATTERN; may be repeated",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Take the first N videos")
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="I/N", help="Take every N-th video from the I-th: one part of N"
    ),
]
DecodeWorkersOption = Annotated[
    int | None,
    typer.Option(
        "--decode-workers",
        min=0,
        max=64,
        metavar="N",
        help="Decode the next videos in N processes; 0 decodes each when its turn comes, without"
        " --decode-timeout [default: one for each core, at most 4]",
    ),
]
DecodeTimeoutOption = Annotated[
    float,
    typer.Option(
        "--decode-timeout",
        min=0.1,
        metavar="SECONDS",
        help="Give up a video, of many, that is not decoded after SECONDS",
    ),
]
