from __future__ import annotations

import json

from linvt_cli.doctor import golden
from linvt_cli.doctor.golden import (
    ASSETS,
    QUESTION,
    Golden,
    answer_of_nano,
    checksums,
    read_golden,
    write_golden,
)


def test_the_record_is_of_the_weights_and_the_clips_that_are_shipped():
    assert read_golden().files == checksums(), "run: make golden"


def test_the_recorded_answer_is_that_of_the_shipped_weights():
    record = read_golden()
    assert record.question == QUESTION
    assert record.answer == answer_of_nano(QUESTION), "run: make golden"


def test_the_record_covers_every_file_of_nano_and_every_clip():
    shipped = {
        path.relative_to(ASSETS).as_posix()
        for path in ASSETS.rglob("*")
        if path.is_file() and path.relative_to(ASSETS).parts[0] != "sprites"
    }
    assert set(read_golden().files) == shipped - {golden.RECORD}


def test_what_is_written_is_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "ASSETS", tmp_path)
    monkeypatch.setattr(golden, "answer_of_nano", lambda question: f"{question} Nothing.")
    (tmp_path / "nano").mkdir()
    (tmp_path / "nano" / "config.json").write_text("{}", encoding="utf-8")
    write_golden()
    assert read_golden() == Golden(
        QUESTION,
        f"{QUESTION} Nothing.",
        {
            "nano/config.json": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        },
    )
    assert json.loads((tmp_path / golden.RECORD).read_text(encoding="utf-8"))["question"]
