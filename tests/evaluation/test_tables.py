from __future__ import annotations

from linvt_cli.evaluation.benchmarks import BENCHMARKS
from linvt_cli.evaluation.bootstrap import Comparison
from linvt_cli.evaluation.results import Failure, to_document
from linvt_cli.evaluation.tables import as_markdown, comparison_table
from tests.evaluation.test_results import SETTINGS, mlvu, scored

FULL = {
    **SETTINGS,
    "model": {**SETTINGS["model"], "quantization": "nf4"},  # type: ignore[dict-item]
}


def test_a_report_has_our_figure_beside_the_papers():
    document = mlvu(1.0, 0.0, 0.0, 1.0)
    document["settings"] = FULL
    lines = list(as_markdown(document))
    assert lines[0] == "# MLVU dev (multiple choice)"
    assert lines[4].startswith("| accuracy, mean over each task, % | 66.7 | ")
    assert lines[4].endswith(" | 68.9 |")
    assert "| model | nano, nf4 |" in lines
    assert any(line.startswith("| count | 3 | 33.3 | ") for line in lines)
    assert "- 16 frames here, 120 in the paper" in lines


def test_a_report_tells_what_failed_and_who_judged():
    judged = {
        **FULL,
        "judge": {"kind": "endpoint", "label": "gpt-x"},
        "by": "words",
        "limit": 2,
        "subtitles": False,
    }
    rows = [scored("a", "x", 1.0, rating=4, by="judge")]
    failures = [Failure(f"q{number}", (), "VideoError", "gone") for number in range(25)]
    text = "\n".join(as_markdown(to_document(BENCHMARKS["msvd-qa"], judged, rows, failures)))
    assert "**25 failed**" in text
    assert "If failures counted as wrong, the accuracy would be 3.8 %." in text
    assert "| rating, 0 to 5 | 4.00 | 4.00 to 4.00 | 4.4 |" in text
    assert "| judge | gpt-x |" in text
    assert "| part | all categories, the first 2 questions |" in text
    assert "- q19: gone\n- and 5 more" in text


def test_names_from_files_break_neither_table_nor_terminal():
    judged = {**FULL, "judge": {"kind": "endpoint", "label": "gpt\x1b[2J|x"}, "by": "words"}
    rows = [scored("a", "yes | no\nmaybe", 1.0, rating=4, by="judge")]
    failures = [Failure("q\r1", (), "VideoError", "gone\nfor ever")]
    lines = list(as_markdown(to_document(BENCHMARKS["msvd-qa"], judged, rows, failures)))
    assert "| judge | gpt [2J\\|x |" in lines
    assert any(line.startswith("| yes \\| no maybe | 1 |") for line in lines)
    assert "- q 1: gone for ever" in lines


def test_a_run_without_public_answers_has_no_figure():
    document = to_document(
        BENCHMARKS["egoschema"], FULL, [scored("a", "x", None, prediction="B")], []
    )
    text = "\n".join(as_markdown(document))
    assert "| accuracy, % | - | - | 69.5 |" in text
    assert "1 answered whose right answer is not public" in text


def test_a_comparison_is_a_table():
    result = Comparison(10, 0.5, 0.6, 0.1, -0.05, 0.2, 1, 2, 1.0)
    lines = list(comparison_table("a", "b", result, 3))
    assert "| a, % | 50.0 |" in lines
    assert "| difference, points | +10.0 (-5.0 to +20.0) |" in lines
    assert "| p, signs of whole videos flipped | 1.0000 |" in lines
    assert lines[-1] == "| scored in one run only, left out | 3 |"
