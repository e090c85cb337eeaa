from __future__ import annotations

import json
import re

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import BrokenItem, Item, ReadOptions
from linvt_cli.evaluation.mvbench import TASKS, read_mvbench
from tests.evaluation import samples

THREE = ReadOptions("test", ("Action Count", "action sequence", "Episodic Reasoning"))


@pytest.fixture
def folder(tmp_path, video):
    samples.mvbench(tmp_path, video)
    return tmp_path


def test_there_are_the_twenty_published_tasks():
    assert len(TASKS) == 20
    bounded = [name for name, task in TASKS.items() if task.bounded]
    assert sorted(bounded) == [
        "Action Localization", "Action Prediction", "Action Sequence", "Episodic Reasoning",
        "Object Interaction",
    ]  # fmt: skip


def test_questions_are_read_with_bounds_and_folders_of_frames(folder):
    sequence, first, second, episode = read_mvbench(folder, THREE)
    assert isinstance(sequence, Item)
    assert (sequence.start, sequence.end, sequence.frame_rate) == (0.5, 1.5, None)
    assert sequence.groups == (("task", "Action Sequence"),)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.right, second.right, first.start) == (0, 1, None)
    assert first.options == ("3", "2", "4")
    assert isinstance(episode, Item)
    assert episode.video.is_dir()
    assert (episode.frame_rate, episode.right, episode.end) == (3.0, 4, 2.0)


def test_videos_that_are_cut_to_their_bounds_are_not_cut_again(folder, video):
    old = folder / "video" / "star" / "Charades_v1_480"
    old.rename(folder / "video" / "star" / "Charades_segment")
    (item,) = read_mvbench(folder, ReadOptions("test", ("Action Sequence",)))
    assert isinstance(item, Item)
    assert (item.start, item.end) == (None, None)


def test_the_name_of_a_folder_above_says_nothing_about_cuts(tmp_path, video):
    folder = tmp_path / "my_segment" / "MVBench"
    samples.mvbench(folder, video)
    (item,) = read_mvbench(folder, ReadOptions("test", ("Action Sequence",)))
    assert isinstance(item, Item)
    assert (item.start, item.end) == (0.5, 1.5)


def test_the_file_of_a_task_that_is_wanted_must_be_there(folder):
    with pytest.raises(DatasetError, match=r"has no file 'json/action_prediction\.json'"):
        list(read_mvbench(folder, ReadOptions("test")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "5"}, "Field 'answer' of row 1 in .*is none of the options"),
        ({"video": "none.mp4"}, "Field 'video' of row 1 in .*'none.mp4', which is not in"),
        ({"candidates": None}, "Field 'candidates' of row 1 in .*is missing"),
    ],
)
def test_a_broken_row_is_told_and_the_others_are_read(folder, change, said):
    path = folder / "json" / "action_count.json"
    rows = json.loads(path.read_text())
    rows[0].update(change)
    path.write_text(json.dumps(rows))
    broken, whole = read_mvbench(folder, ReadOptions("test", ("Action Count",)))
    assert isinstance(broken, BrokenItem)
    assert broken.groups == (("task", "Action Count"),)
    assert re.search(said, broken.error.message)
    assert isinstance(whole, Item)


def test_an_end_before_the_start_is_an_error_of_that_field(folder):
    path = folder / "json" / "action_sequence.json"
    rows = json.loads(path.read_text())
    rows[0]["end"] = 0.2
    path.write_text(json.dumps(rows))
    (broken,) = read_mvbench(folder, ReadOptions("test", ("Action Sequence",)))
    assert isinstance(broken, BrokenItem)
    assert "Field 'end' of row 1" in broken.error.message


def test_a_task_is_read_from_the_table_that_the_hub_makes_of_it(folder):
    path = folder / "json" / "action_sequence.json"
    rows = json.loads(path.read_text())
    path.unlink()
    samples.write_parquet(folder / "action_sequence" / "train" / "0000.parquet", rows)
    (item,) = read_mvbench(folder, ReadOptions("test", ("Action Sequence",)))
    assert isinstance(item, Item)
    assert (item.start, item.end, item.right) == (0.5, 1.5, 1)
