"""The decode loop: prefill once, then one token a step with the KV cache, as a stream of chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from linvt_cli.backbones.loading import memory_errors_translated
from linvt_cli.generation.sampler import Sampler, make_sampler, require_finite
from linvt_cli.generation.streaming import TextStream
from linvt_cli.types import (
    AnswerChunk,
    Choice,
    FinishReason,
    GenerationStats,
    JSONValue,
    PromptEmbeds,
)

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone, KVCache
    from linvt_cli.config import GenerationConfig


def stream_answer(
    backbone: Backbone,
    prompt: PromptEmbeds,
    config: GenerationConfig,
    *,
    num_visual_tokens: int,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[AnswerChunk]:
    """Generate an answer and yield its text as it becomes final.

    The last chunk, and only that, has a reason and statistics, also for an empty answer. The token
    that stops the answer is no part of it and is not counted.

    Args:
        backbone: reads the prompt and writes the answer.
        prompt: leaves room for at least one token in the backbone's context.
        config: how tokens are chosen, and how many at most.
        num_visual_tokens: T·N, for the statistics.
        interrupted: asked before each step; True ends the answer where it is.

    Raises:
        DeviceError: if the logits behind the prompt are not finite.
        OutOfMemoryError: if the device runs out of memory.
    """
    model = Stepper(backbone, prompt, make_sampler(config))
    text = TextStream(backbone.detokenize)
    room = min(config.max_new_tokens, backbone.max_context - prompt.inputs_embeds.shape[1])
    reason: FinishReason = "length"
    while len(text) < room:
        if interrupted is not None and interrupted():
            reason = "interrupted"
            break
        token = model.next_token()
        if token in backbone.stop_ids:
            reason = "stop"
            break
        if piece := text.push(token):
            yield AnswerChunk(piece)
    stats = statistics(prompt, model.seconds, len(text), num_visual_tokens)
    yield AnswerChunk(text.finish(), finish_reason=reason, stats=stats)


def statistics(
    prompt: PromptEmbeds, seconds: Sequence[float], num_tokens: int, num_visual_tokens: int
) -> GenerationStats:
    """Return what an answer took.

    Args:
        prompt: what was read first.
        seconds: wall time of each step; the first is the prefill.
        num_tokens: of the answer.
        num_visual_tokens: T·N.
    """
    return GenerationStats(
        num_visual_tokens=num_visual_tokens,
        num_video_tokens=prompt.num_video_tokens,
        num_prompt_tokens=prompt.inputs_embeds.shape[1],
        num_generated_tokens=num_tokens,
        prefill_seconds=sum(seconds[:1], start=0.0),
        generate_seconds=sum(seconds[1:], start=0.0),
    )


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer that has been generated to its end."""

    text: str
    finish_reason: FinishReason
    stats: GenerationStats
    choices: tuple[Choice, ...] | None = None
    structured: JSONValue = None


def read_to_end(chunks: Iterable[AnswerChunk]) -> Completion:
    """Join the pieces of an answer.

    Raises:
        ValueError: if the last chunk is missing, as in a stream that was read before.
    """
    text = ""
    for chunk in chunks:
        text += chunk.text
        if chunk.finish_reason is not None and chunk.stats is not None:
            return Completion(text, chunk.finish_reason, chunk.stats)
    raise ValueError("The stream of an answer has no last chunk")


class Stepper:
    """A backbone in the middle of an answer: what it reads next, its KV cache, its times.

    Args:
        backbone: reads the prompt and writes the answer.
        prompt: what it reads first.
        sample: chooses each token.
    """

    def __init__(self, backbone: Backbone, prompt: PromptEmbeds, sample: Sampler) -> None:
        self._backbone = backbone
        self._sample = sample
        self._embeds_1PD = prompt.inputs_embeds
        self._positions = prompt.positions
        self._cache: KVCache | None = None
        self.seconds: list[float] = []  # wall time of each step; the first is the prefill

    # Inference mode is entered anew for each step: a generator that pauses inside of it would leave
    # it switched on in the code that reads the stream.
    @torch.inference_mode()
    def next_token(self) -> int:
        """Run one step and return the token that was chosen.

        Raises:
            DeviceError: if the logits behind the prompt are not finite.
            OutOfMemoryError: if the device runs out of memory.
        """
        started = time.perf_counter()
        with memory_errors_translated(self._backbone.device):
            logits_1PV, self._cache = self._backbone.step(
                self._embeds_1PD, self._cache, positions=self._positions, logits_to_keep=1
            )
            self._positions = None  # the cache knows where to go on
            if not self.seconds:
                require_finite(logits_1PV[:, -1], self._backbone)
            token = self._sample(logits_1PV[0, -1])
            self._embeds_1PD = self._backbone.embed_text([token]).unsqueeze(0)
        self.seconds.append(time.perf_counter() - started)
        return token
