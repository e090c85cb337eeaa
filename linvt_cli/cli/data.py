"""``linvt data``: prepare videos with questions and answers for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.output import Output
from linvt_cli.errors import ConfigError
from linvt_cli.training.video_data.format_names import FormatName
from linvt_cli.training.vocabulary import Split

data = typer.Typer(help="Write and check files to train on", no_args_is_help=True)


@data.command()
def convert(
    form: Annotated[FormatName, typer.Argument(metavar="FORMAT", help="Of the file to read")],
    published: Annotated[
        Path, typer.Argument(metavar="INPUT", help="File of the data set, as it is published")
    ],
    file: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.jsonl", help="Training file to write")
    ],
    videos: Annotated[
        Path | None,
        typer.Option(
            "--videos",
            metavar="DIR",
            help="Folder with the videos: entries whose video is not there are left out",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Name of the data set [default: its own]"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Stop after N samples")
    ] = None,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Turn a file of a public data set into a training file.

    FORMAT is videochat2, llava, webvid or internvid. Entries that make no sense are reported
    and skipped; the command ends with code 7 then.
    """
    output = Output(quiet=quiet)
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.cli.data_files import converted_file, folder_of_videos, new_file

        target = new_file(file, overwrite=force, not_over=published)
        code = converted_file(
            form,
            published,
            target,
            videos=folder_of_videos(videos),
            source=source,
            limit=limit,
            output=output,
        )
    output.line(str(file))
    raise typer.Exit(code)


@data.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Training file to read")],
    videos: Annotated[
        Path | None,
        typer.Option(
            "--videos",
            metavar="DIR",
            help="Folder that relative video paths start from [default: the file's folder]",
        ),
    ] = None,
    skip_videos: Annotated[
        bool, typer.Option("--skip-videos", help="Do not look whether the videos are there")
    ] = False,
    num_shown: Annotated[
        int,
        typer.Option(
            "--show", min=0, metavar="N", help="Name N bad lines, and N missing videos, at most"
        ),
    ] = 20,
    as_json: options.JsonOption = False,
) -> None:
    """Read a training file as training would: count what is in it, and name what is wrong.

    The code is 0 only if there are samples, every line is one, and every video is there.
    """
    if skip_videos and videos is not None:
        raise ConfigError(
            "--videos and --skip-videos exclude each other",
            field="videos",
            hint="leave out one of them",
        )
    output = Output("json" if as_json else "text")
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.cli.data_files import folder_of_videos
        from linvt_cli.cli.data_report import complaint, report_lines, surveyed

        survey = surveyed(
            file,
            root=folder_of_videos(videos),
            looks=not skip_videos,
            num_shown=num_shown,
            output=output,
        )
    if as_json:
        output.record(survey.to_record())
        output.finish(as_list=False)
    else:
        for line in report_lines(survey):
            output.line(line)
    if not survey.is_fine:
        raise complaint(file, survey)


@data.command()
def world(
    folder: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the clips and the file"),
    ],
    num_clips: Annotated[
        int, typer.Option("--clips", min=1, max=1_000_000, metavar="N", help="How many clips")
    ],
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, metavar="S", help="Number of the first clip; the others follow it"
        ),
    ] = 0,
    split: Annotated[
        Split, typer.Option("--split", help="Which part of the world; also the name of the file")
    ] = "train",
    num_questions: Annotated[
        int, typer.Option("--questions", min=1, max=100, metavar="N", help="Of each clip, at most")
    ] = 4,
    hard: Annotated[
        bool, typer.Option("--hard", help="Longer clips, with more things and events")
    ] = False,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Write clips of nano's world, and a training file with questions about them.

    DIR gets the folder clips and a file named after the split, train.jsonl by default. Run the same
    command again after an interruption: clips that are there are kept.
    """
    output = Output(quiet=quiet)
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.cli.data_files import new_file, world_file
        from linvt_cli.training.video_data.world import WorldData

        file = new_file(folder / f"{split}.jsonl", overwrite=force, makes_folder=True)
        world_file(file, WorldData(num_clips, seed, split, num_questions, hard), force, output)
    output.line(str(file))
