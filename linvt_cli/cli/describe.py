"""``linvt describe``: say what a video shows, as a whole and part by part."""

from __future__ import annotations

from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.describing import DescriptionSheet
from linvt_cli.cli.description_formats import DescriptionForm, chosen_form
from linvt_cli.cli.option_groups import (
    EvenFramesGroup,
    GreedyGroup,
    ModelGroup,
    with_option_groups,
)
from linvt_cli.cli.output import Output
from linvt_cli.cli.output_files import output_file, require_new
from linvt_cli.config import Detail, TimelineConfig

FormatOption = Annotated[
    DescriptionForm | None,
    typer.Option("--format", help="Form of the output [default: that of FILE's ending, else text]"),
]
FileOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE instead of stdout"),
]
DetailOption = Annotated[
    Detail,
    typer.Option("--detail", help="How finely: at most 6, 24 or 96 segments, in more words each"),
]
EveryOption = Annotated[
    float | None,
    typer.Option(
        "--every", metavar="SECONDS", help="Segments of this length instead of those that are found"
    ),
]


@with_option_groups
def describe(
    video: options.VideoArgument,
    form: FormatOption = None,
    file: FileOption = None,
    detail: DetailOption = "medium",
    every: EveryOption = None,
    *,
    looked: EvenFramesGroup,
    asked: ModelGroup,
    generation: GreedyGroup,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Describe what a video shows, with a timeline.

    Segments are shots, or stretches in which something happens, found from the video itself. Each
    is described from its own frames.
    """
    chosen = chosen_form(form, file, as_json=as_json)
    timeline = TimelineConfig(detail, every)
    output = Output("text" if chosen == "text" else "json", quiet=quiet)
    path = None if file is None else output_file(file, inputs=(video,))
    if path is not None:
        require_new(path, overwrite=force)
    with DescriptionSheet(video, chosen, path, output) as sheet:
        sheet.fill(asked, looked, timeline, generation)
    raise typer.Exit(sheet.exit_code)
