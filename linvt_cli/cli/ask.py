"""``linvt ask``: answer questions about a video."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.answers import AnswerSheet
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.output import Output, answer_form
from linvt_cli.cli.shape import asked_shape
from linvt_cli.config import MIN_COVERAGE, TOKEN_CACHE_MIB, GenerationConfig
from linvt_cli.errors import ConfigError


def ask(
    video: options.VideoArgument,
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", help="What to ask")] = None,
    more_questions: Annotated[
        list[str] | None,
        typer.Option("--question", "-q", metavar="TEXT", help="Ask this too; may be repeated"),
    ] = None,
    frames: options.FramesOption = None,
    fps: options.FpsOption = None,
    at: options.AtOption = None,
    start: options.StartOption = None,
    end: options.EndOption = None,
    decoder: options.DecoderOption = "auto",
    min_coverage: options.MinCoverageOption = MIN_COVERAGE,
    model: options.ModelOption = None,
    tokenizer: options.TokenizerOption = None,
    video_tokens: options.VideoTokensOption = None,
    checkpoint: options.CheckpointOption = None,
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
    temperature: options.TemperatureOption = options.TEMPERATURE,
    top_p: options.TopPOption = options.TOP_P,
    seed: options.SeedOption = options.SEED,
    choices: options.ChoicesOption = None,
    yes_no: options.YesNoOption = False,
    abstain_below: options.AbstainBelowOption = None,
    schema: options.SchemaOption = None,
    as_json: options.JsonOption = False,
    as_jsonl: options.JsonlOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Answer questions about a video.

    The video is read and looked at once, however many questions are asked.
    """
    shape = asked_shape(choices, yes_no, abstain_below, schema, temperature=temperature)
    output = Output(answer_form(as_json=as_json, as_jsonl=as_jsonl), quiet=quiet)
    with AnswerSheet(video, all_questions(video, question, more_questions or ()), output) as sheet:
        sheet.fill(
            ModelOptions(
                model,
                tokenizer,
                video_tokens,
                checkpoint,
                device,
                offline,
                weights,
                quant,
                dtype,
                pull,
                keep_quantized,
                0 if no_token_cache else token_cache,
            ),
            FrameOptions(frames, fps, at, start, end, decoder, min_coverage),
            GenerationConfig(max_new_tokens, temperature, top_p, seed),
            shape,
        )
    raise typer.Exit(sheet.exit_code)


def all_questions(video: str, first: str | None, more: Sequence[str]) -> tuple[str, ...]:
    """Return the questions in the order in which they were given.

    Raises:
        ConfigError: if there is none, or an empty one.
    """
    questions = (*(() if first is None else (first,)), *more)
    if not questions:
        file = shlex.quote(video)
        raise ConfigError(
            f"No question about '{video}'",
            field="question",
            hint=f"linvt ask {file} 'What happens?', or linvt describe {file}",
        )
    if not all(question.strip() for question in questions):
        raise ConfigError("A question is empty", field="question")
    return questions
