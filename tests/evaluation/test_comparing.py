from __future__ import annotations

import json

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.comparing import compare_results, read_results, unlike
from tests.evaluation.test_results import mlvu


def test_two_documents_are_compared_over_the_questions_that_both_scored(tmp_path):
    first, second = mlvu(1.0, 0.0, 0.0, 1.0), mlvu(1.0, 1.0, 0.0, 1.0)
    second["rows"].append({**second["rows"][0], "id": "other"})
    path = tmp_path / "results.json"
    path.write_text(json.dumps(second))
    result, unmatched = compare_results(first, read_results(tmp_path), places=("a", "b"))
    assert (result.count, unmatched, result.only_second) == (4, 1, 1)
    assert result.difference == pytest.approx(1 / 6)


def test_another_question_with_the_same_id_is_not_compared():
    first, second = mlvu(1.0, 0.0, 0.0, 1.0), mlvu(1.0, 0.0, 0.0, 0.0)
    rows = second["rows"]
    rows[0] = {**rows[0], "video": "elsewhere/q0.mp4"}
    rows[1] = {**rows[1], "video": "another.mp4"}
    rows[2] = {**rows[2], "expected": "B"}
    result, unmatched = compare_results(first, second, places=("a", "b"))
    assert (result.count, unmatched, result.only_first) == (2, 4, 1)


def test_documents_that_cannot_be_compared_are_errors(tmp_path):
    first = mlvu(1.0, 0.0, 0.0, 1.0)
    with pytest.raises(DatasetError, match="'b' is about mvbench, 'a' about mlvu"):
        compare_results(first, {**first, "benchmark": "mvbench"}, places=("a", "b"))
    with pytest.raises(DatasetError, match="'b' has no question of 'a'"):
        compare_results(first, {**first, "rows": []}, places=("a", "b"))
    with pytest.raises(DatasetError, match="'a' is no file of results"):
        compare_results({**first, "rows": [{}]}, first, places=("a", "b"))
    for content in ("{", "[]", "[" * 100_000, '{"schema_version": 1}', '{"schema_version": 9}'):
        path = tmp_path / "a.json"
        path.write_text(content)
        with pytest.raises(DatasetError, match="is no file of results"):
            read_results(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_results(tmp_path / "none.json")


def test_what_two_runs_differ_in_beside_the_model_is_named():
    first = mlvu(1.0, 0.0, 0.0, 1.0)
    judge = {"kind": "endpoint", "label": "m (v1)", "url": "http://a/v1"}
    second = {**first, "settings": {**first["settings"], "by": "letter-likelihood"}}
    judged = {**first, "settings": {**first["settings"], "judge": judge}}
    moved = {**first, "settings": {**first["settings"], "judge": {**judge, "url": "http://b/v1"}}}
    other_model = {**first, "settings": {**first["settings"], "model": {}, "frames": 8}}
    assert unlike(first, first) == unlike(first, other_model) == unlike(judged, moved) == []
    assert unlike(first, second) == ["how options are chosen"]
    assert unlike(judged, second) == ["the judge", "how options are chosen"]
