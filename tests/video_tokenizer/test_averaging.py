from __future__ import annotations

import pytest
import torch

from linvt_cli.types import SourceWeights
from linvt_cli.video_tokenizer.averaging import average_by_label, keep_all, mean_times
from tests.video_tokenizer.conftest import MakeFeatures


def test_each_label_gets_the_mean_of_its_tokens(make_features: MakeFeatures) -> None:
    features = make_features(2, (1, 2), width=3)
    a, b, c, d = features.tokens.flatten(0, 1)

    averages = average_by_label(features, torch.tensor([1, 0, 1, 1]), 2)

    torch.testing.assert_close(averages.tokens, torch.stack([b, (a + c + d) / 3]))
    expected = torch.tensor([[0, 1, 0, 0], [1 / 3, 0, 1 / 3, 1 / 3]])
    torch.testing.assert_close(averages.weights.matrix.to_dense(), expected)
    assert averages.times == pytest.approx((1.0, (1.0 + 1.5 + 1.5) / 3))


def test_keeping_all_gives_every_token_the_time_of_its_frame(make_features: MakeFeatures) -> None:
    features = make_features(2, (1, 2))

    kept = keep_all(features)

    assert kept.times == (1.0, 1.0, 1.5, 1.5)
    assert kept.weights.tokens_per_frame == 2
    assert kept.scores is None


def test_mean_times_weigh_the_frames() -> None:
    matrix = torch.tensor([[0.25, 0.0, 0.75, 0.0], [0.0, 0.0, 0.5, 0.5]]).to_sparse().coalesce()

    assert mean_times(SourceWeights(matrix, 2, 2), (10.0, 14.0)) == (13.0, 14.0)
