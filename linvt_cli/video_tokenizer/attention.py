"""The two building blocks of refiner and aggregator: batch-first attention, Fourier embeddings.

Letters of this file beside those of ``types.py``: Q queries, S sources, w width, h heads.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

_CHUNK_NUMBERS = 2**25  # numbers alive at once in a chunk: 128 MiB in float32


class Attention(nn.Module):
    """Multi-head attention with bias, over the second axis of batch-first tensors.

    Args:
        width: Width w of queries, sources and output.
        num_heads: Number of heads; divides the width.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(
        self,
        query_BQw: torch.Tensor,
        source_BSw: torch.Tensor,
        mask_BS: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Let every query look at the sources of its own batch row: (B, Q, w) -> (B, Q, w).

        Of queries or sources there may be one row for all rows of the others.

        Args:
            query_BQw: What asks.
            source_BSw: What is looked at; keys and values are made of it.
            mask_BS: True where a source may be looked at; every row needs at least one.
        """
        mask_B11S = None if mask_BS is None else mask_BS[:, None, None, :]
        batch = max(len(query_BQw), len(source_BSw))
        mixed_BhQc = F.scaled_dot_product_attention(
            self._split_heads(self.q_proj(query_BQw)).expand(batch, -1, -1, -1),
            self._split_heads(self.k_proj(source_BSw)).expand(batch, -1, -1, -1),
            self._split_heads(self.v_proj(source_BSw)).expand(batch, -1, -1, -1),
            attn_mask=mask_B11S,
        )
        mixed_BQw: torch.Tensor = self.out_proj(mixed_BhQc.transpose(1, 2).flatten(2))
        return mixed_BQw

    def attend_to_itself(self, tokens_BSw: torch.Tensor) -> torch.Tensor:
        """Self-attention in chunks of the batch, so that memory does not grow with B.

        A chunk is sized for the worst kernel, the one that writes its S x S map down.
        """
        length, width = tokens_BSw.shape[1:]
        per_row = length * max(self.num_heads * length, 4 * width)
        chunks = torch.split(tokens_BSw, max(1, _CHUNK_NUMBERS // per_row))
        if len(chunks) == 1:
            return self.forward(tokens_BSw, tokens_BSw)
        return torch.cat([self.forward(chunk, chunk) for chunk in chunks])

    def _split_heads(self, tokens_BSw: torch.Tensor) -> torch.Tensor:
        batch, length, width = tokens_BSw.shape
        head_dim = width // self.num_heads
        return tokens_BSw.view(batch, length, self.num_heads, head_dim).transpose(1, 2)


class FourierEmbedding(nn.Module):
    """Coordinates as vectors: a linear map of sines and cosines of fixed frequencies π·2^j.

    Coordinates are continuous, so any number of frames and any grid can be embedded.

    Args:
        num_coordinates: How many coordinates a point has.
        width: Width w of the embedding.
        num_frequencies: The finest detail told apart is about 2^-num_frequencies.
    """

    def __init__(self, num_coordinates: int, width: int, *, num_frequencies: int) -> None:
        super().__init__()
        self.num_frequencies = num_frequencies
        self.proj = nn.Linear(2 * num_coordinates * num_frequencies, width)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Embed points: (..., num_coordinates) -> (..., w), in the dtype of the weights."""
        octaves = torch.arange(self.num_frequencies, device=points.device)
        # Sines of large angles need float32 whatever the weights are stored in.
        angles = (points.float()[..., None] * (math.pi * 2.0**octaves)).flatten(-2)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        embedded: torch.Tensor = self.proj(waves.to(self.proj.weight.dtype))
        return embedded
