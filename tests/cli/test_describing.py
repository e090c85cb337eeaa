from __future__ import annotations

import pytest

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.describing import DescriptionSheet, output_file, write_whole
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.output import Output
from linvt_cli.config import GenerationConfig, TimelineConfig
from linvt_cli.errors import ConfigError, MachineError, OutOfMemoryError
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


def test_a_file_is_written_whole_with_the_usual_rights_or_not_at_all(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("old")
    write_whole(path, "new ✓\n")
    assert path.read_bytes() == "new ✓\n".encode()
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    with pytest.raises(MachineError, match="cannot be written"):
        write_whole(tmp_path / "gone" / "a.md", "x")
    assert {each.name for each in tmp_path.iterdir()} == {"a.md", "plain"}


def test_a_folder_and_a_file_in_no_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        output_file(str(tmp_path))
    with pytest.raises(ConfigError, match="There is no folder"):
        output_file(str(tmp_path / "gone" / "a.md"))
