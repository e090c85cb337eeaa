"""The published LinVT modules, to the letter: for weights that their authors may release.

Source: github.com/gls0425/LinVT at 9301c890, as described by its key names and arithmetic; no code
is taken from it. Faults are reproduced, since weights trained with them only make sense with them:

- attention runs over the first axis of (B·T, N, C), (B·N, T, C) and (1, Q, C), so "spatial" mixes
  frames, "temporal" mixes positions and queries never see each other;
- no residual, norm or position in the refiner, and its *transformed* tokens are handed on;
- kept tokens stand in order of score, and so pooling averages neighbours in score;
- the aggregation has several heads: convex within each head's channels only.

Two things differ where the published code raises: fewer than ``top_k`` tokens are all kept, and
one query is allowed. For anything else use ``LinearVideoTokenizer``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Self

import torch
from torch import nn
from torch.nn import functional as F

from linvt_cli.errors import CheckpointCorruptError

_PREFIX = "linVT."
_QUERIES = "query_tokens"
# Parts of the same chat model that are not LinVT; "base_model." is what LoRA puts in front.
_OTHER_PARTS = ("vision_model.", "mlp1.", "language_model.", "base_model.")
_LAYER_KEY = re.compile(r"svt_module\.attention_network\.layers\.(\d+)\.")
_POOLING_SCALES = (1, 2, 4)
_NAMES_SHOWN = 10


class _SpatioTemporalLayer(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.spatial_attention = nn.MultiheadAttention(width, num_heads)
        self.temporal_attention = nn.MultiheadAttention(width, num_heads)

    def forward(self, hidden_TNC: torch.Tensor) -> torch.Tensor:
        # MultiheadAttention takes (length, batch, C): frames are the length here, not the batch.
        hidden_TNC = self.spatial_attention(hidden_TNC, hidden_TNC, hidden_TNC)[0]
        hidden_NTC = hidden_TNC.transpose(0, 1)
        mixed_NTC: torch.Tensor = self.temporal_attention(hidden_NTC, hidden_NTC, hidden_NTC)[0]
        return mixed_NTC.transpose(0, 1)


class _AttentionNetwork(nn.Module):
    def __init__(self, width: int, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _SpatioTemporalLayer(width, num_heads) for _ in range(num_layers)
        )


class _TokenSelection(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.score_net = nn.Linear(width, 1)


class _Refiner(nn.Module):
    def __init__(self, width: int, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.attention_network = _AttentionNetwork(width, num_heads, num_layers)
        self.token_selection = _TokenSelection(width)

    def forward(self, visual_TNC: torch.Tensor, top_k: int) -> torch.Tensor:
        hidden_TNC = visual_TNC
        for layer in self.attention_network.layers:
            hidden_TNC = layer(hidden_TNC)
        hidden_SC = hidden_TNC.flatten(0, 1)
        scores_S = self.token_selection.score_net(hidden_SC).squeeze(-1)
        return hidden_SC[scores_S.topk(min(top_k, len(scores_S))).indices]


class _CrossAttention(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.wq = nn.Linear(width, width)
        self.wk = nn.Linear(width, width)
        self.wv = nn.Linear(width, width)
        self.dense = nn.Linear(width, width)

    def forward(self, query_QC: torch.Tensor, source_MC: torch.Tensor) -> torch.Tensor:
        mixed_QC: torch.Tensor = self.dense(self.mix(query_QC, source_MC, self.wv(source_MC)))
        return mixed_QC

    def mix(
        self, query_QC: torch.Tensor, source_MC: torch.Tensor, values_MC: torch.Tensor
    ) -> torch.Tensor:
        query_hQc, key_hMc, values_hMc = (
            part.view(len(part), self.num_heads, -1).transpose(0, 1)
            for part in (self.wq(query_QC), self.wk(source_MC), values_MC)
        )
        logits_hQM = query_hQc @ key_hMc.mT / math.sqrt(query_hQc.shape[-1])
        return (logits_hQM.softmax(dim=-1) @ values_hMc).transpose(0, 1).flatten(1)


class _AggregatorLayer(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.self_attention = nn.MultiheadAttention(width, num_heads)
        self.visual_cross_attention = _CrossAttention(width, num_heads)
        self.text_cross_attention = _CrossAttention(width, num_heads)
        self.norm_self = nn.LayerNorm(width)
        self.norm_cross_v = nn.LayerNorm(width)
        self.norm_cross_t = nn.LayerNorm(width)

    def forward(
        self, query_QC: torch.Tensor, visual_MC: torch.Tensor, text_LC: torch.Tensor
    ) -> torch.Tensor:
        query_1QC = query_QC[None]  # length 1, batch Q: each query sees itself alone
        seen_1QC = self.self_attention(query_1QC, query_1QC, query_1QC)[0]
        query_QC = self.norm_self(query_QC + seen_1QC[0])
        query_QC = self.norm_cross_v(query_QC + self.visual_cross_attention(query_QC, visual_MC))
        asked_QC: torch.Tensor = self.text_cross_attention(query_QC, text_LC)
        final_QC: torch.Tensor = self.norm_cross_t(query_QC + asked_QC)
        return final_QC


class _LinearAggregation(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.linear_aggregator = _CrossAttention(width, num_heads)  # wv and dense stay unused

    def forward(self, query_QC: torch.Tensor, visual_MC: torch.Tensor) -> torch.Tensor:
        return self.linear_aggregator.mix(query_QC, visual_MC, visual_MC)


class _Aggregator(nn.Module):
    def __init__(self, width: int, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.layers_vt = nn.ModuleList(
            _AggregatorLayer(width, num_heads) for _ in range(num_layers)
        )
        self.layer_linagg = _LinearAggregation(width, num_heads)

    def forward(
        self, query_QC: torch.Tensor, visual_MC: torch.Tensor, text_LC: torch.Tensor
    ) -> torch.Tensor:
        for layer in self.layers_vt:
            query_QC = layer(query_QC, visual_MC, text_LC)
        mixed_QC: torch.Tensor = self.layer_linagg(query_QC, visual_MC)
        return mixed_QC


class OfficialLinVT(nn.Module):
    """The published LinVT with its own key names and its own arithmetic.

    Args:
        width: C, the language model's hidden size.
        num_queries: Q, the number of output tokens.
        num_layers: Layers of the refiner, and again of the aggregator.
        num_heads: The published model is built with 4, its modules' demos with 8.
        top_k: Tokens kept.
        multi_scale: Whether kept tokens are pooled by 1, 2 and 4.
    """

    def __init__(
        self,
        *,
        width: int,
        num_queries: int,
        num_layers: int,
        num_heads: int = 4,
        top_k: int = 1024,
        multi_scale: bool = False,
    ) -> None:
        super().__init__()
        self.top_k = top_k
        self.multi_scale = multi_scale
        self.query_tokens = nn.Parameter(torch.randn(1, num_queries, width) * 0.02)
        self.svt_module = _Refiner(width, num_heads, num_layers)
        self.tta_module = _Aggregator(width, num_heads, num_layers)

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, torch.Tensor],
        *,
        num_heads: int = 4,
        top_k: int = 1024,
        multi_scale: bool = False,
    ) -> Self:
        """Build from the published keys; C, Q and the number of layers follow from the shapes.

        Args:
            state: Tensors of the whole chat model, or of LinVT alone with the same names.
            num_heads: Not recoverable from the shapes.
            top_k: Not recoverable from the shapes.
            multi_scale: Not recoverable from the shapes.

        Raises:
            CheckpointCorruptError: Keys are missing, unknown or of another shape; all are named.
        """
        own = {
            name.removeprefix(_PREFIX): tensor
            for name, tensor in state.items()
            if not name.startswith(_OTHER_PARTS)
        }
        queries = own.get(_QUERIES)
        if queries is None or queries.ndim != 3:
            raise CheckpointCorruptError(
                f"The official weights lack '{_QUERIES}' of shape (1, Q, C)",
                hint="pass the state dict of the whole chat model",
            )
        layers = [int(match[1]) for match in map(_LAYER_KEY.match, own) if match]
        with torch.device("meta"):
            module = cls(
                width=queries.shape[2],
                num_queries=queries.shape[1],
                num_layers=max(layers, default=-1) + 1,
                num_heads=num_heads,
                top_k=top_k,
                multi_scale=multi_scale,
            )
        _require_keys(own, module.state_dict())
        module.load_state_dict(own, assign=True)
        return module

    def forward(self, visual_TND: torch.Tensor, text_LD: torch.Tensor) -> torch.Tensor:
        """Condense one video for one question: (T, N, C) -> (Q, C)."""
        return self.aggregate(self.refine(visual_TND), text_LD)

    def refine(self, visual_TND: torch.Tensor) -> torch.Tensor:
        """Transform, select and pool the tokens of one video, for all questions: (M, C)."""
        kept_kC: torch.Tensor = self.svt_module(visual_TND, self.top_k)
        return _pool_scales(kept_kC) if self.multi_scale else kept_kC

    def aggregate(self, visual_MC: torch.Tensor, text_LD: torch.Tensor) -> torch.Tensor:
        """Weigh refined tokens for one question: (M, C) -> (Q, C)."""
        mixed_QC: torch.Tensor = self.tta_module(self.query_tokens[0], visual_MC, text_LD)
        return mixed_QC


def _pool_scales(kept_kC: torch.Tensor) -> torch.Tensor:
    """Average in score order; leftovers are dropped, scales longer than the list skipped."""
    return torch.cat(
        [F.avg_pool1d(kept_kC.T, scale).T for scale in _POOLING_SCALES if scale <= len(kept_kC)]
    )


def _require_keys(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> None:
    faults = {
        "unknown": sorted(found.keys() - wanted.keys()),
        "missing": sorted(wanted.keys() - found.keys()),
        "wrongly shaped": sorted(
            name for name in wanted.keys() & found.keys() if wanted[name].shape != found[name].shape
        ),
    }
    listed = [
        f"{fault} {', '.join(names[:_NAMES_SHOWN])}"
        + (f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else "")
        for fault, names in faults.items()
        if names
    ]
    if listed:
        raise CheckpointCorruptError(
            f"The official weights do not fit the published modules: {'; '.join(listed)}",
            hint="linvt reads the modules of github.com/gls0425/LinVT as of December 2024",
        )
