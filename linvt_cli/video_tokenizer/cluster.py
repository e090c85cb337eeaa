"""A video tokenizer without weights: k-means over all frames, cluster means as video tokens.

After SimpleCluster (arXiv 2609.35394): tokens are compared by cosine and place, and the means are
of the *original* tokens, which is LinVT's linear principle without training. SimpleCluster turns
tokens by a 3-D rotary embedding; here places are coordinates on circles beside the tokens, which
needs no even width and has the same effect: near in time and place counts as alike.
"""

from __future__ import annotations

import math
import time

import torch
from torch.nn import functional as F

from linvt_cli.config import PositionLayout
from linvt_cli.errors import ConfigError
from linvt_cli.types import TokenizerName, VisualFeatures
from linvt_cli.video_tokenizer.averaging import average_by_label, keep_all
from linvt_cli.video_tokenizer.base import QuestionFree, RefinedTokens, condensed_tokens

_TIME_WEIGHT = 0.5  # of a token's own weight 1, in the squared distance
_PLACE_WEIGHT = 0.25  # for the row, and again for the column
_SKETCH_DIM = 256  # wider tokens are compared by random projections of this width
_MAX_ITERATIONS = 20
_CHUNK_TOKENS = 8192  # source tokens compared with all centres at a time
_SEED = 0


class ClusterTokenizer(QuestionFree):
    """K means of similar tokens that lie near in time and place. Deterministic.

    A video of at most K visual tokens is kept as it is.

    Args:
        num_video_tokens: K.
    """

    name: TokenizerName = "cluster"
    position_layout: PositionLayout = "flat"

    def __init__(self, num_video_tokens: int) -> None:
        if num_video_tokens < 1:
            raise ConfigError(
                f"At least one video token is needed, not {num_video_tokens}",
                field="num_video_tokens",
                hint="--video-tokens 64",
            )
        self.num_video_tokens = num_video_tokens

    @torch.no_grad()
    def refine(self, features: VisualFeatures) -> RefinedTokens:
        """Cluster; questions play no part. Tokens are sorted by mean time, then row and column."""
        started = time.perf_counter()
        if features.tokens.shape[:2].numel() <= self.num_video_tokens:
            return condensed_tokens(features, keep_all(features), started=started)
        places_S3 = _places(features)
        points_SC = _points(features.tokens, places_S3)
        labels_S = cluster(points_SC, self.num_video_tokens)
        labels_S = _in_order(labels_S, places_S3, self.num_video_tokens)
        video_tokens = average_by_label(features, labels_S, self.num_video_tokens)
        return condensed_tokens(features, video_tokens, started=started)


def cluster(points_SC: torch.Tensor, num_clusters: int) -> torch.Tensor:
    """Spherical k-means with k-means++ seeds: (S, C) -> (S,) labels, each of which occurs.

    Args:
        points_SC: Points of equal length, float32; S > ``num_clusters``.
        num_clusters: K.
    """
    centres_KC = points_SC[_seed_indices(points_SC, num_clusters)]
    labels_S = torch.full((len(points_SC),), -1, device=points_SC.device)
    for _ in range(_MAX_ITERATIONS):
        previous_S = labels_S
        labels_S, similarity_S = _nearest(points_SC, centres_KC)
        labels_S = _fill_empty(labels_S, similarity_S, num_clusters)
        if torch.equal(labels_S, previous_S):
            break
        centres_KC = F.normalize(_sums(points_SC, labels_S, num_clusters), dim=1)
    return labels_S


def _places(features: VisualFeatures) -> torch.Tensor:
    """Time, row and column of every source token as shares of their ranges: (S, 3)."""
    rows, columns = features.grid
    first, last = features.times[0], features.times[-1]
    span = (last - first) or 1.0
    axes = (
        torch.tensor([(moment - first) / span for moment in features.times]),
        (torch.arange(rows) + 0.5) / rows,
        (torch.arange(columns) + 0.5) / columns,
    )
    return torch.cartesian_prod(*axes).to(features.tokens.device)


def _points(tokens_TND: torch.Tensor, places_S3: torch.Tensor) -> torch.Tensor:
    """What is clustered: unit token directions beside weighted places, all of equal length.

    What all tokens share is taken off first: it says nothing about which of them are alike.
    """
    sketch_SC = _sketch(tokens_TND)
    directions_SC = F.normalize(sketch_SC - sketch_SC.mean(dim=0), dim=1)
    # A quarter circle per coordinate: constant length, and cosine falls with distance.
    angles_S3 = places_S3 * (math.pi / 2)
    weights_3 = torch.tensor([_TIME_WEIGHT, _PLACE_WEIGHT, _PLACE_WEIGHT]).sqrt()
    weights_3 = weights_3.to(angles_S3.device)
    return torch.cat(
        [directions_SC, angles_S3.cos() * weights_3, angles_S3.sin() * weights_3], dim=1
    )


def _sketch(tokens_TND: torch.Tensor) -> torch.Tensor:
    """Tokens as float32; wide ones by random projections, which keep their cosines: (S, C)."""
    width = tokens_TND.shape[-1]
    if width <= _SKETCH_DIM:
        return tokens_TND.flatten(0, 1).float()
    generator = torch.Generator().manual_seed(_SEED)
    projection_DC = torch.randn(width, _SKETCH_DIM, generator=generator) / math.sqrt(_SKETCH_DIM)
    projection_DC = projection_DC.to(tokens_TND.device)
    # Frame by frame: a float32 copy of all tokens could be gigabytes.
    return torch.cat([tokens_ND.float() @ projection_DC for tokens_ND in tokens_TND])


def _seed_indices(points_SC: torch.Tensor, num_clusters: int) -> torch.Tensor:
    """k-means++: each further seed is drawn by its squared distance to the nearest one: (K,)."""
    # On the CPU: generators differ between devices, and running sums from run to run on a GPU.
    generator = torch.Generator().manual_seed(_SEED)
    draws = torch.rand(num_clusters, generator=generator, dtype=torch.float64).tolist()
    length = points_SC[0].square().sum()
    distance_S = torch.ones(len(points_SC), device=points_SC.device)
    indices: list[torch.Tensor] = []
    for draw in draws:
        totals_S = distance_S.cpu().double().cumsum(0)
        index = torch.searchsorted(totals_S, totals_S[-1:] * draw, right=True)
        index = index.clamp(max=len(points_SC) - 1)
        indices.append(index)
        to_seed_S = (2 * (length - points_SC @ points_SC[index[0]])).clamp(min=0)
        distance_S = to_seed_S if len(indices) == 1 else torch.minimum(distance_S, to_seed_S)
    return torch.cat(indices)


def _nearest(
    points_SC: torch.Tensor, centres_KC: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The most similar centre of each point, and how similar it is: (S,) and (S,)."""
    best = [(chunk @ centres_KC.T).max(dim=1) for chunk in torch.split(points_SC, _CHUNK_TOKENS)]
    return torch.cat([b.indices for b in best]), torch.cat([b.values for b in best])


def _sums(points_SC: torch.Tensor, labels_S: torch.Tensor, num_clusters: int) -> torch.Tensor:
    """Sum of the points of each cluster, by products that do not vary from run to run: (K, C)."""
    all_labels_K1 = torch.arange(num_clusters, device=labels_S.device)[:, None]
    sums_KC = points_SC.new_zeros(num_clusters, points_SC.shape[1])
    for points, labels in zip(
        torch.split(points_SC, _CHUNK_TOKENS), torch.split(labels_S, _CHUNK_TOKENS), strict=True
    ):
        sums_KC += (labels == all_labels_K1).float() @ points
    return sums_KC


def _fill_empty(
    labels_S: torch.Tensor, similarity_S: torch.Tensor, num_clusters: int
) -> torch.Tensor:
    """Give each empty cluster the point that fits worst where it is and is not alone there."""
    counts = labels_S.bincount(minlength=num_clusters).tolist()
    empty = [label for label, count in enumerate(counts) if count == 0]
    if not empty:
        return labels_S
    labels = labels_S.tolist()
    worst_first = iter(similarity_S.argsort(stable=True).tolist())
    for label in empty:
        point = next(i for i in worst_first if counts[labels[i]] > 1)
        counts[labels[point]] -= 1
        labels[point] = label
    return torch.tensor(labels, device=labels_S.device)


def _in_order(labels_S: torch.Tensor, places_S3: torch.Tensor, num_clusters: int) -> torch.Tensor:
    """Renumber clusters by mean time, then mean row, then mean column."""
    counts_K1 = labels_S.bincount(minlength=num_clusters)[:, None]
    means_K3 = _sums(places_S3, labels_S, num_clusters) / counts_K1
    means = means_K3.tolist()
    order = sorted(range(num_clusters), key=means.__getitem__)
    new_label_K = torch.empty(num_clusters, dtype=torch.int64)
    new_label_K[order] = torch.arange(num_clusters)
    return new_label_K.to(labels_S.device)[labels_S]
