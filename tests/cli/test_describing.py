from __future__ import annotations

from itertools import islice

import pytest

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.describing import DescriptionSheet
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.output import Output
from linvt_cli.config import GenerationConfig, TimelineConfig
from linvt_cli.errors import OutOfMemoryError
from linvt_cli.pipeline import VideoQA


def test_where_memory_runs_out_fewer_bits_are_taken_and_no_segment_is_told_twice(
    qa, video, capsys, monkeypatch
):
    asked: list[str] = []
    ask = VideoQA.ask

    def load(model, *, quantization, **options):
        asked.append(quantization)
        return qa

    def ask_or_fail(self, watched, question, generation=None):
        if len(asked) == 1 and watched.frames.times[0] > 1:
            raise OutOfMemoryError("memory ran out")
        return ask(self, watched, question, generation)

    monkeypatch.setattr(VideoQA, "load", staticmethod(load))
    monkeypatch.setattr(VideoQA, "ask", ask_or_fail)
    monkeypatch.setattr("linvt_cli.cli.watching.pull_if_needed", lambda *_, **__: None)
    with DescriptionSheet(str(video), "text", None, Output("text")) as sheet:
        sheet.fill(
            ModelOptions("qwen2-vl-2b"),
            FrameOptions(),
            TimelineConfig(every=1),
            GenerationConfig(),
        )
    shown = capsys.readouterr()
    assert sheet.exit_code == ExitCode.DONE
    assert asked == ["auto", "int8"]
    assert "memory ran out; trying again in int8" in shown.err
    assert shown.out.splitlines() == [
        "A grey wall.",
        "",
        *(f"0:0{n}.0-0:0{n + 1}.0  A grey wall." for n in range(3)),
    ]


def test_a_description_that_breaks_off_ends_its_line(loads, qa, video, capsys, monkeypatch):
    stream = qa.stream

    def stream_or_fail(*arguments):
        yield from islice(stream(*arguments), 3)
        raise OutOfMemoryError("memory ran out")

    monkeypatch.setattr(qa, "stream", stream_or_fail)
    with pytest.raises(OutOfMemoryError), DescriptionSheet(str(video), "text", None, Output()) as s:
        s.fill(ModelOptions("nano"), FrameOptions(), TimelineConfig(), GenerationConfig())
    assert capsys.readouterr().out == "A gr\n"
