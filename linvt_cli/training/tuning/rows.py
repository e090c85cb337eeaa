"""Prompts with their answers as one batch of the language model, and what it makes of the answers.

As where several questions are answered together, prompts are padded on the left: the last positions
of all rows are those of answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from linvt_cli.backbones.base import Backbone
from linvt_cli.types import PromptEmbeds


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt and the answer that is to follow, one row of a batch."""

    prompt: PromptEmbeds
    answer_ids: tuple[int, ...]  # L ids; ends with the stop token
    weight: float = 1.0  # of the cross-entropy of each of its tokens


def read_rows(backbone: Backbone, rows: Sequence[Row]) -> Tensor:
    """Return the weighted sum of the cross-entropies of all answer tokens, in float32.

    Args:
        backbone: reads them in one step.
        rows: one or more; gradients flow into their prompts.
    """
    logits = answer_logits(backbone, rows)
    losses = [
        row.weight
        * F.cross_entropy(
            logits_LV.float(),
            torch.tensor(row.answer_ids, device=logits_LV.device),
            reduction="sum",
        )
        for row, logits_LV in zip(rows, logits, strict=True)
    ]
    return torch.stack(losses).sum()


def answer_logits(backbone: Backbone, rows: Sequence[Row]) -> list[Tensor]:
    """Return the logits of each row's answer tokens, each behind those before it: L x (L, V)."""
    embeds = [_joined(backbone, row) for row in rows]
    longest = max(map(len, embeds))
    missing = [longest - len(each) for each in embeds]
    device = embeds[0].device
    missing_B1 = torch.tensor(missing, device=device)[:, None]
    logits_BLV, _ = backbone.step(
        torch.stack(
            [F.pad(each, (0, 0, count, 0)) for each, count in zip(embeds, missing, strict=True)]
        ),
        None,
        positions=_positions(rows, missing),
        mask=torch.arange(longest, device=device) >= missing_B1 if any(missing) else None,
        logits_to_keep=max(len(row.answer_ids) for row in rows),
    )
    return [
        logits_LV[-len(row.answer_ids) :] for row, logits_LV in zip(rows, logits_BLV, strict=True)
    ]


def _joined(backbone: Backbone, row: Row) -> Tensor:
    """Prompt and answer but for its last token, behind which nothing is asked: (P + L - 1, D)."""
    answer_LD = backbone.embed_text(list(row.answer_ids[:-1]))
    return torch.cat([row.prompt.inputs_embeds[0], answer_LD])


def _positions(rows: Sequence[Row], missing: Sequence[int]) -> Tensor | None:
    """Positions of all rows where one of them does not simply count on: (axes, B, P + L - 1)."""
    placed = [row.prompt.positions for row in rows if row.prompt.positions is not None]
    if not placed:
        return None
    num_axes = len(placed[0])
    whole = []
    for row, count in zip(rows, missing, strict=True):
        positions_AP = _of_prompt(row.prompt, num_axes, placed[0])
        # As in decoding: an answer goes on behind the last position so far.
        start = positions_AP.max().floor() + 1
        steps_L = torch.arange(len(row.answer_ids) - 1, device=start.device)
        answer_AL = (start + steps_L).to(positions_AP.dtype).expand(num_axes, -1)
        whole.append(F.pad(torch.cat([positions_AP, answer_AL], dim=1), (count, 0)))
    return torch.stack(whole, dim=1)


def _of_prompt(prompt: PromptEmbeds, num_axes: int, like: Tensor) -> Tensor:
    if prompt.positions is not None:
        return prompt.positions[:, 0]
    counted_P = torch.arange(prompt.inputs_embeds.shape[1], device=like.device, dtype=like.dtype)
    return counted_P.expand(num_axes, -1)
