"""What every backbone must do when it answers: the contract from prompt to text."""

from __future__ import annotations

import pytest
import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.config import FrameSampling, GenerationConfig
from linvt_cli.generation.decode import read_to_end, stream_answer
from linvt_cli.generation.prompt import assemble
from linvt_cli.pipeline import VideoQA
from linvt_cli.types import Frames, PromptEmbeds, VisualFeatures
from linvt_cli.video_tokenizer.baselines import AllTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from tests.all_backbones import BUILDERS, CLIP, build, frames

QUESTION = "What happens to the dog?"


@pytest.fixture(params=BUILDERS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return build(request.param)


def stop_free(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let random answers run to their last token."""
    monkeypatch.setattr(backbone, "stop_ids", frozenset())


def question_prompt(backbone: Backbone) -> PromptEmbeds:
    features = backbone.encode_frames(frames(2))
    return assemble(backbone, features.tokens[:, 0], QUESTION)


@torch.no_grad()
def test_pieces_of_a_stream_are_the_whole_answer(backbone, monkeypatch):
    stop_free(backbone, monkeypatch)
    config = GenerationConfig(max_new_tokens=8)
    prompt = question_prompt(backbone)
    chunks = list(stream_answer(backbone, prompt, config, num_visual_tokens=2))
    whole = read_to_end(stream_answer(backbone, prompt, config, num_visual_tokens=2))
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert chunks[-1].finish_reason == whole.finish_reason == "length"
    assert whole.stats.num_generated_tokens == 8


@torch.no_grad()
def test_an_answer_ends_at_a_stop_token_and_does_not_show_it(backbone, monkeypatch):
    prompt = question_prompt(backbone)
    logits, _ = backbone.step(
        prompt.inputs_embeds, None, positions=prompt.positions, logits_to_keep=1
    )
    monkeypatch.setattr(backbone, "stop_ids", frozenset([int(logits[0, -1].argmax())]))
    config = GenerationConfig(max_new_tokens=8)
    completion = read_to_end(stream_answer(backbone, prompt, config, num_visual_tokens=2))
    assert completion.finish_reason == "stop"
    assert completion.text == ""


@torch.no_grad()
def test_an_interrupted_answer_ends_where_it_is(backbone, monkeypatch):
    stop_free(backbone, monkeypatch)
    calls = iter([False, False, True])
    completion = read_to_end(
        stream_answer(
            backbone,
            question_prompt(backbone),
            GenerationConfig(max_new_tokens=8),
            num_visual_tokens=2,
            interrupted=lambda: next(calls),
        )
    )
    assert completion.finish_reason == "interrupted"
    assert completion.stats.num_generated_tokens == 2


def test_several_questions_cost_one_look_and_equal_single_ones(backbone, monkeypatch):
    calls: list[int] = []
    encode = backbone.encode_frames

    def counting(frames: Frames) -> VisualFeatures:
        calls.append(len(frames.pixels))
        features: VisualFeatures = encode(frames)
        return features

    monkeypatch.setattr(backbone, "encode_frames", counting)
    qa = VideoQA(backbone, ClusterTokenizer(4))
    config = GenerationConfig(max_new_tokens=4)
    watched = qa.watch(CLIP, FrameSampling(num_frames=2))
    both = qa.ask_many(watched, ["What moves?", "Where is it?"], config)
    assert calls == [2]
    assert [answer.text for answer in both] == [
        qa.ask(watched, question, config).text for question in ("What moves?", "Where is it?")
    ]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("tokenizer", [ClusterTokenizer(4), AllTokenizer()], ids=lambda t: t.name)
def test_answers_generated_together_are_those_generated_alone(
    backbone, monkeypatch, tokenizer, temperature
):
    stop_free(backbone, monkeypatch)
    qa = VideoQA(backbone, tokenizer)
    config = GenerationConfig(max_new_tokens=6, temperature=temperature, seed=3)
    watched = qa.watch(CLIP, FrameSampling(num_frames=2))
    questions = ("What?", "Where is the dog, and what does it do?", "Who is it?")
    together = qa.ask_many(watched, questions, config)
    alone = [qa.ask(watched, question, config) for question in questions]
    assert [answer.text for answer in together] == [answer.text for answer in alone]


def test_a_video_of_one_frame_is_answered(backbone):
    qa = VideoQA(backbone, AllTokenizer())
    watched = qa.watch(CLIP, FrameSampling(num_frames=1))
    answer = qa.ask(watched, QUESTION, GenerationConfig(max_new_tokens=2))
    assert len(answer.frames.times) == 1
    assert answer.stats.num_video_tokens == answer.stats.num_visual_tokens
