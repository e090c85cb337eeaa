"""Benchmarks of multiple choice, from their files to their figures, against figures by hand.

Each sample has replies that the other benchmarks' rules read in another way, an empty reply, and
groups of uneven size, so that no rule, reader or mean can stand in for another one unnoticed.
"""

from __future__ import annotations

import pytest

from tests.evaluation import asked_samples
from tests.evaluation.scripted_runs import Asked, Sample, assert_figures
from tests.evaluation.scripted_runs import results_of as results_of

MVBENCH = Sample(
    "mvbench",
    asked_samples.mvbench,
    (
        Asked("action_sequence", "Put down.", "(B) Put down.", 1),
        Asked("action_count", "3", "a", 1),  # no other rule takes a small letter
        Asked("action_count", "2", "(B) 2", 1),
        Asked("action_count", "3", "The answer is (A)", 0),  # "the" is in no "(a)"
        Asked("action_count", "3", "", 0),  # right by the published script
        Asked("episodic_reasoning", "e", "E", 1),
        Asked("episodic_reasoning", "a", "c.", 0),
    ),
    accuracy=(1 / 1 + 2 / 4 + 1 / 2) / 3,  # of the tasks; of the questions it is 4/7
    groups={
        "task": {"Action Sequence": 1 / 1, "Action Count": 2 / 4, "Episodic Reasoning": 1 / 2},
    },
    categories=("Action Count", "Action Sequence", "Episodic Reasoning"),
)
NEXT_QA = Sample(
    "next-qa",
    asked_samples.next_qa,
    (
        Asked("CH", 2, "C.", 1),
        Asked("CH", 1, "A man sits, so (no) it is (B)", 1),  # brackets go before a letter alone
        Asked("CW", 3, "I think that they hit it there", 1),  # no letter, but the text of D
        Asked("CW", 0, "roll", 0),  # the text of A, but in five words at most
        Asked("TN", 0, "A", 1),
        Asked("TN", 4, "", 0),
        Asked("DC", 1, "It is (C).", 0),
    ),
    accuracy=4 / 7,  # of the questions; of the groups it is (3/4 + 1/2 + 0) / 3
    groups={
        "group": {"Causal": 3 / 4, "Temporal": 1 / 2, "Descriptive": 0 / 1},
        "type": {"CH": 2 / 2, "CW": 1 / 2, "TN": 1 / 2, "DC": 0 / 1},
    },
)
EGO_SCHEMA = Sample(
    "egoschema",
    asked_samples.ego_schema,
    (
        Asked(None, 3, "D", 1),
        Asked(None, 1, "A man sits, so (no) it is (B)", 1),  # as of NExT-QA
        Asked(None, 0, "The answer is A, not (B)", 0),
        Asked(None, 2, "", 0),
        Asked(None, 2, "c", 0),  # MVBench's rule would take it
        Asked(None, 0, "C does 0.", 0),  # the text of A, but a letter alone goes before it
    ),
    accuracy=2 / 6,  # of those of the subset, which has no groups
    groups={},
)
VIDEO_MME = Sample(
    "video-mme",
    asked_samples.video_mme,
    (
        Asked("short", "B", "The best answer is: Best option: C", 1),  # the B of "Best"
        Asked("short", "C", "Best answer: C", 0),  # here too
        Asked("short", "A", "The answer is A.", 1),
        Asked("medium", "D", "(D)", 1),
        Asked("medium", "A", "", 0),
        Asked("long", "C", "I say C", 1),
    ),
    accuracy=4 / 6,  # of the questions; of the lengths it is (2/3 + 1/2 + 1) / 3
    groups={
        "duration": {"short": 2 / 3, "medium": 1 / 2, "long": 1 / 1},
        "domain": {"Knowledge": 4 / 6},
        "sub_category": {"Humanity & History": 4 / 6},
        "task_type": {"Counting Problem": 4 / 6},
    },
)
MLVU = Sample(
    "mlvu",
    asked_samples.mlvu,
    (
        Asked("1_plotQA", "Red", "B", 1),
        Asked("1_plotQA", "Red", "b", 0),  # MVBench's rule would take it
        Asked("4_count", "5", "A or C) 5", 1),  # the sign before the first bracket
        Asked("4_count", "2", "A. 2", 0),  # no bracket, and no letter alone
        Asked("4_count", "1", "(B) 1", 1),
        Asked("4_count", "2", "A)", 1),
        Asked("4_count", "2", "", 0),
    ),
    accuracy=(1 / 2 + 3 / 5) / 2,  # M-Avg, of the tasks; of the questions it is 4/7
    groups={"task": {"plotQA": 1 / 2, "count": 3 / 5}},
    categories=("plotQA", "count"),
)
LONG_VIDEO_BENCH = Sample(
    "longvideobench",
    asked_samples.long_video_bench,
    (
        Asked(15, 2, "Best answer: Candles", 1),  # not the B of "Best", but the C of a word
        Asked(15, 1, "Because of it", 1),
        Asked(15, 0, "The best option is B", 0),
        Asked(600, 2, "c", 0),
        Asked(600, 0, "", 0),
        Asked(3600, 1, "(B) or (C)", 1),
    ),
    accuracy=3 / 6,  # of the questions; of the lengths it is (2/3 + 0 + 1) / 3
    groups={
        "duration_group": {"15": 2 / 3, "600": 0 / 2, "3600": 1 / 1},
        "question_category": {"S2E": 3 / 6},
        "topic_category": {"MR-Movie-Recaps": 3 / 6},
        "level": {"L1-Perception": 3 / 6},
    },
)
VIDEO_VISTA = Sample(
    "videovista",
    asked_samples.video_vista,
    (
        Asked("Objects Count", 1, "B. Two", 1),
        Asked("Objects Count", 3, "a person (D)", 0),  # no letter begins it; others take A or D
        Asked("Objects Count", 1, "Best option: C", 1),
        Asked("Event Sequence", 2, "Cars", 1),
        Asked("Event Sequence", 0, "", 0),
        Asked("Causal Reasoning", 3, "D", 1),
        Asked("Logic Reasoning", 1, "B", 1),
        Asked("Logic Reasoning", 0, "The answer is A", 0),
    ),
    accuracy=5 / 8,  # of the questions; of the abilities it is (3/5 + 2/3) / 2
    groups={
        "ability": {"Understanding": 3 / 5, "Reasoning": 2 / 3},
        "Type": {
            "Objects Count": 2 / 3,
            "Event Sequence": 1 / 2,
            "Causal Reasoning": 1 / 1,
            "Logic Reasoning": 1 / 2,
        },
        "category": {"Travel": 5 / 8},
    },
)
SAMPLES = (MVBENCH, NEXT_QA, EGO_SCHEMA, VIDEO_MME, MLVU, LONG_VIDEO_BENCH, VIDEO_VISTA)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.benchmark)
def test_choices_come_to_the_figures_worked_out_by_hand(sample, results_of):
    assert_figures(results_of(sample), sample)
