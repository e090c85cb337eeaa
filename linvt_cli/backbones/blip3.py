"""BLIP-3, also called xGen-MM, version 1.5: SigLIP, a perceiver resampler, Phi-3.

https://huggingface.co/Salesforce/xgen-mm-phi3-mini-instruct-interleave-r-v1.5. There is no such
class in transformers; the parts are, but for the resampler. Every frame is one base picture of 128
visual tokens. The public files keep the rows of added tokens apart from the vocabulary's; they are
joined while they are loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import WeightConverter
from transformers.core_model_loading import WeightRenaming
from transformers.models.phi3 import Phi3Config
from transformers.models.siglip import SiglipVisionConfig

from linvt_cli.backbones.blip3_parts import Blip3Config, Blip3Model
from linvt_cli.backbones.chat import ENGLISH_ASSISTANT, ChatTemplate
from linvt_cli.backbones.copy_description import published_shapes
from linvt_cli.backbones.image_llm import Blueprint, Grid, PixelValues
from linvt_cli.backbones.llava import Llava
from linvt_cli.backbones.original_layout import JoinRows, register_layout

_TOWER = {
    "hidden_size": 1152,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "intermediate_size": 4304,
    "image_size": 384,
    "patch_size": 14,
}
_RESAMPLER = {"num_latents": 128, "depth": 6, "num_heads": 16, "head_dim": 96}
_INITIAL_VOCABULARY = 32_012  # tokens before "<image>" and its like were added
_GRIDS = {128: (8, 16)}  # latents have no places; any grid of their number will do


_LANGUAGE = "vlm.lang_model."
register_layout(
    Blip3Model,
    [
        WeightRenaming(r"^vlm\.vision_encoder\.(vision_model\.)?", "model.vision_tower."),
        WeightRenaming(r"^vlm\.vision_tokenizer\.", "model.resampler."),
        WeightRenaming(r"^vlm\.lang_model\.model\.(layers|norm)\.", r"model.language_model.\1."),
        WeightConverter(
            [
                _LANGUAGE + "model.embed_tokens.weight",
                _LANGUAGE + "model.embed_tokens.additional_embedding.weight",
            ],
            "model.language_model.embed_tokens.weight",
            [JoinRows()],
        ),
        *(
            WeightConverter(
                [
                    f"{_LANGUAGE}lm_head.{kind}",
                    f"{_LANGUAGE}lm_head.additional_fc.{kind}",
                ],
                f"lm_head.{kind}",
                [JoinRows()],
            )
            for kind in ("weight", "bias")
        ),
    ],
)


class Blip3(Llava):
    """BLIP-3 behind the backbone contract: SigLIP's pictures, another connector."""

    model_types = ("xgenmm",)
    full_precision = ("model.vision_tower", "model.resampler", "lm_head")
    image_mark = "<image>"
    # The public tokenizers lack them: the public code adds them, in this order, once it has both.
    late_marks = ("<image>", "<image placeholder>", "<|endofchunk|>")
    template = ChatTemplate(
        before=f"<|system|>\n{ENGLISH_ASSISTANT}<|end|>\n<|user|>\n",
        between="\n",
        after="<|end|>\n<|assistant|>\n",
        going_on="<|end|>\n<|user|>\n",
    )
    stop_tokens = ("<|end|>", "<|endoftext|>")

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build BLIP-3 of version 1.5."""
        head_bias = _LANGUAGE + "lm_head.bias" in published_shapes(folder)
        return Blip3Model, native_config(raw, head_bias=head_bias)

    def pixel_values(self, pixels_THWC: Any) -> tuple[PixelValues, Grid]:
        """Resize each picture to one square; its tokens are latents, in no grid of places."""
        values, _ = super().pixel_values(pixels_THWC)
        count = self.model.config.num_latents
        return values, _GRIDS.get(count, (1, count))

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run the tower with its last norm, and the resampler: (T, M, D)."""
        parts: Any = self.model.model
        hidden = parts.vision_tower(values["pixel_values"]).last_hidden_state
        tokens: Tensor = parts.resampler(hidden)
        return tokens


def native_config(raw: dict[str, Any], *, head_bias: bool) -> Blip3Config:
    """Translate the public configuration of BLIP-3.

    Args:
        raw: the public ``config.json``; what it leaves out is as in the published models.
        head_bias: whether the files hold a bias of the head.
    """
    text = dict(raw.get("text_config", {}))
    initial = text.pop("initial_tokenizer_len", _INITIAL_VOCABULARY)
    added = text.pop("num_added_tokens", 3)
    for name in (
        "model_type",
        "auto_map",
        "architectures",
        "_name_or_path",
        "torch_dtype",
        "dtype",
    ):
        text.pop(name, None)
    vision = raw.get("vision_encoder_config", {})
    sampler = raw.get("vision_tokenizer_config", {})
    resampler = {name: sampler.get(name, value) for name, value in _RESAMPLER.items()}
    tower = {name: vision.get(name, value) for name, value in _TOWER.items()}
    return Blip3Config(
        text_config=Phi3Config(**{**text, "vocab_size": initial + added}),
        vision_config=SiglipVisionConfig(**tower, vision_use_head=False),
        head_bias=head_bias,
        **resampler,
    )
