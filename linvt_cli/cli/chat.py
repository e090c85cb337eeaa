"""``linvt chat``: a conversation about a video."""

from __future__ import annotations

from typing import Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.chat_view import ChatView
from linvt_cli.cli.chatting import Chatting
from linvt_cli.cli.interrupts import ended_by_sigterm, prompt_interrupt
from linvt_cli.cli.lines import Lines, open_lines
from linvt_cli.cli.output import Output, answer_form, print_message
from linvt_cli.config import MIN_COVERAGE, TOKEN_CACHE_MIB, GenerationConfig

HistoryOption = Annotated[
    bool,
    typer.Option("--history/--no-history", help="Keep what is typed for later conversations"),
]


def chat(
    video: options.VideoArgument,
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
    history: HistoryOption = True,
    as_jsonl: options.JsonlOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Hold a conversation about a video.

    The video is looked at once. Each line is a question, which may lean on those before it, or a
    command: /help shows them. Lines that come from a pipe are answered one after the other.
    """
    output = Output(answer_form(as_json=False, as_jsonl=as_jsonl), quiet=quiet)
    generation = GenerationConfig(max_new_tokens, temperature, top_p, seed)
    asked = ModelOptions(
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
    )
    looked_at = FrameOptions(frames, fps, at, start, end, decoder, min_coverage)
    lines = open_lines(output, keeps_history=history)
    asked = asked.doing(looked_at, generation)
    with output.sole_writer():
        view = ChatView(video, asked, looked_at, output)
        chatting = Chatting(view, generation, output, interactive=lines.interactive)
        if lines.interactive:
            converse(chatting, lines, output)
        else:
            answer_all(chatting, lines)
    raise typer.Exit(chatting.exit_code)


def answer_all(chatting: Chatting, lines: Lines) -> None:
    """Answer all lines, or those before ``/quit``.

    Raises:
        LinVTError: if the model or the video cannot be used; then no line is read.
    """
    with prompt_interrupt():
        chatting.begin()
        while (line := _next(lines)) is not None and chatting.take(line):
            pass


def converse(chatting: Chatting, lines: Lines, output: Output) -> None:
    """Answer each line as it is typed, until there are no more.

    Raises:
        LinVTError: if the model or the video cannot be used.
    """
    with prompt_interrupt():
        chatting.begin()
    going_on = True
    with ended_by_sigterm():
        while going_on:
            try:
                line = _next(lines)
            except KeyboardInterrupt:
                print_message("Ctrl-D or /quit ends")
                continue
            try:
                going_on = line is not None and chatting.take(line)
            except KeyboardInterrupt:
                output.notice("stopped")


def _next(lines: Lines) -> str | None:
    try:
        return lines.read()
    except EOFError:
        return None
