"""Allowed answers, scored: how likely the model is to give each of them.

A choice's score is the log-probability that the model writes just this answer and then stops: the
sum over its tokens, stop token included. Among the choices these are made to sum to 1, so a
probability says how likely the choice is if the answer is known to be one of them.

lm-evaluation-harness scores multiple choice with the plain sum ("acc") and with the sum divided by
the length in bytes ("acc_norm"), because without a stop token a text is never less likely than what
goes on from it. With the stop token the answers exclude each other whatever their length, and
nothing has to be divided: a quotient would be no probability.

An answer with a full stop is the same answer (surface forms compete for probability: Holtzman and
others, 2021, arXiv 2104.08315), so both ways to write it count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.errors import ContextLengthError
from linvt_cli.generation.sampler import require_finite
from linvt_cli.generation.together import in_halves
from linvt_cli.types import Choice, PromptEmbeds

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone, KVCache

_MAX_BATCH_POSITIONS = 1 << 15  # prompt included; each keeps keys and values in every layer
_ENDS = (".", "?", "!", "…", "。", "।")
_MAX_BATCH_LOGITS = 1 << 27  # half a gigabyte in float32


@dataclass(frozen=True, slots=True)
class ScoredChoices:
    """What became of the choices; in their order."""

    choices: tuple[Choice, ...]
    num_tokens: int  # of the most probable choice, without the stop token
    prefill_seconds: float
    score_seconds: float

    @property
    def best(self) -> Choice:
        """The most probable choice; the first of them where several are."""
        return max(self.choices, key=lambda choice: choice.probability)


def score_choices(backbone: Backbone, prompt: PromptEmbeds, texts: Sequence[str]) -> ScoredChoices:
    """Score allowed answers: the prompt is read once, then all answers as one batch.

    Where there are too many for one batch, or memory runs out, there are several smaller ones,
    which changes no score but by rounding.

    Args:
        backbone: reads the prompt and the answers.
        prompt: asks for one of them.
        texts: the allowed answers, none of them empty.

    Raises:
        ContextLengthError: if the longest answer does not fit behind the prompt.
        DeviceError: if the logits behind the prompt are not finite.
        OutOfMemoryError: if memory does not suffice for a single answer.
    """
    forms = [tuple(map(backbone.encode_answer, written_forms(text))) for text in texts]
    rows = [ids for of_one in forms for ids in of_one]
    _check_length(backbone, prompt, longest=max(map(len, rows)))
    scores_R, prefill_seconds, score_seconds = _log_probabilities(backbone, prompt, rows)
    by_choice = torch.split(scores_R, [len(of_one) for of_one in forms])
    log_C = torch.stack([scores.logsumexp(0) for scores in by_choice])
    choices = tuple(map(Choice, texts, torch.softmax(log_C, dim=0).tolist()))
    return ScoredChoices(
        choices,
        num_tokens=len(forms[int(log_C.argmax())][0]) - 1,
        prefill_seconds=prefill_seconds,
        score_seconds=score_seconds,
    )


def written_forms(text: str) -> tuple[str, ...]:
    """Return the ways to write an answer: as it stands, and with or without a full stop."""
    base = text.removesuffix(".")
    if not base or base.endswith(_ENDS):
        return (text,)
    return (text, base if base != text else f"{text}.")


def _check_length(backbone: Backbone, prompt: PromptEmbeds, *, longest: int) -> None:
    length = prompt.inputs_embeds.shape[1] + longest
    if length > backbone.max_context:
        raise ContextLengthError(
            f"The prompt with the longest choice has {length} tokens, and '{backbone.name}' takes"
            f" {backbone.max_context}",
            length=length,
            limit=backbone.max_context,
            hint="use fewer video tokens (another --tokenizer, fewer --frames) or shorter choices",
        )


@torch.inference_mode()
def _log_probabilities(
    backbone: Backbone, prompt: PromptEmbeds, rows: Sequence[list[int]]
) -> tuple[Tensor, float, float]:
    """Return the log-probability of each row of ids, (R,) float64, and seconds of both parts."""
    started = time.perf_counter()
    with memory_errors_translated(backbone.device):
        logits_11V, cache = backbone.step(
            prompt.inputs_embeds, None, positions=prompt.positions, logits_to_keep=1
        )
        require_finite(logits_11V[:, -1], backbone)
        first_V = torch.log_softmax(logits_11V[0, -1].double(), dim=-1).cpu()
    prompted = time.perf_counter()
    longest, vocabulary = max(map(len, rows)), len(first_V)
    size = min(
        _MAX_BATCH_POSITIONS // (prompt.inputs_embeds.shape[1] + longest),
        _MAX_BATCH_LOGITS // (longest * vocabulary),
    )
    numbers, size = range(len(rows)), max(size, 1)
    score = partial(_batch, backbone, cache, first_V, rows)
    scores: dict[int, Tensor] = {}
    for start in numbers[::size]:
        scores.update(in_halves(score, numbers[start : start + size], backbone.device))
    scores_R = torch.stack([scores[number] for number in numbers])
    return scores_R, prompted - started, time.perf_counter() - prompted


def _batch(
    backbone: Backbone,
    cache: KVCache,
    first_V: Tensor,
    rows: Sequence[list[int]],
    numbers: Sequence[int],
) -> Iterator[tuple[int, Tensor]]:
    """Score some rows behind a prompt. Padding is on the right, where no token sees it."""
    longest = max(len(rows[number]) for number in numbers) - 1  # nothing is asked behind the stop
    with memory_errors_translated(backbone.device):
        read_BLD = torch.zeros(
            len(numbers), longest, backbone.embed_dim, dtype=backbone.dtype, device=backbone.device
        )
        for row_LD, number in zip(read_BLD, numbers, strict=True):
            row_LD[: len(rows[number]) - 1] = backbone.embed_text(rows[number][:-1])
        logits_BLV, _ = backbone.step(read_BLD, backbone.repeat_cache(cache, len(numbers)))
        for number, logits_LV in zip(numbers, logits_BLV, strict=True):
            ids = rows[number]
            log_LV = torch.log_softmax(logits_LV[: len(ids) - 1].double(), dim=-1).cpu()
            yield number, _sum(torch.cat([first_V[None], log_LV]), ids, backbone.stop_ids)


def _sum(log_LV: Tensor, ids: list[int], stop_ids: frozenset[int]) -> Tensor:
    """Add up what each token costs; any stop token ends an answer."""
    written = log_LV[torch.arange(len(ids) - 1), ids[:-1]].sum()
    return written + log_LV[-1, sorted(stop_ids)].logsumexp(0)
