"""``linvt explain``: a figure of what an answer was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.interrupts import ended_by_sigterm, prompt_interrupt
from linvt_cli.cli.option_groups import (
    FramesGroup,
    GenerationGroup,
    UncachedModelGroup,
    with_option_groups,
)
from linvt_cli.cli.output import Output, utf8_text
from linvt_cli.cli.output_files import output_file, require_new, write_file
from linvt_cli.cli.watching import load_model, watch_video
from linvt_cli.errors import ConfigError


@with_option_groups
def explain(
    video: options.VideoArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask")],
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="New picture, named *.png")
    ],
    *,
    looked: FramesGroup,
    asked: UncachedModelGroup,
    generation: GenerationGroup,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Answer, and draw what the answer was made from.

    The picture shows the frames, what of them the video tokens for this question show, the scores
    of all visual tokens where the tokenizer gives any, and how each video token is spread over the
    frames.
    """
    output = Output(quiet=quiet)
    if file.suffix.lower() != ".png":
        raise ConfigError(f"'{file}' is no name of a PNG", field="output", hint=f"-o {file}.png")
    require_new(output_file(str(file), [video]), overwrite=force)
    asked = asked.doing(looked, generation)
    with prompt_interrupt(), ended_by_sigterm(), output.sole_writer():
        from linvt_cli.pipeline.source_figure import draw_sources
        from linvt_cli.video.files import names_token_file, regular_file

        if names_token_file(video):
            raise ConfigError(
                f"'{video}' holds tokens, and no pictures to draw",
                field="video",
                hint="name the video that it was made from",
            )
        regular_file(video)
        looked.sampling(asked.default_frames)
        _require_that_it_can_be_drawn(file)
        qa = load_model(settle_model(asked, output), output)
        watched = watch_video(qa, video, looked, output)
        answer = qa.ask(watched, utf8_text(question), generation)
        output.line(answer.text)
        write_file(file, lambda new: draw_sources(answer, watched, new))
    output.notice(f"written: {file}")


def _require_that_it_can_be_drawn(file: Path) -> None:
    """Find out before the model is loaded and asked, which may take minutes."""
    from linvt_cli.pipeline.figures import require_matplotlib

    require_matplotlib("The figure is", extra="figures")
