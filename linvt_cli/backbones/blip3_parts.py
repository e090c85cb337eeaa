"""The parts of BLIP-3 for transformers: SigLIP, a perceiver resampler, Phi-3."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedConfig
from transformers.models.phi3 import Phi3Model
from transformers.models.siglip import SiglipVisionModel

from linvt_cli.backbones.composed import ComposedConfig, ComposedModel, ComposedParts
from linvt_cli.backbones.original_layout import UNUSED_HEAD


class Blip3Config(ComposedConfig):
    """The shapes of BLIP-3."""

    model_type = "linvt_blip3"
    default_text = "phi3"
    default_vision = "siglip_vision_model"

    def __init__(
        self,
        text_config: PreTrainedConfig | dict[str, Any] | None = None,
        vision_config: PreTrainedConfig | dict[str, Any] | None = None,
        num_latents: int = 128,
        depth: int = 6,
        num_heads: int = 16,
        head_dim: int = 96,
        head_bias: bool = True,
        **rest: Any,
    ) -> None:
        self.num_latents = num_latents
        self.depth = depth
        self.num_heads = num_heads
        self.head_dim = head_dim
        self.head_bias = head_bias
        super().__init__(text_config, vision_config, **rest)


class PerceiverAttention(nn.Module):
    """Latents look at picture tokens and at themselves."""

    def __init__(self, width: int, num_heads: int, head_dim: int) -> None:
        super().__init__()
        inner = num_heads * head_dim
        self.num_heads = num_heads
        self.norm_media = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, media_TNw: Tensor, latents_TMw: Tensor) -> Tensor:
        """Return what the latents have seen: (T, M, w)."""
        latents_TMw = self.norm_latents(latents_TMw)
        seen = torch.cat([self.norm_media(media_TNw), latents_TMw], dim=1)
        keys, values = self.to_kv(seen).chunk(2, dim=-1)
        queries, keys, values = (
            self._by_head(part) for part in (self.to_q(latents_TMw), keys, values)
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        out: Tensor = self.to_out(mixed)
        return out

    def _by_head(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.num_heads, -1).transpose(1, 2)


class PerceiverResampler(nn.Module):
    """Turns the tokens of a picture into a fixed number of latents in the LM's width."""

    def __init__(self, config: Blip3Config) -> None:
        super().__init__()
        width = config.vision_config.hidden_size
        self.latents = nn.Parameter(torch.randn(config.num_latents, width))
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    PerceiverAttention(width, config.num_heads, config.head_dim),
                    nn.Sequential(
                        nn.LayerNorm(width),
                        nn.Linear(width, 4 * width, bias=False),
                        nn.GELU(),
                        nn.Linear(4 * width, width, bias=False),
                    ),
                ]
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, config.text_config.hidden_size)

    def forward(self, media_TNw: Tensor) -> Tensor:
        """Resample: (T, N, w) -> (T, M, D)."""
        latents = self.latents.expand(len(media_TNw), -1, -1)
        layers: Any = self.layers
        for attention, feed_forward in layers:
            latents = attention(media_TNw, latents) + latents
            latents = feed_forward(latents) + latents
        projected: Tensor = self.projection(self.norm(latents))
        return projected


class Blip3Parts(ComposedParts):
    """Everything of BLIP-3 but its head."""

    config_class = Blip3Config

    def __init__(self, config: Blip3Config) -> None:
        super().__init__(config)
        self.vision_tower = SiglipVisionModel(config.vision_config)
        self.resampler = PerceiverResampler(config)
        self.language_model = Phi3Model(config.text_config)
        self.post_init()  # type: ignore[no-untyped-call]


class Blip3Model(ComposedModel):
    """BLIP-3 that loads its public files; they hold SigLIP's pooling head, which it never uses."""

    config_class = Blip3Config
    _keys_to_ignore_on_load_unexpected = UNUSED_HEAD

    def __init__(self, config: Blip3Config) -> None:
        rows = config.text_config.vocab_size
        super().__init__(config, Blip3Parts(config), head_rows=rows, head_bias=config.head_bias)
