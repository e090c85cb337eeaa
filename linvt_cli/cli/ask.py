"""``linvt ask``: answer questions about a video, or about many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from linvt_cli.cli import many, options
from linvt_cli.cli.answers import AnswerSheet
from linvt_cli.cli.ask_batch import BatchOptions, ResultOptions, ask_batch
from linvt_cli.cli.batch import DecodingOptions
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.file_search import Filter
from linvt_cli.cli.input_lists import STANDARD_INPUT
from linvt_cli.cli.inputs import Selection, is_rather_a_word, names_one_file, split_arguments
from linvt_cli.cli.option_groups import (
    FramesGroup,
    GenerationGroup,
    ModelGroup,
    with_option_groups,
)
from linvt_cli.cli.output import Output, answer_form, utf8_text
from linvt_cli.cli.shape import asked_shape
from linvt_cli.cli.shell_words import file_word
from linvt_cli.config import DECODE_TIMEOUT
from linvt_cli.errors import ConfigError


@with_option_groups
def ask(
    arguments: many.InputsArgument = None,
    more_questions: Annotated[
        list[str] | None,
        typer.Option("--question", "-q", metavar="TEXT", help="Ask this too; may be repeated"),
    ] = None,
    *,
    looked: FramesGroup,
    asked: ModelGroup,
    generation: GenerationGroup,
    choices: options.ChoicesOption = None,
    yes_no: options.YesNoOption = False,
    abstain_below: options.AbstainBelowOption = None,
    schema: options.SchemaOption = None,
    as_json: options.JsonOption = False,
    as_jsonl: options.JsonlOption = False,
    results: many.OutputOption = None,
    resume: many.ResumeOption = False,
    retry_errors: many.RetryErrorsOption = False,
    fail_fast: many.FailFastOption = False,
    lists: many.FromOption = None,
    null: many.NullOption = False,
    include: many.IncludeOption = None,
    exclude: many.ExcludeOption = None,
    limit: many.LimitOption = None,
    shard: many.ShardOption = None,
    decode_workers: many.DecodeWorkersOption = None,
    decode_timeout: many.DecodeTimeoutOption = DECODE_TIMEOUT,
    quiet: options.QuietOption = False,
) -> None:
    """Answer questions about videos.

    INPUT is a video or picture file, a folder, a pattern such as '*.mp4', or - for a list of videos
    on standard input. Each video is read and looked at once, however many questions are asked.
    """
    shape = asked_shape(choices, yes_no, abstain_below, schema, temperature=generation.temperature)
    output = Output(answer_form(as_json=as_json, as_jsonl=as_jsonl), quiet=quiet)
    inputs, question = split_arguments(
        arguments or (), asks_otherwise=bool(more_questions), has_list=bool(lists)
    )
    chosen = BatchOptions(
        asked,
        looked,
        generation,
        Selection(
            Filter(tuple(include or ()), tuple(exclude or ())),
            tuple(lists or ()),
            null,
            limit,
            shard,
        ),
        ResultOptions(results, resume, retry_errors, fail_fast),
        DecodingOptions(decode_workers, decode_timeout),
        shape,
    )
    if not (names_one_file(inputs) and chosen.is_about_one):
        raise typer.Exit(ask_many(inputs, question, more_questions or (), chosen, output))
    (video,) = inputs
    with AnswerSheet(video, all_questions(video, question, more_questions or ()), output) as sheet:
        sheet.fill(chosen.model, chosen.frames, chosen.generation, chosen.shape)
    raise typer.Exit(sheet.exit_code)


def ask_many(
    inputs: Sequence[str],
    first: str | None,
    more: Sequence[str],
    chosen: BatchOptions,
    output: Output,
) -> ExitCode:
    """Ask questions about many videos, and return how the command ends.

    Raises:
        LinVTError: if what was asked for makes no sense, or cannot be had.
    """
    if not inputs and not chosen.selection.lists:
        raise ConfigError(
            "No video to ask about", field="input", hint="linvt ask clip.mp4 'What happens?'"
        )
    has_list = bool(chosen.selection.lists) or STANDARD_INPUT in inputs
    if has_list and first is None and not more:
        questions: tuple[str, ...] = ()  # each row of the list may have its own
    else:
        questions = all_questions(inputs[0] if inputs else "clip.mp4", first, more)
    for word in inputs:
        if is_rather_a_word(word):
            output.notice(
                f"note: '{word}' is no file; a question of several words is put in quotes"
            )
    return ask_batch(inputs, questions, chosen, output)


def all_questions(video: str, first: str | None, more: Sequence[str]) -> tuple[str, ...]:
    """Return the questions once each, in their order, as a tokenizer can read them.

    Raises:
        ConfigError: if there is none, or an empty one.
    """
    questions = (*(() if first is None else (first,)), *more)
    if not questions:
        file = file_word(video)
        raise ConfigError(
            f"No question about '{video}'",
            field="question",
            hint=f"linvt ask {file} 'What happens?', or linvt describe {file}",
        )
    if not all(question.strip() for question in questions):
        raise ConfigError(
            "A question is empty", field="question", hint="linvt ask clip.mp4 'What happens?'"
        )
    return tuple(dict.fromkeys(map(utf8_text, questions)))
