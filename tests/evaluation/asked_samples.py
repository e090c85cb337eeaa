"""The small benchmarks of ``samples``, with other questions in their published files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from linvt_cli.evaluation.tempcompass import TASKS
from tests.evaluation import samples, table_samples
from tests.evaluation.mlvu_samples import mlvu_generation as two_scenes_and_a_summary
from tests.evaluation.scripted_runs import Asked, numbered


def mvbench(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    samples.mvbench(folder, clip)
    _refill_tasks(folder, asked)


def mlvu(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    samples.mlvu(folder, clip)
    _refill_tasks(folder, asked)


def mlvu_generation(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    two_scenes_and_a_summary(folder, clip)
    _refill_tasks(folder, asked)


def _refill_tasks(folder: Path, asked: Sequence[Asked]) -> None:
    """Fill a file for each group, which has its name."""
    for task in {each.group for each in asked}:
        those = [(text, each) for text, each in numbered(asked) if each.group == task]
        changes = [{"question": text, "answer": each.right} for text, each in those]
        _refill(folder / "json" / f"{task}.json", changes)


def _refill(path: Path, changes: Iterable[dict[str, Any]]) -> None:
    """Replace the rows of a JSON list: each is as the first was, but for its changes."""
    (row, *_) = json.loads(path.read_text(encoding="utf-8"))
    samples.write_json(path, [{**row, **change} for change in changes])


def next_qa(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    samples.next_qa(folder, clip)
    path = folder / "test.csv"
    with path.open(newline="", encoding="utf-8") as file:
        (row, *_) = csv.DictReader(file)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, samples.NEXT_QA_HEAD)
        table.writeheader()
        for text, each in numbered(asked):
            changes = {"question": text, "qid": text, "type": each.group, "answer": each.right}
            table.writerow({**row, **changes})


def ego_schema(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    """The public subset, and one question more, whose answer is secret: no script has it."""
    samples.ego_schema(folder, clip)
    names = [f"0a{number:06}" for number in range(len(asked) + 1)]
    texts = [*(text for text, _ in numbered(asked)), "secret?"]
    pairs = zip(names, texts, strict=True)
    _refill(folder / "questions.json", [{"q_uid": name, "question": text} for name, text in pairs])
    right = {name: each.right for name, each in zip(names, asked, strict=False)}
    samples.write_json(folder / "subset_answers.json", right)
    for name in names:
        samples.put(clip, folder / "good_clips_git" / f"{name}.mp4")


def video_mme(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    from pyarrow import parquet

    samples.video_mme(folder, clip)
    (path,) = (folder / "videomme").iterdir()
    (row, *_) = parquet.read_table(path).to_pylist()
    changes = [
        {"question_id": text, "question": text, "duration": each.group, "answer": each.right}
        for text, each in numbered(asked)
    ]
    samples.write_parquet(path, [{**row, **change} for change in changes])


def long_video_bench(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    samples.long_video_bench(folder, clip)
    changes = [
        {"id": text, "question": text, "duration_group": each.group, "correct_choice": each.right}
        for text, each in numbered(asked)
    ]
    _refill(folder / "lvb_val.json", changes)


def video_vista(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    samples.video_vista(folder, clip)
    changes = [
        {"question_id": text, "Question": text, "Type": each.group, "Answer": each.right}
        for text, each in numbered(asked)
    ]
    _refill(folder / "VideoVista.json", changes)


def temp_compass(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    """Groups are tasks; yes and no are asked of the speed, all else of the action."""
    samples.temp_compass(folder, clip)
    for task in TASKS:
        path = folder / "questions" / f"{task}.json"
        (entry,) = json.loads(path.read_text(encoding="utf-8"))["1034"]["action"]
        _, *options = entry["question"].split("\n")
        entries = [
            {"question": "\n".join([text, *options]), "answer": each.right}
            for text, each in numbered(asked)
            if each.group == task
        ]
        samples.write_json(path, {"1034": {"speed" if task == "yes_no" else "action": entries}})


def activitynet_qa(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    """Two files, of which the one with the answers has another order."""
    samples.zero_shot(folder, clip, place="all_test/v_a.mp4", name="a", typed=True)
    questions = [{"question_id": text, "question": text} for text, _ in numbered(asked)]
    answers = [
        {"question_id": text, "answer": each.right, "type": each.group}
        for text, each in numbered(asked)
    ]
    _refill(folder / "test_q.json", questions)
    _refill(folder / "test_a.json", reversed(answers))


def msrvtt_qa(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    samples.write_json(folder / "test_qa.json", _questions_with_answers(asked, 7010))
    samples.put(clip, folder / "videos" / "all" / "video7010.mp4")


def msvd_qa(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    """The clip has the name that it was published under."""
    samples.write_json(folder / "test_qa.json", _questions_with_answers(asked, 1301))
    (folder / "youtube_mapping.txt").write_text("-4wsuPCjDBc_5_15 vid1301\n", encoding="utf-8")
    samples.put(clip, folder / "YouTubeClips" / "-4wsuPCjDBc_5_15.avi")


def _questions_with_answers(asked: Sequence[Asked], video: int) -> list[dict[str, Any]]:
    """Rows of the authors' own form, which has no types."""
    return [
        {"id": number, "question": text, "answer": each.right, "video_id": video}
        for number, (text, each) in enumerate(numbered(asked))
    ]


def tgif_qa(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    table_samples.tgif_frame_qa(folder, clip)
    path = folder / "Test_frameqa_question.csv"
    head, *_ = path.read_text(encoding="utf-8").splitlines()
    rows = [
        f"tumblr_a_250\t{text}\t{each.right}\t{each.group}\tFRAMEQA{text}\t27138\ta cookie ."
        for text, each in numbered(asked)
    ]
    path.write_text("\n".join([head, *rows]), encoding="utf-8")


def mm_vet(folder: Path, clip: Path, asked: Sequence[Asked]) -> None:
    """Groups are lists of capabilities; all questions are about one picture."""
    del clip
    samples.mm_vet(folder)
    path = folder / "mm-vet.json"
    (row, *_) = json.loads(path.read_text(encoding="utf-8")).values()
    table = {
        f"v1_{number}": {**row, "question": text, "answer": each.right, "capability": each.group}
        for number, (text, each) in enumerate(numbered(asked))
    }
    samples.write_json(path, table)
