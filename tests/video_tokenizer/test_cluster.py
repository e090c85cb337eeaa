from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linvt_cli.errors import ConfigError
from linvt_cli.types import VideoTokens, VisualFeatures
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer, cluster
from tests.video_tokenizer.conftest import MakeFeatures

NO_TEXT = torch.empty(0, 24)


def condense(features: VisualFeatures, num_video_tokens: int) -> VideoTokens:
    tokenizer = ClusterTokenizer(num_video_tokens)
    return tokenizer.condense(tokenizer.refine(features), NO_TEXT)


def test_well_separated_directions_are_found() -> None:
    centres = torch.eye(4)
    truth = torch.arange(4).repeat(25)
    noise = 0.05 * torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    points = torch.nn.functional.normalize(centres[truth] + noise, dim=1)

    labels = cluster(points, 4)

    for label in range(4):
        assert len(set(truth[labels == label].tolist())) == 1


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 99), st.data())
def test_every_cluster_has_a_member(
    num_points: int, num_kinds: int, seed: int, data: st.DataObject
) -> None:
    num_clusters = data.draw(st.integers(1, num_points - 1))
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.nn.functional.normalize(torch.randn(num_kinds, 5, generator=generator), dim=1)
    points = kinds[torch.randint(num_kinds, (num_points,), generator=generator)]

    labels = cluster(points, num_clusters)

    assert set(labels.tolist()) == set(range(num_clusters))


def test_tokens_are_means_of_original_tokens(make_features: MakeFeatures) -> None:
    features = make_features()

    video_tokens = condense(features, 7)

    rows, sources = video_tokens.weights.matrix.indices()
    for row in range(7):
        members = features.tokens.flatten(0, 1)[sources[rows == row]]
        torch.testing.assert_close(video_tokens.tokens[row], members.mean(0))
    assert sorted(sources.tolist()) == list(range(72))


def test_tokens_are_sorted_by_time_then_row_then_column() -> None:
    tokens = torch.eye(8).view(2, 4, 8)
    features = VisualFeatures(tokens, (0.0, 1.0), (2, 2))
    doubled = dataclasses.replace(features, tokens=tokens.repeat(2, 1, 1), times=(0.0, 1, 2, 3))

    assert list(condense(doubled, 12).times) == sorted(condense(doubled, 12).times)
    one_frame = dataclasses.replace(features, tokens=tokens[:1], times=(0.0,))
    first_sources = condense(one_frame, 3).weights.matrix.to_dense().argmax(1)
    assert first_sources.tolist() == sorted(first_sources.tolist())


def test_a_video_within_the_budget_is_kept_whole(make_features: MakeFeatures) -> None:
    features = make_features(2, (2, 2))

    assert torch.equal(condense(features, 8).tokens, features.tokens.flatten(0, 1))


def test_equal_looks_are_parted_by_time(make_features: MakeFeatures) -> None:
    features = make_features(8)
    still = dataclasses.replace(features, tokens=torch.ones_like(features.tokens))

    times = condense(still, 4).times

    assert times[0] < 2.5 < 3.0 < times[-1]


def test_what_all_tokens_share_does_not_hide_what_sets_them_apart() -> None:
    torch.manual_seed(0)
    shared, *kinds = torch.randn(3, 32)
    looks = torch.stack(kinds)[torch.arange(40) % 2]
    features = VisualFeatures(
        (50 * shared + looks).view(10, 4, 32), tuple(float(t) for t in range(10)), (2, 2)
    )

    weights = condense(features, 2).weights.matrix.to_dense()

    share_of_first_kind = weights[:, ::2].sum(1)
    assert sorted(share_of_first_kind.tolist()) == pytest.approx([0.0, 1.0])


def test_a_thing_that_moves_stays_one_cluster() -> None:
    torch.manual_seed(0)
    background, thing = torch.randn(2, 32)
    tokens = background + 0.01 * torch.randn(4, 16, 32)
    for t in range(4):
        tokens[t, 5 + t] = thing
    features = VisualFeatures(tokens, (0.0, 1.0, 2.0, 3.0), (4, 4))

    weights = condense(features, 6).weights.matrix.to_dense()

    of_thing = [16 * t + 5 + t for t in range(4)]
    holding = weights[:, of_thing].sum(1) > 0
    assert weights[holding].sum() == pytest.approx(weights[holding][:, of_thing].sum().item())


def test_wide_tokens_are_told_apart_by_their_sketch() -> None:
    torch.manual_seed(0)
    kinds = torch.randn(3, 1024)
    truth = torch.tensor([0, 1, 2, 0, 1, 2])
    features = VisualFeatures(kinds[truth].view(2, 3, 1024), (0.0, 1.0), (1, 3))

    tokens = condense(features, 3).tokens

    assert torch.cdist(tokens, kinds).amin(0).max() < 1e-3


def test_clusters_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="At least one video token is needed, not 0"):
        ClusterTokenizer(0)
