from __future__ import annotations

import pytest

from linvt_cli.cli.batch_progress import batch_progress, clock
from linvt_cli.cli.output import Output


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch, capsys):
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with batch_progress(Output(), 10) as progress:
        for number in range(4):
            progress.begin("a.mp4")
            now += 40
            progress.end("a.mp4", failed=number == 0)
    assert capsys.readouterr().err.splitlines() == [
        "2 of 10 videos, 1 failed, 1.5 a minute, 5:20 left",
        "4 of 10 videos, 1 failed, 1.5 a minute, 4:00 left",
    ]


def test_quiet_is_silent(monkeypatch, capsys):
    monkeypatch.setattr("linvt_cli.cli.batch_progress.LINE_SECONDS", 0.0)
    with batch_progress(Output(quiet=True), 2) as progress:
        progress.end("a.mp4", failed=False)
    assert capsys.readouterr() == ("", "")


def test_a_short_batch_says_nothing(capsys):
    with batch_progress(Output(), 2) as progress:
        progress.begin("a.mp4")
        progress.end("a.mp4", failed=False)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_with_the_file_and_the_failures(monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("FORCE_COLOR", "1")
    output = Output()
    monkeypatch.setattr(output, "_on_terminal", lambda: True)
    with batch_progress(output, 3) as progress:
        progress.begin("[red]a\nb.mp4")
        progress.end("[red]a\nb.mp4", failed=True)
        output.notice("a notice above the bar")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "[red]a\\nb.mp4, 1 failed" in shown.err
    assert "1/3" in shown.err
    assert "a notice above the bar\n" in shown.err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3725, "1:02:05")]
)
def test_time_spans_are_shown_like_clocks(seconds, text):
    assert clock(seconds) == text
