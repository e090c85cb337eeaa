"""The Linear Video Tokenizer: refiner, then aggregator.

out = A · P · R · V, with R the 0/1 selection, P the pooling and A the aggregation weights. Every
factor is row-stochastic, so every video token is a weighted average of original visual tokens.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from linvt_cli.config import LinVTConfig, PositionLayout
from linvt_cli.types import SourceWeights, TokenizerName, VideoTokens, VisualFeatures
from linvt_cli.video_tokenizer.aggregator import Aggregator
from linvt_cli.video_tokenizer.averaging import keep_all, mean_times
from linvt_cli.video_tokenizer.base import KeptTokens, RefinedTokens, condensed_tokens
from linvt_cli.video_tokenizer.refiner import Refiner


class LinearVideoTokenizer(nn.Module):
    """Trainable tokenizer: ``forward`` for batches, ``refine`` and ``condense`` for one video.

    A single frame of at most K tokens passes through unchanged in number and value.
    """

    name: TokenizerName = "linvt"

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__()
        self.config = config
        self.refiner = Refiner(config)
        self.aggregator = Aggregator(config)

    @property
    def coordinates(self) -> frozenset[str]:
        """Names of the parameters that no half precision may round."""
        return frozenset(f"aggregator.{name}" for name in self.aggregator.coordinates)

    @property
    def num_video_tokens(self) -> int:
        """K, as the configuration sets it."""
        return self.config.num_video_tokens

    @property
    def position_layout(self) -> PositionLayout:
        """The layout it was trained with."""
        return self.config.position_layout

    def forward(
        self,
        visual_BTND: torch.Tensor,
        times_BT: torch.Tensor,
        grid: tuple[int, int],
        text_BLD: torch.Tensor | None = None,
        text_mask_BL: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Condense a batch of equally shaped videos, differentiably: (B, T, N, D) -> (B, K, D).

        Args:
            visual_BTND: Visual tokens.
            times_BT: Frame times in seconds.
            grid: Rows and columns of visual tokens in a frame.
            text_BLD: Question embeddings, padded to one length; None where nothing is asked.
            text_mask_BL: True for text, False for padding; None where all is text.
        """
        if self.passes_through(visual_BTND.shape[1], visual_BTND.shape[2]):
            return visual_BTND[:, 0]
        kept = self.refiner(visual_BTND, times_BT, grid)
        return _mix(self.aggregator(kept, text_BLD, text_mask_BL), kept.values)

    def weigh(self, features: VisualFeatures, texts: Sequence[torch.Tensor]) -> list[VideoTokens]:
        """Condense one video for several questions, differentiably.

        The tokens are those of ``refine`` and ``condense_each``; gradients flow through them alone.
        Times and seconds are left out where tokens are weighed: the device would be waited for.
        """
        return self._weigh_each(self._refined(features), texts)

    @torch.no_grad()
    def refine(self, features: VisualFeatures) -> RefinedTokens:
        """Score and keep the visual tokens of one video, for all questions about it."""
        return self._refined(features)

    @torch.no_grad()
    def condense(self, refined: RefinedTokens, text_LD: torch.Tensor) -> VideoTokens:
        """Weigh the kept tokens of one video for one question: K tokens and their sources."""
        (video_tokens,) = self.condense_each(refined, [text_LD])
        return video_tokens

    @torch.no_grad()
    def condense_each(
        self, refined: RefinedTokens, texts: Sequence[torch.Tensor]
    ) -> list[VideoTokens]:
        """Weigh the kept tokens of one video for several questions, which are read as one batch."""
        started = time.perf_counter()
        weighed = self._weigh_each(refined, texts)
        if refined.kept is None or not weighed:
            return weighed
        times = [mean_times(each.weights, refined.times) for each in weighed]
        seconds = (time.perf_counter() - started) / len(texts)
        return [
            replace(each, times=when, seconds=seconds)
            for each, when in zip(weighed, times, strict=True)
        ]

    def passes_through(self, num_frames: int, tokens_per_frame: int) -> bool:
        """Whether visual tokens of this shape are handed on as they are."""
        return num_frames == 1 and tokens_per_frame <= self.num_video_tokens

    def _refined(self, features: VisualFeatures) -> RefinedTokens:
        started = time.perf_counter()
        num_frames, tokens_per_frame, _ = features.tokens.shape
        if self.passes_through(num_frames, tokens_per_frame):
            return condensed_tokens(features, keep_all(features), started=started)
        times_1T = torch.tensor([features.times], device=features.tokens.device)
        kept = self.refiner(features.tokens[None], times_1T, features.grid)
        return RefinedTokens(
            times=features.times,
            tokens_per_frame=tokens_per_frame,
            kept=kept,
            seconds=time.perf_counter() - started,
        )

    def _weigh_each(
        self, refined: RefinedTokens, texts: Sequence[torch.Tensor]
    ) -> list[VideoTokens]:
        kept = refined.kept
        if kept is None or not texts:
            return [refined.question_free() for _ in texts]
        text_BLD = pad_sequence(list(texts), batch_first=True)
        lengths_B1 = torch.tensor([[len(text_LD)] for text_LD in texts], device=text_BLD.device)
        mask_BL = torch.arange(text_BLD.shape[1], device=text_BLD.device) < lengths_B1
        weights_BKk = self.aggregator(kept, text_BLD, mask_BL).expand(len(texts), -1, -1)
        weights = [_source_weights(weights_Kk, kept, refined) for weights_Kk in weights_BKk]
        tokens_BKD = _mix(weights_BKk, kept.values)
        return [
            VideoTokens(tokens_KD, each, times=(), scores=kept.gates[0].detach())
            for tokens_KD, each in zip(tokens_BKD, weights, strict=True)
        ]


def _mix(weights_BKk: torch.Tensor, values_BkD: torch.Tensor) -> torch.Tensor:
    """Average in float32, return in the dtype of the values: (B, K, D)."""
    with torch.autocast(values_BkD.device.type, enabled=False):
        return (weights_BKk @ values_BkD.float()).to(values_BkD.dtype)


def _source_weights(
    weights_Kk: torch.Tensor, kept: KeptTokens, refined: RefinedTokens
) -> SourceWeights:
    """Place the weights of the kept tokens among those of all T·N source tokens."""
    num_video_tokens, num_kept = weights_Kk.shape
    rows = torch.arange(num_video_tokens, device=weights_Kk.device).repeat_interleave(num_kept)
    columns = kept.indices[0].repeat(num_video_tokens)
    num_frames = len(refined.times)
    # Rows ascend, and so do the columns in each: coalesced as it stands.
    matrix = torch.sparse_coo_tensor(
        torch.stack([rows, columns]),
        weights_Kk.detach().flatten(),
        (num_video_tokens, num_frames * refined.tokens_per_frame),
        is_coalesced=True,
        check_invariants=False,
    )
    return SourceWeights(matrix, num_frames, refined.tokens_per_frame)
