"""The weights of nano, and the folder they are kept in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama import LlamaConfig, LlamaForCausalLM, LlamaModel

from linvt_cli.backbones.nano_text import SPECIAL_TOKENS
from linvt_cli.backbones.nano_vision import NUM_CHANNELS, STRIDE, EfficientNetLite0
from linvt_cli.errors import BackboneLoadError


@dataclass(frozen=True, slots=True)
class NanoConfig:
    """The shape of a nano model; stored as its ``config.json``."""

    vocab_size: int
    image_size: int = 192  # px; pictures are squeezed into a square, so all of them is seen
    embed_dim: int = 192
    num_visual_layers: int = 3
    num_layers: int = 5
    num_heads: int = 6
    intermediate_dim: int = 512
    max_context: int = 1024

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of visual tokens."""
        return self.image_size // STRIDE, self.image_size // STRIDE


class NanoModel(nn.Module):
    """The weights of nano: vision encoder, projector, visual layers and language model."""

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
        self.visual_layers = _visual_layers(config)
        self.language_model = LlamaForCausalLM(
            _llama(
                config,
                config.num_layers,
                vocab_size=config.vocab_size,
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

    def relate(self, tokens_BKD: Tensor, mask_BK: Tensor | None = None) -> Tensor:
        """Let all tokens of a video see each other, earlier and later ones: (B, K, D) -> the same.

        The language model behind reads from left to right. What happens to a thing shows in tokens
        before and after, and that a thing is gone in the absence of later ones.

        Args:
            tokens_BKD: video tokens in time order.
            mask_BK: True for tokens, False for padding.
        """
        batch, count = tokens_BKD.shape[:2]
        seen = tokens_BKD.new_ones(batch, count, dtype=torch.bool) if mask_BK is None else mask_BK
        output = self.visual_layers(
            inputs_embeds=tokens_BKD,
            attention_mask=seen[:, None, None, :].expand(-1, -1, count, -1),
            use_cache=False,
        )
        related: Tensor = output.last_hidden_state
        return related


def _visual_layers(config: NanoConfig) -> LlamaModel:
    """Layers of a Llama alone: they read embeddings, and the language model norms what it reads."""
    no_words = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    layers = LlamaModel(_llama(config, config.num_visual_layers, vocab_size=1, **no_words))
    layers.register_module("embed_tokens", nn.Identity())
    layers.register_module("norm", nn.Identity())
    return layers


def _llama(config: NanoConfig, num_layers: int, **tokens: Any) -> LlamaConfig:
    return LlamaConfig(
        hidden_size=config.embed_dim,
        intermediate_size=config.intermediate_dim,
        num_hidden_layers=num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_heads,
        max_position_embeddings=config.max_context,
        tie_word_embeddings=True,
        **tokens,
    )


def squeeze(pixels_THWC: Tensor, size: int) -> Tensor:
    """Squeeze pictures into squares: (T, H, W, 3) uint8 -> (T, 3, S, S) uint8."""
    pixels = pixels_THWC.permute(0, 3, 1, 2)  # a channels-last view, the fast path of interpolate
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, (size, size), mode="bicubic", antialias=True)
    return pixels


def normalize(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as the vision encoder reads them, in [-1, 1]."""
    return (pixels.float() - 127.0) / 128.0


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
