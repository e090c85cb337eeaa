from __future__ import annotations

from typing import Any

import pytest

from linvt_cli.config import FrameSampling, GenerationConfig
from linvt_cli.errors import ConfigError, ContextLengthError
from linvt_cli.pipeline import Conversation, VideoQA
from linvt_cli.types import Turn
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.fakes import TinyBackbone

BRIEF = GenerationConfig(max_new_tokens=20)


class Reader(TinyBackbone):
    """A fake that notes which turns it is given."""

    def __init__(self, **options: Any) -> None:
        super().__init__("Yes.", **options)
        self.read: list[tuple[str, ...]] = []

    def render_prompt(self, question: str, num_images: int = 1, history: Any = ()) -> Any:
        self.read.append((*(turn.question for turn in history), question))
        return super().render_prompt(question, num_images, history)


def begin(video: Any, backbone: TinyBackbone) -> Conversation:
    qa = VideoQA(backbone, MeanTokenizer(4), sampling=FrameSampling(num_frames=4))
    return qa.chat(video, BRIEF)


def test_each_question_is_read_behind_those_before_it(video):
    reader = Reader()
    conversation = begin(video, reader)
    for question in ("One?", "Two?", "Three?"):
        conversation.ask(question)
    assert reader.read[-1] == ("One?", "Two?", "Three?")
    assert conversation.turns == [Turn(f"{name}?", "Yes.") for name in ("One", "Two", "Three")]


def test_the_video_is_looked_at_once(video):
    reader = Reader()
    conversation = begin(video, reader)
    conversation.ask("One?")
    conversation.ask("Two?")
    assert reader.encode_calls == 1


def test_what_was_said_is_read_before_the_question(video):
    qa = VideoQA(TinyBackbone(), MeanTokenizer(4), sampling=FrameSampling(num_frames=4))
    watched = qa.watch(video)
    alone = qa.prompt(watched, "Two?").inputs_embeds
    behind = qa.prompt(watched, "Two?", [Turn("One?", "Yes.")]).inputs_embeds
    said = len("One?" + "A" + "Yes." + "S")  # the marks of an answer and of its end
    assert behind.shape[1] == alone.shape[1] + said
    assert behind[0, -5:].equal(alone[0, -5:])


def test_the_oldest_turns_that_do_not_fit_are_left_out(video):
    reader = Reader(max_context=80)
    conversation = begin(video, reader)
    lengths = []
    for number in range(6):
        answer = conversation.ask(f"Question {number}?")
        lengths.append(answer.stats.num_prompt_tokens + BRIEF.max_new_tokens)
        assert len(reader.read[-1]) == number + 1 - conversation.num_left_out
    assert reader.read[-1] == ("Question 3?", "Question 4?", "Question 5?")
    assert max(lengths) <= 80
    assert len(conversation.turns) == 6


def test_a_question_too_long_for_any_history_is_read_alone(video):
    reader = Reader(max_context=80)
    conversation = begin(video, reader)
    conversation.ask("One?")
    conversation.ask("?" * 65)
    assert (conversation.num_left_out, len(reader.read[-1])) == (1, 1)
    with pytest.raises(ContextLengthError):
        conversation.ask("?" * 100)


def test_a_backbone_of_single_questions_reads_each_alone(video):
    reader = Reader()
    reader.converses = False
    conversation = begin(video, reader)
    conversation.ask("One?")
    conversation.ask("Two?")
    assert reader.read[-1] == ("Two?",)
    assert (conversation.num_left_out, len(conversation.turns)) == (0, 2)


def test_video_tokens_are_weighed_for_the_question_before_too(video, monkeypatch):
    reader = Reader()
    conversation = begin(video, reader)
    asked: list[str] = []
    encode = reader.encode_question

    def noting(text: str) -> list[int]:
        asked.append(text)
        return encode(text)

    monkeypatch.setattr(reader, "encode_question", noting)
    turns = [Turn("What?", "A ball."), Turn("Who?", "A dog.")]
    conversation.qa.condense(conversation.watched, "And then?", turns)
    conversation.qa.condense(conversation.watched, "Why?")
    assert asked == ["Who?\nAnd then?", "Why?"]


def test_an_answer_is_told_piece_by_piece_and_stops_when_asked_to(video):
    reader = Reader()
    conversation = begin(video, reader)
    pieces: list[str] = []
    answer = conversation.ask("One?", on_text=pieces.append, interrupted=lambda: len(pieces) == 2)
    assert (pieces, answer.text, answer.finish_reason) == (["Y", "e"], "Ye", "interrupted")
    assert conversation.turns == [Turn("One?", "Ye")]
    assert conversation.ask("Two?", interrupted=lambda: True).text == ""
    assert len(conversation.turns) == 1


def test_a_failed_question_is_no_turn(video):
    conversation = begin(video, Reader())
    with pytest.raises(ConfigError):
        conversation.ask(" ")
    assert conversation.turns == []


def test_it_goes_on_about_another_part_of_the_video(video):
    conversation = begin(video, Reader())
    conversation.ask("One?")
    part = conversation.qa.watch(video, FrameSampling(num_frames=2, start=1.0))
    conversation.watched = part
    assert conversation.ask("Two?").frames == part.frames
    assert len(conversation.turns) == 2
