"""The contract between an image-LLM and the rest of linvt: a few facts and ten operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import nn

    from linvt_cli.types import Frames, Turn, VideoPlacement, VisualFeatures

KVCache = Any
"""What a backbone carries from step to step. Opaque: only the backbone that made it reads it."""


class Backbone(Protocol):
    """An image-LLM: vision encoder, projector, language model, text tokenizer and chat template."""

    name: str
    embed_dim: int  # D
    max_context: int  # tokens
    stop_ids: frozenset[int]
    device: torch.device
    dtype: torch.dtype
    frames_apart: bool  # whether uncondensed frames are shown as one image each, as in its training
    converses: bool  # whether it was trained on conversations of several turns

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Encode each frame as a single image: (T, H, W, 3) -> (T, N, D)."""
        ...

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the token ids of the chat template around each image: ``num_images`` + 1 lists.

        Args:
            question: the last one, still to be answered.
            num_images: a condensed video is one; more are asked for only where ``frames_apart``.
            history: earlier turns, oldest first, where it ``converses``. The images stand in the
                first turn.
        """
        ...

    def embed_video(self, video_KD: torch.Tensor) -> torch.Tensor:
        """Return what the language model reads where video tokens stand: (…, K, D), as given.

        Several videos at once give what each gives alone.
        """
        ...

    def place_prompt(
        self, lengths: Sequence[int], placement: VideoPlacement
    ) -> torch.Tensor | None:
        """Return positions of a prompt, (axes, 1, P), or None where they are 0, 1, 2, …

        Args:
            lengths: numbers of tokens of text, image, text, …, image, text.
            placement: where the video tokens come from.
        """
        ...

    def embed_text(self, ids: list[int]) -> torch.Tensor:
        """Look token ids up in the language model's own table: (L,) -> (L, D)."""
        ...

    def encode_question(self, question: str) -> list[int]:
        """Return the token ids of the question alone, without the chat template."""
        ...

    def encode_answer(self, answer: str) -> list[int]:
        """Return the token ids of an answer as it follows the prompt, a stop token at its end.

        What looks like a mark of the chat template is mere text here too.
        """
        ...

    def vocabulary(self) -> list[bytes]:
        """Return what each token adds to a text, by id: nothing where it is a mark.

        All tokens that are single bytes are among them, so any text can be written.
        """
        ...

    def step(
        self,
        inputs_embeds: torch.Tensor,
        kv_cache: KVCache | None,
        *,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> tuple[torch.Tensor, KVCache]:
        """Run the language model over new embeddings.

        Args:
            inputs_embeds: (B, P, D); B is 1, or more with prompts padded on the left.
            kv_cache: what the last step returned; None at the start.
            positions: (axes, B, P), where they are not 0, 1, 2, …, or do not go on from the last
                ones.
            mask: (B, P) of these embeddings: True for tokens, False for padding, which stands
                before them and which no token sees, now or later.
            logits_to_keep: how many last positions are wanted; 0 for all.

        Returns:
            Logits (B, P, V), or fewer positions, and the cache for the next step.
        """
        ...

    def repeat_cache(self, kv_cache: KVCache, batch: int) -> KVCache:
        """Return the cache of one sequence for ``batch`` that begin with it; the old one stays."""
        ...

    def detokenize(self, ids: list[int]) -> str:
        """Return the text of generated ids, without special tokens."""
        ...


class TunableBackbone(Backbone, Protocol):
    """A backbone whose language model can be given a LoRA, as all are that linvt has."""

    @property
    def model(self) -> nn.Module:
        """All weights."""
        ...

    def decoder(self) -> nn.Module:
        """Return the language model without its head."""
        ...
