"""Benchmarks with a judge, from their files to their figures, against figures by hand.

Each sample has an empty reply, which no judge is asked about, and groups of uneven size; replies
of its judge mean nothing to the other kinds of judgement.
"""

from __future__ import annotations

import pytest

from linvt_cli.evaluation.benchmarks import BENCHMARKS
from tests.evaluation import asked_samples
from tests.evaluation.scripted_runs import Asked, Sample, assert_figures
from tests.evaluation.scripted_runs import results_of as results_of
from tests.evaluation.test_scores_by_hand import SAMPLES as CHOICES

BRIGHT = "B. growing bright"
ACTIVITYNET_QA = Sample(
    "activitynet-qa",
    asked_samples.activitynet_qa,
    (
        Asked(3, "no", "No, it is not.", 1, "{'pred': 'yes', 'score': 5}", 5),
        Asked(3, "yes", "Perhaps", 0, "{'pred': 'no', 'score': 2}", 2),
        Asked(3, "yes", "", 0, None, 0),
        Asked(5, "two dogs", "some dogs", 1, "Well: {'pred': 'yes', 'score': 4.8}", 4),  # cut
        Asked(0, "running", "jogging", 1, "{'pred': 'yes', 'score': '3'}", 3),
    ),
    accuracy=3 / 5,  # of the questions; of the types it is (1/3 + 1 + 1) / 3
    groups={"type": {"Yes/No": 1 / 3, "Object": 1 / 1, "Motion": 1 / 1}},
    rating=(5 + 2 + 0 + 4 + 3) / 5,
    best_rating=5,
)
MSRVTT_QA = Sample(
    "msrvtt-qa",
    asked_samples.msrvtt_qa,
    (
        Asked(None, "couch", "A sofa.", 1, "{'pred': 'yes', 'score': 4}", 4),
        Asked(None, "cook", "couch", 0, "{'score': 1, 'pred': 'no'}", 1),
        Asked(None, "man", "", 0, None, 0),
    ),
    accuracy=1 / 3,
    groups={},  # the authors' rows have no types
    rating=(4 + 1 + 0) / 3,
    best_rating=5,
)
MSVD_QA = Sample(
    "msvd-qa",
    asked_samples.msvd_qa,
    (
        Asked(None, "cat", "kitten", 1, "{'pred': 'Yes', 'score': 4}", 4),
        Asked(None, "two", "2", 1, '```{"pred": "yes", "score": 5}```', 5),
        Asked(None, "run", "", 0, None, 0),
        Asked(None, "dog", "wolf", 0, "{'pred': 'no', 'score': 3}", 3),
    ),
    accuracy=2 / 4,
    groups={},
    rating=(4 + 5 + 0 + 3) / 4,
    best_rating=5,
)
TGIF_QA = Sample(
    "tgif-qa",
    asked_samples.tgif_qa,
    (
        Asked(0, "cookie", "a biscuit", 1, "{'pred': 'yes', 'score': 4}", 4),
        Asked(0, "dog", "dog", 1, "{'pred': 'yes', 'score': 5}", 5),
        Asked(0, "cat", "dog", 0, "{'pred': 'no', 'score': 1}", 1),
        Asked(1, "two", "", 0, None, 0),
        Asked(2, "red", "scarlet", 1, "{'pred': 'yes', 'score': 4}", 4),
    ),
    accuracy=3 / 5,  # of the questions; of the types it is (2/3 + 0 + 1) / 3
    groups={"type": {"Object": 2 / 3, "Number": 0 / 1, "Color": 1 / 1}},
    rating=(4 + 5 + 1 + 0 + 4) / 5,
    best_rating=5,
)
MM_VET = Sample(
    "mm-vet",
    asked_samples.mm_vet,
    (
        Asked(["ocr", "math"], "-1<AND>-5", "-1", 0.5, "0.5"),  # a share of the elements
        Asked(["rec"], "a wall<OR>a grey wall", "a wall", 1.0, "1.0"),
        Asked(["rec", "know", "gen"], "so", "or so", 0.3, "| 0.3 |"),
        Asked(["ocr", "spat", "math"], "3", "", 0.0),
        Asked(["rec", "spat"], "to the left", "left", 0.8, "0.8"),
    ),
    accuracy=(0.5 + 1.0 + 0.3 + 0.0 + 0.8) / 5,  # of the questions
    groups={
        "capability": {
            "recognition": (1.0 + 0.3 + 0.8) / 3,  # second, third and fifth
            "OCR": (0.5 + 0.0) / 2,  # first and fourth
            "knowledge": 0.3 / 1,  # third
            "generation": 0.3 / 1,  # third
            "spatial": (0.0 + 0.8) / 2,  # fourth and fifth
            "math": (0.5 + 0.0) / 2,  # first and fourth
        }
    },
)
MLVU_GENERATION = Sample(
    "mlvu-generation",
    asked_samples.mlvu_generation,
    (
        Asked(
            "8_sub_scene", "He enters.", "He is there.", 0.75,
            "Near.\n{'score_accuracy': 3.5, 'score_relevance': 4}", 7.5,
        ),
        Asked(  # the last score of each kind counts
            "8_sub_scene", "He enters.", "He enters.", 1.0,
            "score_accuracy: 1? No: {'score_accuracy': 5, 'score_relevance': 5}", 10.0,
        ),
        Asked("8_sub_scene", "He enters.", "", 0.0, None, 0),
        Asked(
            "9_summary", "Waves.", "A boat.", 0.5,
            "{'score_completeness': 2, 'score_reliability': 3}", 5.0,
        ),
    ),
    accuracy=((0.75 + 1.0 + 0.0) / 3 + 0.5 / 1) / 2,  # of the tasks; of the questions it is 2.25/4
    groups={"task": {"sub_scene": (0.75 + 1.0 + 0.0) / 3, "summary": 0.5 / 1}},
    rating=((7.5 + 10 + 0) / 3 + 5 / 1) / 2,  # G-Avg, of the tasks
    best_rating=10,
)  # fmt: skip
TEMP_COMPASS = Sample(
    "tempcompass",
    asked_samples.temp_compass,
    (
        Asked("multi-choice", BRIGHT, "B) bright", 1),
        Asked("multi-choice", BRIGHT, "growing bright", 1, "Correct"),  # the rules are silent
        Asked("multi-choice", BRIGHT, "", 0),
        Asked("yes_no", "yes", "Yes, it does", 1),
        Asked("yes_no", "yes", "It does", 0, "Not correct"),
        Asked("yes_no", "no", "Nothing moves", 1),  # it begins with "no"
        Asked("caption_matching", "Caption B: It grows bright.", "B", 1),  # its name, shortened
        Asked("caption_matching", "Caption B: It grows bright.", "Caption A.", 0),
        Asked("captioning", BRIGHT, "A wall grows bright.", 1, "Reasoning: so.\nAnswer: B"),
        Asked("captioning", BRIGHT, "It changes.", 0, "Answer: A. or B."),
        Asked("captioning", BRIGHT, "", 0),
    ),
    # Of the tasks, 13/24; of the questions it is 6/11.
    accuracy=(2 / 3 + 2 / 3 + 1 / 2 + 1 / 3) / 4,
    groups={
        "task": {
            "multi-choice": 2 / 3,
            "yes_no": 2 / 3,
            "caption_matching": 1 / 2,
            "captioning": 1 / 3,
        },
        "dimension": {"action": 4 / 8, "speed": 2 / 3},  # yes and no are those of the speed
    },
)
SAMPLES = (
    ACTIVITYNET_QA, MSRVTT_QA, MSVD_QA, TGIF_QA, MM_VET, MLVU_GENERATION, TEMP_COMPASS,
)  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.benchmark)
def test_judgements_come_to_the_figures_worked_out_by_hand(sample, results_of):
    assert_figures(results_of(sample), sample)


def test_every_public_benchmark_has_figures_by_hand():
    assert {sample.benchmark for sample in (*CHOICES, *SAMPLES)} == set(BENCHMARKS) - {"own"}
