"""Variants whose video tokens are no averages of tokens that the image-LLM understands."""

from __future__ import annotations

import torch
from torch import nn

from linvt_cli.config import LinVTConfig
from linvt_cli.training.ablation.parts import LinVTVariant
from linvt_cli.training.ablation.variant import Clips, Condensed, Questions, Variant, average
from linvt_cli.video_tokenizer.official import OfficialLinVT


class ProjectedValues(Variant):
    """LinVT with the value and output projections that attention usually has.

    Args:
        config: of LinVT.
        as_identity: whether both projections start as the identity, so that the first video tokens
            are those of LinVT; else they start at random, as projections do.
    """

    linear = False

    def __init__(self, config: LinVTConfig, *, as_identity: bool) -> None:
        super().__init__()
        self.linvt = LinVTVariant(config)
        self.value_proj = nn.Linear(config.embed_dim, config.embed_dim)
        self.out_proj = nn.Linear(config.embed_dim, config.embed_dim)
        for proj in (self.value_proj, self.out_proj):
            start = nn.init.eye_ if as_identity else nn.init.xavier_uniform_
            start(proj.weight)
            nn.init.zeros_(proj.bias)

    def num_kept(self, num_sources: int) -> int:
        """k, clamped to S."""
        return self.linvt.num_kept(num_sources)

    def forward(self, clips: Clips, questions: Questions) -> Condensed:
        """Average projected tokens, and project the averages."""
        weights = self.linvt.weigh(clips, questions)
        return Condensed(self.out_proj(average(weights, self.value_proj(clips.tokens))), None)


class PublishedArithmetic(Variant):
    """The published modules to the letter, faults included, with as many layers, heads and tokens.

    They work in the full width D; their scorer has no gradient.
    """

    linear = False

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__()
        self.official = OfficialLinVT(
            width=config.embed_dim,
            num_queries=config.num_video_tokens,
            num_layers=config.num_refiner_layers,
            num_heads=config.num_heads,
            top_k=config.num_kept,
            multi_scale=True,
        )
        # Nothing leads a gradient to these: two are unused, and the scorer only ranks.
        aggregation = self.official.tta_module.layer_linagg.linear_aggregator
        scorer = self.official.svt_module.token_selection.score_net
        for part in (aggregation.wv, aggregation.dense, scorer):
            part.requires_grad_(False)

    def num_kept(self, num_sources: int) -> int:
        """k, clamped to S."""
        return min(self.official.top_k, num_sources)

    def forward(self, clips: Clips, questions: Questions) -> Condensed:
        """Condense clip by clip and question by question: it knows no batches."""
        refined = [self.official.refine(visual_TND) for visual_TND in clips.tokens]
        per_clip = len(questions.text) // len(refined)
        tokens = [
            self.official.aggregate(refined[row // per_clip], text_LD[mask_L])
            for row, (text_LD, mask_L) in enumerate(
                zip(questions.text, questions.mask, strict=True)
            )
        ]
        return Condensed(torch.stack(tokens), None)
