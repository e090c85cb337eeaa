"""Spatio-temporal Visual token Refiner (SVR): which visual tokens matter, whatever is asked.

Implements §3 of arXiv 2412.05185 by its principle: scoring only scores. Attention runs over a
narrow copy of the tokens; what is handed on are the original tokens, gathered by index. The
published code hands on the attention's output instead, and trains no scorer.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from linvt_cli.config import LinVTConfig
from linvt_cli.video_tokenizer.attention import Attention, FourierEmbedding
from linvt_cli.video_tokenizer.base import KeptTokens, PooledTokens

_TIME_FREQUENCIES = 8  # tells 256 moments of a video apart
_PLACE_FREQUENCIES = 5  # tells 32 rows and columns apart


class RefinerLayer(nn.Module):
    """Attention within every frame, then across frames at every position; pre-norm, residual.

    Never over all T·N tokens at once: cost and memory would grow with (T·N)².
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.spatial_norm = nn.LayerNorm(width)
        self.spatial_attention = Attention(width, num_heads)
        self.temporal_norm = nn.LayerNorm(width)
        self.temporal_attention = Attention(width, num_heads)

    def forward(self, hidden_BTNw: torch.Tensor) -> torch.Tensor:
        """Mix the scoring features: (B, T, N, w) -> (B, T, N, w)."""
        return self.mix_frames(self.mix_positions(hidden_BTNw))

    def mix_positions(self, hidden_BTNw: torch.Tensor) -> torch.Tensor:
        """Let tokens look at those of their own frame only."""
        frames_XNw = self.spatial_norm(hidden_BTNw).flatten(0, 1)
        mixed_XNw = self.spatial_attention.attend_to_itself(frames_XNw)
        return hidden_BTNw + mixed_XNw.view_as(hidden_BTNw)

    def mix_frames(self, hidden_BTNw: torch.Tensor) -> torch.Tensor:
        """Let tokens look at those of their own position only, in all frames."""
        hidden_BNTw = self.temporal_norm(hidden_BTNw).transpose(1, 2)
        mixed_XTw = self.temporal_attention.attend_to_itself(hidden_BNTw.flatten(0, 1))
        return hidden_BTNw + mixed_XTw.view(hidden_BNTw.shape).transpose(1, 2)


class Refiner(nn.Module):
    """Scores all visual tokens, keeps the best, and pools the kept ones at several scales."""

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__()
        width = config.score_width
        self.num_kept = config.num_kept
        self.scales = config.scales
        self.input_norm = nn.LayerNorm(config.embed_dim)
        self.input_proj = nn.Linear(config.embed_dim, width)
        self.time_embedding = FourierEmbedding(1, width, num_frequencies=_TIME_FREQUENCIES)
        self.place_embedding = FourierEmbedding(2, width, num_frequencies=_PLACE_FREQUENCIES)
        self.layers = nn.ModuleList(
            RefinerLayer(width, config.num_heads) for _ in range(config.num_refiner_layers)
        )
        self.score_norm = nn.LayerNorm(width)
        self.score_proj = nn.Linear(width, 1)

    def forward(
        self, visual_BTND: torch.Tensor, times_BT: torch.Tensor, grid: tuple[int, int]
    ) -> KeptTokens:
        """Keep the k = min(num_kept, T·N) most significant tokens of all frames together.

        Args:
            visual_BTND: Visual tokens; they are read, never changed.
            times_BT: Frame times in seconds.
            grid: Rows and columns of visual tokens in a frame.
        """
        progress_BT = _progress(times_BT)
        hidden_BTNw = self.encode(visual_BTND, progress_BT, grid)
        scores_BTN = self.score(hidden_BTNw)

        tokens_per_frame = visual_BTND.shape[2]
        num_kept = min(self.num_kept, scores_BTN[0].numel())
        # Sorted back into time and position order, so that pooling averages neighbours.
        indices_Bk = scores_BTN.flatten(1).topk(num_kept).indices.sort().values
        log_gates_Bk = F.logsigmoid(scores_BTN.flatten(1).gather(1, indices_Bk))
        keys_Bkw = _gather_tokens(hidden_BTNw, indices_Bk)
        times_Bk = progress_BT.gather(1, indices_Bk // tokens_per_frame)
        return KeptTokens(
            values=_gather_tokens(visual_BTND, indices_Bk),
            indices=indices_Bk,
            gates=scores_BTN.sigmoid(),
            pooled=tuple(pool(keys_Bkw, log_gates_Bk, times_Bk, scale) for scale in self.scales),
        )

    def encode(
        self, visual_BTND: torch.Tensor, progress_BT: torch.Tensor, grid: tuple[int, int]
    ) -> torch.Tensor:
        """Make the scoring copy and let it look around: (B, T, N, D) -> (B, T, N, w)."""
        visual_BTND = visual_BTND.to(self.input_proj.weight.dtype)
        time_BTw = self.time_embedding(progress_BT[..., None])
        place_Nw = self.place_embedding(_places(grid, visual_BTND.device))
        hidden_BTNw: torch.Tensor = self.input_proj(self.input_norm(visual_BTND))
        hidden_BTNw = hidden_BTNw + time_BTw[:, :, None] + place_Nw
        for layer in self.layers:
            hidden_BTNw = layer(hidden_BTNw)
        return hidden_BTNw

    def score(self, hidden_BTNw: torch.Tensor) -> torch.Tensor:
        """Significance as float32 logits: (B, T, N, w) -> (B, T, N).

        Computed in float32 as well, whatever the weights are: in bfloat16 a third of the tokens of
        a video have the score of another one, and which of them are kept is arbitrary.
        """
        norm, proj = self.score_norm, self.score_proj
        with torch.autocast(hidden_BTNw.device.type, enabled=False):
            normal_BTNw = F.layer_norm(
                hidden_BTNw.float(),
                norm.normalized_shape,
                norm.weight.float(),
                norm.bias.float(),
                norm.eps,
            )
            scores_BTN1 = F.linear(normal_BTNw, proj.weight.float(), proj.bias.float())
        return scores_BTN1.squeeze(-1)


def pool(
    keys_Bkw: torch.Tensor, log_gates_Bk: torch.Tensor, times_Bk: torch.Tensor, scale: int
) -> PooledTokens:
    """Average neighbours in windows of ``scale``; the last window averages what is left."""
    return PooledTokens(
        scale=scale,
        keys=_window_means(keys_Bkw.float(), scale).to(keys_Bkw.dtype),
        # From logarithm to logarithm, so that a gate near 0 keeps its gradient.
        log_gates=_log_window_means(log_gates_Bk, scale),
        times=_window_means(times_Bk[..., None], scale).squeeze(-1),
    )


def window_sizes(length: int, scale: int, device: torch.device | None = None) -> torch.Tensor:
    """How many of ``length`` tokens each window of ``scale`` holds: (M,) float32."""
    starts = torch.arange(0, length, scale, device=device)
    return (length - starts).clamp(max=scale).float()


def _window_means(tokens_BkC: torch.Tensor, scale: int) -> torch.Tensor:
    length = tokens_BkC.shape[1]
    padded = F.pad(tokens_BkC, (0, 0, 0, -length % scale))
    sums_BMC = padded.view(len(padded), -1, scale, padded.shape[2]).sum(dim=2)
    return sums_BMC / window_sizes(length, scale, tokens_BkC.device)[:, None]


def _log_window_means(logs_Bk: torch.Tensor, scale: int) -> torch.Tensor:
    length = logs_Bk.shape[1]
    padded = F.pad(logs_Bk, (0, -length % scale), value=float("-inf"))
    sums_BM = padded.view(len(padded), -1, scale).logsumexp(dim=2)
    return sums_BM - window_sizes(length, scale, logs_Bk.device).log()


def _progress(times_BT: torch.Tensor) -> torch.Tensor:
    """Frame times as a share of the span: 0 first frame, 1 last; 0 for a single frame."""
    since_start_BT = (times_BT - times_BT[:, :1]).float()
    span_B1 = since_start_BT[:, -1:]
    return since_start_BT / torch.where(span_B1 > 0, span_B1, 1.0)


def _places(grid: tuple[int, int], device: torch.device) -> torch.Tensor:
    """Centres of the cells of a frame as (row, column) in (0, 1), row by row: (N, 2)."""
    rows, columns = (
        (torch.arange(count, device=device, dtype=torch.float32) + 0.5) / count for count in grid
    )
    return torch.cartesian_prod(rows, columns)


def _gather_tokens(tokens_BTNC: torch.Tensor, indices_Bk: torch.Tensor) -> torch.Tensor:
    width = tokens_BTNC.shape[-1]
    return tokens_BTNC.flatten(1, 2).gather(1, indices_Bk[..., None].expand(-1, -1, width))
