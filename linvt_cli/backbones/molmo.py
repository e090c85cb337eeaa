"""Molmo: https://huggingface.co/allenai/Molmo-7B-D-0924, 7B-O and MolmoE-1B.

There is no such class in transformers; ``molmo_parts`` composes one. Every frame is the overview
that Molmo sees of any picture: 336 x 336 pixels, padded, 144 visual tokens. They are not put in
place of the image marks but added to them, as in training. The files hold the rows of these marks
apart from the vocabulary, and fused matrices; both are put right while they are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedConfig
from transformers.models.clip import CLIPVisionConfig
from transformers.models.olmo2 import Olmo2Config
from transformers.models.olmoe import OlmoeConfig
from transformers.models.qwen2 import Qwen2Config

from linvt_cli.backbones.chat import ChatTemplate
from linvt_cli.backbones.copy_description import published_shapes
from linvt_cli.backbones.image_llm import Blueprint, Grid, ImageLLM, PixelValues
from linvt_cli.backbones.molmo_layout import HEADS, MARKS, VOCABULARY
from linvt_cli.backbones.molmo_parts import MolmoConfig, MolmoModel, MolmoNormAfterModel
from linvt_cli.backbones.molmo_tiling import fitted, overview_cover
from linvt_cli.backbones.snapshot import COMPLETE_HINT
from linvt_cli.errors import BackboneLoadError
from linvt_cli.types import Turn

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# OpenAI's CLIP ViT-L/14 at 336 px; files say how many of its layers they hold.
_TOWER = {
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "image_size": 336,
    "patch_size": 14,
}
# What MolmoE's configuration calls the same things.
_TOWER_NAMES = {
    "hidden_size": "image_emb_dim",
    "num_attention_heads": "image_num_heads",
    "intermediate_size": "image_mlp_dim",
    "image_size": "image_default_input_size",
    "patch_size": "image_patch_size",
}
_TEXT_NAMES = {
    "hidden_size": "d_model",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "num_key_value_heads": "n_kv_heads",
    "max_position_embeddings": "max_sequence_length",
    "rope_theta": "rope_theta",
}
_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads")
_VISION = "model.vision_backbone."
_PROJECTED = _VISION + "image_projector.w1.weight"
_TOWER_LAYER = re.compile(re.escape(_VISION) + r"image_vit\.transformer\.resblocks\.(\d+)\.")
_ROUTER = "model.transformer.blocks.0.mlp.gate.weight"
_EXPERT = "model.transformer.blocks.0.mlp.experts.0.gate_proj.weight"


class Molmo(ImageLLM):
    """Molmo behind the backbone contract."""

    model_types = ("molmo",)
    full_precision = ("model.vision_tower", "model.pooling", "model.projector", "lm_head")
    image_mark = "<im_patch>"
    template = ChatTemplate(
        before="",
        image_start="<im_start>",
        image_end="<im_end>",
        asking=" User: ",
        after=" Assistant:",
        answering=" ",
        going_on="<|endoftext|> User: ",
    )
    stop_tokens = ("<|endoftext|>",)

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        super().__init__(name, model, tokenizer)
        vision = model.config.vision_config
        self._size: int = vision.image_size
        self._patch: int = vision.patch_size
        half = self._size // self._patch // 2
        self._grid = (half, half)

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build the one of two classes whose language model puts its norms where this one does."""
        shapes = published_shapes(folder)
        head = next(filter(shapes.__contains__, HEADS), HEADS[0])
        missing = [name for name in (_PROJECTED, VOCABULARY, MARKS, head) if name not in shapes]
        if missing:
            raise BackboneLoadError(
                f"The weights in '{folder}' lack {', '.join(missing)}", hint=COMPLETE_HINT
            )
        model_class = MolmoNormAfterModel if raw.get("norm_after") else MolmoModel
        return model_class, native_config(raw, shapes, head_size=shapes[head][0])

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the ids of the template around each image, the separator in front."""
        first, *rest = super().render_prompt(question, num_images, history)
        begin = self.tokenizer.bos_token_id or self.tokenizer.eos_token_id
        return [[begin, *first], *rest]

    def embed_video(self, video_KD: Tensor) -> Tensor:
        """Add the image mark's embedding to each video token, as Molmo was trained."""
        mark = self.tokenizer.convert_tokens_to_ids(self.image_mark)
        return video_KD + self.embed_text([mark])

    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Shrink each picture into the square, pad it with black, and say what is padding."""
        height, width = pixels_THWC.shape[1:3]
        inner = fitted(height, width, (self._size, self._size))
        pixels = torch.from_numpy(np.ascontiguousarray(pixels_THWC)).permute(0, 3, 1, 2) / 255
        pixels = F.interpolate(pixels, inner, mode="bilinear", antialias=True).clamp(0, 1)
        top, left = (self._size - inner[0]) // 2, (self._size - inner[1]) // 2
        frame = (left, self._size - inner[1] - left, top, self._size - inner[0] - top)
        mean, std = (torch.tensor(values)[:, None, None] for values in (_CLIP_MEAN, _CLIP_STD))
        cover = overview_cover(height, width, size=self._size, patch=self._patch)
        covered = torch.from_numpy(cover).expand(len(pixels), -1)
        return {"pixels": (F.pad(pixels, frame) - mean) / std, "covered": covered}, self._grid

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run tower, pooling and projector: (T, N, D)."""
        parts: Any = self.model.model
        tokens: Tensor = parts.visual_tokens(values["pixels"], values["covered"])
        return tokens


def native_config(
    raw: dict[str, Any], shapes: dict[str, tuple[int, ...]], *, head_size: int
) -> MolmoConfig:
    """Translate the public configuration of Molmo; what it does not say, the weights' shapes do.

    Args:
        raw: the public ``config.json``. ``vision_config`` or MolmoE's ``vision_backbone``, where
            there is one, replaces single sizes of the tower.
        shapes: of all weights.
        head_size: rows of the head.

    Raises:
        ValueError: if it does not say the sizes of the language model.
        BackboneLoadError: if the language model turns positions as no class here does.
    """
    layers = {match[1] for match in map(_TOWER_LAYER.match, shapes) if match is not None}
    vision = {**_TOWER, **_tower_of_molmoe(raw), **(raw.get("vision_config") or {})}
    vision["num_hidden_layers"] = len(layers)
    return MolmoConfig(
        text_config=_text_config(raw, shapes),
        vision_config=CLIPVisionConfig(**vision, hidden_act="quick_gelu", layer_norm_eps=1e-5),
        projector_dim=shapes[_PROJECTED][0],
        head_size=head_size,
    )


def _tower_of_molmoe(raw: dict[str, Any]) -> dict[str, int]:
    told = raw.get("vision_backbone") or {}
    found = {name: told[public] for name, public in _TOWER_NAMES.items() if public in told}
    if "image_size" in found:
        found["image_size"], _ = found["image_size"]  # rows and columns
    return found


def _text_config(raw: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> PreTrainedConfig:
    if raw.get("rope_impl") == "cockatoo":
        raise BackboneLoadError(
            "Molmo whose positions turn neighbouring numbers of a head is not supported",
            hint="linvt models list names the models that can be loaded",
        )
    told = {name: raw.get(name) or raw.get(other) for name, other in _TEXT_NAMES.items()}
    shared: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    unsaid = [name for name in _SIZES if name not in shared]
    if unsaid:  # what a configuration of transformers is not told, it makes up
        raise ValueError(f"it does not say {', '.join(unsaid)}")
    shared = {
        "num_key_value_heads": shared["num_attention_heads"],
        **shared,
        "vocab_size": shapes[VOCABULARY][0] + shapes[MARKS][0],
        "rms_norm_eps": raw.get("layer_norm_eps") or 1e-6,
        "tie_word_embeddings": False,
    }
    if _EXPERT in shapes:
        return OlmoeConfig(
            **shared,
            intermediate_size=shapes[_EXPERT][0],
            num_experts=shapes[_ROUTER][0],
            num_experts_per_tok=raw.get("moe_top_k", 8),
        )
    shared["intermediate_size"] = raw["intermediate_size"] // 2  # gate and up are counted as one
    if raw.get("norm_after"):
        return Olmo2Config(**shared)
    return Qwen2Config(**shared)
