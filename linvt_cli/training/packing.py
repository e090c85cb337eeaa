"""Several questions about one video in one training sequence.

The video's tokens stand first, once; each question with its answer is a block of its own that sees
the video and itself, not the other blocks. Positions start again after the video in every block, so
a block is computed exactly as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_text import NanoText

IGNORED = -100
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer, as token ids."""

    kind: str
    suffix: tuple[int, ...]  # template after the video, question included
    answer: tuple[int, ...]  # ends with the stop token


@dataclass(frozen=True, slots=True)
class Layout:
    """A packed batch before it is tensors: small, and the same in whatever process it is made."""

    ids: Array  # (B, P), as in a packed batch
    is_video: Array  # (B, P)
    positions: Array  # (B, P)
    labels: Array  # (B, P)
    block: Array  # (B, P) 0 for the video, from 1 for its turns, -1 for padding
    kinds: tuple[tuple[str, ...], ...]
    starts: tuple[tuple[int, ...], ...]

    def batch(self, device: torch.device) -> PackedBatch:
        """Return it as tensors on a device."""
        block = torch.from_numpy(self.block).to(device)
        return PackedBatch(
            ids=torch.from_numpy(self.ids).to(device),
            is_video=torch.from_numpy(self.is_video).to(device),
            positions=torch.from_numpy(self.positions).to(device),
            mask=_mask(block),
            labels=torch.from_numpy(self.labels).to(device),
            turn_of=block.clamp(min=0),
            kinds=self.kinds,
            starts=self.starts,
        )


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """B sequences of P tokens; letters as in ``linvt_cli.types``."""

    ids: Tensor  # (B, P) token ids; anything where a video token stands
    is_video: Tensor  # (B, P) bool
    positions: Tensor  # (B, P)
    mask: Tensor  # (B, 1, P, P) bool, True where the row may look at the column
    labels: Tensor  # (B, P) id that follows each token, IGNORED outside of answers
    turn_of: Tensor  # (B, P) number of the turn, 0 outside of turns
    kinds: tuple[tuple[str, ...], ...]  # kinds of each sequence's turns, turn 1 first
    starts: tuple[tuple[int, ...], ...]  # where each of the turns starts

    def to(self, device: torch.device) -> PackedBatch:
        """Return the batch with its tensors on a device."""
        return replace(
            self,
            ids=self.ids.to(device),
            is_video=self.is_video.to(device),
            positions=self.positions.to(device),
            mask=self.mask.to(device),
            labels=self.labels.to(device),
            turn_of=self.turn_of.to(device),
        )


def encode_turn(nano: Nano | NanoText, kind: str, question: str, answer: str) -> Turn:
    """Return a question and its answer as the ids that inference will use."""
    return Turn(kind, tuple(nano.render_prompt(question)[1]), tuple(nano.encode_answer(answer)))


def pack(
    nano: Nano | NanoText, num_video_tokens: Sequence[int], turns: Sequence[Sequence[Turn]]
) -> PackedBatch:
    """Return one sequence for each video with all of its turns; arguments as in ``lay_out``."""
    return lay_out(nano, num_video_tokens, turns).batch(torch.device("cpu"))


def lay_out(
    nano: Nano | NanoText, num_video_tokens: Sequence[int], turns: Sequence[Sequence[Turn]]
) -> Layout:
    """Lay out one sequence for each video with all of its turns.

    Args:
        nano: gives the template before the video.
        num_video_tokens: K of every sequence; they may differ.
        turns: the turns of every sequence, one or more.
    """
    prefix = nano.render_prompt("")[0]
    lengths = [
        len(prefix) + count + sum(len(t.suffix) + len(t.answer) for t in row)
        for count, row in zip(num_video_tokens, turns, strict=True)
    ]
    size, longest = len(turns), max(lengths)
    ids = np.zeros((size, longest), np.int64)
    is_video = np.zeros((size, longest), bool)
    positions = np.zeros((size, longest), np.int64)
    labels = np.full((size, longest), IGNORED, np.int64)
    block = np.full((size, longest), -1, np.int64)
    starts: list[list[int]] = []
    for b, (count, row) in enumerate(zip(num_video_tokens, turns, strict=True)):
        start = len(prefix) + count
        ids[b, : len(prefix)] = prefix
        is_video[b, len(prefix) : start] = True
        positions[b, :start] = np.arange(start)
        block[b, :start] = 0
        cursor = start
        starts.append([])
        for number, turn in enumerate(row, start=1):
            starts[-1].append(cursor)
            tokens = turn.suffix + turn.answer
            end = cursor + len(tokens)
            ids[b, cursor:end] = tokens
            positions[b, cursor:end] = start + np.arange(len(tokens))
            block[b, cursor:end] = number
            labels[b, cursor + len(turn.suffix) - 1 : end - 1] = turn.answer
            cursor = end
    return Layout(
        ids=ids,
        is_video=is_video,
        positions=positions,
        labels=labels,
        block=block,
        kinds=tuple(tuple(turn.kind for turn in row) for row in turns),
        starts=tuple(map(tuple, starts)),
    )


def fit(turns: Sequence[Turn], room: int) -> Sequence[Turn]:
    """Keep as many leading turns as have room: one at the least, whatever its length.

    Sequences of a batch that are equally long leave nothing to padding.

    Args:
        turns: one or more.
        room: tokens for questions and answers.
    """
    lengths = np.cumsum([len(turn.suffix) + len(turn.answer) for turn in turns])
    return turns[: max(1, int(np.searchsorted(lengths, room, side="right")))]


def _mask(block_BP: Tensor) -> Tensor:
    """Let each token see the video, and what came before it in its own block: (B, 1, P, P)."""
    length = block_BP.shape[1]
    row, column = block_BP[:, :, None], block_BP[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool, device=block_BP.device).tril()
    # Padding must see something.
    itself = torch.eye(length, dtype=torch.bool, device=block_BP.device)
    return ((((row == column) | (column == 0)) & causal) | itself)[:, None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the language model makes of a packed batch of A answer tokens."""

    logits: Tensor  # (A, V) of answer positions, row by row
    labels: Tensor  # (A,)
    states: tuple[Tensor, ...]  # (B, P, D) hidden states after 0, 1, 2, … layers


def read_batch(nano: Nano, batch: PackedBatch, video_tokens: Tensor) -> Reading:
    """Run the language model over a packed batch.

    Args:
        nano: the image-LLM; gradients flow through it.
        batch: a packed batch on the model's device.
        video_tokens: (S, D) video tokens of all sequences, one after the other.
    """
    language_model = nano.model.language_model
    embeds = language_model.get_input_embeddings()(batch.ids)
    related = _relate(nano, batch, video_tokens.to(embeds.dtype))
    embeds = embeds.masked_scatter(batch.is_video[..., None], related)
    output = language_model.model(
        inputs_embeds=embeds,
        attention_mask=batch.mask,
        position_ids=batch.positions,
        output_hidden_states=True,
        use_cache=False,
    )
    asked = batch.labels != IGNORED
    return Reading(
        logits=language_model.lm_head(output.last_hidden_state[asked]),
        labels=batch.labels[asked],
        states=output.hidden_states,
    )


def _relate(nano: Nano, batch: PackedBatch, tokens_SD: Tensor) -> Tensor:
    """Let the tokens of each video see each other: (S, D) -> (S, D)."""
    counts_B = batch.is_video.sum(dim=1)
    there_BK = torch.arange(int(counts_B.max()), device=counts_B.device) < counts_B[:, None]
    padded_BKD = tokens_SD.new_zeros(*there_BK.shape, tokens_SD.shape[-1])
    padded_BKD = padded_BKD.masked_scatter(there_BK[..., None], tokens_SD)
    return nano.model.relate(padded_BKD, there_BK)[there_BK]


def count_exact(batch: PackedBatch, logits: Tensor, labels: Tensor) -> dict[str, tuple[int, int]]:
    """Count turns whose answer greedy decoding would give token for token.

    Returns:
        For each kind, how many turns are exact and how many there are.
    """
    asked = batch.labels != IGNORED
    rows = torch.arange(len(asked), device=asked.device)[:, None].expand_as(asked)[asked]
    turns = batch.turn_of[asked]
    wrong = logits.argmax(-1) != labels
    missed = set(zip(rows[wrong].tolist(), turns[wrong].tolist(), strict=True))
    counts: dict[str, tuple[int, int]] = {}
    for b, kinds in enumerate(batch.kinds):
        for number, kind in enumerate(kinds, start=1):
            right, total = counts.get(kind, (0, 0))
            counts[kind] = (right + ((b, number) not in missed), total + 1)
    return counts
