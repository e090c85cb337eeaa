from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation import choice_sets
from linvt_cli.evaluation.items import BrokenItem, Item, Read, ReadOptions, Subtitle
from tests.evaluation import samples, table_samples

TEST = ReadOptions("test")


def whole(items: Read) -> list[Item]:
    read = list(items)
    taken = [item for item in read if isinstance(item, Item)]
    assert len(taken) == len(read), read
    return taken


def broken(items: Read) -> list[str]:
    return [item.error.message for item in items if isinstance(item, BrokenItem)]


def test_next_qa_is_read_through_the_map_of_its_videos(tmp_path, video):
    samples.next_qa(tmp_path, video)
    first, second, third = whole(choice_sets.read_next_qa(tmp_path, TEST))
    assert first.video == tmp_path / "NExTVideo" / "1164" / "4010069381.mp4"
    assert (first.id, first.right) == ("4010069381_6", 2)
    assert first.options == ("roll", "tap", "strum", "hit", "pat")
    assert [item.groups[0][1] for item in (first, second, third)] == [
        "Causal", "Temporal", "Descriptive",
    ]  # fmt: skip


def test_next_qa_is_read_without_the_map_where_videos_lie_flat(tmp_path, video):
    samples.next_qa(tmp_path, video)
    (tmp_path / "map_vid_vidorID.json").unlink()
    (tmp_path / "NExTVideo" / "1164" / "4010069381.mp4").rename(
        tmp_path / "NExTVideo" / "4010069381.mp4"
    )
    assert len(whole(choice_sets.read_next_qa(tmp_path, TEST))) == 3


def test_next_qa_tells_wrong_answers_and_types(tmp_path, video):
    samples.next_qa(tmp_path, video)
    path = tmp_path / "test.csv"
    text = path.read_text().replace(",2,6,CH,", ",7,6,CH,").replace(",0,7,TN,", ",0,7,X,")
    path.write_text(text)
    wrong, kind = broken(choice_sets.read_next_qa(tmp_path, TEST))
    assert wrong.startswith("Field 'answer' of row 1")
    assert kind.startswith("Field 'type' of row 2")
    with pytest.raises(DatasetError, match=r"has no file 'val\.csv'"):
        list(choice_sets.read_next_qa(tmp_path, ReadOptions("val")))


def test_egoschema_has_a_subset_with_answers(tmp_path, video):
    samples.ego_schema(tmp_path, video)
    subset = whole(choice_sets.read_ego_schema(tmp_path, ReadOptions("subset")))
    assert [(item.id, item.right) for item in subset] == [("001934bb", 3), ("00b9a0de", 0)]
    full = whole(choice_sets.read_ego_schema(tmp_path, ReadOptions("full")))
    assert [item.right for item in full] == [3, None, 0]
    assert full[0].options[4] == "C does 4."


def test_a_broken_question_of_egoschema_says_whether_its_answer_is_public(tmp_path, video):
    samples.ego_schema(tmp_path, video)
    shutil.rmtree(tmp_path / "good_clips_git")
    read = list(choice_sets.read_ego_schema(tmp_path, ReadOptions("full")))
    known = [item.has_answer for item in read if isinstance(item, BrokenItem)]
    assert known == [True, False, True]


def test_egoschema_without_its_file_of_answers_can_only_be_asked_in_full(tmp_path, video):
    samples.ego_schema(tmp_path, video)
    (tmp_path / "subset_answers.json").unlink()
    with pytest.raises(DatasetError, match=r"has no file 'subset_answers\.json'"):
        list(choice_sets.read_ego_schema(tmp_path, ReadOptions("subset")))
    full = whole(choice_sets.read_ego_schema(tmp_path, ReadOptions("full")))
    assert [item.right for item in full] == [None, None, None]


def test_video_mme_is_read_with_and_without_subtitles(tmp_path, video):
    samples.video_mme(tmp_path, video)
    without = whole(choice_sets.read_video_mme(tmp_path, TEST))
    assert [item.right for item in without] == [2, 0]
    assert without[0].options == ("Apples.", "Candles.", "Berries.", "The three are equal.")
    assert dict(without[1].groups)["duration"] == "long"
    assert without[0].subtitles == ()
    spoken = whole(choice_sets.read_video_mme(tmp_path, ReadOptions("test", subtitles=True)))
    assert spoken[0].subtitles == (
        Subtitle(0.0, 1.5, "Hello there"),
        Subtitle(1.5, 60.0, "and good bye"),
    )


def test_video_mme_without_any_subtitles_is_an_error_where_they_are_wanted(tmp_path, video):
    samples.video_mme(tmp_path, video)
    (tmp_path / "subtitle" / "fFjv93ACGo8.srt").unlink()
    options = ReadOptions("test", subtitles=True)
    assert whole(choice_sets.read_video_mme(tmp_path, options))[0].subtitles == ()
    (tmp_path / "subtitle").rmdir()
    with pytest.raises(DatasetError, match="has no folder 'subtitle'"):
        list(choice_sets.read_video_mme(tmp_path, options))


def test_longvideobench_is_read_with_and_without_subtitles(tmp_path, video):
    samples.long_video_bench(tmp_path, video)
    (item,) = whole(choice_sets.read_long_video_bench(tmp_path, ReadOptions("val")))
    assert (item.right, item.subtitles) == (1, ())
    assert dict(item.groups)["duration_group"] == "15"
    options = ReadOptions("val", subtitles=True)
    (item,) = whole(choice_sets.read_long_video_bench(tmp_path, options))
    assert item.subtitles[0] == Subtitle(0.0, 1.5, "first")
    rows = json.loads((tmp_path / "lvb_val.json").read_text())
    samples.write_json(tmp_path / "lvb_val.json", [{**rows[0], "subtitle_path": "../a.json"}])
    (said,) = broken(choice_sets.read_long_video_bench(tmp_path, options))
    assert "leads out of the folder: '../a.json'" in said
    samples.write_json(tmp_path / "lvb_val.json", [{**rows[0], "subtitle_path": "a/" * 3000}])
    (said,) = broken(choice_sets.read_long_video_bench(tmp_path, options))
    assert said.startswith("Field 'subtitle_path' of row 1")
    samples.write_json(tmp_path / "lvb_val.json", rows)
    (tmp_path / "subtitles" / "86CxyhFV9MI_en.json").unlink()
    (said,) = broken(choice_sets.read_long_video_bench(tmp_path, options))
    assert said.startswith("Field 'subtitle_path' of row 1")


def test_videovista_sorts_its_types_into_abilities(tmp_path, video):
    samples.video_vista(tmp_path, video)
    first, second = whole(choice_sets.read_video_vista(tmp_path, TEST))
    assert (first.right, second.right) == (1, 3)
    assert first.groups[0] == ("ability", "Understanding")
    assert second.groups[0] == ("ability", "Reasoning")
    assert first.video == tmp_path / "merged" / "Travel" / "abc" / "Travel.abc.0_1.mp4"
    (tmp_path / "merged" / "Travel").rename(tmp_path / "merged" / "Food")
    first, _ = whole(choice_sets.read_video_vista(tmp_path, TEST))
    assert first.video.parent == tmp_path / "merged" / "Food" / "abc"
    rows = json.loads((tmp_path / "VideoVista.json").read_text())
    del rows[0]["Answer_Choices"]
    samples.write_json(tmp_path / "VideoVista.json", rows)
    (said,) = broken(choice_sets.read_video_vista(tmp_path, TEST))
    assert said.startswith("Field 'Answer_Choices' of row 1")


# As the published evaluation lists them, and the published statistics count them: 19 and 8.
UNDERSTANDING = (
    "Objects Existence", "Objects Count", "Action Count", "Detailed Description",
    "Brief Description", "Event Description", "Event Sequence", "Optical Character Recognition",
    "Action Recognition", "Action Sequence", "Action Location", "Event Location",
    "Objects Temporal Location", "Objects Temporal Relation", "Objects Spatial Location",
    "Objects Spatial Relation", "Objects Spatial Tracking", "Human Activity Analysis",
    "Anomaly Detection",
)  # fmt: skip
REASONING = (
    "Relation Reasoning-Image", "Relation Reasoning-Video", "Event Prediction",
    "Action Prediction", "Causal Reasoning", "Counterfactual Reasoning", "Commonsense Reasoning",
    "Logic Reasoning",
)  # fmt: skip


def video_vista_of_types(folder: Path, clip: Path, types: Sequence[str]) -> None:
    samples.video_vista(folder, clip)
    path = folder / "VideoVista.json"
    (row, *_) = json.loads(path.read_text())
    samples.write_json(path, [{**row, "Type": kind} for kind in types])


@pytest.mark.parametrize(
    ("ability", "types"), [("Understanding", UNDERSTANDING), ("Reasoning", REASONING)]
)
def test_every_type_of_videovista_belongs_to_an_ability(tmp_path, video, ability, types):
    video_vista_of_types(tmp_path, video, types)
    items = whole(choice_sets.read_video_vista(tmp_path, TEST))
    assert [item.groups[:2] for item in items] == [
        (("ability", ability), ("Type", kind)) for kind in types
    ]


@pytest.mark.parametrize("kind", ["Causal reasoning", "Logical Reasoning", "Object Count"])
def test_an_unknown_type_of_videovista_is_told_and_of_no_ability(tmp_path, video, kind):
    video_vista_of_types(tmp_path, video, ["Causal Reasoning", kind])
    first, second = choice_sets.read_video_vista(tmp_path, TEST)
    assert isinstance(first, Item)
    assert isinstance(second, BrokenItem)
    assert second.groups == ()
    assert second.error.message == (
        f"Field 'Type' of row 2 in '{tmp_path / 'VideoVista.json'}' is '{kind}',"
        " which is no type of VideoVista"
    )
    assert second.error.hint == "fetch the file again, as it is published"


def test_next_qa_is_read_from_the_table_on_the_hub(tmp_path, video):
    row = {
        "video": 4010069381, "frame_count": 369, "width": 640, "height": 480, "answer": 2, "qid": 6,
        "question": "how do the two man play", "type": "CH",
        "a0": "roll", "a1": "tap", "a2": "strum", "a3": "hit", "a4": "pat",
    }  # fmt: skip
    samples.write_parquet(tmp_path / "MC" / "test-00000-of-00001.parquet", [row])
    samples.put(video, tmp_path / "NExTVideo" / "4010069381.mp4")
    (item,) = whole(choice_sets.read_next_qa(tmp_path, TEST))
    assert (item.id, item.right, item.options[2]) == ("4010069381_6", 2, "strum")


@pytest.mark.parametrize(
    ("split", "table", "answer", "right"),
    [("subset", "Subset", "3", 3), ("full", "MC", None, None), ("full", "GENERATION", None, None)],
)
def test_egoschema_is_read_from_the_tables_on_the_hub(tmp_path, video, split, table, answer, right):
    row = {
        "question_idx": "0",
        "question": "What is the aim?",
        "video_idx": "001934bb",
        "option": [f"{letter}. C does {letter}." for letter in "ABCDE"],
        "answer": answer,
    }
    samples.write_parquet(tmp_path / table / "test-00000-of-00001.parquet", [row])
    samples.put(video, tmp_path / "videos" / "001934bb.mp4")
    (item,) = whole(choice_sets.read_ego_schema(tmp_path, ReadOptions(split)))
    assert (item.id, item.right, item.options[4]) == ("001934bb", right, "C does E.")


def test_longvideobench_is_read_from_the_table_on_the_hub(tmp_path, video):
    table_samples.hub_long_video_bench(tmp_path, video)
    options = ReadOptions("val", subtitles=True)
    (item,) = whole(choice_sets.read_long_video_bench(tmp_path, options))
    assert item.options == ("A book", "Reading", "Nothing")
    assert (item.right, item.subtitles[0].text) == (1, "first")


def test_longvideobench_is_read_from_a_table_with_lists_of_options(tmp_path, video):
    samples.long_video_bench(tmp_path, video)
    rows = json.loads((tmp_path / "lvb_val.json").read_text())
    (tmp_path / "lvb_val.json").unlink()
    samples.write_parquet(tmp_path / "validation-00000-of-00001.parquet", rows)
    (item,) = whole(choice_sets.read_long_video_bench(tmp_path, ReadOptions("val")))
    assert (item.right, len(item.options)) == (1, 3)


def test_longvideobench_without_options_is_told(tmp_path, video):
    samples.long_video_bench(tmp_path, video)
    (row,) = json.loads((tmp_path / "lvb_val.json").read_text())
    del row["candidates"]
    samples.write_json(tmp_path / "lvb_val.json", [{**row, "option0": "A book"}])
    (said,) = broken(choice_sets.read_long_video_bench(tmp_path, ReadOptions("val")))
    assert "Field 'candidates' of row 1" in said
