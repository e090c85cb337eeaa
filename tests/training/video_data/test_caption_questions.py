from __future__ import annotations

from collections import Counter

from linvt_cli.training.video_data.caption_questions import CAPTION_QUESTIONS, caption_question


def test_the_question_depends_on_video_and_caption_alone():
    asked = [caption_question("a.mp4", "A dog runs.") for _ in range(3)]
    assert len(set(asked)) == 1
    others = {caption_question("a.mp4", f"A dog runs {n} times.") for n in range(40)}
    assert len(others) > 1


def test_every_wording_is_used_about_equally_often():
    counts = Counter(caption_question(f"{n}.mp4", "A dog runs.") for n in range(12_000))
    assert set(counts) == set(CAPTION_QUESTIONS)
    assert all(800 < count < 1200 for count in counts.values())
