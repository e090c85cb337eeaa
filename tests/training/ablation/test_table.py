from __future__ import annotations

import math

from linvt_cli.training.ablation.clip_sets import AblationRecipe
from linvt_cli.training.ablation.results import ImageResult
from linvt_cli.training.ablation.table import Circumstances, Mean, as_markdown, mean_share
from tests.training.ablation.test_results import result

STAGE = Circumstances("image stage", True, AblationRecipe(), 36)


def test_a_mean_has_the_standard_error_of_its_runs() -> None:
    runs = [result(exact={"count": (right, 10)}) for right in (5, 6, 7)]
    mean = mean_share(runs, None)
    assert mean is not None
    assert mean.value == 60
    assert mean.error is not None
    assert math.isclose(mean.error, 10 / math.sqrt(3))
    assert str(mean) == "60.0 ± 5.8"


def test_one_run_has_no_error() -> None:
    assert mean_share([result(exact={"count": (1, 4)})], None) == Mean(25.0, None)
    assert str(Mean(100 / 3, None)) == "33.3"
    assert mean_share([result()], ("describe",)) is None


def test_the_table_has_a_row_for_each_finished_variant_and_says_which_are_linear() -> None:
    runs = [
        result("mean", num_kept=None, num_weights=0),
        result("projected", linear=False),
        result("full"),
        result("full", 1),
    ]
    rows = [line for line in as_markdown(runs, None, STAGE).splitlines() if line.startswith("| `")]
    assert rows == [
        "| `mean` | means over equal parts of every frame | yes | 80 | - | 0 | 1"
        " | 50.0 | 25.0 | - | 100.0 |",
        "| `projected` | value and output projections, begun at random | no | 80 | 384 | 1,000 | 1"
        " | 50.0 | 25.0 | - | 100.0 |",
        "| `full` | LinVT | yes | 80 | 384 | 1,000 | 2"
        " | 50.0 ± 0.0 | 25.0 ± 0.0 | - | 100.0 ± 0.0 |",
    ]


def test_a_sweep_has_a_table_of_its_own_in_which_full_stands_too() -> None:
    page = as_markdown([result("full"), result("k-48", num_kept=48)], None, STAGE)
    *_, variants, kept = page.split("\n## ")
    assert variants.startswith("Variants")
    assert "k-48" not in variants
    assert kept.startswith("Other numbers of kept tokens")
    assert "`full`" in kept
    assert "`k-48`" in kept


def test_the_caption_says_what_the_comparison_is_worth() -> None:
    page = as_markdown([result()], None, STAGE)
    assert "never a token of LinVT's" in page
    assert "teacher forcing" in page
    assert "2 whole frames of 36" in page
    assert "600 steps of 12 clips" in page
    shipped = as_markdown([result()], None, Circumstances("shipped", False, AblationRecipe(), 36))
    assert "favours `full`" in shipped
    assert "that of the words" not in shipped


def test_questions_about_stills_stand_before_and_after() -> None:
    images = ImageResult({"still count": (3, 4)}, {"still count": (1, 4)}, "ab12")
    page = as_markdown([], images, STAGE)
    assert "| still count | 4 | 75.0 | 25.0 |\n| **all** | 4 | 75.0 | 25.0 |" in page
