"""The parts of Molmo: CLIP read at two layers, attention over windows of cells, a language model.

Names follow transformers; ``molmo.py`` maps the public names to them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedConfig
from transformers.models.auto import AutoModel
from transformers.models.clip import CLIPVisionModel

from linvt_cli.backbones.composed import ComposedConfig, ComposedModel, ComposedParts

_LAYERS = (-2, -9)  # of the tower, side by side
_POOLED = 2  # cells in each direction


class MolmoConfig(ComposedConfig):
    """The shapes of Molmo."""

    model_type = "linvt_molmo"
    default_text = "qwen2"
    default_vision = "clip_vision_model"

    def __init__(
        self,
        text_config: PreTrainedConfig | dict[str, Any] | None = None,
        vision_config: PreTrainedConfig | dict[str, Any] | None = None,
        projector_dim: int = 18_944,
        head_size: int = 152_064,
        **rest: Any,
    ) -> None:
        self.projector_dim = projector_dim
        self.head_size = head_size  # rows of the head: the vocabulary without the image marks
        super().__init__(text_config, vision_config, **rest)


class AttentionPool(nn.Module):
    """Each window of cells becomes one token: its mean asks, its cells answer."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = nn.Linear(len(_LAYERS) * width, width)
        self.k_proj = nn.Linear(len(_LAYERS) * width, width)
        self.v_proj = nn.Linear(len(_LAYERS) * width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, windows_WCw: Tensor) -> Tensor:
        """Pool windows of C cells: (W, C, 2w) -> (W, w)."""
        asking = windows_WCw.mean(dim=1, keepdim=True)
        parts = (self.q_proj(asking), self.k_proj(windows_WCw), self.v_proj(windows_WCw))
        queries, keys, values = (
            part.view(*part.shape[:2], self.num_heads, -1).transpose(1, 2) for part in parts
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(1)
        pooled: Tensor = self.out_proj(mixed)
        return pooled


class Projector(nn.Module):
    """A gated layer into the language model's width."""

    def __init__(self, width: int, hidden: int, embed_dim: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, embed_dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Project: (…, w) -> (…, D)."""
        projected: Tensor = self.down_proj(F.silu(self.gate_proj(tokens)) * self.up_proj(tokens))
        return projected


class MolmoParts(ComposedParts):
    """Everything of Molmo but its head."""

    config_class = MolmoConfig

    def __init__(self, config: MolmoConfig) -> None:
        super().__init__(config)
        vision, text = config.vision_config, config.text_config
        width = vision.hidden_size
        self.vision_tower = CLIPVisionModel(vision)
        # Its output is never looked at, and the public files have no weights for it.
        self.vision_tower.add_module("post_layernorm", nn.Identity())
        self.pad_embed = nn.Parameter(torch.zeros(2, len(_LAYERS) * width))
        self.pooling = AttentionPool(width, vision.num_attention_heads)
        self.projector = Projector(width, config.projector_dim, text.hidden_size)
        self.language_model = AutoModel.from_config(text)
        self.post_init()  # type: ignore[no-untyped-call]

    def visual_tokens(self, pixels_T3HW: Tensor, covered_TN: Tensor) -> Tensor:
        """Encode pictures: (T, 3, H, W) -> (T, N / 4, D).

        Args:
            pixels_T3HW: padded and normalized.
            covered_TN: share of each cell, in [0, 1], that counts as picture, not as padding.
        """
        states = self.vision_tower(pixels_T3HW, output_hidden_states=True).hidden_states
        cells = torch.cat([states[layer] for layer in _LAYERS], dim=-1)[:, 1:]
        empty = (covered_TN == 0).to(cells)[..., None]
        partly = ((covered_TN > 0) & (covered_TN < 1)).to(cells)[..., None]
        cells = cells + self.pad_embed[0] * empty + self.pad_embed[1] * partly
        num_frames, num_cells, width = cells.shape
        side = round(num_cells**0.5)
        half = side // _POOLED
        windows = cells.view(num_frames, half, _POOLED, half, _POOLED, width).transpose(2, 3)
        pooled = self.pooling(windows.reshape(-1, _POOLED**2, width))
        tokens: Tensor = self.projector(pooled.view(num_frames, half * half, -1))
        return tokens


class MolmoModel(ComposedModel):
    """Molmo whose language model normalizes before its layers: 7B-D and MolmoE."""

    config_class = MolmoConfig

    def __init__(self, config: MolmoConfig) -> None:
        super().__init__(config, MolmoParts(config), head_rows=config.head_size, head_bias=False)


class MolmoNormAfterModel(MolmoModel):
    """Molmo whose language model normalizes after its layers: 7B-O."""
