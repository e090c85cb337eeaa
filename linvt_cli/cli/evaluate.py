"""``linvt evaluate``: measure how well a model answers, and compare two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linvt_cli.cli import options
from linvt_cli.cli.asked import DEFAULT_MODEL, ModelOptions
from linvt_cli.cli.benchmark import command_of
from linvt_cli.cli.benchmark_options import OWN, TITLES
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.interrupts import prompt_interrupt
from linvt_cli.cli.output import Output, answer_form

if TYPE_CHECKING:
    from linvt_cli.evaluation.world import WorldReport


evaluate = typer.Typer(
    help="Measure how well a model answers: on nano's drawn world, or on a public benchmark",
    no_args_is_help=True,
)


@evaluate.command("world", short_help="Fresh clips of nano's drawn world")
def evaluate_world(
    seed: Annotated[
        int, typer.Option("--seed", min=1, metavar="N", help="Which fresh clips are drawn")
    ] = 1,
    clips: Annotated[
        int, typer.Option("--clips", min=1, metavar="N", help="How many clips are drawn")
    ] = 150,
    questions: Annotated[
        int, typer.Option("--questions", min=1, metavar="N", help="Questions about each clip")
    ] = 5,
    foreign: Annotated[
        int,
        typer.Option("--foreign", min=0, metavar="N", help="Clips with nothing of the world"),
    ] = 24,
    hard: Annotated[
        bool,
        typer.Option("--hard", help="Longer clips, with more things and events, in 64 frames"),
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            min=1,
            metavar="N",
            help="Frames of each clip [default: the model's number; 64 with --hard]",
        ),
    ] = None,
    misses: Annotated[
        bool, typer.Option("--misses", help="List the wrong answers of trained LinVT as well")
    ] = False,
    model: Annotated[
        str,
        options.model_option(options.NAMED_OR_LARGEST),
    ] = DEFAULT_MODEL,
    checkpoint: options.CheckpointOption = None,
    weights: options.WeightsOption = None,
    device: options.DeviceOption = "auto",
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Measure how well a model answers about fresh clips that no training has seen.

    Trained LinVT stands beside the weight-free tokenizers at the same number of video tokens and
    beside the middle frame alone. Clips are written as video files and read back.
    """
    output = Output(answer_form(as_json=as_json, as_jsonl=False), quiet=quiet)
    with prompt_interrupt(), output.sole_writer():
        from linvt_cli.evaluation import world
        from linvt_cli.evaluation.report import as_table, to_record

        asked = settle_model(
            ModelOptions(model, checkpoint=checkpoint, device=device, weights=weights), output
        )
        ways = world.load_ways(asked.chosen, device, checkpoint, weights)
        size = world.WorldBenchmark(seed, clips, questions, foreign, hard, frames)
        with output.progress("Writing and watching clips") as show:
            report = world.evaluate_world(
                ways, size, on_progress=lambda done, total: show(f"{done} of {total} clips")
            )
    if as_json:
        output.record(to_record(report, size))
        output.finish(as_list=False)
        return
    for line in as_table(report):
        output.line(line)
    if misses:
        _print_misses(output, report)


@evaluate.command("compare", short_help="Two runs, question by question")
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="results.json of a run, or its folder")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same of another run")],
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Compare two runs of one benchmark, question by question.

    The difference is that of B less that of A over the questions that both scored, with a 95 %
    interval from resampled videos, and the p of a randomization test that flips the signs of
    whole videos.
    """
    output = Output(answer_form(as_json=as_json, as_jsonl=False), quiet=quiet)
    with prompt_interrupt(), output.sole_writer():
        from dataclasses import asdict

        from linvt_cli.evaluation.comparing import compare_results, read_results, unlike
        from linvt_cli.evaluation.tables import comparison_table

        runs = read_results(Path(first)), read_results(Path(second))
        result, unmatched = compare_results(*runs, places=(first, second))
    if differing := unlike(*runs):
        output.warning(f"the runs differ in more than the model: {', '.join(differing)}")
    if as_json:
        output.record({"schema_version": 1, **asdict(result), "unmatched": unmatched})
        output.finish(as_list=False)
        return
    for line in comparison_table(first, second, result, unmatched):
        output.line(line)


def _print_misses(output: Output, report: WorldReport) -> None:
    for miss in report.misses:
        if miss.way == "linvt":
            output.line(
                f"clip {miss.clip_seed} [{miss.kind}] {miss.question}"
                f" expected: {miss.expected} got: {miss.answer}"
            )


def _asked(name: str, title: str) -> str:
    return "your own questions" if name == OWN else f"the questions of {title}"


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


for _name, _title in TITLES.items():
    evaluate.command(
        _name,
        help=f"Measure how well a model answers {_asked(_name, _title)}.",
        short_help=_capitalized(_asked(_name, _title)),
    )(command_of(_name))
