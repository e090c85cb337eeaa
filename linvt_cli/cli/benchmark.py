"""``linvt evaluate BENCHMARK``: its options."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_args

import typer

from linvt_cli.cli import many, options
from linvt_cli.cli.batch import DecodingOptions
from linvt_cli.cli.benchmark_options import OWN, TAKES, BenchmarkOptions, By, JudgeOptions
from linvt_cli.cli.option_groups import UncachedModelGroup, WholeVideoGroup, with_option_groups
from linvt_cli.cli.output import Output, answer_form
from linvt_cli.config import DECODE_TIMEOUT

_OWN_DATA = "Questions in linvt's training format, with their answers, and options if wanted"
_USED_BY = {
    "by": "by",
    "split": "split",
    "subtitles": "subtitles",
    "judge": "judge",
    "judge_model": "judge",
    "judge_timeout": "judge",
    "judge_workers": "judge",
    "judge_embedding": "embedding",
}
"""Parameters that a benchmark may have no use for, and what it must have for them."""


@with_option_groups
def run_benchmark(
    context: typer.Context,
    data: Annotated[
        str, typer.Option("--data", metavar="DIR", help="Folder with the files of the benchmark")
    ],
    by: Annotated[
        By,
        typer.Option(
            "--by",
            help="How an option is chosen: the letter that is generated, the likeliest letter, or"
            " the likeliest text",
        ),
    ] = "letter",
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="Part of the benchmark: test or val of NExT-QA, subset or full of EgoSchema",
        ),
    ] = None,
    subtitles: Annotated[
        bool,
        typer.Option(
            "--subtitles",
            help="Put what is said at the frames before the question; not with"
            " --by text-likelihood",
        ),
    ] = False,
    categories: Annotated[
        list[str] | None,
        typer.Option(
            "--categories",
            metavar="NAME",
            help="Ask only what is in this category, of any kind; may be repeated",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Ask the first N questions")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Ask about every N-th video from the I-th, without results; --resume scores all"
            " parts in DIR; needs -o",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="URL",
            help="Who scores open answers: an OpenAI-compatible address, whose key is read from"
            " LINVT_JUDGE_KEY; local, a model of linvt; or exact, the match of words [default:"
            " exact, where words can be compared]",
        ),
    ] = None,
    judge_model: Annotated[
        str | None,
        typer.Option("--judge-model", metavar="NAME", help="Model that the judge is"),
    ] = None,
    judge_embedding: Annotated[
        float | None,
        typer.Option(
            "--judge-embedding",
            min=-1.0,
            max=1.0,
            metavar="COSINE",
            help="The judge is a model of embeddings: a short answer is right if its cosine to the"
            " right one is at least this",
        ),
    ] = None,
    judge_timeout: Annotated[
        float,
        typer.Option(
            "--judge-timeout", min=0.1, metavar="SECONDS", help="Time that one reply may take"
        ),
    ] = 60.0,
    judge_workers: Annotated[
        int,
        typer.Option(
            "--judge-workers", min=1, max=64, metavar="N", help="Ask the judge N things at a time"
        ),
    ] = 8,
    folder: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Keep answers and results in DIR: answers.jsonl, results.json, .md and .png",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep the answers that are in DIR, and ask what is missing"),
    ] = False,
    retry_errors: many.RetryErrorsOption = False,
    *,
    looked: WholeVideoGroup,
    asked: UncachedModelGroup,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            min=1,
            metavar="N",
            help="Stop an answer after N tokens [default: what the benchmark needs]",
        ),
    ] = None,
    decode_workers: many.DecodeWorkersOption = None,
    decode_timeout: many.DecodeTimeoutOption = DECODE_TIMEOUT,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Measure how well a model answers the questions of a benchmark."""
    chosen = BenchmarkOptions(
        data,
        asked,
        looked,
        by,
        split,
        subtitles,
        tuple(categories or ()),
        limit,
        shard,
        max_new_tokens,
        JudgeOptions(judge, judge_model, judge_timeout, judge_workers, judge_embedding),
        folder,
        resume,
        retry_errors,
        DecodingOptions(decode_workers, decode_timeout),
    )
    output = Output(answer_form(as_json=as_json, as_jsonl=False), quiet=quiet)
    from linvt_cli.cli.benchmark_run import evaluate_benchmark

    raise typer.Exit(evaluate_benchmark(str(context.info_name), chosen, output))


def command_of(benchmark: str) -> Callable[..., None]:
    """Return the command for one benchmark: its help leaves out the options that it refuses."""

    @wraps(run_benchmark)
    def run(**given: Any) -> None:
        run_benchmark(**given)

    signature = inspect.signature(run_benchmark)
    parameters = [
        _changed(each, hidden=True)
        if name in _USED_BY and _USED_BY[name] not in TAKES[benchmark]
        else each
        for name, each in signature.parameters.items()
    ]
    if benchmark == OWN:
        place = [each.name for each in parameters].index("data")
        parameters[place] = _changed(parameters[place], metavar="FILE.jsonl", help=_OWN_DATA)
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _changed(parameter: inspect.Parameter, **attributes: Any) -> inspect.Parameter:
    """Return a parameter whose option is another in some respect.

    One that is hidden is in no help; if given all the same, the run refuses it with the reason.
    """
    declared, option = get_args(parameter.annotation)
    other = copy.copy(option)
    for name, value in attributes.items():
        setattr(other, name, value)
    return parameter.replace(annotation=Annotated[declared, other])
