"""``linvt chat`` as somebody at a terminal sees it: scripted sessions under tmux.

Every step waits for what the screen shows, never for a time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.schema import validate
from tests.cli.tmux import Terminal, terminal

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux (apt install tmux)"),
    pytest.mark.timeout(1800),
]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Terminal]:
    with terminal(
        FAKE_ANSWER="what was asked", LINVT_HOME=str(tmp_path / "home"), OMP_NUM_THREADS="1"
    ) as opened:
        yield opened


def test_a_session_of_everything_that_somebody_may_do(at, video, tmp_path):
    at.start("chat", video)
    assert "4 frames, 0.3 to 2.6 s of 3.0 s, coverage 100% · tiny with mean · /help" in at.screen()
    type_and_edit(at)
    interrupt_what_is_typed(at)
    look_elsewhere(at, video)
    make_mistakes(at)
    stop_an_answer(at)
    save(at, video, tmp_path)
    begin_anew(at, video)
    at.expect("ended with 0.", lambda: at.press("C-d"))
    assert "Traceback" not in at.screen()


def type_and_edit(at: Terminal) -> None:
    at.say("What is there?", "Behind 0: What is there?")
    at.type("Is it rde?")
    at.press("BSpace", "BSpace", "BSpace", "BSpace")
    at.say("red?", "Behind 1: Is it red?")
    at.type("it there?")
    at.press("C-a")
    at.type("Is ")
    at.press("C-e")
    at.say("", "Behind 2: Is it there?")
    at.press("Up")
    at.wait_for_input("Is it there?")
    at.press("Up")
    at.wait_for_input("Is it red?")
    at.press("Up", "Down")
    at.say("", "Behind 3: Is it red?")
    at.say("Où est le chat 🐈, 猫?", "Behind 4: Où est le chat 🐈, 猫?")
    at.paste("One?\nTwo?")
    at.say("", "Behind 5: One?\nTwo?")
    at.type("Three?")
    at.press("M-Enter")
    at.say("Four?", "Behind 6: Three?\nFour?")


def interrupt_what_is_typed(at: Terminal) -> None:
    at.type("nonsense")
    at.wait_for_input("nonsense")
    at.press("C-c")
    at.wait_until_ready()
    assert "Ctrl-D or /quit ends" not in at.screen()
    at.expect("Ctrl-D or /quit ends", lambda: at.press("C-c"))
    at.wait_until_ready()


def look_elsewhere(at: Terminal, video: Path) -> None:
    at.say("/frames", "\nat 0.30, 1.10, 1.80, 2.60 s")
    at.say("/at 1-2", "4 frames, 1.1 to 1.8 s of 3.0 s")
    at.say("What is in this part?", "Behind 7: What is in this part?")
    at.say("/at 0.5, 0:01", "2 frames, 0.5 to 1.0 s of 3.0 s")
    at.say("/at all", "4 frames, 0.3 to 2.6 s of 3.0 s")
    at.say("/model nano", " · tiny with mean")
    at.say("Are you another?", "Behind 8: Are you another?")


def make_mistakes(at: Terminal) -> None:
    at.say("/at 9-10", "error: ")
    at.say("/at noon", "error: 'noon' is not a time")
    at.say("/at", "4 frames, 0.3 to 2.6 s of 3.0 s")
    at.say("/mdoel nano", "hint: did you mean /model?")
    at.say("/model nanno", "error: Unknown backbone 'nanno'")
    at.say("/video missing.mp4", "error: ")
    at.say("/save", "hint: /save FILE")
    at.say("/frames now", "error: '/frames' takes nothing behind it")
    at.say("Still there?", "Behind 9: Still there?")


def stop_an_answer(at: Terminal) -> None:
    at.begin("Say it slowly", "Behind 10: Say it slowly Behind")
    at.expect("stopped: the answer is not whole", lambda: at.press("C-c"))
    at.wait_until_ready()
    at.say("Go on", "Behind 11: Go on")


def save(at: Terminal, video: Path, folder: Path) -> None:
    at.type("/sa")
    at.press("Tab")
    at.wait_for_input("/save")
    at.say(f" {folder}/chat.md", "written: ")
    at.say(f"/save {folder}/chat.json", "written: ")
    at.say(f"/save {video}", "error: ")
    assert "## Où est le chat 🐈, 猫?" in (folder / "chat.md").read_text(encoding="utf-8")
    records = json.loads((folder / "chat.json").read_text(encoding="utf-8"))
    for record in records:
        validate(record)
    assert [record["finish_reason"] for record in records][-2:] == ["interrupted", "stop"]
    at.say(f"/save {folder}/chat.md", "written: ")


def begin_anew(at: Terminal, video: Path) -> None:
    at.say("/forget", "what was said is forgotten")
    at.say("Who are you?", "Behind 0: Who are you?")
    at.say(f"/video '{video}'", "what was said is forgotten")
    at.say("Anything new?", "Behind 0: Anything new?")
    at.say("/help", "Write the conversation")


def test_what_was_typed_is_there_the_next_time_and_private(at, video, tmp_path):
    at.start("chat", video)
    at.say("Remember me?", "Behind 0: Remember me?")
    at.expect("ended with 0.", lambda: at.enter("/quit"))
    assert (tmp_path / "home" / "chat-history").stat().st_mode & 0o777 == 0o600
    at.start("chat", video)
    at.press("Up", "Up")
    at.wait_for_input("Remember me?")


def test_sigterm_gives_the_terminal_back(at, video):
    process = at.start("chat", video)
    at.expect("ended with 130.", lambda: os.kill(process, signal.SIGTERM))
    at.expect(" icanon", lambda: at.enter("stty -a"))
    assert " -echo " not in at.screen()


@pytest.mark.parametrize("options", [[], ["--quiet"]], ids=["told", "quiet"])
def test_stdout_holds_the_answers_alone_while_somebody_types(at, video, tmp_path, options):
    answers = tmp_path / "answers.txt"
    at.start("chat", video, *options, stdout=answers)
    at.press("C-c")
    at.say("/frames", "\nat 0.30")
    at.say("One?", "One?\n")
    at.say("/nonsense", "error: ")
    at.say("Two?", "Two?\n")
    at.expect("ended with 0.", lambda: at.press("C-d"))
    assert answers.read_bytes() == b"Behind 0: One?\nBehind 1: Two?\n"


def test_a_dumb_terminal_has_a_conversation_too(video, tmp_path):
    with terminal(
        TERM="dumb", FAKE_ANSWER="what was asked", LINVT_HOME=str(tmp_path), OMP_NUM_THREADS="1"
    ) as at:
        at.start("chat", video)
        at.say("One?", "Behind 0: One?")
        at.expect("Ctrl-D or /quit ends", lambda: at.press("C-c"))
        at.wait_until_ready()
        at.expect("ended with 0.", lambda: at.press("C-d"))
