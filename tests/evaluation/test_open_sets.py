from __future__ import annotations

import json

import pytest

from linvt_cli.errors import DatasetError
from linvt_cli.evaluation import open_sets
from linvt_cli.evaluation.items import BrokenItem, Item, ReadOptions
from tests.evaluation import samples, table_samples

TEST = ReadOptions("test")


@pytest.mark.parametrize(
    ("described", "place", "name"),
    [
        (open_sets.ACTIVITYNET, "all_test/v_1QIUV7WYKXg.mkv", "1QIUV7WYKXg"),
        (open_sets.MSRVTT, "videos/all/video7010.mp4", "video7010"),
        (open_sets.MSVD, "videos/-4wsuPCjDBc_5_15.avi", "-4wsuPCjDBc_5_15"),
        (
            open_sets.TGIF,
            "mp4/tumblr_nk172bbdPI1u1lr18o1_250.mp4",
            "tumblr_nk172bbdPI1u1lr18o1_250",
        ),
    ],
    ids=["activitynet", "msrvtt", "msvd", "tgif"],
)
def test_the_sets_of_video_chatgpt_are_joined_by_id(tmp_path, video, described, place, name):
    samples.zero_shot(tmp_path, video, place=place, name=name)
    first, second = open_sets.reader_of(described)(tmp_path, TEST)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert first.video == tmp_path / place
    assert (first.id, first.answer) == ("q1", "A grey wall")
    assert (second.question, second.answer) == ("who is there?", "two dogs")


def test_types_of_activitynet_have_names(tmp_path, video):
    place = "all_test/v_a.mp4"
    samples.zero_shot(tmp_path, video, place=place, name="a", typed=True)
    items = list(open_sets.reader_of(open_sets.ACTIVITYNET)(tmp_path, TEST))
    assert [item.groups for item in items] == [(("type", "Yes/No"),), (("type", "Object"),)]


def test_rows_are_joined_in_their_order_where_ids_agree_even_if_one_comes_twice(tmp_path, video):
    samples.zero_shot(tmp_path, video, place="videos/a.mp4", name="a")
    asked = json.loads((tmp_path / "test_q.json").read_text())
    asked[1]["question_id"] = "q1"
    samples.write_json(tmp_path / "test_q.json", asked)
    answers = [{"answer": "one", "question_id": "q1"}, {"answer": "two", "question_id": "q1"}]
    samples.write_json(tmp_path / "test_a.json", answers)
    items = list(open_sets.reader_of(open_sets.MSVD)(tmp_path, TEST))
    assert [item.answer for item in items if isinstance(item, Item)] == ["one", "two"]


def test_a_question_without_an_answer_is_told_with_the_file_of_answers(tmp_path, video):
    samples.zero_shot(tmp_path, video, place="videos/a.mp4", name="a")
    samples.write_json(tmp_path / "test_a.json", [{"answer": "two", "question_id": "q2"}])
    first, second = open_sets.reader_of(open_sets.MSVD)(tmp_path, TEST)
    assert isinstance(first, BrokenItem)
    assert first.error.message == (
        f"Field 'answer' of row of question q1 in '{tmp_path / 'test_a.json'}' is missing"
    )
    assert isinstance(second, Item)


def test_the_authors_own_form_has_question_and_answer_in_one_row(tmp_path, video):
    rows = [{"answer": "couch", "id": 158581, "question": "what is it?", "video_id": 7010}]
    samples.write_json(tmp_path / "test_qa.json", rows)
    samples.put(video, tmp_path / "videos" / "video7010.mp4")
    (item,) = open_sets.reader_of(open_sets.MSRVTT)(tmp_path, TEST)
    assert isinstance(item, Item)
    assert (item.id, item.answer, item.video.name) == ("158581", "couch", "video7010.mp4")


def test_the_authors_names_of_msvd_are_those_of_the_published_clips(tmp_path, video):
    rows = [{"answer": "cat", "id": 1, "question": "what runs?", "video_id": 1301}]
    samples.write_json(tmp_path / "test_qa.json", rows)
    samples.put(video, tmp_path / "YouTubeClips" / "-4wsuPCjDBc_5_15.avi")
    (missing,) = open_sets.reader_of(open_sets.MSVD)(tmp_path, TEST)
    assert isinstance(missing, BrokenItem)
    mapping = tmp_path / "youtube_mapping.txt"
    mapping.write_text("klteYv1Uv9A_27_33 vid1\n-4wsuPCjDBc_5_15 vid1301\n")
    (item,) = open_sets.reader_of(open_sets.MSVD)(tmp_path, TEST)
    assert isinstance(item, Item)
    assert item.video == tmp_path / "YouTubeClips" / "-4wsuPCjDBc_5_15.avi"
    mapping.write_bytes(b"\xff\xfe")
    with pytest.raises(DatasetError, match="' cannot be read"):
        list(open_sets.reader_of(open_sets.MSVD)(tmp_path, TEST))


def test_a_missing_video_names_the_usual_name(tmp_path, video):
    samples.zero_shot(tmp_path, video, place="all_test/other.mp4", name="a")
    broken = next(iter(open_sets.reader_of(open_sets.ACTIVITYNET)(tmp_path, TEST)))
    assert isinstance(broken, BrokenItem)
    assert "Field 'video_name' of row 1" in broken.error.message
    assert "'v_a'" in broken.error.message


def test_mm_vet_is_read_with_all_capabilities(tmp_path):
    samples.mm_vet(tmp_path)
    first, second = open_sets.read_mm_vet(tmp_path, TEST)
    assert isinstance(first, Item)
    assert first.groups == (("capability", "OCR"), ("capability", "math"))
    assert (first.id, first.answer, first.video.name) == ("v1_0", "-1<AND>-5", "v1_0.png")
    assert isinstance(second, Item)


def test_mm_vet_tells_what_is_wrong(tmp_path):
    samples.mm_vet(tmp_path)
    table = json.loads((tmp_path / "mm-vet.json").read_text())
    del table["v1_0"]["capability"]
    samples.write_json(tmp_path / "mm-vet.json", table)
    broken = next(iter(open_sets.read_mm_vet(tmp_path, TEST)))
    assert isinstance(broken, BrokenItem)
    assert "Field 'capability' of row v1_0 in" in broken.error.message
    samples.write_json(tmp_path / "mm-vet.json", {"v1_0": 3})
    with pytest.raises(DatasetError, match=r"Entry 'v1_0' of .* is no object"):
        list(open_sets.read_mm_vet(tmp_path, TEST))


def test_activitynet_is_read_from_the_table_on_the_hub(tmp_path, video):
    row = {
        "video_name": "1QIUV7WYKXg", "question": "is the athlete wearing trousers",
        "question_id": "v_1QIUV7WYKXg_3", "answer": "no", "type": "3",
    }  # fmt: skip
    samples.write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", [row])
    samples.put(video, tmp_path / "all_test" / "v_1QIUV7WYKXg.mp4")
    (item,) = open_sets.reader_of(open_sets.ACTIVITYNET)(tmp_path, TEST)
    assert isinstance(item, Item)
    assert (item.id, item.answer) == ("v_1QIUV7WYKXg_3", "no")
    assert item.groups == (("type", "Yes/No"),)


def test_the_own_table_of_tgif_is_read_with_names_of_its_types(tmp_path, video):
    table_samples.tgif_frame_qa(tmp_path, video)
    first, second = open_sets.read_tgif(tmp_path, TEST)
    assert isinstance(first, Item)
    assert (first.id, first.answer) == ("FRAMEQA1159", "cookie")
    assert first.question == 'what is "placed" in the cone ?'
    assert first.groups == (("type", "Object"),)
    assert isinstance(second, BrokenItem)
    assert "Field 'gif_name' of row 2" in second.error.message


def test_without_any_file_of_tgif_both_forms_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"'test_q\.json' or 'Test_frameqa_question\.csv'"):
        list(open_sets.read_tgif(tmp_path, TEST))
