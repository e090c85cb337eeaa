"""InternVL2, 2.5 and 3: https://huggingface.co/OpenGVLab/InternVL2-8B.

The class is transformers' InternVL. The public files of InternVL2 name their weights otherwise, and
its language models are InternLM2, Qwen2 or Phi-3; here they are renamed while they are loaded.
InternLM2 becomes Llama, whose arithmetic is the same: its fused query, key and value weights are
taken apart by groups of heads. Files of 2.5 and 3 in that layout differ in the chat template, which
their configuration names. Repositories ending in "-hf" load as they are.

Every frame is one tile of 448 x 448 pixels, and has its number in front where it is shown as it is,
as InternVL2 was trained on videos.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import PreTrainedConfig, WeightConverter
from transformers.core_model_loading import Chunk, WeightRenaming
from transformers.models.auto import CONFIG_MAPPING
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.internvl import InternVLConfig, InternVLForConditionalGeneration

from linvt_cli.backbones.chat import ChatTemplate
from linvt_cli.backbones.image_llm import Blueprint, Grid, ImageLLM, PixelValues
from linvt_cli.backbones.original_layout import TensorConversion, register_layout
from linvt_cli.errors import BackboneLoadError

_SYSTEM = (
    "你是由上海人工智能实验室联合商汤科技开发的书生多模态大模型，"  # noqa: RUF001
    "英文名叫InternVL, 是一个有用无害的人工智能助手。"
)
_SYSTEM_25 = (
    "你是书生·万象，英文名是InternVL，"  # noqa: RUF001
    "是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"
)
_FRAME = "Frame{number}: "
CHATML = ChatTemplate(
    before=f"<|im_start|>system\n{_SYSTEM}<|im_end|><|im_start|>user\n",
    image_label=_FRAME,
    image_start="<img>",
    image_end="</img>",
    between="\n",
    after="<|im_end|><|im_start|>assistant\n",
    going_on="<|im_end|><|im_start|>user\n",
)
_PHI3 = ChatTemplate(
    before=f"<|system|>\n{_SYSTEM}<|end|><|user|>\n",
    image_label=_FRAME,
    image_start="<img>",
    image_end="</img>",
    between="\n",
    after="<|end|><|assistant|>\n",
    going_on="<|end|><|user|>\n",
)
CHATML_25 = ChatTemplate(
    before="<|im_start|>user\n",
    image_label=_FRAME,
    image_start="<img>",
    image_end="</img>",
    between="\n",
    after="<|im_end|>\n<|im_start|>assistant\n",
    going_on="<|im_end|>\n<|im_start|>user\n",
)
_TEMPLATES = {
    "internlm2-chat": CHATML,
    "Hermes-2": CHATML,
    "phi3-chat": _PHI3,
    "internvl2_5": replace(
        CHATML_25, before=f"<|im_start|>system\n{_SYSTEM_25}<|im_end|>\n{CHATML_25.before}"
    ),
}
"""By their names in configurations of the original layout; the last is that of 2.5 and 3."""
_LANGUAGES = ("internlm2", "qwen2", "phi3")
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class OriginalInternVL2(InternVLForConditionalGeneration):
    """InternVL that loads the public files of InternVL2."""


class SplitGroups(TensorConversion):
    """Take InternLM2's fused weights apart: for each key head its query heads, the key, the value.

    Rows are (kv heads, query heads per kv head + 2, head width), all in one dimension.
    """

    def converted(self, sources: list[Tensor], config: PreTrainedConfig) -> list[Tensor]:
        """Return query, key and value weights."""
        (fused,) = sources
        text = config.get_text_config()
        heads, kv_heads = text.num_attention_heads, text.num_key_value_heads
        width = text.hidden_size // heads
        grouped = fused.view(kv_heads, heads // kv_heads + 2, width, fused.shape[-1])
        parts = (grouped[:, :-2], grouped[:, -2:-1], grouped[:, -1:])
        return [part.reshape(-1, fused.shape[-1]).contiguous() for part in parts]


_TOWER = "model.vision_tower."
_ATTENTION = "self_attn."
register_layout(
    OriginalInternVL2,
    [
        WeightRenaming(r"^mlp1\.0\.", "model.multi_modal_projector.layer_norm."),
        WeightRenaming(r"^mlp1\.1\.", "model.multi_modal_projector.linear_1."),
        WeightRenaming(r"^mlp1\.3\.", "model.multi_modal_projector.linear_2."),
        WeightRenaming(
            r"^vision_model\.embeddings\.class_embedding", _TOWER + "embeddings.cls_token"
        ),
        WeightRenaming(
            r"^vision_model\.embeddings\.position_embedding",
            _TOWER + "embeddings.position_embeddings",
        ),
        WeightRenaming(
            r"^vision_model\.embeddings\.patch_embedding\.",
            _TOWER + "embeddings.patch_embeddings.projection.",
        ),
        WeightRenaming(r"^vision_model\.encoder\.layers\.", _TOWER + "encoder.layer."),
        WeightRenaming(r"\.norm1\.", ".layernorm_before."),
        WeightRenaming(r"\.norm2\.", ".layernorm_after."),
        WeightRenaming(r"\.ls1$", ".lambda_1"),
        WeightRenaming(r"\.ls2$", ".lambda_2"),
        WeightRenaming(r"\.attn\.proj\.", ".attention.projection_layer."),
        WeightRenaming(r"^language_model\.output\.", "lm_head."),
        WeightRenaming(r"^language_model\.lm_head\.", "lm_head."),
        WeightRenaming(r"^language_model\.model\.", "model.language_model."),
        WeightRenaming(r"\.tok_embeddings\.", ".embed_tokens."),
        WeightRenaming(r"\.attention\.wo\.", ".self_attn.o_proj."),
        WeightRenaming(r"\.feed_forward\.w1\.", ".mlp.gate_proj."),
        WeightRenaming(r"\.feed_forward\.w2\.", ".mlp.down_proj."),
        WeightRenaming(r"\.feed_forward\.w3\.", ".mlp.up_proj."),
        WeightRenaming(r"\.attention_norm\.", ".input_layernorm."),
        WeightRenaming(r"\.ffn_norm\.", ".post_attention_layernorm."),
        *(
            WeightConverter(
                f"attn.qkv.{kind}",
                [f"attention.{part}_proj.{kind}" for part in "qkv"],
                [Chunk(dim=0)],
            )
            for kind in ("weight", "bias")
        ),
        WeightConverter(
            "attention.wqkv.weight",
            [f"self_attn.{part}_proj.weight" for part in "qkv"],
            [SplitGroups()],
        ),
    ],
)


class InternVL2(ImageLLM):
    """InternVL behind the backbone contract."""

    model_types = ("internvl_chat", "internvl")
    full_precision = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
    image_mark = "<IMG_CONTEXT>"

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        is_original = isinstance(model, OriginalInternVL2)
        self.template = _TEMPLATES[model.config.template] if is_original else CHATML_25
        self.stop_tokens = ("<|end|>",) if self.template is _PHI3 else ("<|im_end|>",)
        super().__init__(name, model, tokenizer)
        size, patch = (
            model.config.vision_config.image_size[0],
            model.config.vision_config.patch_size[0],
        )
        side = int(size // patch * model.config.downsample_ratio)
        self._grid = (side, side)
        self.processor = GotOcr2ImageProcessorPil(
            size={"height": size, "width": size},
            image_mean=_IMAGENET_MEAN,
            image_std=_IMAGENET_STD,
            crop_to_patches=False,
        )

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build InternVL, from the public names of InternVL2 or the "-hf" layout."""
        if raw["model_type"] == "internvl":
            return InternVLForConditionalGeneration, InternVLConfig.from_dict(raw)
        language = raw.get("llm_config", {}).get("model_type")
        if language not in _LANGUAGES:
            raise BackboneLoadError(
                f"'{folder}' holds InternVL2 with language model '{language}'."
                f" Expected {', '.join(_LANGUAGES)}",
                hint="linvt models list names the models that can be loaded",
            )
        config: Any = native_config(raw)
        usual = "phi3-chat" if language == "phi3" else "internlm2-chat"
        config.template = raw.get("template") or usual
        if config.template not in _TEMPLATES:
            raise BackboneLoadError(
                f"'{folder}' holds InternVL2 with chat template '{config.template}'."
                f" Expected {', '.join(_TEMPLATES)}",
                hint="linvt models list names the models that can be loaded",
            )
        return OriginalInternVL2, config

    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Squeeze each picture into one square tile, as the model's own video code does."""
        batch = self.processor(
            images=list(pixels_THWC), return_tensors="pt", input_data_format="channels_last"
        )
        return {"pixel_values": batch["pixel_values"]}, self._grid

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run vision tower, pixel unshuffling and projector: (T, N, D)."""
        output: Any = self.model.get_image_features(values["pixel_values"])
        tokens: Tensor = output.pooler_output
        return tokens.view(-1, math.prod(grid), tokens.shape[-1])


def native_config(raw: dict[str, Any]) -> InternVLConfig:
    """Translate the public configuration of InternVL2 into the one of transformers' class."""
    vision = dict(raw["vision_config"])
    return InternVLConfig(
        text_config=_text_config(dict(raw["llm_config"])),
        vision_config={
            "hidden_size": vision["hidden_size"],
            "num_hidden_layers": vision["num_hidden_layers"],
            "num_attention_heads": vision["num_attention_heads"],
            "intermediate_size": vision["intermediate_size"],
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "hidden_act": vision.get("hidden_act", "gelu"),
            "layer_norm_eps": vision.get("layer_norm_eps", 1e-6),
            "norm_type": vision.get("norm_type", "layer_norm"),
            "attention_bias": vision.get("qkv_bias", True),
            "use_qk_norm": vision.get("qk_normalization", False),
        },
        downsample_ratio=raw.get("downsample_ratio", 0.5),
        vision_feature_layer=raw.get("select_layer", -1),
        tie_word_embeddings=False,
    )


def _text_config(llm: dict[str, Any]) -> PreTrainedConfig:
    kind = llm.pop("model_type")
    for name in ("auto_map", "architectures", "_name_or_path", "torch_dtype", "dtype"):
        llm.pop(name, None)
    scaling = llm.get("rope_scaling")
    if kind == "internlm2":
        if llm.pop("bias", False):
            raise BackboneLoadError(
                "InternLM2 with biases is not supported",
                hint="linvt models list names the models that can be loaded",
            )
        llm = {**llm, "attention_bias": False, "mlp_bias": False}
        kind = "llama"
    if scaling is not None and scaling.get("type") == "su":  # an old name
        llm["rope_scaling"] = {**scaling, "type": "longrope"}
    config: PreTrainedConfig = CONFIG_MAPPING[kind](**{**llm, "tie_word_embeddings": False})
    return config
