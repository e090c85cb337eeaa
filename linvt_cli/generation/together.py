"""Several answers side by side: prompts as one batch, padded on the left.

One step reads a token of each answer, and a step costs little more for ten answers than for one.
What all prompts begin with, as where a video is condensed without regard to the question, is read
once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch.nn import functional as F

from linvt_cli.backbones.loading import give_memory_back, memory_errors_translated
from linvt_cli.errors import OutOfMemoryError
from linvt_cli.generation.decode import Completion, statistics
from linvt_cli.generation.sampler import make_samplers, require_finite
from linvt_cli.types import FinishReason, PromptEmbeds

if TYPE_CHECKING:
    from linvt_cli.backbones.base import Backbone, KVCache
    from linvt_cli.config import GenerationConfig

MAX_POSITIONS = 1 << 14
"""Of a batch, answers included: each keeps keys and values in every layer."""
_WORTH_SHARING = 16  # tokens; below, a step for them alone costs more than it saves

Numbered = tuple[int, Completion]
Result = TypeVar("Result")


def answer_together(
    backbone: Backbone,
    prompts: Sequence[PromptEmbeds],
    config: GenerationConfig,
    *,
    num_visual_tokens: int,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[Numbered]:
    """Generate the answers to several prompts, each as it would be generated alone.

    Sums are taken in another order than alone, so an answer may differ where two tokens are as good
    as equally likely. Every answer draws its own random numbers from the same seed, so it does not
    depend on its neighbours. Where memory runs out, the batch is halved.

    Args:
        backbone: reads the prompts and writes the answers.
        prompts: each leaves room for at least one token in the backbone's context.
        config: how tokens are chosen, and how many at most for each answer.
        num_visual_tokens: T·N, for the statistics.
        interrupted: asked before each step; True ends all answers where they are.

    Yields:
        The number of a prompt and its answer, as soon as that is whole. Its seconds are its share
        of the steps that it took part in.

    Raises:
        DeviceError: if the logits behind a prompt are not finite.
        OutOfMemoryError: if memory does not suffice for a single answer.
    """
    longest = max((prompt.inputs_embeds.shape[1] for prompt in prompts), default=0)
    size = max(1, MAX_POSITIONS // (longest + config.max_new_tokens))
    work = _Work(backbone, prompts, config, num_visual_tokens, interrupted or (lambda: False))
    for start in range(0, len(prompts), size):
        yield from work.do(range(len(prompts))[start : start + size])


def in_halves(
    work: Callable[[Sequence[int]], Iterator[tuple[int, Result]]],
    numbers: Sequence[int],
    device: torch.device,
) -> Iterator[tuple[int, Result]]:
    """Do numbered work as one batch, or in halves where memory runs out.

    Args:
        work: does some of it, and yields each number with its result as soon as that is there.
        numbers: of all of it.
        device: whose memory it is.

    Yields:
        What the work yields.

    Raises:
        OutOfMemoryError: if memory does not suffice for a single one.
    """
    left = list(numbers)
    try:
        for number, result in work(numbers):
            left.remove(number)
            yield number, result
    except OutOfMemoryError:
        if len(numbers) == 1:
            raise
    # Not above: there the error still holds all that was computed.
    if left:
        give_memory_back(device)
        half = (len(left) + 1) // 2
        for part in (left[:half], left[half:]):
            if part:
                yield from in_halves(work, part, device)


class _Work:
    """Prompts, and how they are answered."""

    def __init__(
        self,
        backbone: Backbone,
        prompts: Sequence[PromptEmbeds],
        config: GenerationConfig,
        num_visual_tokens: int,
        interrupted: Callable[[], bool],
    ) -> None:
        self._backbone = backbone
        self._prompts = prompts
        self._config = config
        self._num_visual_tokens = num_visual_tokens
        self._interrupted = interrupted

    def do(self, numbers: Sequence[int]) -> Iterator[Numbered]:
        """Answer some of the prompts: as one batch, or in halves where memory runs out."""
        return in_halves(self._batch, numbers, self._backbone.device)

    def _batch(self, numbers: Sequence[int]) -> Iterator[Numbered]:
        prompts = [self._prompts[number] for number in numbers]
        answers = [_Growing(self._backbone, prompt, self._config) for prompt in prompts]
        choose = make_samplers(self._config, len(prompts))
        reader = _Reader(self._backbone, prompts)
        open_rows: Sequence[int] = range(len(answers))
        while open_rows:
            if self._interrupted():
                for row in open_rows:
                    answers[row].reason = "interrupted"
            else:
                started = time.perf_counter()
                tokens = choose(reader.read())
                reader.push(tokens)
                share = (time.perf_counter() - started) / len(open_rows)
                for row in open_rows:
                    answers[row].go_on(tokens[row], share)
            yield from (
                (numbers[row], answers[row].completion(self._num_visual_tokens))
                for row in open_rows
                if answers[row].reason is not None
            )
            open_rows = [row for row in open_rows if answers[row].reason is None]


class _Reader:
    """A backbone in the middle of several answers."""

    def __init__(self, backbone: Backbone, prompts: Sequence[PromptEmbeds]) -> None:
        self._backbone = backbone
        self._prompts = prompts
        self._cache: KVCache | None = None
        self._tokens: Sequence[int] | None = None

    @torch.inference_mode()
    def read(self) -> torch.Tensor:
        """Read what is new and return the logits of what follows: (B, V).

        Raises:
            DeviceError: if the logits behind the prompts are not finite.
            OutOfMemoryError: if the device runs out of memory.
        """
        with memory_errors_translated(self._backbone.device):
            if self._tokens is None:
                return self._read_prompts()
            embeds_B1D = self._backbone.embed_text(list(self._tokens)).unsqueeze(1)
            logits_B1V, self._cache = self._backbone.step(embeds_B1D, self._cache, logits_to_keep=1)
            return logits_B1V[:, -1]

    def push(self, tokens: Sequence[int]) -> None:
        """Let one token of each answer be read next; of one that is whole, any."""
        self._tokens = tokens

    def _read_prompts(self) -> torch.Tensor:
        prompts, device = self._prompts, self._backbone.device
        num_shared = _num_shared(prompts)
        if num_shared:
            self._read_shared(num_shared)
        embeds = [prompt.inputs_embeds[:, num_shared:] for prompt in prompts]
        longest = max(each.shape[1] for each in embeds)
        missing = [longest - each.shape[1] for each in embeds]
        positions = [
            F.pad(prompt.positions[..., num_shared:], (count, 0))
            for prompt, count in zip(prompts, missing, strict=True)
            if prompt.positions is not None
        ]
        missing_B1 = torch.tensor(missing, device=device)[:, None]
        logits_B1V, self._cache = self._backbone.step(
            torch.cat(
                [F.pad(each, (0, 0, count, 0)) for each, count in zip(embeds, missing, strict=True)]
            ),
            self._cache,
            positions=torch.cat(positions, dim=1) if positions else None,
            mask=torch.arange(longest, device=device) >= missing_B1 if any(missing) else None,
            logits_to_keep=1,
        )
        require_finite(logits_B1V[:, -1], self._backbone)
        return logits_B1V[:, -1]

    def _read_shared(self, count: int) -> None:
        first = self._prompts[0]
        _, cache = self._backbone.step(
            first.inputs_embeds[:, :count],
            None,
            positions=None if first.positions is None else first.positions[..., :count],
            logits_to_keep=1,
        )
        self._cache = self._backbone.repeat_cache(cache, len(self._prompts))


class _Growing:
    """One of the answers."""

    def __init__(self, backbone: Backbone, prompt: PromptEmbeds, config: GenerationConfig) -> None:
        self._backbone = backbone
        self._prompt = prompt
        self._ids: list[int] = []
        self._seconds: list[float] = []
        self._room = min(
            config.max_new_tokens, backbone.max_context - prompt.inputs_embeds.shape[1]
        )
        self.reason: FinishReason | None = None

    def go_on(self, token: int, seconds: float) -> None:
        """Add a token, which took so long, or end."""
        self._seconds.append(seconds)
        if token in self._backbone.stop_ids:
            self.reason = "stop"
            return
        self._ids.append(token)
        if len(self._ids) == self._room:
            self.reason = "length"

    def completion(self, num_visual_tokens: int) -> Completion:
        """Return the answer, which is whole."""
        return Completion(
            self._backbone.detokenize(self._ids).strip(),
            self.reason or "length",
            statistics(self._prompt, self._seconds, len(self._ids), num_visual_tokens),
        )


def _num_shared(prompts: Sequence[PromptEmbeds]) -> int:
    """How many tokens all prompts begin with, if it is worth reading them once; each has more."""
    first, *others = prompts
    count = min(prompt.inputs_embeds.shape[1] for prompt in prompts) - 1
    for other in others:
        same_P = (first.inputs_embeds[0, :count] == other.inputs_embeds[0, :count]).all(dim=1)
        if first.positions is not None and other.positions is not None:
            same = first.positions[:, 0, :count] == other.positions[:, 0, :count]
            same_P &= same.all(dim=0)
        count = int(same_P.long().cumprod(dim=0).sum())
    return count if others and count >= _WORTH_SHARING else 0
