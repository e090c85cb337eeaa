"""Nano: the image-LLM that linvt ships, small enough for a laptop and a test suite.

LLaVA-shaped: an EfficientNet-Lite0, a two-layer projector and a small Llama with its own text
tokenizer; as in PaliGemma, the tokens of a picture see each other in both directions. It is trained
by ``linvt train --recipe nano`` on a synthetic world of named pictures and coloured shapes, knows
that world only, and is trained to say so of anything else.

Weights: ``assets/nano``, Apache-2.0; the vision encoder's began as Google's (see NOTICE), which lie
beside them so that training can begin there again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from linvt_cli.backbones.language_model import (
    LanguageModelCache,
    repeat_cache,
    run_language_model,
)
from linvt_cli.backbones.loading import wait_for
from linvt_cli.backbones.nano_model import NanoModel, load_nano, normalize, squeeze
from linvt_cli.backbones.nano_text import NanoText
from linvt_cli.backbones.token_bytes import token_bytes
from linvt_cli.types import Frames, Turn, VideoPlacement, VisualFeatures

if TYPE_CHECKING:
    from linvt_cli.backbones.spec import BackboneSpec
    from linvt_cli.config import Quantization

_FRAMES_PER_BATCH = 16


class Nano:
    """Nano behind the backbone contract."""

    frames_apart = False  # it has learnt to read many pictures as one
    converses = False  # it was trained on single questions

    def __init__(
        self,
        model: NanoModel,
        tokenizer: Tokenizer,
        *,
        device: torch.device,
        dtype: torch.dtype,
        name: str = "nano",
    ) -> None:
        self.name = name
        self.model = model.to(device=device, dtype=dtype).eval()
        self.text = NanoText(tokenizer)
        self.tokenizer = tokenizer
        self.device = device
        self.dtype = dtype
        self.embed_dim = model.config.embed_dim
        self.max_context = model.config.max_context
        self.stop_ids = frozenset({self.text.end_id})

    @classmethod
    def load(
        cls,
        spec: BackboneSpec,
        *,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        quantization: Quantization = "none",
    ) -> Nano:
        """Load nano from a folder; it is too small to be quantized.

        Raises:
            BackboneLoadError: if a file is missing or does not hold a nano model.
        """
        model, tokenizer = load_nano(folder)
        return cls(model, tokenizer, device=device, dtype=dtype, name=spec.name)

    def decoder(self) -> nn.Module:
        """Return the language model without its head."""
        language_model: nn.Module = self.model.language_model.model
        return language_model

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Encode each frame as a single picture: (T, H, W, 3) -> (T, N, D)."""
        started = time.perf_counter()
        pixels = torch.from_numpy(np.ascontiguousarray(frames.pixels))
        batches = torch.split(pixels, _FRAMES_PER_BATCH)
        tokens = torch.cat([self._encode(batch) for batch in batches])
        wait_for(self.device)
        return VisualFeatures(
            tokens=tokens,
            times=frames.times,
            grid=self.model.config.grid,
            seconds=time.perf_counter() - started,
        )

    def _encode(self, pixels_THWC: Tensor) -> Tensor:
        # PyTorch squeezes pictures of bytes on the CPU alone, where they are.
        squeezed = squeeze(pixels_THWC, self.model.config.image_size)
        inputs = normalize(squeezed.to(self.device)).to(self.dtype)
        features: Tensor = self.model.vision(inputs)
        return self.model.project(features)

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the ids of the template before and after the video, which is one image to nano."""
        return self.text.render_prompt(question, num_images, history)

    def encode_question(self, question: str) -> list[int]:
        """Return the ids of a question; case and spacing make no difference to nano."""
        return self.text.encode_question(question)

    def encode_answer(self, answer: str) -> list[int]:
        """Return the ids of an answer with the end mark: what training asks for."""
        return self.text.encode_answer(answer)

    def vocabulary(self) -> list[bytes]:
        """Return what each token adds to a text, by id."""
        return token_bytes(self.tokenizer)

    def embed_text(self, ids: list[int]) -> Tensor:
        """Look ids up in the language model's table: (L,) -> (L, D)."""
        table: nn.Module = self.model.language_model.get_input_embeddings()
        embeddings: Tensor = table(torch.tensor(ids, dtype=torch.long, device=self.device))
        return embeddings

    def embed_video(self, video_KD: Tensor) -> Tensor:
        """Let the video tokens see each other: (…, K, D), as given."""
        tokens_BKD = video_KD.reshape(-1, *video_KD.shape[-2:]).to(self.dtype)
        return self.model.relate(tokens_BKD).view(video_KD.shape)

    def place_prompt(self, lengths: Sequence[int], placement: VideoPlacement) -> None:
        """Return None: nano counts positions 0, 1, 2, …"""

    def step(
        self,
        inputs_embeds: Tensor,
        kv_cache: LanguageModelCache | None,
        *,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> tuple[Tensor, LanguageModelCache]:
        """Run the language model over new embeddings: (B, P, D) -> logits (B, P, V), cache."""
        language_model = self.model.language_model
        hidden, cache = run_language_model(
            language_model.model, inputs_embeds, kv_cache, positions=positions, mask=mask
        )
        logits: Tensor = language_model.lm_head(hidden[:, -logits_to_keep:])
        return logits, cache

    def repeat_cache(self, kv_cache: LanguageModelCache, batch: int) -> LanguageModelCache:
        """Return the cache of one sequence for several that begin with it."""
        return repeat_cache(kv_cache, batch)

    def detokenize(self, ids: list[int]) -> str:
        """Return the text of generated ids, without special tokens, as a sentence.

        Nano writes in lower case, so that a word is one token wherever it stands.
        """
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        text = text.removeprefix(" ")
        return text[:1].upper() + text[1:]
