from __future__ import annotations

import dataclasses

import pytest
import torch

from linvt_cli.video_tokenizer.base import RefinedTokens, VideoTokenizer
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.video_tokenizer.conftest import MakeFeatures


@pytest.fixture(params=["linvt", "cluster", "mean", "all"])
def tokenizer(request: pytest.FixtureRequest, linvt: LinearVideoTokenizer) -> VideoTokenizer:
    others: dict[str, VideoTokenizer] = {
        "linvt": linvt,
        "cluster": ClusterTokenizer(10),
        "mean": MeanTokenizer(10),
        "all": AllTokenizer(),
    }
    return others[request.param]


@pytest.mark.parametrize(
    ("num_frames", "grid"), [(1, (2, 3)), (1, (4, 4)), (6, (3, 4)), (13, (1, 1))]
)
def test_tokens_are_convex_combinations_of_the_visual_tokens(
    tokenizer: VideoTokenizer,
    make_features: MakeFeatures,
    text_LD: torch.Tensor,
    num_frames: int,
    grid: tuple[int, int],
) -> None:
    features = make_features(num_frames, grid)

    video_tokens = tokenizer.condense(tokenizer.refine(features), text_LD)

    weights = video_tokens.weights.matrix.to_dense()
    assert weights.shape == (len(video_tokens.tokens), num_frames * grid[0] * grid[1])
    assert weights.dtype == torch.float32
    assert video_tokens.weights.matrix.is_coalesced()
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), atol=1e-5, rtol=0)
    rebuilt = weights @ features.tokens.flatten(0, 1)
    torch.testing.assert_close(video_tokens.tokens, rebuilt, atol=1e-4, rtol=0)


def test_several_questions_are_condensed_as_each_alone(
    tokenizer: VideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    texts = [text_LD, text_LD[:2].flip(0), text_LD[:0]]
    refined = tokenizer.refine(make_features())

    together = tokenizer.condense_each(refined, texts)

    for video_tokens, text in zip(together, texts, strict=True):
        alone = tokenizer.condense(refined, text)
        torch.testing.assert_close(video_tokens.tokens, alone.tokens, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            video_tokens.weights.matrix.to_dense(),
            alone.weights.matrix.to_dense(),
            atol=1e-6,
            rtol=0,
        )
        assert video_tokens.times == pytest.approx(alone.times, abs=1e-4)
    assert tokenizer.condense_each(refined, []) == []


def test_sparse_weights_are_valid_as_they_are_declared(
    tokenizer: VideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    weights = tokenizer.condense(tokenizer.refine(make_features()), text_LD).weights.matrix

    again = torch.sparse_coo_tensor(
        weights.indices(), weights.values(), weights.shape, check_invariants=True
    ).coalesce()

    assert torch.equal(again.indices(), weights.indices())


def test_times_are_the_mean_times_of_the_sources(
    tokenizer: VideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    features = make_features()
    video_tokens = tokenizer.condense(tokenizer.refine(features), text_LD)

    share_of_frames = video_tokens.weights.matrix.to_dense().view(-1, 6, 12).sum(2)
    expected = share_of_frames @ torch.tensor(features.times)

    torch.testing.assert_close(torch.tensor(video_tokens.times), expected, atol=1e-5, rtol=0)


def test_identical_frames_give_tokens_inside_the_convex_hull_of_one(
    tokenizer: VideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    one = make_features(1)
    features = dataclasses.replace(
        make_features(6), tokens=one.tokens.expand(6, -1, -1).contiguous()
    )

    video_tokens = tokenizer.condense(tokenizer.refine(features), text_LD)

    weights_of_frame = video_tokens.weights.matrix.to_dense().view(-1, 6, 12).sum(1)
    assert (weights_of_frame >= 0).all()
    torch.testing.assert_close(weights_of_frame.sum(1), torch.ones(len(weights_of_frame)))
    torch.testing.assert_close(
        weights_of_frame @ one.tokens[0], video_tokens.tokens, atol=1e-4, rtol=0
    )


def test_one_image_passes_through_unchanged(
    tokenizer: VideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    image = make_features(1, (2, 3))

    video_tokens = tokenizer.condense(tokenizer.refine(image), text_LD)

    assert torch.equal(video_tokens.tokens, image.tokens[0])
    assert torch.equal(video_tokens.weights.matrix.to_dense(), torch.eye(image.tokens.shape[1]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tokens_keep_the_dtype_of_the_visual_tokens(
    tokenizer: VideoTokenizer,
    make_features: MakeFeatures,
    text_LD: torch.Tensor,
    dtype: torch.dtype,
) -> None:
    features = make_features(dtype=dtype)
    if isinstance(tokenizer, torch.nn.Module):
        tokenizer.to(dtype)

    video_tokens = tokenizer.condense(tokenizer.refine(features), text_LD.to(dtype))

    weights = video_tokens.weights.matrix.to_dense()
    assert video_tokens.tokens.dtype == dtype
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), atol=1e-5, rtol=0)
    expected = weights @ features.tokens.flatten(0, 1).float()
    torch.testing.assert_close(video_tokens.tokens.float(), expected, atol=0.02, rtol=0.02)


def test_two_runs_give_the_same_bytes(
    tokenizer: VideoTokenizer, make_features: MakeFeatures, text_LD: torch.Tensor
) -> None:
    first, second = (
        tokenizer.condense(tokenizer.refine(make_features()), text_LD) for _ in range(2)
    )

    assert torch.equal(first.tokens, second.tokens)
    assert torch.equal(first.weights.matrix.values(), second.weights.matrix.values())
    assert first.times == second.times


def test_what_reads_the_question_has_no_question_free_tokens() -> None:
    with pytest.raises(ValueError, match="reads the question"):
        RefinedTokens(times=(0.0,), tokens_per_frame=4).question_free()
