from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from linvt_cli.cli.asked import FrameOptions, ModelOptions
from linvt_cli.cli.chat_view import ChatView
from linvt_cli.cli.chatting import Chatting
from linvt_cli.cli.failures import ExitCode
from linvt_cli.cli.output import Output
from linvt_cli.config import FrameSampling, GenerationConfig
from linvt_cli.errors import OutOfMemoryError
from linvt_cli.pipeline import VideoQA
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.fakes import TinyBackbone


class Talker(TinyBackbone):
    """A fake that says how many turns it was given."""

    fails = False
    interrupts = 0

    def render_prompt(self, question: str, num_images: int = 1, history: Any = ()) -> Any:
        if self.fails:
            raise OutOfMemoryError("memory ran out")
        self.answer(f"Behind {len(history)}.")
        return super().render_prompt(question, num_images, history)

    def step(self, inputs_embeds: Any, kv_cache: Any, **options: Any) -> Any:
        interrupts, self.interrupts = self.interrupts, 0
        for _ in range(interrupts):
            signal.raise_signal(signal.SIGINT)
        return super().step(inputs_embeds, kv_cache, **options)


@pytest.fixture
def talker() -> Talker:
    return Talker("Yes.", max_context=400)


@pytest.fixture
def qa(talker: Talker) -> VideoQA:
    return VideoQA(talker, MeanTokenizer(4), sampling=FrameSampling(num_frames=4))


def begun(video: Path, *, interactive: bool = True, form: Any = "text") -> Chatting:
    output = Output(form)
    view = ChatView(str(video), ModelOptions("nano"), FrameOptions(), output)
    made = Chatting(view, GenerationConfig(60), output, interactive=interactive)
    made.begin()
    return made


def test_a_question_is_answered_behind_those_before_it(loads, video, capsys):
    chatting = begun(video)
    assert chatting.take("One?")
    assert chatting.take("Two?")
    assert capsys.readouterr().out == "Behind 0.\nBehind 1.\n"


def test_what_was_said_can_be_forgotten_but_not_what_is_saved(loads, video, tmp_path, capsys):
    chatting = begun(video)
    for line in ("One?", "/forget", "Two?", f"/save {tmp_path}/chat.json"):
        chatting.take(line)
    assert capsys.readouterr().out == "Behind 0.\nBehind 0.\n"
    records = json.loads((tmp_path / "chat.json").read_text())
    assert [record["question"] for record in records] == ["One?", "Two?"]


def test_quit_ends_the_conversation_and_nothing_else_does(loads, video):
    chatting = begun(video)
    assert chatting.take("/nonsense")
    assert chatting.take("")
    assert not chatting.take("/quit")


def test_a_failed_answer_is_said_recorded_and_no_turn(loads, video, talker, tmp_path, capsys):
    chatting = begun(video)
    talker.fails = True
    chatting.take("One?")
    talker.fails = False
    chatting.take("Two?")
    chatting.take(f"/save {tmp_path}/chat.json")
    shown = capsys.readouterr()
    assert shown.out == "Behind 0.\n"
    assert shown.err.startswith("error: memory ran out\n")
    records = json.loads((tmp_path / "chat.json").read_text())
    assert [record["error"] is None for record in records] == [False, True]


def test_ctrl_c_stops_the_answer_and_keeps_what_is_there(loads, video, talker, capsys):
    chatting = begun(video)
    talker.interrupts = 1
    chatting.take("One?")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("B\n", "stopped: the answer is not whole\n")
    chatting.take("Two?")
    assert capsys.readouterr().out == "Behind 1.\n"


def test_the_second_ctrl_c_waits_for_nothing(loads, video, talker, capsys):
    chatting = begun(video)
    chatting.take("One?")
    talker.interrupts = 2
    with pytest.raises(KeyboardInterrupt):
        chatting.take("Two?")
    chatting.take("Three?")
    assert capsys.readouterr().out == "Behind 0.\nBehind 1.\n"


def test_in_a_pipe_ctrl_c_is_left_alone(loads, video, talker):
    piped = begun(video, interactive=False)
    talker.interrupts = 1
    with pytest.raises(KeyboardInterrupt):
        piped.take("One?")


def test_it_is_said_once_that_the_oldest_turns_are_left_out(loads, video, capsys):
    chatting = begun(video)
    note = (
        "note: the conversation no longer fits into what tiny reads at once; the oldest turns are"
        " left out"
    )
    for number in range(20):
        chatting.take(f"Question {number}?")
    assert capsys.readouterr().err.splitlines() == [note]
    chatting.take("/forget")
    for number in range(20):
        chatting.take(f"Question {number}?")
    assert capsys.readouterr().err.splitlines()[1:] == [note]


def test_a_model_of_single_questions_says_so_once(loads, video, talker, capsys):
    chatting = begun(video)
    talker.converses = False
    for line in ("One?", "Two?", "Three?"):
        chatting.take(line)
    shown = capsys.readouterr()
    assert shown.out == "Behind 0.\n" * 3
    assert shown.err.count("was trained on single questions") == 1
    chatting.take("/help")
    assert "was trained on single questions" in capsys.readouterr().err


def test_a_conversation_at_a_terminal_ends_well_and_one_in_a_pipe_by_its_lines(loads, video):
    chatting = begun(video)
    chatting.take("/nonsense")
    assert chatting.exit_code == ExitCode.DONE
    piped = begun(video, interactive=False)
    codes = []
    for line in ("/nonsense", "One?"):
        piped.take(line)
        codes.append(piped.exit_code)
    assert codes == [ExitCode.USAGE, ExitCode.SOME_FAILED]


def test_another_video_begins_anew(loads, video, tmp_path, capsys):
    chatting = begun(video)
    copy = tmp_path / "my copy.mp4"
    copy.symlink_to(video)
    for line in ("One?", f"/video '{copy}'", "Two?"):
        chatting.take(line)
    shown = capsys.readouterr()
    assert shown.out == "Behind 0.\nBehind 0.\n"
    assert f"{copy}: 4 frames" in shown.err


def test_another_video_may_be_named_by_its_place_in_the_home(loads, video, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.mp4").symlink_to(video)
    chatting = begun(video)
    chatting.take("/video ~/mine.mp4")
    assert chatting.exit_code == ExitCode.DONE


def test_another_model_goes_on_with_the_conversation(loads, video, capsys):
    chatting = begun(video)
    for line in ("One?", "/model nano", "Two?", "/model"):
        chatting.take(line)
    assert len(loads) == 2
    assert capsys.readouterr().out == "Behind 0.\nBehind 1.\n"


def test_bytes_that_are_no_text_are_asked_as_far_as_they_are(loads, video, capsys):
    chatting = begun(video)
    chatting.take("Caf\udce9?")
    assert capsys.readouterr().out == "Behind 0.\n"
