"""``linvt describe``: say what a video shows, as a whole and part by part."""

from __future__ import annotations

from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.describing import DescriptionSheet
from linvt_cli.cli.description_formats import DescriptionForm, chosen_form
from linvt_cli.cli.output import Output
from linvt_cli.config import (
    MIN_COVERAGE,
    TOKEN_CACHE_MIB,
    Detail,
    GenerationConfig,
    TimelineConfig,
)

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


def describe(
    video: options.VideoArgument,
    form: FormatOption = None,
    file: FileOption = None,
    detail: DetailOption = "medium",
    every: EveryOption = None,
    frames: options.FramesOption = None,
    start: options.StartOption = None,
    end: options.EndOption = None,
    decoder: options.DecoderOption = "auto",
    min_coverage: options.MinCoverageOption = MIN_COVERAGE,
    model: options.ModelOption = None,
    tokenizer: options.TokenizerOption = None,
    device: options.DeviceOption = "auto",
    weights: options.WeightsOption = None,
    quant: options.QuantOption = "auto",
    dtype: options.DtypeOption = "auto",
    pull: options.PullOption = False,
    keep_quantized: options.KeepQuantizedOption = True,
    token_cache: options.TokenCacheOption = TOKEN_CACHE_MIB,
    no_token_cache: options.NoTokenCacheOption = False,
    offline: options.OfflineOption = False,
    max_new_tokens: options.MaxNewTokensOption = options.MAX_NEW_TOKENS,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Describe what a video shows, with a timeline.

    Segments are shots, or stretches in which something happens, found from the video itself. Each
    is described from its own frames.
    """
    chosen = chosen_form(form, file, as_json=as_json)
    timeline = TimelineConfig(detail, every)
    output = Output("text" if chosen == "text" else "json", quiet=quiet)
    asked = ModelOptions(
        model,
        tokenizer,
        device=device,
        offline=offline,
        weights=weights,
        quant=quant,
        dtype=dtype,
        pull=pull,
        keep_quantized=keep_quantized,
        token_cache=0 if no_token_cache else token_cache,
    )
    with DescriptionSheet(video, chosen, file, output) as sheet:
        sheet.fill(
            asked,
            FrameOptions(frames, start=start, end=end, decoder=decoder, min_coverage=min_coverage),
            timeline,
            GenerationConfig(max_new_tokens),
        )
    raise typer.Exit(sheet.exit_code)
