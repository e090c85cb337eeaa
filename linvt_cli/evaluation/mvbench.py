"""MVBench: twenty tasks, each a JSON file, over videos of eleven public collections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from linvt_cli.evaluation.data_files import find_parts, table_rows
from linvt_cli.evaluation.items import Item, Read, ReadOptions
from linvt_cli.evaluation.rows import Row, item_or_broken

TVQA_FRAME_RATE = 3.0  # pictures a second in the folders of Episodic Reasoning
_FIELDS = ("video", "question", "candidates", "answer")
_CUT = "_segment"  # ends the name of a folder whose videos are cut to their bounds already


@dataclass(frozen=True, slots=True)
class Task:
    """Where a task's questions and videos are."""

    file: str
    folders: tuple[str, ...]  # below video/, the newer copy of the data set last
    bounded: bool = False  # whether a question is about a part of its video

    @property
    def places(self) -> tuple[str, ...]:
        """Where the questions are: as JSON, or as the Parquet that the hub makes of it."""
        name = self.file
        return (
            f"json/{name}.json", f"{name}.json",
            f"{name}/train/*.parquet", f"{name}/train-*.parquet",
        )  # fmt: skip


_CHARADES = ("star/Charades_v1_480", "star/Charades_segment")
_CLEVRER = ("clevrer/video_validation",)
_PERCEPTION = ("perception/videos",)
TASKS = {
    "Action Sequence": Task("action_sequence", _CHARADES, bounded=True),
    "Action Prediction": Task("action_prediction", _CHARADES, bounded=True),
    "Action Antonym": Task("action_antonym", ("ssv2_video", "ssv2_video_mp4")),
    "Fine-grained Action": Task("fine_grained_action", ("Moments_in_Time_Raw/videos",)),
    "Unexpected Action": Task("unexpected_action", ("FunQA_test/test",)),
    "Object Existence": Task("object_existence", _CLEVRER),
    "Object Interaction": Task("object_interaction", _CHARADES, bounded=True),
    "Object Shuffle": Task("object_shuffle", _PERCEPTION),
    "Moving Direction": Task("moving_direction", _CLEVRER),
    "Action Localization": Task(
        "action_localization", ("sta/sta_video", "sta/sta_video_segment"), bounded=True
    ),
    "Scene Transition": Task("scene_transition", ("scene_qa/video",)),
    "Action Count": Task("action_count", _PERCEPTION),
    "Moving Count": Task("moving_count", _CLEVRER),
    "Moving Attribute": Task("moving_attribute", _CLEVRER),
    "State Change": Task("state_change", _PERCEPTION),
    "Fine-grained Pose": Task("fine_grained_pose", ("nturgbd", "nturgbd_convert")),
    "Character Order": Task("character_order", _PERCEPTION),
    "Egocentric Navigation": Task("egocentric_navigation", ("vlnqa",)),
    "Episodic Reasoning": Task(
        "episodic_reasoning",
        ("tvqa/frames_fps3_hq", "tvqa/video_fps3_hq_segment"),
        bounded=True,
    ),
    "Counterfactual Inference": Task("counterfactual_inference", _CLEVRER),
}


def read_mvbench(folder: Path, options: ReadOptions) -> Read:
    """Yield the questions of MVBench, task by task.

    Raises:
        DatasetError: if the file of a task is missing or something else.
    """
    for name in options.tasks(tuple(TASKS)):
        task = TASKS[name]
        groups = (("task", name),)
        for row in table_rows(find_parts(folder, *task.places), _FIELDS, ("start", "end")):
            id_ = f"{task.file}_{row.name}"
            yield item_or_broken(partial(_item, folder=folder, name=name), row, id_, groups)


def _item(row: Row, folder: Path, name: str) -> Item:
    task = TASKS[name]
    roots = [folder / part for part in ("video", "video/data0613", ".")]
    choices = row.texts("candidates")
    video = row.video("video", row.text("video"), [r / f for r in roots for f in task.folders])
    is_cut = any(part.endswith(_CUT) for part in video.relative_to(folder).parts)
    is_part = task.bounded and not is_cut
    start, end = (row.seconds("start"), row.seconds("end")) if is_part else (None, None)
    if start is not None and end is not None and end <= start:
        raise row.error("end", f"is {end} s, which is not after the start, {start} s")
    return Item(
        f"{task.file}_{row.name}",
        video,
        row.text("question"),
        choices,
        row.place_of_text("answer", choices),
        groups=(("task", name),),
        start=start,
        end=end,
        frame_rate=TVQA_FRAME_RATE if video.is_dir() else None,
    )
