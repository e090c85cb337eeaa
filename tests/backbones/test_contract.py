"""What every backbone must do, whatever is inside: one test for each clause of the contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.config import GenerationConfig
from linvt_cli.generation.decode import read_to_end, stream_answer
from linvt_cli.generation.prompt import assemble
from linvt_cli.generation.streaming import TextStream
from linvt_cli.types import Frames
from tests.all_backbones import BUILDERS, build, frames

QUESTION = "What happens to the dog?"


# Texts that a chat template gives a meaning to; in a question they are mere text.
MARKERS = ("<bos>", "<eos>", "<video>", "</video>", "<answer>", "<|im_end|>", "</s>")


@pytest.fixture(params=BUILDERS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return build(request.param)


def embeddings(backbone: Backbone, number: int = 12) -> torch.Tensor:
    ids = backbone.encode_question(QUESTION * number)[:number]
    return backbone.embed_text(ids).unsqueeze(0)


@torch.no_grad()
def test_features_have_one_row_for_each_frame_and_place(backbone):
    features = backbone.encode_frames(frames(3))
    assert features.tokens.shape == (3, features.grid[0] * features.grid[1], backbone.embed_dim)
    assert features.tokens.dtype == backbone.dtype
    assert features.tokens.device == backbone.device
    assert features.times == frames(3).times
    assert features.tokens.isfinite().all()


@torch.no_grad()
def test_features_can_take_part_in_training(backbone):
    assert not backbone.encode_frames(frames(1)).tokens.is_inference()


@torch.no_grad()
def test_each_frame_is_encoded_as_a_single_image(backbone):
    together = backbone.encode_frames(frames(3)).tokens
    for index in range(3):
        clip = frames(3)
        alone = Frames(clip.pixels[index : index + 1], (0.0,), clip.video, coverage=1.0)
        torch.testing.assert_close(
            backbone.encode_frames(alone).tokens[0], together[index], rtol=1e-4, atol=1e-4
        )


@torch.no_grad()
def test_different_frames_have_different_features(backbone):
    first, second = backbone.encode_frames(frames(2)).tokens
    assert (first - second).abs().max() > 1e-5


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_frames_of_any_size_are_encoded(backbone, size):
    assert backbone.encode_frames(frames(1, *size)).tokens.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 0, 255)])
def test_three_pixels_are_never_taken_for_three_colours(backbone, colour):
    def painted(side: int) -> Frames:
        clip = frames(1, side, side)
        pixels = np.full_like(clip.pixels, colour)
        return Frames(pixels, clip.times, clip.video, coverage=1.0)

    small, large = (backbone.encode_frames(painted(side)).tokens for side in (3, 30))
    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("pieces", [[1] * 12, [5, 7], [11, 1]])
def test_logits_with_the_cache_equal_those_without(backbone, pieces):
    embeds = embeddings(backbone)
    expected, _ = backbone.step(embeds, None)
    cache, logits = None, []
    for piece in torch.split(embeds, pieces, dim=1):
        piece_logits, cache = backbone.step(piece, cache)
        logits.append(piece_logits)
    torch.testing.assert_close(torch.cat(logits, dim=1), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_logits_have_one_row_for_each_new_position(backbone):
    logits, _ = backbone.step(embeddings(backbone), None)
    assert logits.shape[:2] == (1, 12)
    assert logits.shape[2] > max(backbone.stop_ids)
    assert logits.isfinite().all()


@torch.no_grad()
def test_a_position_sees_what_came_before_and_nothing_after(backbone):
    embeds = embeddings(backbone)
    changed = embeds.clone()
    changed[0, 6] += 1.0
    before, _ = backbone.step(embeds, None)
    after, _ = backbone.step(changed, None)
    torch.testing.assert_close(after[:, :6], before[:, :6], rtol=1e-4, atol=1e-4)
    assert (after[:, 7:] - before[:, 7:]).abs().amax(dim=-1).min() > 0


def test_gradients_reach_the_embeddings(backbone):
    embeds = embeddings(backbone).detach().requires_grad_()
    logits, _ = backbone.step(embeds, None)
    torch.autograd.backward(logits.square().sum())
    assert embeds.grad is not None
    assert embeds.grad.abs().sum(dim=-1).min() > 0


@torch.no_grad()
def test_text_embeddings_are_rows_of_one_table(backbone):
    ids = backbone.encode_question(QUESTION)
    rows_LD = backbone.embed_text(ids)
    assert rows_LD.shape == (len(ids), backbone.embed_dim)
    assert rows_LD.dtype == backbone.dtype
    assert rows_LD.device == backbone.device
    for token, row_D in zip(ids, rows_LD, strict=True):
        assert torch.equal(backbone.embed_text([token])[0], row_D)


@torch.no_grad()
def test_no_ids_have_no_embeddings(backbone):
    assert backbone.embed_text([]).shape == (0, backbone.embed_dim)


@torch.no_grad()
def test_video_tokens_stand_between_prefix_and_suffix(backbone):
    tokens_KD = torch.full((4, backbone.embed_dim), 0.25, dtype=backbone.dtype)
    prefix, suffix = backbone.render_prompt(QUESTION)
    prompt = assemble(backbone, tokens_KD, QUESTION)
    assert prompt.video_spans == (slice(len(prefix), len(prefix) + 4),)
    shown = prompt.inputs_embeds[0, prompt.video_spans[0]]
    assert torch.equal(shown, backbone.embed_video(tokens_KD))
    assert prompt.inputs_embeds.shape[1] == len(prefix) + 4 + len(suffix)


def test_the_question_can_be_read_back_from_the_prompt(backbone):
    prefix, suffix = backbone.render_prompt(QUESTION)
    assert QUESTION.lower() in backbone.detokenize(prefix + suffix).lower()


def test_the_question_alone_can_be_read_back(backbone):
    ids = backbone.encode_question(QUESTION)
    assert backbone.detokenize(ids).strip().lower() == QUESTION.lower()


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_of_the_template_is_mere_text_in_a_question(backbone, marker):
    def number_of_stops(question: str) -> int:
        prefix, suffix = backbone.render_prompt(question)
        return sum(token in backbone.stop_ids for token in prefix + suffix)

    assert number_of_stops(f"is {marker} here?") == number_of_stops("is x here?")
    assert marker in backbone.detokenize(backbone.encode_question(f"is {marker} here?"))


def test_no_stop_token_is_shown(backbone):
    assert backbone.stop_ids
    assert backbone.detokenize(sorted(backbone.stop_ids)) == ""


@pytest.mark.parametrize("seed", range(10))
def test_text_that_has_been_streamed_never_changes(backbone, seed):
    ids = np.random.default_rng(seed).integers(0, max(backbone.stop_ids), 60).tolist()
    stream = TextStream(backbone.detokenize)
    shown = "".join([*(stream.push(token) for token in ids), stream.finish()])
    assert shown == backbone.detokenize(ids).strip()


@torch.no_grad()
def test_greedy_answers_are_the_same_each_time(backbone):
    def answer() -> str:
        features = backbone.encode_frames(frames(2))
        prompt = assemble(backbone, features.tokens[:, 0], QUESTION)
        config = GenerationConfig(max_new_tokens=12)
        return read_to_end(stream_answer(backbone, prompt, config, num_visual_tokens=2)).text

    assert answer() == answer()


@torch.no_grad()
def test_prompts_padded_on_the_left_answer_as_they_do_alone(backbone):
    short, long = embeddings(backbone, 7), embeddings(backbone, 11)
    padding = torch.zeros(1, 4, backbone.embed_dim, dtype=backbone.dtype)
    mask = torch.ones(2, 11, dtype=torch.bool)
    mask[0, :4] = False
    both = torch.cat([torch.cat([padding, short], dim=1), long])
    logits, cache = backbone.step(both, None, mask=mask, logits_to_keep=1)
    token = embeddings(backbone, 1)
    more, _ = backbone.step(token.expand(2, -1, -1), cache, logits_to_keep=1)
    for row, alone in enumerate((short, long)):
        expected, own_cache = backbone.step(alone, None, logits_to_keep=1)
        torch.testing.assert_close(logits[row], expected[0], rtol=1e-4, atol=1e-4)
        expected, _ = backbone.step(token, own_cache)
        torch.testing.assert_close(more[row], expected[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_padding_between_what_is_cached_and_what_is_new_counts_for_nothing(backbone):
    embeds = embeddings(backbone)
    starts, short, long = embeds[:, :6], embeds[:, 6:9], embeds[:, 7:12]
    padding = torch.full((1, 2, backbone.embed_dim), 0.5, dtype=backbone.dtype)
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[0, :2] = False
    _, cache = backbone.step(starts, None)
    both = torch.cat([torch.cat([padding, short], dim=1), long])
    logits, cache = backbone.step(both, backbone.repeat_cache(cache, 2), mask=mask)
    token = embeds[:, :1]
    more, _ = backbone.step(token.expand(2, -1, -1), cache)
    for row, alone in enumerate((short, long)):
        whole = torch.cat([starts, alone, token], dim=1)
        expected, _ = backbone.step(whole, None)
        last_two = torch.stack([logits[row, -1], more[row, -1]])
        torch.testing.assert_close(last_two, expected[0, -2:], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_several_videos_are_embedded_as_each_alone(backbone):
    videos = torch.randn((3, 5, backbone.embed_dim), generator=torch.Generator().manual_seed(1))
    together = backbone.embed_video(videos)
    for video, embedded in zip(videos, together, strict=True):
        torch.testing.assert_close(backbone.embed_video(video), embedded, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_only_the_wanted_logits_are_computed(backbone):
    embeds = embeddings(backbone)
    every, _ = backbone.step(embeds, None)
    last, _ = backbone.step(embeds, None, logits_to_keep=1)
    assert last.shape[1] == 1
    torch.testing.assert_close(last, every[:, -1:], rtol=1e-5, atol=1e-5)
