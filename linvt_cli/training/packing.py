"""Several questions about one video in one training sequence.

The video's tokens stand first, once; each question with its answer is a block of its own that sees
the video and itself, not the other blocks. Positions start again after the video in every block, so
a block is computed exactly as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from linvt_cli.backbones.nano import Nano

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer, as token ids."""

    kind: str
    suffix: tuple[int, ...]  # template after the video, question included
    answer: tuple[int, ...]  # ends with the stop token


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


def encode_turn(nano: Nano, kind: str, question: str, answer: str) -> Turn:
    """Return a question and its answer as the ids that inference will use."""
    return Turn(kind, tuple(nano.render_prompt(question)[1]), tuple(nano.encode_answer(answer)))


def pack(
    nano: Nano, num_video_tokens: Sequence[int], turns: Sequence[Sequence[Turn]]
) -> PackedBatch:
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
    for b, (count, row) in enumerate(zip(num_video_tokens, turns, strict=True)):
        start = len(prefix) + count
        ids[b, : len(prefix)] = prefix
        is_video[b, len(prefix) : start] = True
        positions[b, :start] = np.arange(start)
        block[b, :start] = 0
        cursor = start
        for number, turn in enumerate(row, start=1):
            tokens = turn.suffix + turn.answer
            end = cursor + len(tokens)
            ids[b, cursor:end] = tokens
            positions[b, cursor:end] = start + np.arange(len(tokens))
            block[b, cursor:end] = number
            labels[b, cursor + len(turn.suffix) - 1 : end - 1] = turn.answer
            cursor = end
    return PackedBatch(
        ids=torch.from_numpy(ids),
        is_video=torch.from_numpy(is_video),
        positions=torch.from_numpy(positions),
        mask=_mask(torch.from_numpy(block)),
        labels=torch.from_numpy(labels),
        turn_of=torch.from_numpy(np.maximum(block, 0)),
        kinds=tuple(tuple(turn.kind for turn in row) for row in turns),
    )


def _mask(block_BP: Tensor) -> Tensor:
    """Let each token see the video, and what came before it in its own block: (B, 1, P, P)."""
    length = block_BP.shape[1]
    row, column = block_BP[:, :, None], block_BP[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    itself = torch.eye(length, dtype=torch.bool)  # padding must see something
    return ((((row == column) | (column == 0)) & causal) | itself)[:, None]


def answer_logits(nano: Nano, batch: PackedBatch, video_tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Run the language model and return the logits of answer positions with their labels.

    Args:
        nano: the image-LLM; gradients flow through it.
        batch: a packed batch on the model's device.
        video_tokens: (sum of K, D) video tokens of all sequences, one after the other.

    Returns:
        logits (A, V) and labels (A,) over all A answer tokens of the batch, row by row.
    """
    language_model = nano.model.language_model
    embeds = language_model.get_input_embeddings()(batch.ids)
    embeds = embeds.masked_scatter(batch.is_video[..., None], video_tokens.to(embeds.dtype))
    hidden = language_model.model(
        inputs_embeds=embeds, attention_mask=batch.mask, position_ids=batch.positions
    ).last_hidden_state
    asked = batch.labels != IGNORED
    logits: Tensor = language_model.lm_head(hidden[asked])
    return logits, batch.labels[asked]


def count_exact(batch: PackedBatch, logits: Tensor, labels: Tensor) -> dict[str, tuple[int, int]]:
    """Count turns whose answer greedy decoding would give token for token.

    Returns:
        For each kind, how many turns are exact and how many there are.
    """
    asked = batch.labels != IGNORED
    rows = torch.arange(len(asked))[:, None].expand_as(asked)[asked]
    turns = batch.turn_of[asked]
    wrong = logits.argmax(-1) != labels
    missed = {(int(b), int(n)) for b, n in zip(rows[wrong], turns[wrong], strict=True)}
    counts: dict[str, tuple[int, int]] = {}
    for b, kinds in enumerate(batch.kinds):
        for number, kind in enumerate(kinds, start=1):
            right, total = counts.get(kind, (0, 0))
            counts[kind] = (right + ((b, number) not in missed), total + 1)
    return counts
