"""The contract between an image-LLM and the rest of linvt: three facts and five operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from linvt_cli.types import Frames, VisualFeatures

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

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Encode each frame as a single image: (T, H, W, 3) -> (T, N, D)."""
        ...

    def render_prompt(self, question: str) -> tuple[list[int], list[int]]:
        """Return the token ids of the chat template before and after the video."""
        ...

    def embed_text(self, ids: list[int]) -> torch.Tensor:
        """Look token ids up in the language model's own table: (L,) -> (L, D)."""
        ...

    def encode_question(self, question: str) -> list[int]:
        """Return the token ids of the question alone, without the chat template."""
        ...

    def step(
        self, inputs_embeds: torch.Tensor, kv_cache: KVCache | None
    ) -> tuple[torch.Tensor, KVCache]:
        """Run the language model over new embeddings: (1, P, D) -> logits (1, P, V), cache."""
        ...

    def detokenize(self, ids: list[int]) -> str:
        """Return the text of generated ids, without special tokens."""
        ...
