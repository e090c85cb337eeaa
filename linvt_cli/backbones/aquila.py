"""Aquila-VL: https://huggingface.co/BAAI/Aquila-VL-2B-llava-qwen, and LLaVA-OneVision.

Aquila-VL is LLaVA-OneVision trained on other data. Its public files use the names of the original
LLaVA code and are renamed while they are loaded; LLaVA-OneVision's "-hf" repositories load as they
are. Every frame is squeezed into a square, as in training the frames of a video and the base view
of a single picture were; only several pictures were padded. A learnt "newline" follows its tokens.
Frames of videos were also pooled to a quarter of the tokens, which is not done here: condensing
follows, and a picture keeps its details.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.core_model_loading import WeightRenaming
from transformers.models.llava_onevision import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)
from transformers.models.qwen2 import Qwen2Config
from transformers.models.siglip import SiglipVisionConfig

from linvt_cli.backbones.chat import ChatTemplate
from linvt_cli.backbones.image_llm import Blueprint
from linvt_cli.backbones.llava import Llava
from linvt_cli.backbones.original_layout import register_layout
from linvt_cli.types import Turn

_NEWLINE = -1  # stands among token ids for the learnt newline, which has no id
# SigLIP so400m at 384 px, of whose 27 layers the last is not used.
_TOWER = {
    "hidden_size": 1152,
    "num_hidden_layers": 26,
    "num_attention_heads": 16,
    "intermediate_size": 4304,
    "image_size": 384,
    "patch_size": 14,
}


class OriginalAquila(LlavaOnevisionForConditionalGeneration):
    """LLaVA-OneVision that loads the public files of Aquila-VL."""


register_layout(
    OriginalAquila,
    [
        WeightRenaming(
            r"^model\.vision_tower\.vision_tower\.vision_model\.", "model.vision_tower."
        ),
        WeightRenaming(r"^model\.mm_projector\.0\.", "model.multi_modal_projector.linear_1."),
        WeightRenaming(r"^model\.mm_projector\.2\.", "model.multi_modal_projector.linear_2."),
        WeightRenaming(r"^model\.(layers|embed_tokens|norm)\.", r"model.language_model.\1."),
    ],
)


class Aquila(Llava):
    """Aquila-VL, or LLaVA-OneVision, behind the backbone contract."""

    model_types = ("llava_qwen", "qwen2", "llava_onevision")
    template = ChatTemplate(
        before="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        between="\n",
        after="<|im_end|>\n<|im_start|>assistant\n",
        going_on="<|im_end|>\n<|im_start|>user\n",
    )
    stop_tokens = ("<|im_end|>", "<|endoftext|>")

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build LLaVA-OneVision, from the public names of Aquila-VL or the "-hf" layout."""
        if raw["model_type"] == "llava_onevision":
            return LlavaOnevisionForConditionalGeneration, LlavaOnevisionConfig.from_dict(raw)
        return OriginalAquila, native_config(raw)

    def render_prompt(
        self, question: str, num_images: int = 1, history: Sequence[Turn] = ()
    ) -> list[list[int]]:
        """Return the ids of the template around each image, each image's newline included."""
        first, *rest = super().render_prompt(question, num_images, history)
        return [first, *([_NEWLINE, *ids] for ids in rest)]

    def embed_text(self, ids: list[int]) -> Tensor:
        """Look ids up in the language model's table, and the newline where it stands."""
        newlines = [place for place, token in enumerate(ids) if token == _NEWLINE]
        embeddings = super().embed_text([max(token, 0) for token in ids])
        if newlines:
            newline: Tensor = self.model.model.image_newline
            places = torch.tensor(newlines, device=embeddings.device)
            embeddings = embeddings.index_copy(
                0, places, newline.to(embeddings).expand(len(newlines), -1)
            )
        return embeddings

    def detokenize(self, ids: list[int]) -> str:
        """Return the text of ids, of which the newline is none."""
        return super().detokenize([token for token in ids if token != _NEWLINE])


def native_config(raw: dict[str, Any]) -> LlavaOnevisionConfig:
    """Translate the public configuration of Aquila-VL into the one of transformers' class.

    Args:
        raw: the public ``config.json``: the language model's, with LLaVA's settings in between.
            ``vision_config``, where there is one, replaces single sizes of the tower.
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
            "rms_norm_eps",
            "rope_theta",
            "bos_token_id",
            "eos_token_id",
        )
        if name in raw
    }
    tied = bool(raw.get("tie_word_embeddings", False))
    tower = {**_TOWER, **(raw.get("vision_config") or {})}
    side = tower["image_size"]
    return LlavaOnevisionConfig(
        text_config=Qwen2Config(**language, tie_word_embeddings=tied),
        vision_config=SiglipVisionConfig(**tower, vision_use_head=False),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_grid_pinpoints=[[side, side]],
        tie_word_embeddings=tied,
    )
