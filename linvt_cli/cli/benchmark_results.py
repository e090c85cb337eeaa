"""What comes after the answers of a benchmark: the judge, the files of results, the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from linvt_cli import errors
from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.benchmark_options import EXACT, LOCAL, BenchmarkOptions
from linvt_cli.cli.failures import ExitCode, exit_code_of_class
from linvt_cli.cli.output import Output, json_text
from linvt_cli.cli.output_files import replace_file
from linvt_cli.cli.watching import fetch_model, free_memory, load_model
from linvt_cli.errors import JudgementError, LinVTError, MachineError, OfflineError
from linvt_cli.evaluation.benchmarks import Benchmark
from linvt_cli.evaluation.embeddings import PATH as EMBEDDINGS
from linvt_cli.evaluation.embeddings import EmbeddingMatch
from linvt_cli.evaluation.endpoint import CHAT, Endpoint, EndpointJudge
from linvt_cli.evaluation.items import Item
from linvt_cli.evaluation.judge_address import judge_key
from linvt_cli.evaluation.kept_replies import KeptReplies
from linvt_cli.evaluation.results import Failure, Scored, submission
from linvt_cli.evaluation.scoring import EXACT as WORDS
from linvt_cli.evaluation.scoring import (
    By,
    Scorer,
    Verdict,
    is_choice,
    place_of_choice,
    score_answer,
    score_place,
)
from linvt_cli.models.offline import is_offline, settle_offline, way_online

REPLIES = "judge.jsonl"
_NO_JUDGE = (
    "note: without --judge, answers that no rule settles are scored by the match of words, which is"
    " stricter than a judge"
)
Row = Mapping[str, Any]


def require_judge(benchmark: Benchmark, options: BenchmarkOptions, output: Output) -> None:
    """Refuse a judge that cannot be asked, before hours go into answers for it.

    The files of a local one are fetched where they are not there.

    Raises:
        LinVTError: if it cannot.
    """
    if benchmark.judged is None or options.judge.judge in (None, EXACT):
        return
    if options.judge.judge == LOCAL:
        fetch_model(_judging_model(options), output)
    else:
        _endpoint(options)


def score_all(
    benchmark: Benchmark,
    items: Sequence[Item],
    rows: Mapping[str, Row],
    options: BenchmarkOptions,
    output: Output,
) -> tuple[list[Scored], list[Failure], dict[str, Any] | None]:
    """Score all answers.

    Args:
        benchmark: of the questions.
        items: the questions.
        rows: answers and failures, by id of the question.
        options: of the run.
        output: where progress goes.

    Returns:
        The scored answers, the failures, and who judged; None where the benchmark needs nobody.

    Raises:
        JudgeError: if the judge cannot be reached.
    """
    answered = [item for item in items if rows[item.id]["error"] is None]
    failures = [
        _failure(item, rows[item.id]) for item in items if rows[item.id]["error"] is not None
    ]
    judge = _judge(benchmark, options, output) if answered else None

    def score(item: Item) -> Scored | Failure:
        row = rows[item.id]
        try:
            return Scored(
                item, str(row["answer"]), _verdict(benchmark, item, row, judge, options.by)
            )
        except JudgementError as error:
            return Failure(
                item.id, item.groups, type(error).__name__, error.message, item.has_answer
            )

    at_once = isinstance(judge, EndpointJudge | EmbeddingMatch)
    workers = options.judge.workers if at_once else 1
    outcomes = _mapped(score, answered, workers, output)
    scored = [each for each in outcomes if isinstance(each, Scored)]
    failures += [each for each in outcomes if isinstance(each, Failure)]
    return scored, failures, _judge_record(benchmark, options, judge)


def _mapped(
    score: Callable[[Item], Scored | Failure], items: Sequence[Item], workers: int, output: Output
) -> list[Scored | Failure]:
    outcomes: list[Scored | Failure] = []
    with output.progress("Scoring answers") as show, ThreadPoolExecutor(workers) as pool:
        try:
            for outcome in pool.map(score, items):
                outcomes.append(outcome)
                show(f"Scored {len(outcomes)} of {len(items)} answers")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return outcomes


def _verdict(benchmark: Benchmark, item: Item, row: Row, judge: Scorer | None, by: By) -> Verdict:
    if row["choices"] is not None and is_choice(benchmark, item):
        likely = [choice["probability"] for choice in row["choices"]]
        return score_place(item, place_of_choice(item, by, likely.index(max(likely))))
    return score_answer(benchmark, item, str(row["answer"]), judge)


def _failure(item: Item, row: Row) -> Failure:
    error = row["error"]
    return Failure(item.id, item.groups, error["type"], error["message"], item.has_answer)


def _judge(benchmark: Benchmark, options: BenchmarkOptions, output: Output) -> Scorer | None:
    asked = options.judge
    if benchmark.judged is None or asked.judge in (None, EXACT):
        if benchmark.judged is not None and asked.judge is None:
            output.notice(_NO_JUDGE)
        return None
    kept = KeptReplies(None if options.folder is None else Path(options.folder) / REPLIES)
    if asked.judge == LOCAL:
        from linvt_cli.evaluation.local_judge import LocalJudge

        free_memory()  # of the model that answered, so that the judge may take it
        return LocalJudge(load_model(_judging_model(options), output), kept)
    endpoint, name = _endpoint(options), str(asked.model)
    if asked.embedding is not None:
        return EmbeddingMatch(endpoint, name, asked.embedding, kept)
    return EndpointJudge(endpoint, name, kept)


def _judging_model(options: BenchmarkOptions) -> ModelOptions:
    model = options.model
    return ModelOptions(
        options.judge.model,
        device=model.device,
        offline=model.offline,
        pull=model.pull,
        token_cache=0,
    )


def _endpoint(options: BenchmarkOptions) -> Endpoint:
    asked = options.judge
    path = CHAT if asked.embedding is None else EMBEDDINGS
    endpoint = Endpoint(str(asked.judge), path, judge_key(), timeout=asked.timeout)
    settle_offline(options.model.offline)
    if is_offline() and not endpoint.is_local:
        raise OfflineError(
            f"The judge at '{endpoint.url}' is on the network, and linvt was told to stay offline",
            hint=f"{way_online()}; or use --judge local or --judge exact",
        )
    return endpoint


def _judge_record(
    benchmark: Benchmark, options: BenchmarkOptions, judge: Scorer | None
) -> dict[str, Any] | None:
    if benchmark.judged is None:
        return None
    if judge is None:
        return {"kind": "exact", "label": WORDS, "url": None, "model": None, "versions": []}
    if isinstance(judge, EndpointJudge | EmbeddingMatch):
        return {
            "kind": "endpoint" if isinstance(judge, EndpointJudge) else "embeddings",
            "label": judge.label,
            "url": judge.endpoint.url,
            "model": judge.model,
            "versions": sorted(judge.versions),
        }
    return {
        "kind": "local",
        "label": judge.label,
        "url": None,
        "model": options.judge.model,
        "versions": [],
    }


def write_results(
    document: Mapping[str, Any],
    scored: Sequence[Scored],
    benchmark: Benchmark,
    options: BenchmarkOptions,
    output: Output,
) -> None:
    """Write the files of results, where the user named a folder.

    Raises:
        MachineError: if one cannot be written.
    """
    if options.folder is None:
        return
    from linvt_cli.evaluation.bars import draw_bars
    from linvt_cli.evaluation.tables import as_markdown

    folder = Path(options.folder)
    try:
        _write(folder / "results.json", json_text(document, indent=2) + "\n")
        _write(folder / "results.md", "\n".join(as_markdown(document)) + "\n")
        if benchmark.name == "egoschema" and options.split == "full":
            _write(folder / "submission.json", json_text(submission(scored)) + "\n")
        replace_file(
            folder / "results.png", lambda path: draw_bars(document, benchmark.dimension, path)
        )
    except OSError as error:
        raise MachineError(
            f"'{folder}' cannot be written: {error.strerror or error}",
            hint="name another folder with --output",
        ) from error
    except MachineError as error:  # no Matplotlib: the chart is the only thing that is lacking
        output.warning(f"{error.message}; {error.hint}")


def _write(path: Path, text: str) -> None:
    content = text.encode("utf-8", errors="backslashreplace")  # names may be no Unicode
    replace_file(path, lambda new: new.write_bytes(content))


def tell(document: Mapping[str, Any], output: Output) -> None:
    """Print the results: the report, or the document."""
    if output.form == "json":
        output.record(document)
        output.finish(as_list=False)
        return
    from linvt_cli.evaluation.tables import as_markdown

    for line in as_markdown(document):
        output.line(line)


def end_of_run(failures: Sequence[str], *, answered: int) -> ExitCode:
    """Return how a run ends.

    Args:
        failures: the classes of errors that its failures name.
        answered: how many questions have an answer.
    """
    if not failures:
        return ExitCode.DONE
    if answered:
        return ExitCode.SOME_FAILED
    first = getattr(errors, failures[0], None)  # as a kept row names it
    if isinstance(first, type) and issubclass(first, LinVTError):
        return exit_code_of_class(first)
    return ExitCode.VIDEO
