"""Nano: the image-LLM that linvt ships, small enough for a laptop and a test suite.

LLaVA-shaped: an EfficientNet-Lite0, a two-layer projector and a small Llama with its own text
tokenizer, trained by ``linvt train --recipe nano`` on a synthetic world of named pictures and
coloured shapes. It knows that world only, and is trained to say so of anything else.

Weights: ``assets/nano``, Apache-2.0; the vision encoder's began as Google's (see NOTICE), which lie
beside them so that training can begin there again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama import LlamaConfig, LlamaForCausalLM

from linvt_cli.backbones.language_model import (
    LanguageModelCache,
    repeat_cache,
    run_language_model,
)
from linvt_cli.backbones.loading import wait_for
from linvt_cli.backbones.nano_vision import NUM_CHANNELS, STRIDE, EfficientNetLite0
from linvt_cli.backbones.token_bytes import token_bytes
from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import Frames, VideoPlacement, VisualFeatures

if TYPE_CHECKING:
    from linvt_cli.backbones.spec import BackboneSpec
    from linvt_cli.config import Quantization

SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<video>", "</video>", "<answer>")
_FRAMES_PER_BATCH = 16


@dataclass(frozen=True, slots=True)
class NanoConfig:
    """The shape of a nano model; stored as its ``config.json``."""

    vocab_size: int
    image_size: int = 192  # px; pictures are squeezed into a square, so all of them is seen
    embed_dim: int = 192
    num_layers: int = 4
    num_heads: int = 6
    intermediate_dim: int = 512
    max_context: int = 1024

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of visual tokens."""
        return self.image_size // STRIDE, self.image_size // STRIDE


class NanoModel(nn.Module):
    """The weights of nano: vision encoder, projector and language model."""

    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        num_tokens = config.grid[0] * config.grid[1]
        self.vision = EfficientNetLite0()
        self.register_buffer("feature_mean", torch.zeros(NUM_CHANNELS))
        self.register_buffer("feature_std", torch.ones(NUM_CHANNELS))
        self.projector = nn.Sequential(
            nn.Linear(NUM_CHANNELS, config.embed_dim),
            nn.GELU(),
            nn.Linear(config.embed_dim, config.embed_dim),
            nn.RMSNorm(config.embed_dim),
        )
        self.positions = nn.Parameter(torch.zeros(num_tokens, config.embed_dim))
        self.language_model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=config.vocab_size,
                hidden_size=config.embed_dim,
                intermediate_size=config.intermediate_dim,
                num_hidden_layers=config.num_layers,
                num_attention_heads=config.num_heads,
                num_key_value_heads=config.num_heads,
                max_position_embeddings=config.max_context,
                tie_word_embeddings=True,
                pad_token_id=SPECIAL_TOKENS.index("<pad>"),
                bos_token_id=SPECIAL_TOKENS.index("<bos>"),
                eos_token_id=SPECIAL_TOKENS.index("<eos>"),
            )
        )

    def project(self, features: Tensor) -> Tensor:
        """Map vision features to visual tokens: (…, N, 768) -> (…, N, D)."""
        normal = (features - self.feature_mean) / self.feature_std
        projected: Tensor = self.projector(normal)
        return projected + self.positions


def preprocess(pixels_THWC: Tensor, size: int) -> Tensor:
    """Squeeze pictures into squares: (T, H, W, 3) uint8 -> (T, 3, S, S) in [-1, 1]."""
    pixels = pixels_THWC.permute(0, 3, 1, 2)  # a channels-last view, the fast path of interpolate
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, (size, size), mode="bicubic", antialias=True)
    return (pixels.float() - 127.0) / 128.0


class Nano:
    """Nano behind the backbone contract."""

    frames_apart = False  # it has learnt to read many pictures as one

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
        self.tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # a question cannot forge the template's marks
        self.device = device
        self.dtype = dtype
        self.embed_dim = model.config.embed_dim
        self.max_context = model.config.max_context
        vocabulary = tokenizer.get_vocab()
        self._id = {token: vocabulary[token] for token in SPECIAL_TOKENS}
        self.stop_ids = frozenset({self._id["<eos>"]})

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

    def encode_frames(self, frames: Frames) -> VisualFeatures:
        """Encode each frame as a single picture: (T, H, W, 3) -> (T, N, D)."""
        started = time.perf_counter()
        pixels = torch.from_numpy(np.ascontiguousarray(frames.pixels))
        batches = [
            self._encode(batch.to(self.device)) for batch in torch.split(pixels, _FRAMES_PER_BATCH)
        ]
        tokens = torch.cat(batches)
        wait_for(self.device)
        return VisualFeatures(
            tokens=tokens,
            times=frames.times,
            grid=self.model.config.grid,
            seconds=time.perf_counter() - started,
        )

    def _encode(self, pixels_THWC: Tensor) -> Tensor:
        inputs = preprocess(pixels_THWC, self.model.config.image_size).to(self.dtype)
        features: Tensor = self.model.vision(inputs)
        return self.model.project(features)

    def render_prompt(self, question: str, num_images: int = 1) -> list[list[int]]:
        """Return the ids of the template before and after the video, which is one image to nano."""
        if num_images != 1:
            raise ValueError("Nano reads all frames as one image")
        prefix = [self._id["<bos>"], self._id["<video>"]]
        suffix = [self._id["</video>"], *self.encode_question(question), self._id["<answer>"]]
        return [prefix, suffix]

    def encode_question(self, question: str) -> list[int]:
        """Return the ids of a question; case and spacing make no difference to nano."""
        ids: list[int] = self.tokenizer.encode(" ".join(question.lower().split())).ids
        return ids

    def encode_answer(self, answer: str) -> list[int]:
        """Return the ids of an answer with the end mark: what training asks for."""
        return [*self.tokenizer.encode(answer.lower()).ids, self._id["<eos>"]]

    def vocabulary(self) -> list[bytes]:
        """Return what each token adds to a text, by id."""
        return token_bytes(self.tokenizer)

    def embed_text(self, ids: list[int]) -> Tensor:
        """Look ids up in the language model's table: (L,) -> (L, D)."""
        table: nn.Module = self.model.language_model.get_input_embeddings()
        embeddings: Tensor = table(torch.tensor(ids, dtype=torch.long, device=self.device))
        return embeddings

    def embed_video(self, video_KD: Tensor) -> Tensor:
        """Return video tokens as they are."""
        return video_KD

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


def load_nano(folder: Path) -> tuple[NanoModel, Tokenizer]:
    """Load nano's model and text tokenizer from a folder.

    Raises:
        BackboneLoadError: if a file is missing or does not hold what it should.
    """
    hint = "install linvt again, or train nano with: linvt train --recipe nano"
    try:
        config = NanoConfig(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
        model = NanoModel(config)
        vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_str(json.dumps(vocabulary))
        state = load_file(folder / "model.safetensors")
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise BackboneLoadError(
            f"Nano cannot be loaded from '{folder}': {error}", hint=hint
        ) from error
    _fill(model, state, folder, hint)
    return model, tokenizer


def save_nano(folder: Path, model: NanoModel, tokenizer: Tokenizer, dtype: torch.dtype) -> None:
    """Write nano's files into a folder, with weights rounded to a dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps(asdict(model.config), indent=2) + "\n", encoding="utf-8"
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    state = {name: tensor.to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    state.pop("language_model.lm_head.weight", None)  # tied to the input table
    save_file(state, folder / "model.safetensors")


def _fill(model: NanoModel, state: dict[str, Tensor], folder: Path, hint: str) -> None:
    try:
        result: Any = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise BackboneLoadError(
            f"The weights in '{folder}' have other shapes than their config.json says", hint=hint
        ) from error
    model.language_model.tie_weights()
    missing = [name for name in result.missing_keys if name != "language_model.lm_head.weight"]
    if missing or result.unexpected_keys:
        raise BackboneLoadError(
            f"The weights in '{folder}' lack {missing} and have unknown {result.unexpected_keys}",
            hint=hint,
        )
