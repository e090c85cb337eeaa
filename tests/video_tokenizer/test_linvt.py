from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from linvt_cli.config import LinVTConfig
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.video_tokenizer.conftest import MakeFeatures


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers how many numbers the largest tensor held that any operation returned."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        numels = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.numel = max([self.numel, *numels])
        return result


@pytest.mark.parametrize("num_kept", [1, 31, 72, 10_000])
def test_a_batch_equals_its_videos_one_by_one(
    config: LinVTConfig, make_features: MakeFeatures, num_kept: int
) -> None:
    torch.manual_seed(0)
    linvt = LinearVideoTokenizer(dataclasses.replace(config, num_kept=num_kept))
    videos = [make_features(seed=seed) for seed in range(3)]
    lengths = (7, 2, 0)
    text_BLD = torch.randn(3, 7, 24)
    mask_BL = torch.arange(7) < torch.tensor(lengths)[:, None]

    batched = linvt(
        torch.stack([video.tokens for video in videos]),
        torch.tensor([video.times for video in videos]),
        (3, 4),
        text_BLD,
        mask_BL,
    )

    for row, (video, length) in enumerate(zip(videos, lengths, strict=True)):
        single = linvt.condense(linvt.refine(video), text_BLD[row, :length])
        torch.testing.assert_close(single.tokens, batched[row], atol=1e-5, rtol=0)


def test_every_weight_receives_gradient_the_scorer_included(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    features = make_features()

    tokens = linvt(features.tokens[None], torch.tensor([features.times]), (3, 4), text_LD[None])
    (tokens * torch.randn(tokens.shape)).sum().backward()

    still = [
        name
        for name, parameter in linvt.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    # Softmax takes no notice of what is added to all keys alike.
    assert all("k_proj.bias" in name or "key_proj.bias" in name for name in still)
    scorer_gradient = linvt.refiner.score_proj.weight.grad
    assert scorer_gradient is not None
    assert scorer_gradient.abs().max() > 1e-6


def test_the_scorer_learns_to_keep_what_the_target_needs(
    config: LinVTConfig, make_features: MakeFeatures
) -> None:
    torch.manual_seed(0)
    linvt = LinearVideoTokenizer(dataclasses.replace(config, num_kept=12))
    features = make_features()
    visual, times = features.tokens[None].clone(), torch.tensor([features.times])
    visual[0, :, 7] = torch.linspace(-3, 3, 24)
    target = visual[0, 0, 7]
    optimizer = torch.optim.Adam(linvt.parameters(), lr=3e-3)

    def share_kept() -> float:
        gates = linvt.refiner(visual, times, (3, 4)).gates[0]
        return float(gates[:, 7].mean() / gates.mean())

    with torch.no_grad():
        before = share_kept()
    for _ in range(60):
        optimizer.zero_grad()
        (linvt(visual, times, (3, 4)) - target).square().mean().backward()
        optimizer.step()

    with torch.no_grad():
        assert share_kept() > 1.2 * before


def test_training_does_not_wait_for_the_times_of_the_tokens(
    linvt: LinearVideoTokenizer,
    make_features: MakeFeatures,
    text_LD: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, texts = make_features(), [text_LD, text_LD[:2]]
    expected = linvt.condense_each(linvt.refine(features), texts)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda _: pytest.fail("the device is waited for"))

    weighed = linvt.weigh(features, texts)

    for learnt, told in zip(weighed, expected, strict=True):
        torch.testing.assert_close(learnt.tokens, told.tokens, atol=1e-5, rtol=0)
        assert learnt.tokens.requires_grad
        assert (learnt.times, len(told.times)) == ((), 10)
        assert told.seconds > 0


def test_scores_tell_the_significance_of_every_source_token(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    video_tokens = linvt.condense(linvt.refine(make_features()), text_LD)

    assert video_tokens.scores is not None
    assert video_tokens.scores.shape == (6, 12)
    assert ((video_tokens.scores > 0) & (video_tokens.scores < 1)).all()


def test_one_image_passes_through_in_a_batch_too(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures
) -> None:
    image = make_features(1, (2, 5))

    batched = linvt(image.tokens[None], torch.tensor([image.times]), (2, 5))

    assert torch.equal(batched[0], image.tokens[0])


def test_an_image_of_more_than_k_tokens_is_condensed(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    video_tokens = linvt.condense(linvt.refine(make_features(1, (5, 5))), text_LD)

    assert video_tokens.tokens.shape == (10, 24)
    assert video_tokens.times == pytest.approx([1.0] * 10)


def test_any_number_of_frames_and_any_grid_can_be_condensed(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    for num_frames, grid in [(2, (1, 1)), (3, (7, 2)), (50, (4, 4))]:
        features = make_features(num_frames, grid)
        assert len(linvt.condense(linvt.refine(features), text_LD).tokens) == 10


def test_the_question_is_not_needed_for_refining(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    refined = linvt.refine(make_features())

    first, other = linvt.condense(refined, text_LD), linvt.condense(refined, -text_LD)
    again = linvt.condense(refined, text_LD)

    assert torch.equal(first.tokens, again.tokens)
    assert not torch.allclose(first.tokens, other.tokens)


def test_what_inference_returns_takes_no_gradient(
    linvt: LinearVideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    video_tokens = linvt.condense(linvt.refine(make_features()), text_LD)

    assert not video_tokens.tokens.requires_grad
    assert not video_tokens.tokens.is_inference()


def test_no_tensor_grows_with_the_square_of_all_tokens(make_features: MakeFeatures) -> None:
    num_frames, grid = 256, (8, 8)
    config = LinVTConfig(embed_dim=16, score_dim=8, num_heads=2, num_kept=128)
    linvt = LinearVideoTokenizer(config)
    features = make_features(num_frames, grid, 16)

    with LargestTensor() as largest:
        linvt.condense(linvt.refine(features), torch.randn(5, 16))

    num_sources = num_frames * 64
    # Even where a map is written down, it is one frame's or one position's: heads · max(T, N).
    assert num_sources * 16 <= largest.numel <= num_sources * 2 * num_frames
