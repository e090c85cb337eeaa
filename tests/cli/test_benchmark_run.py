"""Whole runs over small benchmarks in their public formats, with a fake model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.errors import VideoDecodeError
from tests.cli.schema import validate, validate_evaluation
from tests.evaluation import samples
from tests.evaluation.judge_server import judge_server
from tests.evaluation.mlvu_samples import mlvu_generation
from tests.fakes import TinyBackbone


@pytest.fixture
def says(loads, qa):
    """Let the fake model say something."""

    def say(text: str | None) -> None:
        qa.backbone = TinyBackbone(text)

    return say


def evaluate(name: str, data: Any, *more: str) -> int:
    return run(
        ["evaluate", name, "--data", str(data), "--model", "nano", "--decode-workers", "0", *more]
    )


def rows_of(folder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


def results_of(folder) -> dict[str, Any]:
    document = json.loads((folder / "results.json").read_text())
    validate_evaluation(document)
    return dict(document)


def test_a_run_keeps_answers_and_results(tmp_path, video, says, capsys):
    samples.mvbench(tmp_path / "data", video)
    says("(B) 2")
    names = ("Action Count", "Action Sequence", "Episodic Reasoning")
    categories = [part for name in names for part in ("--categories", name)]
    out = tmp_path / "out"
    assert evaluate("mvbench", tmp_path / "data", "-o", str(out), *categories) == 0
    rows = rows_of(out)
    assert len(rows) == 4
    for row in rows:
        validate(row)
    document = results_of(out)
    values = {name: each["value"] for name, each in document["groups"]["task"].items()}
    assert values == {"Action Sequence": 1.0, "Action Count": 0.5, "Episodic Reasoning": 0.0}
    assert document["accuracy"]["value"] == 0.5
    assert capsys.readouterr().out == (out / "results.md").read_text()
    assert (out / "results.png").read_bytes().startswith(b"\x89PNG")
    bounded = next(row for row in rows if row["id"] == "action_sequence_1")
    assert 0.5 <= bounded["frames"]["span"][0] <= bounded["frames"]["span"][1] <= 1.5
    episode = next(row for row in rows if row["id"] == "episodic_reasoning_1")
    assert episode["video"].endswith("friends_s01e01_seg02_clip_00")
    assert episode["source"] is None


def test_files_without_a_question_are_no_benchmark(tmp_path, says, capsys):
    samples.write_json(tmp_path / "data" / "test_qa.json", [])
    assert evaluate("msvd-qa", tmp_path / "data", "-o", str(tmp_path / "out")) == 3
    assert "hold no question" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_questions_of_ones_own_are_scored_by_options_or_words(tmp_path, video, says, capsys):
    samples.put(video, tmp_path / "data" / "a.mp4")
    asked = {"video": "a.mp4", "question": "Which?"}
    lines = [
        {**asked, "answer": "B", "category": "open"},
        {**asked, "answer": "A dog.", "category": "open"},
        {**asked, "answer": "blue", "options": ["red", "blue"], "category": "choice"},
    ]
    file = tmp_path / "data" / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    says("B")
    assert evaluate("own", file, "-o", str(tmp_path / "out")) == 0
    document = results_of(tmp_path / "out")
    values = {name: each["value"] for name, each in document["groups"]["category"].items()}
    assert values == {"open": 0.5, "choice": 1.0}
    assert document["questions"]["scored_by"] == {"rule": 1, "words": 2}
    assert "the paper" not in capsys.readouterr().out
    for by in ("letter-likelihood", "text-likelihood"):
        says("blue" if by.startswith("text") else "B")
        assert evaluate("own", file, "--by", by, "--categories", "choice", "--json") == 0
        assert json.loads(capsys.readouterr().out)["accuracy"]["value"] == 1.0


def test_a_run_goes_on_where_it_stood(tmp_path, video, says, qa, capsys):
    samples.next_qa(tmp_path / "data", video)
    out = tmp_path / "out"
    says("C")
    assert evaluate("next-qa", tmp_path / "data", "-o", str(out), "--limit", "2") == 0
    assert evaluate("next-qa", tmp_path / "data", "-o", str(out)) == 2  # it is there already
    says("E")
    assert evaluate("next-qa", tmp_path / "data", "-o", str(out), "--resume") == 0
    assert [row["answer"] for row in rows_of(out)] == ["C", "C", "E"]
    assert results_of(out)["accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    more = ("-o", str(out), "--resume", "--frames", "2")
    assert evaluate("next-qa", tmp_path / "data", *more) == 0  # other settings: asked anew
    assert len(rows_of(out)) == 6
    assert results_of(out)["accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-6)


def test_answers_of_several_quantizations_are_told_apart(tmp_path, video, says, capsys):
    samples.next_qa(tmp_path / "data", video)
    out = tmp_path / "out"
    says("C")
    assert evaluate("next-qa", tmp_path / "data", "-o", str(out), "--limit", "2") == 0
    answers = out / "answers.jsonl"
    answers.write_text(
        answers.read_text().replace('"quantization": "none"', '"quantization": "int8"')
    )
    assert '"int8"' in answers.read_text()
    capsys.readouterr()
    assert evaluate("next-qa", tmp_path / "data", "-o", str(out), "--resume") == 0
    mixed = "int8 (2 answers), none (1 answer)"
    assert results_of(out)["settings"]["model"]["quantization"] == mixed
    told = capsys.readouterr()
    assert f"answers of several quantizations are mixed: {mixed}" in told.err
    assert f"**Warning:** answers of several quantizations are mixed: {mixed}." in told.out


def test_missing_videos_and_broken_rows_are_told_counted_and_shown(tmp_path, video, says, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    samples.ego_schema(data, video)
    (data / "good_clips_git" / "0074f737.mp4").unlink()
    (data / "good_clips_git" / "00b9a0de.mp4").write_bytes(b"no video")
    says("D")
    assert evaluate("egoschema", data, "--split", "full", "-o", str(out)) == 7
    told = capsys.readouterr()
    assert "Field 'q_uid' of row 2 in" in told.err
    assert told.err.count("hint: fetch the videos of the benchmark") == 1
    assert "**2 failed**" in told.out
    document = results_of(out)
    assert [failure["id"] for failure in document["failures"]] == ["0074f737", "00b9a0de"]
    assert document["failures"][1]["type"] == VideoDecodeError.__name__
    assert document["accuracy"]["value"] == 1.0
    assert document["accuracy_if_failures_are_wrong"] == 0.5  # one has no public answer
    assert json.loads((out / "submission.json").read_text()) == {"001934bb": 3}
    samples.put(video, data / "good_clips_git" / "00b9a0de.mp4")
    more = ("--split", "full", "-o", str(out), "--resume", "--retry-errors")
    assert evaluate("egoschema", data, *more) == 7
    assert [failure["id"] for failure in results_of(out)["failures"]] == ["0074f737"]


def test_where_nothing_can_be_asked_the_first_failure_decides(tmp_path, video, says, capsys):
    data = tmp_path / "data"
    samples.ego_schema(data, video)
    for clip in (data / "good_clips_git").iterdir():
        clip.unlink()
    assert evaluate("egoschema", data) == 3
    assert evaluate("egoschema", tmp_path / "none") == 3
    assert "There is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["letter-likelihood", "text-likelihood"])
def test_options_are_scored_by_likelihood(tmp_path, video, says, capsys, by):
    samples.long_video_bench(tmp_path / "data", video)
    says("Reading" if by == "text-likelihood" else "B")
    out = tmp_path / "out"
    more = ("--by", by, "-o", str(out))
    assert evaluate("longvideobench", tmp_path / "data", *more) == 0
    (row,) = rows_of(out)
    assert [choice["text"] for choice in row["choices"]] == (
        ["A", "B", "C"] if by == "letter-likelihood" else ["A book", "Reading", "Nothing"]
    )
    assert results_of(out)["rows"][0]["prediction"] == "B"
    assert results_of(out)["accuracy"]["value"] == 1.0


def test_subtitles_at_the_frames_come_before_the_question(tmp_path, video, says, capsys):
    samples.long_video_bench(tmp_path / "data", video)
    says("B")
    out = tmp_path / "out"
    assert evaluate("longvideobench", tmp_path / "data", "--subtitles", "-o", str(out)) == 0
    (row,) = rows_of(out)
    assert row["question"].startswith("This video's subtitles are listed below:\nfirst\nWhat is")
    assert "beyond" not in row["question"]
    (path,) = (tmp_path / "data" / "subtitles").iterdir()
    path.write_text(path.read_text().replace("first", "mended"))
    more = ("--subtitles", "-o", str(out), "--resume")
    assert evaluate("longvideobench", tmp_path / "data", *more) == 0
    assert "\nmended\n" in rows_of(out)[-1]["question"]


def test_without_a_folder_nothing_is_written_and_json_is_one_document(
    tmp_path, video, says, capsys, monkeypatch
):
    samples.mlvu(tmp_path / "data", video)
    monkeypatch.chdir(tmp_path)
    says("A")
    names = ("--categories", "count", "--categories", "plotQA")
    assert evaluate("mlvu", tmp_path / "data", "--json", *names) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["accuracy"]["value"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_generation_tasks_of_mlvu_are_judged_and_averaged(tmp_path, video, says, capsys):
    mlvu_generation(tmp_path / "data", video)
    says("A man enters.")
    out = tmp_path / "out"
    assert evaluate("mlvu-generation", tmp_path / "data") == 2
    assert "can only be scored by a judge" in capsys.readouterr().err
    reply = "Near it.\n" + json.dumps(
        {
            "score_accuracy": 3.5,
            "score_relevance": 4,
            "score_completeness": 2,
            "score_reliability": 3,
        }
    )
    with judge_server((200, reply)) as server:
        more = ("--judge", server.url, "--judge-model", "tiny", "--judge-workers", "1")
        assert evaluate("mlvu-generation", tmp_path / "data", "-o", str(out), *more) == 0
    assert len(server.requests) == 2  # the two scenes are the same
    document = results_of(out)
    assert (document["rating"]["value"], document["best_rating"]) == ((7.5 + 5) / 2, 10)
    assert [row["rating"] for row in document["rows"]] == [7.5, 7.5, 5.0]
    assert "| rating, 0 to 10 | 6.25 |" in (out / "results.md").read_text()


def test_questions_of_ones_own_may_move_to_other_lines(tmp_path, video, says, capsys):
    (tmp_path / "b.mp4").write_bytes(video.read_bytes() + b"\0" * 9)  # of another size
    samples.put(video, tmp_path / "a.mp4")
    rows = [{"video": name, "question": "What?", "answer": "x"} for name in ("a.mp4", "b.mp4")]
    data, out = tmp_path / "questions.jsonl", tmp_path / "out"

    def ask(lines) -> int:
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        base = ["evaluate", "own", "--data", str(data), "-o", str(out), "--model", "nano"]
        return run([*base, "--decode-workers", "0", "--resume"])

    assert ask(rows) == 0
    assert ask([{**rows[0], "question": "Who?"}, *rows]) == 0
    kept = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert [row["question"] for row in kept] == ["What?", "What?", "Who?"]
