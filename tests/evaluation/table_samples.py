"""Small benchmarks as tables: Parquet as the hub has it, and text that is separated by tabs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.evaluation import samples


def hub_temp_compass(folder: Path, clip: Path) -> None:
    """The tables that the hub has: the same questions, and with captions those that judge them."""
    samples.temp_compass(folder, clip)
    for path in sorted((folder / "questions").glob("*.json")):
        (entry,) = json.loads(path.read_text())["1034"]["action"]
        row = {"video_id": "1034", "dim": "action", **entry}
        if path.stem == "captioning":
            del row["answer"]
            row["mc_question"] = "What is it doing?\nA. growing dark\nB. growing bright"
            row["mc_answer"] = "A. growing dark"
        samples.write_parquet(folder / path.stem / "test-00000-of-00001.parquet", [row, row])
    shutil.rmtree(folder / "questions")


def hub_long_video_bench(folder: Path, clip: Path) -> None:
    """The table that the hub has: five columns of options, "N/A" where there is none."""
    samples.long_video_bench(folder, clip)
    (row,) = json.loads((folder / "lvb_val.json").read_text())
    options = [*row.pop("candidates"), "N/A", "N/A"]
    row.update({f"option{place}": option for place, option in enumerate(options)})
    samples.write_parquet(folder / "validation-00000-of-00001.parquet", [row])
    (folder / "lvb_val.json").unlink()


def tgif_frame_qa(folder: Path, clip: Path) -> None:
    """TGIF-QA's own table of FrameQA: named .csv, separated by tabs, with Windows' line ends."""
    lines = (
        "gif_name\tquestion\tanswer\ttype\tvid_id\tkey\tdescription",
        'tumblr_a_250\twhat is "placed" in the cone ?\tcookie\t0\tFRAMEQA1159\t27138\ta cookie .',
        "tumblr_b_250\thow many people ?\ttwo\t1\tFRAMEQA26835\t61016\ttwo people .",
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Test_frameqa_question.csv").write_bytes("\r\n".join(lines).encode() + b"\r\n")
    samples.put(clip, folder / "gifs" / "tumblr_a_250.mp4")
