from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from linvt_cli.errors import ContextLengthError
from linvt_cli.generation.prompt import assemble, latest_that_fit
from linvt_cli.types import Turn, VideoPlacement
from tests.fakes import ANSWER, VIDEO, VIDEO_END, TinyBackbone

QUESTION = "why?"


def video_tokens(backbone: TinyBackbone, number: int = 5) -> torch.Tensor:
    return torch.arange(number * backbone.embed_dim).reshape(number, -1).float()


def test_video_tokens_stand_exactly_in_the_video_span():
    backbone = TinyBackbone()
    tokens_KD = video_tokens(backbone)
    prompt = assemble(backbone, tokens_KD, QUESTION)
    assert torch.equal(prompt.inputs_embeds[0, prompt.video_spans[0]], tokens_KD)


def test_the_chat_template_stands_around_the_video():
    backbone = TinyBackbone()
    prompt = assemble(backbone, video_tokens(backbone), QUESTION)
    before = prompt.inputs_embeds[0, : prompt.video_spans[0].start]
    after = prompt.inputs_embeds[0, prompt.video_spans[-1].stop :]
    assert torch.equal(before, backbone.embed_text([VIDEO]))
    assert torch.equal(after, backbone.embed_text([VIDEO_END, *QUESTION.encode(), ANSWER]))


def test_gradients_reach_the_video_tokens():
    backbone = TinyBackbone()
    tokens_KD = video_tokens(backbone).requires_grad_()
    prompt = assemble(backbone, tokens_KD, QUESTION)
    torch.autograd.backward(prompt.inputs_embeds.sum())
    assert tokens_KD.grad is not None
    assert torch.equal(tokens_KD.grad, torch.ones_like(tokens_KD))


def test_video_tokens_take_the_dtype_of_the_text():
    backbone = TinyBackbone()
    prompt = assemble(backbone, video_tokens(backbone).double(), QUESTION)
    assert prompt.inputs_embeds.dtype == backbone.dtype


def test_a_prompt_that_leaves_room_for_one_token_fits():
    length = 1 + 5 + 1 + len(QUESTION) + 1
    backbone = TinyBackbone(max_context=length + 1)
    assert assemble(backbone, video_tokens(backbone), QUESTION).inputs_embeds.shape[1] == length


def test_a_prompt_that_leaves_no_room_for_an_answer_is_refused_with_its_numbers():
    length = 1 + 5 + 1 + len(QUESTION) + 1
    backbone = TinyBackbone(max_context=length)
    with pytest.raises(ContextLengthError, match="12 tokens, 5 of them of the video") as caught:
        assemble(backbone, video_tokens(backbone), QUESTION)
    assert (caught.value.length, caught.value.limit) == (length, length)


def test_video_tokens_that_were_embedded_before_are_taken_as_they_are():
    backbone = TinyBackbone()
    tokens_KD = video_tokens(backbone)
    prompt = assemble(backbone, tokens_KD, QUESTION, embedded_KD=2 * tokens_KD)
    assert torch.equal(prompt.inputs_embeds[0, prompt.video_spans[0]], 2 * tokens_KD)


@pytest.mark.parametrize(("context", "kept"), [(100, 3), (60, 2), (50, 1), (40, 0), (10, 0)])
def test_the_latest_turns_that_leave_room_for_an_answer_are_kept(context, kept):
    backbone = TinyBackbone(max_context=context)
    turns = [Turn(f"Q{number}", "Long answer") for number in range(3)]  # 15 tokens each
    assert latest_that_fit(backbone, 4, "Q", VideoPlacement(), turns, room=20) == tuple(
        turns[3 - kept :] if kept else ()
    )


@pytest.mark.parametrize("context", [10, 40, 55, 700, 3000, 5995, 6100, 7000])
def test_few_beginnings_of_a_long_conversation_are_tried(monkeypatch, context):
    backbone = TinyBackbone(max_context=context)
    turns = [Turn(f"Q{number % 10}", "Long answer") for number in range(400)]  # 15 tokens each
    tried: list[int] = []
    usual = backbone.render_prompt

    def render(question: str, num_images: int, history: Sequence[Turn]) -> list[list[int]]:
        tried.append(len(history))
        return usual(question, num_images, history)

    monkeypatch.setattr(backbone, "render_prompt", render)
    kept = latest_that_fit(backbone, 4, "Q", VideoPlacement(), turns, room=20)
    free = [n for n in range(401) if sum(map(len, usual("Q", 1, turns[400 - n :]))) + 24 <= context]
    assert kept == tuple(turns[400 - max(free, default=0) :])
    assert len(tried) <= 10
