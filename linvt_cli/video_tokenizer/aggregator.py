"""Text-conditioned Token Aggregator (TTA): how much of which kept token the question needs.

Implements §3 of arXiv 2412.05185: scale-specific queries look at each other, at the pooled
tokens of their scale and at the question; the last step weighs unprojected tokens, with a single
head, so each video token is a convex combination of original visual tokens.

How we differ: the weights also carry the scorer's log-gates, which is how the refiner learns, and
a prior over time. Without the prior the weights are near-uniform at the start of training, every
video token is the same mean, and nothing tells the language model when anything happened; with it
each query starts at a moment of its own and the video tokens stand in time order. Both terms live
in the logits, so rows stay convex.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from linvt_cli.config import LinVTConfig
from linvt_cli.video_tokenizer.attention import Attention, FourierEmbedding
from linvt_cli.video_tokenizer.base import KeptTokens, PooledTokens
from linvt_cli.video_tokenizer.refiner import window_sizes

_QUERY_STD = 0.02  # as in the published code
_TIME_FREQUENCIES = 8
_TEXT_FREQUENCIES = 6
_TEXT_SPAN = 64  # tokens; with 6 frequencies the shortest wave spans 4 of them


class QuestionEncoder(nn.Module):
    """Question embeddings in the scoring width, with their place in the question."""

    def __init__(self, embed_dim: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim)
        self.proj = nn.Linear(embed_dim, width)
        self.place_embedding = FourierEmbedding(1, width, num_frequencies=_TEXT_FREQUENCIES)

    def forward(self, text_BLD: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """Encode: (B, L, D) -> (B, L, w). Padding on either side moves no place."""
        places_BL = mask_BL.cumsum(dim=1) / _TEXT_SPAN
        hidden_BLw: torch.Tensor = self.proj(self.norm(text_BLD.to(self.proj.weight.dtype)))
        place_BLw: torch.Tensor = self.place_embedding(places_BL[..., None])
        return hidden_BLw + place_BLw


class AggregatorLayer(nn.Module):
    """Queries look at each other, at the video, at the question; pre-norm, residual."""

    def __init__(self, width: int, num_heads: int, *, text_conditioned: bool) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(width)
        self.self_attention = Attention(width, num_heads)
        self.visual_norm = nn.LayerNorm(width)
        self.visual_attention = Attention(width, num_heads)
        if text_conditioned:
            self.text_norm = nn.LayerNorm(width)
            self.text_attention = Attention(width, num_heads)

    def forward(
        self,
        query_BKw: torch.Tensor,
        keys: list[torch.Tensor],
        sizes: list[int],
        text: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> torch.Tensor:
        """Refine the queries: (B, K, w) -> (B, K, w).

        Args:
            query_BKw: Queries, group after group.
            keys: For each group, the scoring features of its pooled tokens, (B, M, w).
            sizes: How many queries each group has.
            text: The encoded question (B, L, w) and its mask (B, L); None where nothing is asked.
        """
        query_BKw = self._look_at_queries(query_BKw)
        query_BKw = self._look_at_video(query_BKw, keys, sizes)
        return query_BKw if text is None else self._look_at_text(query_BKw, *text)

    def _look_at_queries(self, query_BKw: torch.Tensor) -> torch.Tensor:
        """Let all queries of all scales see each other."""
        normed_BKw = self.self_norm(query_BKw)
        seen_BKw: torch.Tensor = self.self_attention(normed_BKw, normed_BKw)
        return query_BKw + seen_BKw

    def _look_at_video(
        self, query_BKw: torch.Tensor, keys: list[torch.Tensor], sizes: list[int]
    ) -> torch.Tensor:
        """Let the queries of each scale see the pooled tokens of their scale only."""
        groups = torch.split(self.visual_norm(query_BKw), sizes, dim=1)
        seen = [
            self.visual_attention(group, keys_BMw)
            for group, keys_BMw in zip(groups, keys, strict=True)
        ]
        return query_BKw + torch.cat(seen, dim=1)

    def _look_at_text(
        self, query_BKw: torch.Tensor, text_BLw: torch.Tensor, mask_BL: torch.Tensor
    ) -> torch.Tensor:
        """Let all queries see the question; rows without any text stay as they are."""
        has_text_B1 = mask_BL.any(dim=1, keepdim=True)
        # A softmax over nothing is undefined: such rows look at padding, and it is dropped.
        seen_BKw: torch.Tensor = self.text_attention(
            self.text_norm(query_BKw), text_BLw, mask_BL | ~has_text_B1
        )
        return query_BKw + seen_BKw.where(has_text_B1[..., None], 0.0)


class Aggregator(nn.Module):
    """Weighs the kept tokens of a video for one question."""

    coordinates: ClassVar[tuple[str, ...]] = ("anchors", "log_spreads")
    """Places and widths in time: parameters in float32, whatever the others are turned into.

    Rounded to bfloat16, an anchor moves by up to 0.002, which is 0.8 rad of the finest wave.
    """

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__()
        width = config.score_width
        self.sizes = list(config.num_queries)
        anchors = initial_anchors(config.num_queries)
        self.order = sorted(range(len(anchors)), key=anchors.__getitem__)
        self.queries = nn.Parameter(torch.randn(len(anchors), width) * _QUERY_STD)
        self.anchors = nn.Parameter(torch.tensor(anchors))
        # 3/4 of the distance between neighbours: they overlap, and together leave no gap.
        self.log_spreads = nn.Parameter(
            torch.tensor([math.log(max(0.75 / size, 0.02)) for size in config.num_queries])
        )
        self.anchor_embedding = FourierEmbedding(1, width, num_frequencies=_TIME_FREQUENCIES)
        self.question_encoder = (
            QuestionEncoder(config.embed_dim, width) if config.text_conditioned else None
        )
        self.layers = nn.ModuleList(
            AggregatorLayer(width, config.num_heads, text_conditioned=config.text_conditioned)
            for _ in range(config.num_aggregator_layers)
        )
        self.key_norm = nn.LayerNorm(width)
        self.query_norm = nn.LayerNorm(width)
        self.query_proj = nn.Linear(width, width)
        self.key_proj = nn.Linear(width, width)

    def forward(
        self,
        kept: KeptTokens,
        text_BLD: torch.Tensor | None,
        text_mask_BL: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return how much of each kept token goes into each video token: (B, K, k) float32.

        Rows are >= 0, sum to 1 and stand in the order of their queries' first anchors.

        Args:
            kept: What the refiner kept: of B videos, or of one that B questions are asked about.
            text_BLD: Question embeddings; None or L = 0 where nothing is asked.
            text_mask_BL: True for text, False for padding; None where all is text.
        """
        keys = [self.key_norm(group.keys) for group in kept.pooled]
        query_BKw = self._ask(keys, text_BLD, text_mask_BL)
        asking_BKw = self.query_proj(self.query_norm(query_BKw))
        query_groups = torch.split(asking_BKw, self.sizes, dim=1)
        anchor_groups = torch.split(self.anchors.float(), self.sizes)
        weights_BKk = torch.cat(
            [
                spread_over_windows(
                    attention_weights(
                        query_groups[g],
                        self.key_proj(keys[g]),
                        group.log_gates[:, None]
                        + time_prior(group, anchor_groups[g], self.log_spreads[g].float()),
                    ),
                    group.scale,
                    kept.indices.shape[1],
                )
                for g, group in enumerate(kept.pooled)
            ],
            dim=1,
        )
        return weights_BKk[:, self.order]

    def _ask(
        self,
        keys: list[torch.Tensor],
        text_BLD: torch.Tensor | None,
        text_mask_BL: torch.Tensor | None,
    ) -> torch.Tensor:
        """Let the learnt queries see the video and the question: (B, K, w)."""
        start_Kw = self.queries + self.anchor_embedding(self.anchors[:, None])
        query_BKw: torch.Tensor = start_Kw.expand(keys[0].shape[0], -1, -1)
        text = None
        if self.question_encoder is not None and text_BLD is not None and text_BLD.shape[1] > 0:
            if text_mask_BL is None:
                text_mask_BL = torch.ones(text_BLD.shape[:2], device=text_BLD.device)
            text_mask_BL = text_mask_BL.bool()
            text = self.question_encoder(text_BLD, text_mask_BL), text_mask_BL
        for layer in self.layers:
            query_BKw = layer(query_BKw, keys, self.sizes, text)
        return query_BKw


def initial_anchors(num_queries: tuple[int, ...]) -> list[float]:
    """Where in the video each query starts to look, in (0, 1), group by group: (K,)."""
    return [(i + 0.5) / size for size in num_queries for i in range(size)]


def spread_over_windows(weights_BnM: torch.Tensor, scale: int, num_kept: int) -> torch.Tensor:
    """Share each pooled token's weight among its window: (B, n, M) -> (B, n, k)."""
    sizes_M = window_sizes(num_kept, scale, weights_BnM.device)
    return (weights_BnM / sizes_M).repeat_interleave(scale, dim=-1)[..., :num_kept]


def time_prior(
    group: PooledTokens, anchors_n: torch.Tensor, log_spread: torch.Tensor
) -> torch.Tensor:
    """Logarithm of a bell curve around each query's anchor, up to a constant: (B, n, M)."""
    distance_BnM = group.times[:, None] - anchors_n[:, None]
    return -((distance_BnM / log_spread.exp()) ** 2) / 2


def attention_weights(
    query_Bnw: torch.Tensor, keys_BMw: torch.Tensor, bias_BnM: torch.Tensor
) -> torch.Tensor:
    """One-headed softmax weights in float32, whatever the weights' dtype or autocast: (B, n, M)."""
    with torch.autocast(query_Bnw.device.type, enabled=False):
        logits_BnM = query_Bnw.float() @ keys_BMw.float().mT / math.sqrt(query_Bnw.shape[-1])
        return (logits_BnM + bias_BnM).softmax(dim=-1)
