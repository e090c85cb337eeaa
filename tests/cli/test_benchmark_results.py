"""Answers that are judged: by an endpoint on this machine, by a local model, by their words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from linvt_cli.cli import benchmark_results
from linvt_cli.cli.app import run
from tests.cli.schema import validate_evaluation
from tests.evaluation import samples
from tests.evaluation.judge_server import judge_server


@pytest.fixture
def data(tmp_path, video, loads):
    """ActivityNet-QA with two questions; the fake model says 'A grey wall.' to both."""
    folder = tmp_path / "data"
    samples.zero_shot(folder, video, place="all_test/v_a.mp4", name="a", typed=True)
    return folder


def evaluate(data: Any, out: Any, *more: str) -> int:
    base = ["evaluate", "activitynet-qa", "--data", str(data), "-o", str(out), "--model", "nano"]
    return run([*base, "--decode-workers", "0", *more])


def results_of(folder) -> dict[str, Any]:
    document = json.loads((folder / "results.json").read_text())
    validate_evaluation(document)
    return dict(document)


def test_without_a_judge_words_are_compared_and_that_is_said(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out") == 0
    document = results_of(tmp_path / "out")
    assert document["accuracy"]["value"] == 0.5
    assert document["settings"]["judge"]["label"] == "the match of words"
    assert document["questions"]["scored_by"] == {"words": 2}
    told = capsys.readouterr()
    assert "stricter than a judge" in told.err
    assert "answers are scored by the match of words here" in told.out


def test_an_endpoint_judges_and_is_part_of_the_result(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LINVT_JUDGE_KEY", "secret")
    out = tmp_path / "out"
    with judge_server((200, "{'pred': 'yes', 'score': 4}")) as server:
        more = ("--judge", server.url, "--judge-model", "tiny", "--judge-workers", "1")
        assert evaluate(data, out, *more) == 0
        assert evaluate(data, out, "--resume", *more) == 0
    assert len(server.requests) == 2  # the second run has all replies
    assert server.keys == ["Bearer secret"] * 2
    document = results_of(out)
    assert (document["accuracy"]["value"], document["rating"]["value"]) == (1.0, 4.0)
    judge = document["settings"]["judge"]
    assert (judge["kind"], judge["model"]) == ("endpoint", "tiny")
    assert judge["versions"] == ["tiny-2026-01"]
    assert "secret" not in (out / "results.json").read_text() + (out / "judge.jsonl").read_text()


def test_embeddings_are_compared_and_labelled_as_that(data, tmp_path, capsys):
    reply = ' {"data": [{"index": 0, "embedding": [1, 0]}, {"index": 1, "embedding": [1, 1]}]}'
    with judge_server((200, reply)) as server:
        base = ("--judge", server.url, "--judge-model", "small", "--judge-embedding")
        assert evaluate(data, tmp_path / "out", *base, "0.7") == 0
        assert evaluate(data, tmp_path / "out", "--resume", *base, "0.8") == 0
    assert len(server.requests) == 2  # the cosines of the first run are kept
    document = results_of(tmp_path / "out")
    assert (document["accuracy"]["value"], document["rating"]) == (0.0, None)
    assert document["questions"]["scored_by"] == {"embeddings": 2}
    judge = document["settings"]["judge"]
    assert (judge["kind"], judge["model"]) == ("embeddings", "small")
    told = capsys.readouterr().out
    assert "| judge | the match of embeddings by small, right from a cosine of 0.8 |" in told
    assert "right from a cosine of 0.8 here\n" in told


def test_replies_that_are_no_judgement_are_failures(data, tmp_path, capsys):
    with judge_server((200, "Well.")) as server:
        more = ("--judge", server.url, "--judge-model", "tiny", "--judge-workers", "1")
        assert evaluate(data, tmp_path / "out", *more) == 5
    document = results_of(tmp_path / "out")
    assert document["accuracy"] is None
    assert {failure["type"] for failure in document["failures"]} == {"JudgementError"}


def test_a_later_run_asks_again_for_replies_that_were_no_judgement(data, tmp_path, capsys):
    out = tmp_path / "out"
    with judge_server(*[(200, "Well.")] * 6, (200, "{'pred': 'yes', 'score': 4}")) as server:
        more = ("--judge", server.url, "--judge-model", "tiny", "--judge-workers", "1")
        assert evaluate(data, out, *more) == 5
        assert not (out / "judge.jsonl").exists()
        assert evaluate(data, out, "--resume", *more) == 0
        assert evaluate(data, out, "--resume", *more) == 0
    assert len(server.requests) == 8  # three for each of two questions, then one for each
    assert results_of(out)["accuracy"]["value"] == 1.0


def test_a_request_that_the_judge_refuses_leaves_the_others_scored(data, tmp_path, capsys):
    refusal = (400, '{{"error": {"code": "content_filter"}}}')
    with judge_server(refusal, (200, "{'pred': 'yes', 'score': 4}")) as server:
        more = ("--judge", server.url, "--judge-model", "tiny", "--judge-workers", "1")
        assert evaluate(data, tmp_path / "out", *more) == 7
    document = results_of(tmp_path / "out")
    assert document["questions"]["scored"] == 1
    (failure,) = document["failures"]
    assert failure["type"] == "JudgementError"
    assert "content_filter" in failure["message"]


def test_a_judge_that_refuses_ends_the_run_and_answers_are_kept(data, tmp_path, capsys):
    out = tmp_path / "out"
    with judge_server((401, "")) as server:
        assert evaluate(data, out, "--judge", server.url, "--judge-model", "tiny") == 5
    assert "refuses access" in capsys.readouterr().err
    assert len((out / "answers.jsonl").read_text().splitlines()) == 2
    assert not (out / "results.json").exists()


def test_offline_no_judge_on_the_network_is_asked(data, tmp_path, capsys):
    more = ("--judge", "https://api.example.org/v1", "--judge-model", "tiny", "--offline")
    assert evaluate(data, tmp_path / "out", *more) == 5
    assert "told to stay offline" in capsys.readouterr().err


def test_a_local_model_judges_in_the_memory_of_the_one_that_answered(
    data, tmp_path, capsys, loads, monkeypatch
):
    freed: list[int] = []
    monkeypatch.setattr(benchmark_results, "free_memory", lambda: freed.append(len(loads)))
    # The fake model says the same as judge: that is no judgement.
    more = ("--judge", "local", "--judge-model", "nano")
    assert evaluate(data, tmp_path / "out", *more) == 5
    document = results_of(tmp_path / "out")
    assert document["settings"]["judge"]["kind"] == "local"
    assert document["settings"]["judge"]["label"] == "tiny (none) on this machine"
    assert len(document["failures"]) == 2
    assert (freed, len(loads)) == ([1], 2)  # before the judge is loaded


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--judge", "api.openai.com/v1", "--judge-model", "tiny"), 2, "no address of a judge"),
        (("--judge", "https://a.example/v1", "--judge-model", "tiny", "--offline"), 5, "offline"),
        (("--judge", "local", "--judge-model", "no-such-model"), 4, "no-such-model"),
    ],
)
def test_a_judge_that_cannot_be_asked_is_refused_before_the_first_question(
    data, tmp_path, capsys, more, code, said
):
    assert evaluate(data, tmp_path / "out", *more) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out" / "answers.jsonl").read_text()


def test_a_part_needs_no_judge(data, tmp_path, capsys):
    more = ("--judge", "https://a.example/v1", "--judge-model", "tiny", "--offline")
    assert evaluate(data, tmp_path / "out", "--shard", "1/1", *more) == 0
