from __future__ import annotations

import pytest

from linvt_cli.errors import JudgeError, JudgementError, OutOfMemoryError
from linvt_cli.evaluation import local_judge
from linvt_cli.evaluation.judging import CUT_OFF
from linvt_cli.evaluation.kept_replies import KeptReplies
from linvt_cli.evaluation.local_judge import LocalJudge
from linvt_cli.pipeline import VideoQA
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from tests.fakes import TinyBackbone


def anything(reply: str) -> bool:
    return True


def judge_that_says(text: str, kept: KeptReplies | None = None) -> LocalJudge:
    return LocalJudge(VideoQA(TinyBackbone(text), MeanTokenizer(4)), kept or KeptReplies(None))


def test_a_model_of_linvt_replies_and_is_named():
    judge = judge_that_says("{'pred': 'yes', 'score': 5}")
    assert judge.reply("Do these agree?", 0, anything) == "{'pred': 'yes', 'score': 5}"
    assert judge.label == "tiny (none) on this machine"


def test_its_replies_are_kept(tmp_path):
    path = tmp_path / "judge.jsonl"
    assert judge_that_says("yes", KeptReplies(path)).reply("right?", 0, anything) == "yes"
    assert judge_that_says("no", KeptReplies(path)).reply("right?", 0, anything) == "yes"


def test_a_reply_that_means_nothing_is_not_kept(tmp_path):
    path = tmp_path / "judge.jsonl"
    for said in ("well", "no"):
        judge = judge_that_says(said, KeptReplies(path))
        assert judge.reply("right?", 0, lambda reply: reply == "no") == said
    assert judge_that_says("yes", KeptReplies(path)).reply("right?", 0, anything) == "no"


def test_another_attempt_would_say_the_same():
    with pytest.raises(JudgementError, match="is no judgement"):
        judge_that_says("well").reply("right?", 1, anything)


def test_a_request_that_is_too_long_costs_only_its_question():
    with pytest.raises(JudgementError, match=r"tiny .* failed"):
        judge_that_says("yes").reply("x" * 5000, 0, anything)


def test_a_model_that_fails_is_an_error_of_the_judge(monkeypatch):
    def fail(*_: object) -> None:
        raise OutOfMemoryError("The memory is full")

    judge = judge_that_says("yes")
    monkeypatch.setattr(judge.qa, "ask", fail)
    with pytest.raises(JudgeError, match=r"failed: The memory is full") as caught:
        judge.reply("right?", 0, anything)
    assert not isinstance(caught.value, JudgementError)


def test_a_reply_that_is_cut_off_is_marked(monkeypatch):
    monkeypatch.setattr(local_judge, "_MAX_NEW_TOKENS", 2)
    assert judge_that_says("yes, and so on").reply("right?", 0, anything).endswith(CUT_OFF)
