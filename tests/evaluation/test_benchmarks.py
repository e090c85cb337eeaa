from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.evaluation.benchmarks import BENCHMARKS, read_items
from linvt_cli.evaluation.items import BrokenItem, ReadOptions
from tests.evaluation import samples, table_samples

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


WRITERS: dict[str, Callable[[Path, Path], None]] = {
    "next-qa": samples.next_qa,
    "video-mme": samples.video_mme,
    "longvideobench": samples.long_video_bench,
    "videovista": samples.video_vista,
    "tgif-qa": table_samples.tgif_frame_qa,
    "activitynet-qa": lambda folder, clip: samples.zero_shot(
        folder, clip, place="all_test/v_a.mp4", name="a", typed=True
    ),
    "mm-vet": lambda folder, _: samples.mm_vet(folder),
}


@pytest.mark.parametrize("name", WRITERS)
def test_questions_of_a_category_whose_videos_are_missing_are_not_left_out(name, tmp_path, video):
    WRITERS[name](tmp_path, video)
    benchmark = BENCHMARKS[name]
    options = ReadOptions(benchmark.splits[0])
    whole = read_items(benchmark, tmp_path, options)
    for path in tmp_path.rglob("*"):
        if path.suffix in (".mp4", ".gif", ".png", ".jpg"):
            path.unlink()
    broken = read_items(benchmark, tmp_path, options)
    assert all(isinstance(item, BrokenItem) for item in broken)
    assert [(item.id, item.groups) for item in broken] == [(i.id, i.groups) for i in whole]
    category = whole[0].groups[0]
    taken = read_items(benchmark, tmp_path, ReadOptions(options.split, (category[1],)))
    assert [i.id for i in taken] == [item.id for item in whole if category in item.groups]


def test_a_broken_question_that_does_not_tell_its_category_is_in_each(tmp_path, video):
    samples.next_qa(tmp_path, video)
    path = tmp_path / "test.csv"
    path.write_text(path.read_text().replace(",0,7,TN,", ",0,7,X,"))
    taken = read_items(BENCHMARKS["next-qa"], tmp_path, ReadOptions("test", ("causal",)))
    assert [item.id for item in taken] == ["4010069381_6", "4010069381_7"]
    assert [isinstance(item, BrokenItem) for item in taken] == [False, True]
