from __future__ import annotations

import pytest

from linvt_cli.evaluation.benchmarks import BENCHMARKS
from linvt_cli.evaluation.paper import REPORTED, differences, reported

SETTINGS = {
    "model": {"backbone": "nano", "tokenizer": "linvt"},
    "frames": 120,
    "by": "letter",
    "split": "dev",
    "limit": None,
    "categories": [],
    "judge": None,
}


def test_every_benchmark_of_the_paper_has_its_figure():
    told = {name.removesuffix(" with subtitles") for name in REPORTED}
    assert told == set(BENCHMARKS) - {"mlvu-generation", "own"}  # of that, no public record tells


def test_subtitles_have_a_figure_of_their_own():
    assert [reported("video-mme", subtitles=each).value for each in (False, True)] == [70.3, 71.7]  # type: ignore[union-attr]
    assert reported("longvideobench", subtitles=True) is None


def test_settings_that_agree_are_not_named():
    model, *rest = differences(REPORTED["mlvu"], SETTINGS)
    assert model.startswith("the model here is nano")
    assert rest == [REPORTED["mlvu"].note]


def test_settings_that_differ_are_named():
    changed = {
        **SETTINGS,
        "frames": 16,
        "by": "letter-likelihood",
        "split": "subset",
        "limit": 5,
        "judge": {"kind": "endpoint", "label": "gpt-x (gpt-x-2)"},
    }
    told = "\n".join(differences(REPORTED["egoschema"], changed))
    assert "the split here is 'subset', the paper's is 'full'" in told
    assert "scored by likelihood" in told
    assert "only a part" in told
    assert "gpt-x (gpt-x-2) here, with prompts of linvt's own" in told
    assert "not public" in told
    assert "16 frames here, 120 in the paper" in differences(REPORTED["mlvu"], changed)


@pytest.mark.parametrize("name", ["mvbench", "mlvu", "video-mme", "video-mme with subtitles"])
def test_that_prompts_are_reworded_is_told(name):
    told = "; ".join(differences(REPORTED[name], SETTINGS))
    assert "not word for word" in told


def test_what_is_unknown_or_unlike_of_single_benchmarks_is_told():
    assert "of which split" in REPORTED["next-qa"].note
    assert "between the frames" in REPORTED["longvideobench"].note


def test_the_doubt_about_mm_vet_is_told():
    assert "Mipha" in REPORTED["mm-vet"].note
