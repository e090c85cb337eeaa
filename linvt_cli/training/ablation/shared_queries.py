"""One set of queries for all scales, as in the published code: whatever was pooled, at once."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from linvt_cli.config import LinVTConfig
from linvt_cli.video_tokenizer.aggregator import (
    Aggregator,
    attention_weights,
    spread_over_windows,
    time_prior,
)
from linvt_cli.video_tokenizer.base import KeptTokens, PooledTokens


class SharedAggregator(Aggregator):
    """An aggregator whose K queries all see, and weigh, the pooled tokens of every scale."""

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__(replace(config, scales=(1,), num_queries=(config.num_video_tokens,)))

    def forward(
        self, kept: KeptTokens, text_BLD: Tensor | None, text_mask_BL: Tensor | None = None
    ) -> Tensor:
        """Return how much of each kept token goes into each video token: (B, K, k) float32."""
        keys_BMw = torch.cat([self.key_norm(group.keys) for group in kept.pooled], dim=1)
        all_scales = PooledTokens(
            scale=1,
            keys=keys_BMw,
            log_gates=torch.cat([group.log_gates for group in kept.pooled], dim=1),
            times=torch.cat([group.times for group in kept.pooled], dim=1),
        )
        query_BKw = self._ask([keys_BMw], text_BLD, text_mask_BL)
        prior_BKM = time_prior(all_scales, self.anchors.float(), self.log_spreads[0].float())
        weights_BKM = attention_weights(
            self.query_proj(self.query_norm(query_BKw)),
            self.key_proj(keys_BMw),
            all_scales.log_gates[:, None] + prior_BKM,
        )
        sizes = [group.keys.shape[1] for group in kept.pooled]
        spread = [
            spread_over_windows(weights, group.scale, kept.indices.shape[1])
            for weights, group in zip(
                torch.split(weights_BKM, sizes, dim=-1), kept.pooled, strict=True
            )
        ]
        return torch.stack(spread).sum(dim=0)
