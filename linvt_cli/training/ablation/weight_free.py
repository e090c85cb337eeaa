"""Variants that have nothing to train: whole frames, and the tokenizers that need no weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.training.ablation.variant import Clips, LinearVariant, Questions
from linvt_cli.types import VisualFeatures
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer


class WholeFrames(LinearVariant):
    """All tokens of some evenly spaced frames as they are, one frame after the other.

    Args:
        num_frames: how many frames, in the middles of as many parts; 1 takes the middle frame.
    """

    def __init__(self, num_frames: int) -> None:
        super().__init__()
        self.num_frames = num_frames

    def weigh(self, clips: Clips, questions: Questions) -> Tensor:
        """One source token for each video token."""
        num_clips, num_frames, num_cells, _ = clips.tokens.shape
        parts = torch.arange(self.num_frames)
        frames = (2 * parts + 1) * num_frames // (2 * self.num_frames)
        sources = (frames[:, None] * num_cells + torch.arange(num_cells)).flatten()
        chosen = F.one_hot(sources, clips.num_sources).to(clips.tokens)
        return chosen.expand(num_clips, -1, -1)


class WeightFree(LinearVariant):
    """A video tokenizer that needs no weights."""

    def __init__(self, tokenizer: MeanTokenizer | ClusterTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def weigh(self, clips: Clips, questions: Questions) -> Tensor:
        """The weights of its means."""
        return torch.stack(
            [
                self._weigh_one(VisualFeatures(tokens, tuple(times.tolist()), clips.grid))
                for tokens, times in zip(clips.tokens, clips.times, strict=True)
            ]
        )

    def _weigh_one(self, features: VisualFeatures) -> Tensor:
        condensed = self.tokenizer.refine(features).question_free()
        return condensed.weights.matrix.to_dense()
