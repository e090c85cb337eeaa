from __future__ import annotations

import pytest

from linvt_cli.cli import benchmark_run
from linvt_cli.cli.app import run
from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.benchmark_options import TITLES, BenchmarkOptions
from linvt_cli.cli.failures import ExitCode


@pytest.fixture
def calls(monkeypatch):
    """Let a run be over at once; note what it is called with."""
    made: list[tuple[str, BenchmarkOptions]] = []

    def evaluate_benchmark(name, options, output):
        made.append((name, options))
        return ExitCode.SOME_FAILED

    monkeypatch.setattr(benchmark_run, "evaluate_benchmark", evaluate_benchmark)
    return made


@pytest.mark.parametrize("name", TITLES)
def test_every_benchmark_is_a_command(calls, name):
    assert run(["evaluate", name, "--data", "d"]) == ExitCode.SOME_FAILED
    # Questions of a benchmark are never answered from what was seen before.
    assert calls == [(name, BenchmarkOptions("d", ModelOptions(token_cache=0)))]


@pytest.mark.parametrize(
    ("name", "shown", "not_shown"),
    [
        ("mvbench", ["--by"], ["--judge", "--subtitles", "--split"]),
        ("msvd-qa", ["--judge-embedding", "--judge-workers"], ["--by", "--subtitles", "--split"]),
        ("video-mme", ["--by", "--subtitles"], ["--judge-model", "--split"]),
    ],
)
def test_the_help_leaves_out_what_the_benchmark_refuses(calls, capsys, name, shown, not_shown):
    assert run(["evaluate", name, "--help"]) == ExitCode.DONE
    words = capsys.readouterr().out.split()
    assert [each for each in shown if each not in words] == []
    assert [each for each in not_shown if each in words] == []
    # Given all the same, they reach what says why they are refused.
    given = {"--judge": ["exact"], "--judge-model": ["m"], "--split": ["val"], "--by": ["letter"]}
    for option in not_shown:
        run(["evaluate", name, "--data", "d", option, *given.get(option, [])])
    assert len(calls) == len(not_shown)


def test_options_reach_the_run(calls):
    arguments = (
        "--data d --by text-likelihood --split val --categories CH --categories TN --limit 3"
        " --frames 8 --model tiny --tokenizer mean -o out --resume --max-new-tokens 4"
    )
    run(["evaluate", "next-qa", *arguments.split()])
    ((_, chosen),) = calls
    assert (chosen.by, chosen.split, chosen.categories) == ("text-likelihood", "val", ("CH", "TN"))
    assert (chosen.limit, chosen.frames.frames, chosen.max_new_tokens) == (3, 8, 4)
    assert (chosen.model.name, chosen.model.tokenizer) == ("tiny", "mean")
    assert (chosen.folder, chosen.resume) == ("out", True)


def test_the_judge_is_chosen_by_address_and_name(calls):
    run(["evaluate", "mm-vet", "--data", "d", "--judge", "http://h/v1", "--judge-model", "m"])
    ((_, chosen),) = calls
    assert (chosen.judge.judge, chosen.judge.model) == ("http://h/v1", "m")


def test_the_data_must_be_named(calls, capsys):
    assert run(["evaluate", "mvbench"]) == ExitCode.USAGE
    assert calls == []
