"""Several processes that ask, each about videos of its own, and one that scores."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from linvt_cli.cli.app import run
from linvt_cli.cli.result_files import ResultFile
from linvt_cli.cli.row_formats import JsonLines
from tests.cli.schema import validate_evaluation
from tests.evaluation import samples
from tests.evaluation.samples import write_json
from tests.fakes import TinyBackbone


@pytest.fixture
def data(tmp_path, video, loads, qa):
    """MLVU with two questions about each of four videos; the fake model says (A) to all."""
    qa.backbone = TinyBackbone("(A)")
    folder = tmp_path / "data"
    rows = []
    for number in range(4):
        name = f"{number}.mp4"
        samples.put(video, folder / "video" / "1_plotQA" / name)
        asked = {"video": name, "duration": 2.0, "question_type": "plotQA"}
        for answer in ("red", "green"):
            candidates = ["red", "green", "blue", "white"]
            rows.append({**asked, "question": "Which?", "candidates": candidates, "answer": answer})
    write_json(folder / "json" / "1_plotQA.json", rows)
    return folder


def evaluate(data, out, *more: str) -> int:
    base = ["evaluate", "mlvu", "--data", str(data), "--categories", "plotQA", "-o", str(out)]
    return run([*base, "--model", "nano", "--decode-workers", "0", *more])


def results_of(folder) -> dict[str, Any]:
    return dict(json.loads((folder / "results.json").read_text()))


def asked_in(path) -> list[str]:
    return [json.loads(line)["video"][-5:] for line in path.read_text().splitlines()]


def test_all_parts_together_are_one_run(data, tmp_path, capsys):
    out = tmp_path / "out"
    for shard in ("1/3", "3/3", "2/3"):
        assert evaluate(data, out, "--shard", shard) == 0
        told = capsys.readouterr()
        assert told.out == ""
        assert f"part {shard} is answered" in told.err
    assert asked_in(out / "answers-1-of-3.jsonl") == ["0.mp4", "0.mp4", "3.mp4", "3.mp4"]
    assert asked_in(out / "answers-2-of-3.jsonl") == ["1.mp4", "1.mp4"]
    assert sorted(path.name for path in out.iterdir()) == [
        f"answers-{number}-of-3.jsonl" for number in (1, 2, 3)
    ]
    assert evaluate(data, out, "--resume") == 0
    assert (out / "answers.jsonl").read_text() == ""  # nothing was left to ask
    document = json.loads((out / "results.json").read_text())
    validate_evaluation(document)
    assert (document["questions"]["answered"], document["accuracy"]["value"]) == (8, 0.5)


def test_what_was_said_of_a_file_that_has_changed_is_asked_anew(data, video, tmp_path, qa):
    out = tmp_path / "out"
    half = data / "video" / "1_plotQA" / "1.mp4"
    assert evaluate(data, out, "--shard", "1/2") == evaluate(data, out, "--shard", "2/2") == 0
    half.unlink()  # by a link it would be all of them
    half.write_bytes(video.read_bytes() + b"\0" * 9)
    qa.backbone = TinyBackbone("(B)")
    assert evaluate(data, out, "--resume") == 0
    assert asked_in(out / "answers.jsonl") == ["1.mp4", "1.mp4"]
    said = {row["video"][-5:]: row["answer"] for row in results_of(out)["rows"]}
    assert said == {"0.mp4": "(A)", "1.mp4": "(B)", "2.mp4": "(A)", "3.mp4": "(A)"}


def test_what_a_part_did_not_come_to_is_asked_in_the_end(data, tmp_path):
    out = tmp_path / "out"
    assert evaluate(data, out, "--shard", "2/2") == 0
    part = out / "answers-2-of-2.jsonl"
    part.write_text("\n".join(part.read_text().split("\n")[:2]) + '\n{"schema_ver')
    assert evaluate(data, out, "--resume") == 0
    assert asked_in(out / "answers.jsonl") == ["0.mp4", "0.mp4", "2.mp4", "2.mp4", "3.mp4", "3.mp4"]


def test_a_part_goes_on_and_asks_nothing_twice(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(data, out, "--shard", "1/2") == 0
    assert evaluate(data, out, "--shard", "1/2") == 2  # it is there already
    assert "--resume" in capsys.readouterr().err
    assert evaluate(data, out, "--shard", "1/2", "--resume") == 0
    assert len(asked_in(out / "answers-1-of-2.jsonl")) == 4
    assert evaluate(data, out) == 2  # not beside the answers of a part
    assert "answers-1-of-2.jsonl' is there already" in capsys.readouterr().err


def test_a_failure_of_a_part_is_its_exit_code_and_may_be_tried_again(data, tmp_path, video, capsys):
    out, broken = tmp_path / "out", data / "video" / "1_plotQA" / "1.mp4"
    broken.write_bytes(b"no video")
    assert evaluate(data, out, "--shard", "2/2") == 7
    assert evaluate(data, tmp_path / "alone", "--shard", "2/4") == 3
    assert evaluate(data, out, "--resume") == 7  # failures are kept, unless they are to be retried
    assert "1.mp4" not in asked_in(out / "answers.jsonl")
    assert evaluate(data, out, "--resume", "--retry-errors") == 7
    assert asked_in(out / "answers.jsonl")[-2:] == ["1.mp4", "1.mp4"]
    shutil.copy(video, broken)
    assert evaluate(data, out, "--resume") == 0  # the file is another one
    assert evaluate(data, out, "--resume") == 0  # an answer counts rather than a failure


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/0", "a/b"])
def test_what_is_no_shard_is_told(data, tmp_path, shard, capsys):
    assert evaluate(data, tmp_path / "out", "--shard", shard) == 2
    assert f"'{shard}' is no shard" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_parts_need_a_folder(data, capsys):
    assert run(["evaluate", "mlvu", "--data", str(data), "--shard", "1/2"]) == 2
    assert "--shard needs --output" in capsys.readouterr().err


def test_an_answer_file_that_is_none_is_told(data, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "answers-1-of-2.jsonl").write_text("[]\n")
    assert evaluate(data, out, "--resume") == 3
    assert "answers-1-of-2.jsonl" in capsys.readouterr().err


def test_a_part_has_no_results_that_could_be_printed(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out", "--shard", "1/2", "--json") == 2
    assert "--shard has no results" in capsys.readouterr().err


def test_a_part_without_a_video_has_no_answers(data, tmp_path):
    out = tmp_path / "out"
    assert evaluate(data, out, "--shard", "5/5") == 0
    assert (out / "answers-5-of-5.jsonl").read_text() == ""
    assert evaluate(data, out, "--shard", "05/5") == 0  # it is the same part, which has no row


def test_rows_that_cannot_be_asked_are_told_once_with_the_results(data, tmp_path, capsys):
    (data / "video" / "1_plotQA" / "1.mp4").unlink()
    assert evaluate(data, tmp_path / "out", "--shard", "1/1") == 0
    assert "1.mp4" not in capsys.readouterr().err
    assert evaluate(data, tmp_path / "out", "--resume") == 7
    assert "1.mp4" in capsys.readouterr().err


def test_a_run_of_all_waits_for_parts_that_are_being_asked(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(data, out, "--shard", "1/2") == 0
    with ResultFile(out / "answers-2-of-2.jsonl", JsonLines(), resume=True):
        assert evaluate(data, out, "--resume") == 2
        assert "Another linvt is writing" in capsys.readouterr().err
        assert evaluate(data, out, "--shard", "1/2", "--resume") == 0  # parts do not wait
    assert evaluate(data, out, "--resume") == 0


def test_parts_of_another_number_and_answers_to_all_are_not_passed_over(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "parts", "--shard", "1/2") == 0
    assert evaluate(data, tmp_path / "parts", "--shard", "2/3") == 2
    assert "answers-1-of-2.jsonl' is there already" in capsys.readouterr().err
    assert evaluate(data, tmp_path / "all") == 0
    assert evaluate(data, tmp_path / "all", "--shard", "1/2") == 2
    assert "answers.jsonl' is there already" in capsys.readouterr().err


def test_the_folder_of_the_benchmark_may_be_called_otherwise(data, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert evaluate(data, out, "--shard", "1/1") == 0
    monkeypatch.chdir(tmp_path)
    assert evaluate("data", out, "--resume") == 0
    moved = data.rename(tmp_path / "elsewhere")
    assert evaluate(moved, out, "--resume") == 0
    assert (out / "answers.jsonl").read_text() == ""
