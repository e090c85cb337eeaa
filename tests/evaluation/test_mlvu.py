from __future__ import annotations

import json

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation.items import BrokenItem, Item, ReadOptions
from linvt_cli.evaluation.mlvu import read_mlvu, read_mlvu_generation
from tests.evaluation import samples
from tests.evaluation.mlvu_samples import mlvu_generation

DEV = ReadOptions("dev")


def test_tasks_with_options_are_read_one_after_the_other(tmp_path, video):
    samples.mlvu(tmp_path, video)
    items = list(read_mlvu(tmp_path, ReadOptions("dev", ("count", "plotQA"))))
    assert [item.id for item in items] == ["plotQA_1", "count_1", "count_2", "count_3"]
    assert [item.right for item in items if isinstance(item, Item)] == [1, 0, 0, 2]
    with pytest.raises(DatasetError, match=r"has no file 'json/2_needle\.json'"):
        list(read_mlvu(tmp_path, DEV))


def test_scenes_have_their_points_as_answer_and_summaries_the_right_one(tmp_path, video):
    mlvu_generation(tmp_path, video)
    scene, _, summary = read_mlvu_generation(tmp_path, DEV)
    assert isinstance(scene, Item)
    assert (scene.id, scene.task, scene.options) == ("sub_scene_1", "sub_scene", ())
    assert scene.answer == "1. He enters with a swagger\n2. A man in a suit runs to him"
    assert scene.video.parent.name == "subPlot"
    assert isinstance(summary, Item)
    assert (summary.task, summary.answer.split(".")[0]) == ("summary", "Waves lap against rocks")


def test_a_scene_without_points_is_told_with_file_and_field(tmp_path, video):
    mlvu_generation(tmp_path, video)
    path = tmp_path / "json" / "8_sub_scene.json"
    rows = json.loads(path.read_text())
    rows[0]["scoring_points"] = []
    samples.write_json(path, rows)
    (broken, _) = read_mlvu_generation(tmp_path, ReadOptions("dev", ("sub_scene",)))
    assert isinstance(broken, BrokenItem)
    assert broken.error.message.startswith(f"Field 'scoring_points' of row 1 in '{path}' has 0")
