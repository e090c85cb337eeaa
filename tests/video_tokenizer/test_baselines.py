from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from linvt_cli.errors import ConfigError
from linvt_cli.video_tokenizer.baselines import AllTokenizer, MeanTokenizer, frame_regions
from tests.video_tokenizer.conftest import MakeFeatures

NO_TEXT = torch.empty(0, 24)


def test_fewer_tokens_than_frames_average_neighbouring_frames(make_features: MakeFeatures) -> None:
    features = make_features(5)
    tokenizer = MeanTokenizer(2)

    tokens = tokenizer.condense(tokenizer.refine(features), NO_TEXT).tokens

    halves = features.tokens[:2].mean((0, 1)), features.tokens[2:].mean((0, 1))
    torch.testing.assert_close(tokens, torch.stack(halves))


def test_more_tokens_than_frames_average_regions_of_each_frame(make_features: MakeFeatures) -> None:
    features = make_features(2, (2, 4))
    tokenizer = MeanTokenizer(4)

    tokens = tokenizer.condense(tokenizer.refine(features), NO_TEXT).tokens

    left, right = [0, 1, 4, 5], [2, 3, 6, 7]
    expected = [features.tokens[t, part].mean(0) for t in (0, 1) for part in (left, right)]
    torch.testing.assert_close(tokens, torch.stack(expected))


@pytest.mark.parametrize("num_video_tokens", [1, 2, 5, 6, 7, 20, 71, 72])
def test_the_mean_spends_its_budget_exactly(
    make_features: MakeFeatures, num_video_tokens: int
) -> None:
    tokenizer = MeanTokenizer(num_video_tokens)

    video_tokens = tokenizer.condense(tokenizer.refine(make_features(6, (3, 4))), NO_TEXT)

    assert len(video_tokens.tokens) == num_video_tokens
    assert list(video_tokens.times) == sorted(video_tokens.times)


def test_the_mean_makes_no_more_tokens_than_there_are(make_features: MakeFeatures) -> None:
    tokenizer = MeanTokenizer(1000)
    features = make_features(3, (2, 2))

    video_tokens = tokenizer.condense(tokenizer.refine(features), NO_TEXT)

    torch.testing.assert_close(video_tokens.tokens, features.tokens.flatten(0, 1))


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_regions_are_rectangles_that_cover_the_frame(
    rows: int, columns: int, data: st.DataObject
) -> None:
    num_regions = data.draw(st.integers(1, rows * columns))

    labels = frame_regions((rows, columns), num_regions).view(rows, columns)

    assert set(labels.flatten().tolist()) == set(range(num_regions))
    for region in range(num_regions):
        where = (labels == region).nonzero()
        height, width = (where.amax(0) - where.amin(0) + 1).tolist()
        assert len(where) == height * width


@pytest.mark.parametrize(("num_regions", "bands"), [(4, 2), (9, 3), (16, 4)])
def test_square_numbers_cut_a_square_frame_squarely(num_regions: int, bands: int) -> None:
    labels = frame_regions((12, 12), num_regions).view(12, 12)

    assert len(set(labels[:, 0].tolist())) == len(set(labels[0].tolist())) == bands


def test_a_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="At least one video token is needed, not 0"):
        MeanTokenizer(0)


def test_all_has_no_budget(make_features: MakeFeatures) -> None:
    tokenizer = AllTokenizer()

    assert tokenizer.num_video_tokens is None
    assert len(tokenizer.condense(tokenizer.refine(make_features()), NO_TEXT).tokens) == 72
