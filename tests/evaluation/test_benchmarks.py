from __future__ import annotations

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.evaluation.benchmarks import BENCHMARKS, read_items
from linvt_cli.evaluation.items import ReadOptions
from tests.evaluation import samples

TEST = ReadOptions("test")


def test_every_benchmark_can_be_scored():
    for benchmark in BENCHMARKS.values():
        assert benchmark.rule is not None or benchmark.judged is not None
        assert benchmark.splits


def test_ids_that_come_twice_get_a_number(tmp_path, video):
    rows = [
        {"answer": "x", "id": 1, "question": "what?", "video_id": 1},
        {"answer": "y", "id": 1, "question": "who?", "video_id": 1},
    ]
    samples.write_json(tmp_path / "test_qa.json", rows)
    samples.put(video, tmp_path / "videos" / "vid1.mp4")
    items = read_items(BENCHMARKS["msvd-qa"], tmp_path, TEST)
    assert [item.id for item in items] == ["1", "1#2"]


def test_a_part_is_taken_by_category_and_number(tmp_path, video):
    samples.next_qa(tmp_path, video)
    benchmark = BENCHMARKS["next-qa"]
    assert len(read_items(benchmark, tmp_path, TEST)) == 3
    assert len(read_items(benchmark, tmp_path, TEST, limit=2)) == 2
    (item,) = read_items(benchmark, tmp_path, ReadOptions("test", ("causal",)))
    assert item.id == "4010069381_6"
    with pytest.raises(ConfigError, match=r"'colour'\. There are CH, Causal, DC"):
        read_items(benchmark, tmp_path, ReadOptions("test", ("colour",)))
