"""``linvt demo-clip``: write a clip of nano's world, with questions whose answers are known."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from linvt_cli.cli.options import ForceOption, QuietOption
from linvt_cli.cli.output import Output, json_text
from linvt_cli.cli.output_files import (
    refuse_inputs,
    require_new,
    write_errors_translated,
    write_file,
    write_text,
)
from linvt_cli.cli.shell_words import file_word
from linvt_cli.errors import ConfigError
from linvt_cli.training.vocabulary import Split


def demo_clip(
    clip: Annotated[str, typer.Argument(metavar="OUT.mp4", help="Video file to write")],
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Which clip: each number is another")
    ] = 0,
    split: Annotated[
        Split,
        typer.Option("--split", help="Which part of the world; nano was trained on train only"),
    ] = "test",
    hard: Annotated[
        bool,
        typer.Option("--hard", help="A longer clip, with more things and events: 20 to 60 s"),
    ] = False,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a clip of nano's world to ask about.

    Its questions and their right answers go into a JSON file beside it.
    """
    video, answers = output_paths(clip, overwrite=force)
    output = Output(quiet=quiet)
    with output.progress(f"Drawing {video}"):
        import numpy as np

        from linvt_cli.training.demo import write_clip
        from linvt_cli.training.questions import ask_about
        from linvt_cli.training.schedule import HARD, USUAL
        from linvt_cli.training.world import make_clip

        drawn = make_clip(seed, split, HARD if hard else USUAL)
        write_file(video, lambda new: write_clip(new, drawn))
        questions = ask_about(drawn, np.random.default_rng(seed))
    document = {
        "schema_version": 1,
        "video": video.name,
        "seed": seed,
        "split": split,
        "difficulty": drawn.difficulty.name,
        "questions": [
            {"kind": each.kind, "question": each.text, "answer": each.answer} for each in questions
        ],
    }
    write_text(answers, f"{json_text(document, indent=2)}\n")
    output.notice(f"wrote {video} and {answers} with {len(questions)} questions and answers")
    output.notice(f"try: linvt ask {file_word(str(video))} {shlex.quote(questions[0].text)}")


def output_paths(clip: str, *, overwrite: bool) -> tuple[Path, Path]:
    """Return where the clip and its answers go.

    Raises:
        ConfigError: if the name is not that of an MP4 file in a folder that exists, or if a file is
            there that must not be overwritten, or if both are the same file.
    """
    video = Path(clip)
    if video.suffix.lower() != ".mp4":
        raise ConfigError(
            f"'{clip}' does not end in .mp4", field="clip", hint="linvt demo-clip demo.mp4"
        )
    with write_errors_translated(video):
        if not video.parent.is_dir():
            raise ConfigError(
                f"There is no folder '{video.parent}'",
                field="clip",
                hint="make it first, or name another place",
            )
    answers = video.with_suffix(".json")
    for path in (video, answers):
        require_new(path, overwrite=overwrite, field="clip")
    refuse_inputs(answers, [video], field="clip")
    return video, answers
