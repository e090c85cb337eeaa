from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from linvt_cli.config import FrameSampling, GenerationConfig
from linvt_cli.errors import ConfigError, ContextLengthError, LinVTError, OutOfMemoryError
from linvt_cli.pipeline import VideoQA, questions
from linvt_cli.pipeline.questions import check_question, in_order
from linvt_cli.types import Answer
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from tests.fakes import TinyBackbone
from tests.pipeline.test_video_qa import tiny_linvt

FOUR = FrameSampling(num_frames=4)
EIGHT_TOKENS = GenerationConfig(max_new_tokens=8)


def qa_with(tokenizer: VideoTokenizer, max_context: int = 4096) -> VideoQA:
    return VideoQA(TinyBackbone(max_context=max_context), tokenizer, sampling=FOUR)


@pytest.mark.parametrize(
    "tokenizer", [tiny_linvt(), AllTokenizer(), MeanTokenizer(5)], ids=lambda t: t.name
)
def test_answers_are_those_of_single_questions_with_all_that_they_rest_on(video: Path, tokenizer):
    qa = qa_with(tokenizer)
    watched = qa.watch(video)
    asked = ("One?", "And what is the second one?", "Three?")
    for question, answer in zip(asked, qa.ask_each(watched, asked, EIGHT_TOKENS), strict=True):
        alone = qa.ask(watched, question, EIGHT_TOKENS)
        assert isinstance(answer, Answer)
        assert (answer.question, answer.text) == (question, alone.text)
        assert answer.finish_reason == alone.finish_reason
        assert answer.frames is watched.frames
        assert answer.stats.num_prompt_tokens == alone.stats.num_prompt_tokens
        assert answer.video_tokens is not None
        assert alone.video_tokens is not None
        torch.testing.assert_close(answer.video_tokens.tokens, alone.video_tokens.tokens)


def test_a_question_that_cannot_be_asked_stops_no_other(video: Path):
    qa = qa_with(MeanTokenizer(4), max_context=30)
    asked = ("One?", "  ", "x" * 30, "Four?")
    outcomes = list(qa.ask_each(qa.watch(video), asked, EIGHT_TOKENS))
    kinds = [Answer, ConfigError, ContextLengthError, Answer]
    assert [type(outcome) for outcome in outcomes] == kinds
    with pytest.raises(ContextLengthError):
        qa.ask_many(video, [asked[0], asked[2]])


def test_questions_that_all_fail_need_no_model(video: Path):
    qa = qa_with(MeanTokenizer(4))
    outcomes = list(qa.ask_each(qa.watch(video), ["", " "]))
    assert [type(outcome) for outcome in outcomes] == [ConfigError, ConfigError]
    assert list(qa.ask_each(qa.watch(video), [])) == []


def test_many_questions_are_taken_in_parts(video: Path, monkeypatch):
    qa = qa_with(tiny_linvt())
    watched = qa.watch(video)
    sizes = []
    usual = qa.tokenizer.condense_each

    def noting(refined, texts):
        sizes.append(len(texts))
        return usual(refined, texts)

    monkeypatch.setattr(qa.tokenizer, "condense_each", noting)
    monkeypatch.setattr(questions, "_MOST_AT_ONCE", 3)
    asked = [f"Number {number}?" for number in range(7)]
    outcomes = list(qa.ask_each(watched, asked, EIGHT_TOKENS))
    assert sizes == [3, 3, 1]
    assert [isinstance(each, Answer) and each.question for each in outcomes] == asked


def test_long_prompts_are_taken_in_smaller_parts(video: Path, monkeypatch):
    qa = qa_with(AllTokenizer())
    monkeypatch.setattr(questions, "MAX_POSITIONS", 40)  # 16 visual tokens each
    asked = ["One?", "Two?", "Three?"]
    outcomes = qa.ask_each(qa.watch(video), asked, EIGHT_TOKENS)
    first = next(outcomes)
    assert isinstance(first, Answer)
    assert len(list(outcomes)) == 2


def test_an_interruption_reaches_all(qa: VideoQA, video: Path):
    watched = qa.watch(video)
    for answer in qa.ask_each(watched, ["One?", "Two?"], interrupted=lambda: True):
        assert isinstance(answer, Answer)
        assert answer.finish_reason == "interrupted"


def test_too_little_memory_for_one_answer_is_raised(qa: VideoQA, video: Path, monkeypatch):
    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    watched = qa.watch(video)
    monkeypatch.setattr(qa.backbone, "step", exhausted)
    with pytest.raises(OutOfMemoryError):
        list(qa.ask_each(watched, ["One?", "Two?"]))


def test_outcomes_wait_for_those_before_them():
    errors = [LinVTError(str(number)) for number in range(4)]
    taken = []

    def arriving() -> Iterator[tuple[int, LinVTError]]:
        for number in (1, 0, 3, 2):
            taken.append(number)
            yield number, errors[number]

    outcomes = in_order(arriving())
    assert next(outcomes) is errors[0]
    assert taken == [1, 0]
    assert list(outcomes) == errors[1:]


@pytest.mark.parametrize("question", ["", " \n"])
def test_an_empty_question_is_refused(question):
    with pytest.raises(ConfigError) as caught:
        check_question(question)
    assert caught.value.field == "question"
