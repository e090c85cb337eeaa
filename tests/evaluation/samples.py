"""Small benchmarks in the formats that their authors publish, with tiny clips, for tests."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NEXT_QA_HEAD = (
    "video", "frame_count", "width", "height", "question", "answer", "qid", "type",
    "a0", "a1", "a2", "a3", "a4",
)  # fmt: skip


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), path)


def put(clip: Path, path: Path) -> None:
    """Copy a clip to where a benchmark has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(clip, path)


def frames_folder(folder: Path, count: int = 9) -> None:
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        grey = np.full((48, 64, 3), 20 * number, dtype=np.uint8)
        Image.fromarray(grey).save(folder / f"{number:05d}.jpg")


def mvbench(folder: Path, clip: Path) -> None:
    """Three of the twenty tasks: with and without bounds, and a folder of frames."""
    counted = {"video": "video_1.mp4", "question": "How many?", "candidates": ["3", "2", "4"]}
    write_json(
        folder / "json" / "action_count.json",
        [{**counted, "answer": "3"}, {**counted, "answer": "2"}],
    )
    put(clip, folder / "video" / "perception" / "videos" / "video_1.mp4")
    write_json(
        folder / "json" / "action_sequence.json",
        [
            {
                "video": "ZS9XR.mp4",
                "question": "What happened after?",
                "candidates": ["Ate.", "Put down."],
                "answer": "Put down.",
                "question_id": "Interaction_T1_13",
                "start": 0.5,
                "end": 1.5,
            }
        ],
    )
    put(clip, folder / "video" / "star" / "Charades_v1_480" / "ZS9XR.mp4")
    write_json(
        folder / "json" / "episodic_reasoning.json",
        [
            {
                "video": "friends_s01e01_seg02_clip_00",
                "question": "Why?",
                "candidates": ["a", "b", "c", "d", "e"],
                "answer": "e",
                "start": 0.0,
                "end": 2.0,
            }
        ],
    )
    frames_folder(folder / "video" / "tvqa" / "frames_fps3_hq" / "friends_s01e01_seg02_clip_00")


def next_qa(folder: Path, clip: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        (4010069381, 369, 640, 480, "how do the two man play", 2, 6, "CH",
         "roll", "tap", "strum", "hit", "pat"),
        (4010069381, 369, 640, 480, "what did he do after", 0, 7, "TN",
         "smile", "sit", "run", "eat", "go"),
        (4010069381, 369, 640, 480, "how many people", 4, 8, "DC",
         "one", "two", "three", "four", "five"),
    ]  # fmt: skip
    with (folder / "test.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([NEXT_QA_HEAD, *rows])
    write_json(folder / "map_vid_vidorID.json", {"4010069381": "1164/4010069381"})
    put(clip, folder / "NExTVideo" / "1164" / "4010069381.mp4")


def ego_schema(folder: Path, clip: Path) -> None:
    """Three questions, two of them in the public subset."""
    names = ("001934bb", "0074f737", "00b9a0de")
    write_json(
        folder / "questions.json",
        [
            {
                "q_uid": name,
                "google_drive_id": "1fB",
                "question": "What is the aim?",
                **{f"option {place}": f"C does {place}." for place in range(5)},
            }
            for name in names
        ],
    )
    write_json(folder / "subset_answers.json", {names[0]: 3, names[2]: 0})
    for name in names:
        put(clip, folder / "good_clips_git" / f"{name}.mp4")


def zero_shot(folder: Path, clip: Path, *, place: str, name: str, typed: bool = False) -> None:
    """One of the four sets that a judge scores; the file of answers has another order."""
    asked = [
        {"video_name": name, "question": "what is it", "question_id": "q1"},
        {"video_name": name, "question": "who is there?", "question_id": "q2"},
    ]
    answers = [
        {"answer": "two dogs", "question_id": "q2", **({"type": 5} if typed else {})},
        {"answer": "A grey wall", "question_id": "q1", **({"type": 3} if typed else {})},
    ]
    write_json(folder / "test_q.json", asked)
    write_json(folder / "test_a.json", answers)
    put(clip, folder / place)


def mm_vet(folder: Path) -> None:
    write_json(
        folder / "mm-vet.json",
        {
            "v1_0": {
                "imagename": "v1_0.png",
                "imagesource": "https://example.org",
                "question": "What is x in the equation?",
                "answer": "-1<AND>-5",
                "capability": ["ocr", "math"],
            },
            "v1_1": {
                "imagename": "v1_1.jpg",
                "question": "What is it?",
                "answer": "a wall<OR>a grey wall",
                "capability": ["rec"],
            },
        },
    )
    (folder / "images").mkdir()
    for name in ("v1_0.png", "v1_1.jpg"):
        Image.fromarray(np.full((32, 32, 3), 90, dtype=np.uint8)).save(folder / "images" / name)


def video_mme(folder: Path, clip: Path) -> None:
    rows = [
        {
            "video_id": f"{number:03d}",
            "duration": duration,
            "domain": "Knowledge",
            "sub_category": "Humanity & History",
            "url": "https://www.youtube.com/watch?v=fFjv93ACGo8",
            "videoID": "fFjv93ACGo8",
            "question_id": f"{number:03d}-1",
            "task_type": "Counting Problem",
            "question": "What is shown?",
            "options": ["A. Apples.", "B. Candles.", "C. Berries.", "D. The three are equal."],
            "answer": answer,
        }
        for number, duration, answer in ((1, "short", "C"), (2, "long", "A"))
    ]
    write_parquet(folder / "videomme" / "test-00000-of-00001.parquet", rows)
    put(clip, folder / "data" / "fFjv93ACGo8.mp4")
    (folder / "subtitle").mkdir()
    (folder / "subtitle" / "fFjv93ACGo8.srt").write_text(
        '1\n00:00:00,000 --> 00:00:01,500\n<font color="white">Hello there</font>\n\n'
        "2\n00:00:01,500 --> 00:01:00,000\nand\ngood bye\n",
        encoding="utf-8",
    )


def mlvu(folder: Path, clip: Path) -> None:
    """Two of the seven tasks, unevenly many questions."""
    base = {"video": "count_126.mp4", "duration": 572.86, "question": "How often?"}
    write_json(
        folder / "json" / "4_count.json",
        [
            {**base, "candidates": ["2", "1", "5", "4"], "answer": right, "question_type": "count"}
            for right in ("2", "2", "5")
        ],
    )
    write_json(
        folder / "json" / "1_plotQA.json",
        [
            {
                **base,
                "candidates": ["Yellow", "Red"],
                "answer": "Red",
                "question_type": "plotQA",
            }
        ],
    )
    for task in ("4_count", "1_plotQA"):
        put(clip, folder / "video" / task / "count_126.mp4")


def long_video_bench(folder: Path, clip: Path) -> None:
    write_json(
        folder / "lvb_val.json",
        [
            {
                "video_id": "86CxyhFV9MI",
                "id": "86CxyhFV9MI_0",
                "video_path": "86CxyhFV9MI.mp4",
                "subtitle_path": "86CxyhFV9MI_en.json",
                "starting_timestamp_for_subtitles": 10.0,
                "duration": 3.0,
                "duration_group": 15,
                "question": "What is he doing?",
                "candidates": ["A book", "Reading", "Nothing"],
                "correct_choice": 1,
                "question_category": "S2E",
                "topic_category": "MR-Movie-Recaps",
                "level": "L1-Perception",
            }
        ],
    )
    write_json(
        folder / "subtitles" / "86CxyhFV9MI_en.json",
        [
            {"start": "00:00:10.000", "end": "00:00:11.500", "line": "first"},
            {"start": "00:00:40.000", "end": "00:00:42.000", "line": "beyond"},
        ],
    )
    put(clip, folder / "videos" / "86CxyhFV9MI.mp4")


def temp_compass(folder: Path, clip: Path) -> None:
    asked = "What is it doing?\nA. growing dark\nB. growing bright\nC. nothing"
    files = {
        "multi-choice": (asked, "B. growing bright"),
        "yes_no": ("Is it growing bright?", "yes"),
        "caption_matching": (
            "Which caption matches the video better?\nCaption A: It grows dark.\n"
            "Caption B: It grows bright.",
            "Caption B: It grows bright.",
        ),
        "captioning": (
            "Find what fits and write a caption.\nInformation A: {'action': 'growing dark'}\n"
            "Generated Caption:",
            "B. growing bright",
        ),
    }
    for task, (question, answer) in files.items():
        entry = {"question": question, "answer": answer}
        write_json(folder / "questions" / f"{task}.json", {"1034": {"action": [entry]}})
    put(clip, folder / "videos" / "1034.mp4")


def video_vista(folder: Path, clip: Path) -> None:
    entries = [
        ("Objects Count", 1, "q1"),
        ("Causal Reasoning", 3, "q2"),
    ]
    write_json(
        folder / "VideoVista.json",
        [
            {
                "video_name": "Travel.abc.0_1.mp4",
                "category": "Travel",
                "Question": "How many?",
                "Answer_Choices": ["One", "Two", "Three", "Four"],
                "Answer": answer,
                "Type": kind,
                "question_id": name,
                "time": 61,
            }
            for kind, answer, name in entries
        ],
    )
    put(clip, folder / "merged" / "Travel" / "abc" / "Travel.abc.0_1.mp4")
