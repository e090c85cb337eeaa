"""Plain averages of visual tokens, with their sources: shared by the weight-free tokenizers."""

from __future__ import annotations

import torch

from linvt_cli.types import SourceWeights, VideoTokens, VisualFeatures


def keep_all(features: VisualFeatures) -> VideoTokens:
    """Hand every visual token on as it is: K = T·N."""
    tokens_per_frame = features.tokens.shape[1]
    tokens_SD = features.tokens.flatten(0, 1)
    labels_S = torch.arange(len(tokens_SD), device=tokens_SD.device)
    return VideoTokens(
        tokens=tokens_SD,
        weights=_label_weights(labels_S, labels_S.new_ones(len(labels_S)), features),
        times=tuple(moment for moment in features.times for _ in range(tokens_per_frame)),
        unchanged=True,
    )


def average_by_label(
    features: VisualFeatures, labels_S: torch.Tensor, num_labels: int
) -> VideoTokens:
    """Average the visual tokens of each label: (T, N, D) -> (K, D).

    Args:
        features: Visual tokens of a video.
        labels_S: Which of the K averages each of the T·N tokens goes into. Each label occurs.
        num_labels: K.
    """
    num_frames, tokens_per_frame, width = features.tokens.shape
    counts_K = labels_S.bincount(minlength=num_labels)
    all_labels_K1 = torch.arange(num_labels, device=labels_S.device)[:, None]
    sums_KD = features.tokens.new_zeros((num_labels, width), dtype=torch.float32)
    # Products with 0/1 matrices: scattered additions differ from run to run on a GPU.
    for labels_N, tokens_ND in zip(
        labels_S.view(num_frames, tokens_per_frame), features.tokens, strict=True
    ):
        sums_KD += (labels_N == all_labels_K1).float() @ tokens_ND.float()
    weights = _label_weights(labels_S, counts_K, features)
    return VideoTokens(
        tokens=(sums_KD / counts_K[:, None]).to(features.tokens.dtype),
        weights=weights,
        times=mean_times(weights, features.times),
    )


def mean_times(weights: SourceWeights, frame_times: tuple[float, ...]) -> tuple[float, ...]:
    """Mean time in seconds of each output token's sources: (K,)."""
    return _mean_by_frame(weights, torch.tensor(frame_times, dtype=torch.float64))


def mean_frames(weights: SourceWeights) -> tuple[float, ...]:
    """Mean frame of each output token's sources, 0 for the first: (K,)."""
    return _mean_by_frame(weights, torch.arange(weights.num_frames, dtype=torch.float64))


def _mean_by_frame(weights: SourceWeights, values_T: torch.Tensor) -> tuple[float, ...]:
    rows, columns = weights.matrix.indices().cpu()
    shares = weights.matrix.values().cpu().double()
    sums_K = torch.zeros(weights.matrix.shape[0], dtype=torch.float64)
    sums_K.index_add_(0, rows, shares * values_T[columns // weights.tokens_per_frame])
    return tuple(sums_K.tolist())


def _label_weights(
    labels_S: torch.Tensor, counts_K: torch.Tensor, features: VisualFeatures
) -> SourceWeights:
    num_frames, tokens_per_frame, _ = features.tokens.shape
    sources_S = labels_S.argsort(stable=True)
    rows_S = labels_S[sources_S]
    # Sorted by row, and by column in each row: coalesced as it stands.
    matrix = torch.sparse_coo_tensor(
        torch.stack([rows_S, sources_S]),
        1 / counts_K[rows_S].float(),
        (len(counts_K), len(labels_S)),
        is_coalesced=True,
        check_invariants=False,
    )
    return SourceWeights(matrix, num_frames, tokens_per_frame)
