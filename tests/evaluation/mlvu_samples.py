"""MLVU's generation tasks as a small benchmark."""

from __future__ import annotations

from pathlib import Path

from tests.evaluation.samples import put, write_json


def mlvu_generation(folder: Path, clip: Path) -> None:
    """Two scenes and a summary."""
    scene = {
        "video": "subPlot_new_all_126.mp4",
        "duration": 5632.83,
        "question": "Please describe the scene when the man enters.",
        "answer": "He enters with a swagger. A man in a suit runs to him.",
        "question_type": "subPlot",
        "scoring_points": ["He enters with a swagger", "A man in a suit runs to him"],
    }
    write_json(folder / "json" / "8_sub_scene.json", [scene, scene])
    summary = {
        "video": "217.mp4",
        "duration": 480.0,
        "question": "Please summarize this video, including its main content.",
        "answer": "Waves lap against rocks. Then a boat appears.",
        "question_type": "summary",
    }
    write_json(folder / "json" / "9_summary.json", [summary])
    put(clip, folder / "video" / "subPlot" / "subPlot_new_all_126.mp4")
    put(clip, folder / "video" / "9_summary" / "217.mp4")
