"""LinVT whole, and with one of its parts replaced or taken away."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.config import LinVTConfig
from linvt_cli.training.ablation.variant import Clips, LinearVariant, Questions
from linvt_cli.training.linvt_stage import repeat_kept
from linvt_cli.video_tokenizer.aggregator import Aggregator
from linvt_cli.video_tokenizer.refiner import Refiner

_OPEN = 20.0  # a score whose gate is 1 within 2e-9


class LinVTVariant(LinearVariant):
    """LinVT: refiner, then aggregator.

    Args:
        config: its shape.
        refiner: in place of the refiner of that shape.
        aggregator: in place of the aggregator of that shape.
    """

    def __init__(
        self,
        config: LinVTConfig,
        *,
        refiner: Refiner | None = None,
        aggregator: Aggregator | None = None,
    ) -> None:
        super().__init__()
        self.refiner = refiner or Refiner(config)
        self.aggregator = aggregator or Aggregator(config)

    def num_kept(self, num_sources: int) -> int:
        """k, clamped to S."""
        return min(self.refiner.num_kept, num_sources)

    def weigh(self, clips: Clips, questions: Questions) -> Tensor:
        """The aggregator's weights, at the places of the kept tokens."""
        kept = self.refiner(clips.tokens, clips.times, clips.grid)
        if self.aggregator.question_encoder is None:
            weights_XKk = self.aggregator(kept, None)
        else:
            kept = repeat_kept(kept, len(questions.text) // len(clips.tokens))
            weights_XKk = self.aggregator(kept, questions.text, questions.mask)
        return _place(weights_XKk, kept.indices, clips.num_sources)


class RandomChoice(LinVTVariant):
    """The refiner's choice replaced by one at random, drawn anew for every clip and step.

    What the aggregator sees of the kept tokens is still made by the refiner's layers.
    """

    def __init__(self, config: LinVTConfig) -> None:
        draws = torch.Generator()
        super().__init__(config, refiner=_RandomRefiner(config, draws))
        self.draws = draws

    def fix_draws(self, seed: int) -> None:
        """Decide which tokens are chosen from here on."""
        self.draws.manual_seed(seed)


class EverythingKept(LinVTVariant):
    """The aggregator alone: nothing is selected, and no token is preferred."""

    def __init__(self, config: LinVTConfig, num_sources: int) -> None:
        super().__init__(config, refiner=_OpenRefiner(replace(config, num_kept=num_sources)))


class ScoredTokens(LinearVariant):
    """The refiner alone: its K best tokens, as they are, in time and position order.

    A choice has no gradient, so it is taken at the gate of each token as if the gate mixed the
    token with the mean of the clip: a token whose loss would be larger as mere average scores
    higher. What is handed on is the token itself, exactly, and the weights sum to 1.
    """

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__()
        self.refiner = Refiner(
            replace(
                config,
                scales=(1,),
                num_queries=(config.num_video_tokens,),
                num_kept=config.num_video_tokens,
            )
        )

    def num_kept(self, num_sources: int) -> int:
        """k, clamped to S."""
        return min(self.refiner.num_kept, num_sources)

    def weigh(self, clips: Clips, questions: Questions) -> Tensor:
        """One source token for each video token."""
        kept = self.refiner(clips.tokens, clips.times, clips.grid)
        gates_BK = kept.gates.flatten(1).gather(1, kept.indices)
        own_BKS = F.one_hot(kept.indices, clips.num_sources).to(gates_BK)
        nothing_BK = gates_BK - gates_BK.detach()  # 0 that has a gradient
        weights_BKS: Tensor = own_BKS + nothing_BK[..., None] * (own_BKS - 1 / clips.num_sources)
        return weights_BKS


class _OpenRefiner(Refiner):
    """Scores nothing: all gates are open."""

    def __init__(self, config: LinVTConfig) -> None:
        super().__init__(config)
        del self.score_norm, self.score_proj

    def score(self, hidden_BTNw: Tensor) -> Tensor:
        return hidden_BTNw.new_full(hidden_BTNw.shape[:-1], _OPEN, dtype=torch.float32)


class _RandomRefiner(_OpenRefiner):
    """Scores at random, with all gates open."""

    def __init__(self, config: LinVTConfig, draws: torch.Generator) -> None:
        super().__init__(config)
        self.draws = draws

    def score(self, hidden_BTNw: Tensor) -> Tensor:
        drawn_BTN = torch.rand(hidden_BTNw.shape[:-1], generator=self.draws)
        return _OPEN + drawn_BTN.to(hidden_BTNw.device)


def _place(weights_XKk: Tensor, indices_Xk: Tensor, num_sources: int) -> Tensor:
    """Place the weights of kept tokens among those of all source tokens: (X, K, S)."""
    num_tokens = weights_XKk.shape[1]
    empty_XKS = weights_XKk.new_zeros(len(weights_XKk), num_tokens, num_sources)
    return empty_XKS.scatter(2, indices_Xk[:, None].expand(-1, num_tokens, -1), weights_XKk)
