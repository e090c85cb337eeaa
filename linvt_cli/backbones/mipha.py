"""Mipha: https://huggingface.co/zhumj34/Mipha-3B, SigLIP with Phi-2 or Phi-1.5.

The class is transformers' LLaVA with one change: Phi's output layer has a bias, LLaVA's has none.
The public files are renamed while they are loaded; those with Phi-1.5 hold query, key and value
of each head side by side, and are taken apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedConfig, WeightConverter
from transformers.core_model_loading import WeightRenaming
from transformers.models.llava import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.phi import PhiConfig
from transformers.models.siglip import SiglipVisionConfig

from linvt_cli.backbones.chat import ENGLISH_ASSISTANT, ChatTemplate
from linvt_cli.backbones.image_llm import Blueprint
from linvt_cli.backbones.llava import Llava
from linvt_cli.backbones.original_layout import (
    UNUSED_HEAD,
    TensorConversion,
    register_layout,
)

# SigLIP so400m at 384 px, read at its second last layer.
_TOWER = {
    "hidden_size": 1152,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "intermediate_size": 4304,
    "image_size": 384,
    "patch_size": 14,
}


class OriginalMipha(LlavaForConditionalGeneration):
    """LLaVA with a biased output layer, that loads the public files of Mipha.

    They hold SigLIP's pooling head, which is never used.
    """

    _keys_to_ignore_on_load_unexpected = UNUSED_HEAD

    def __init__(self, config: LlavaConfig) -> None:
        super().__init__(config)
        text = config.get_text_config()
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=True)


class SplitHeads(TensorConversion):
    """Take Phi-1.5's fused weights or biases apart: rows are (heads, 3, head width)."""

    def converted(self, sources: list[Tensor], config: PreTrainedConfig) -> list[Tensor]:
        """Return query, key and value."""
        (fused,) = sources
        heads = config.get_text_config().num_attention_heads
        parts = fused.view(heads, 3, -1, *fused.shape[1:]).unbind(dim=1)
        return [part.flatten(0, 1).contiguous() for part in parts]


register_layout(
    OriginalMipha,
    [
        WeightRenaming(r"^model\.vision_tower\.vision_model\.", "model.vision_tower."),
        WeightRenaming(r"^model\.mm_projector\.0\.", "model.multi_modal_projector.linear_1."),
        WeightRenaming(r"^model\.mm_projector\.2\.", "model.multi_modal_projector.linear_2."),
        WeightRenaming(
            r"^model\.(layers|embed_tokens|final_layernorm)\.", r"model.language_model.\1."
        ),
        *(
            WeightConverter(
                f"self_attn.query_key_value.{kind}",
                [f"self_attn.{part}_proj.{kind}" for part in "qkv"],
                [SplitHeads()],
            )
            for kind in ("weight", "bias")
        ),
    ],
)


class Mipha(Llava):
    """Mipha behind the backbone contract."""

    model_types = ("mipha_phi", "mipha-phi")  # of Phi-2, of Phi-1.5
    pads = True
    template = ChatTemplate(
        before=f"{ENGLISH_ASSISTANT} USER: ",
        between="\n",
        after=" ASSISTANT:",
        answering=" ",
        going_on="<|endoftext|>USER: ",
    )
    stop_tokens = ("<|endoftext|>",)

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build Mipha, whichever Phi is inside."""
        return OriginalMipha, native_config(raw)


def native_config(raw: dict[str, Any]) -> LlavaConfig:
    """Translate the public configuration of Mipha into the one of transformers' class.

    Args:
        raw: the public ``config.json``: the language model's, with LLaVA's settings in between.
            ``vision_config`` replaces sizes of the tower, at its own level or in ``vision_tower``.
    """
    language = {
        name: raw[name]
        for name in (
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "vocab_size",
            "max_position_embeddings",
            "layer_norm_eps",
            "rope_theta",
            "partial_rotary_factor",
            "qk_layernorm",
            "hidden_act",
        )
        if raw.get(name) is not None
    }
    vision = raw.get("vision_config") or {}
    vision = vision.get("vision_tower", vision)
    tower = {**_TOWER, **{name: vision[name] for name in _TOWER if name in vision}}
    return LlavaConfig(
        text_config=PhiConfig(**language, tie_word_embeddings=False),
        vision_config=SiglipVisionConfig(**tower, vision_use_head=False),
        vision_feature_layer=-2,
        vision_feature_select_strategy="full",
        projector_hidden_act="gelu",
        tie_word_embeddings=False,
    )
