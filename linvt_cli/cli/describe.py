"""``linvt describe``: say what a video shows."""

from __future__ import annotations

import typer

from linvt_cli.cli import options
from linvt_cli.cli.answers import AnswerSheet
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.output import Output
from linvt_cli.config import MIN_COVERAGE, TOKEN_CACHE_MIB, GenerationConfig
from linvt_cli.errors import LinVTError


def describe(
    video: options.VideoArgument,
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
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Describe what a video shows.

    The same as ``linvt ask`` with the question for a description that suits the model.
    """
    output = Output("json" if as_json else "text", quiet=quiet)
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
    try:
        chosen = settle_model(asked, output)
    except LinVTError:
        chosen = asked  # it is said again below, where it can be recorded
    with AnswerSheet(video, (chosen.describe_question,), output) as sheet:
        sheet.fill(
            chosen,
            FrameOptions(frames, start=start, end=end, decoder=decoder, min_coverage=min_coverage),
            GenerationConfig(max_new_tokens),
        )
    raise typer.Exit(sheet.exit_code)
