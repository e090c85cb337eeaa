"""Stand-ins for what is slow or large in linvt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from linvt_cli.types import Frames, Turn, VideoPlacement, VisualFeatures

STOP, VIDEO, VIDEO_END, ANSWER = range(256, 260)
_VOCABULARY = 260
_PADDING = 1e9


class TinyBackbone:
    """An image-LLM whose text tokens are bytes.

    With a script it answers just that, one byte a step. Without one its next token depends on all
    that came before, so a lost, doubled or swapped token changes the answer. Weights are random
    with a fixed seed, tensors are contiguous, and calls of the vision encoder are counted.
    """

    def __init__(
        self, script: str | bytes | None = None, *, max_context: int = 4096, embed_dim: int = 16
    ) -> None:
        self.name = "tiny"
        self.frames_apart = False
        self.converses = True
        self.embed_dim = embed_dim
        self.max_context = max_context
        self.stop_ids = frozenset({STOP})
        self.device = torch.device("cpu")
        self.dtype = torch.float32
        self.encode_calls = 0
        self.frames_seen = 0
        self.step_lengths: list[int] = []  # of new embeddings, for each call of step
        self._script: list[int] | None = None
        self._read: tuple[torch.Tensor, list[torch.Tensor]] = torch.empty(0), []
        if script is not None:
            self.answer(script)
        generator = torch.Generator().manual_seed(0)
        self._table_VD = torch.randn((_VOCABULARY, embed_dim), generator=generator)
        self._projection_3D = torch.randn((3, embed_dim), generator=generator)
        self._head_DV = torch.randn((embed_dim, _VOCABULARY), generator=generator)

    def answer(self, script: str | bytes) -> None:
        """Answer just this from now on."""
        self._script = [*_as_bytes(script), STOP]

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Project the mean colour of each quarter of a frame: N = 4."""
        self.encode_calls += 1
        self.frames_seen += len(frames.times)
        pixels_T3HW = torch.from_numpy(frames.pixels).permute(0, 3, 1, 2).float() / 255
        colours_TN3 = F.adaptive_avg_pool2d(pixels_T3HW, (2, 2)).flatten(2).transpose(1, 2)
        return VisualFeatures(colours_TN3 @ self._projection_3D, frames.times, grid=(2, 2))

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        between = [[VIDEO_END, VIDEO] for _ in range(num_images - 1)]
        last = [VIDEO_END]
        for turn in history:
            last += [*self.encode_question(turn.question), ANSWER, *self.encode_answer(turn.answer)]
        return [[VIDEO], *between, [*last, *self.encode_question(question), ANSWER]]

    def embed_video(self, video_KD: torch.Tensor) -> torch.Tensor:
        return video_KD

    def place_prompt(self, lengths: Sequence[int], placement: VideoPlacement) -> None:
        return None

    def embed_text(self, ids: list[int]) -> torch.Tensor:
        return self._table_VD[torch.tensor(ids, dtype=torch.long)]

    def encode_question(self, question: str) -> list[int]:
        return list(question.encode())

    def encode_answer(self, answer: str) -> list[int]:
        return [*answer.encode(), STOP]

    def vocabulary(self) -> list[bytes]:
        return [bytes([token]) if token < 256 else b"" for token in range(_VOCABULARY)]

    def step(
        self,
        inputs_embeds: torch.Tensor,
        kv_cache: torch.Tensor | None,
        *,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Read embeddings by a recurrence that forgets slowly; the cache is all of them.

        Padding stands in it as NaN, so that nothing can come of it unnoticed.
        """
        self.step_lengths.append(inputs_embeds.shape[1])
        if mask is not None:
            inputs_embeds = inputs_embeds.masked_fill(~mask[..., None], torch.nan)
        all_BSD = inputs_embeds if kv_cache is None else torch.cat([kv_cache, inputs_embeds], dim=1)
        logits_BSV = torch.stack(self._states(all_BSD), dim=1) @ self._head_DV
        if self._script is not None:
            biases = [self._script_bias(all_SD, self._script) for all_SD in all_BSD]
            logits_BSV = logits_BSV + torch.stack(biases)
        return logits_BSV[:, -(logits_to_keep or inputs_embeds.shape[1]) :], all_BSD

    def _states(self, all_BSD: torch.Tensor) -> list[torch.Tensor]:
        """The states after each embedding: those that the last call knew, and what follows."""
        read_BSD, known = self._read
        begun_BSD = all_BSD[:, : len(known)]
        begins_alike = begun_BSD.shape == read_BSD.shape and torch.equal(
            begun_BSD.nan_to_num(_PADDING), read_BSD.nan_to_num(_PADDING)
        )
        states = [*known] if begins_alike else []
        state_BD = states[-1] if states else torch.zeros(len(all_BSD), self.embed_dim)
        for embedding_BD in all_BSD[:, len(states) :].unbind(dim=1):
            next_BD = torch.tanh(0.9 * state_BD.roll(1, dims=1) + embedding_BD)
            state_BD = next_BD.where(~embedding_BD.isnan(), state_BD)
            states.append(state_BD)
        self._read = all_BSD, states
        return states

    def repeat_cache(self, kv_cache: torch.Tensor, batch: int) -> torch.Tensor:
        return kv_cache.expand(batch, -1, -1)

    def detokenize(self, ids: list[int]) -> str:
        return bytes(token for token in ids if token < 256).decode("utf-8", errors="replace")

    def _script_bias(self, all_SD: torch.Tensor, script: list[int]) -> torch.Tensor:
        bias_SV = torch.zeros(len(all_SD), _VOCABULARY)
        marks = (all_SD == self._table_VD[ANSWER]).all(dim=1).nonzero()[:, 0].tolist()
        for position in range(marks[-1] if marks else len(all_SD), len(all_SD)):
            bias_SV[position, script[min(position - marks[-1], len(script) - 1)]] = 1000.0
        return bias_SV


def _as_bytes(script: str | bytes) -> bytes:
    return script if isinstance(script, bytes) else script.encode()
