"""Every public model at full size, from its shapes alone: random weights, or none on ``meta``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from transformers.models.clip import CLIPVisionConfig
from transformers.models.internvl import InternVLConfig, InternVLForConditionalGeneration
from transformers.models.llama import LlamaConfig
from transformers.models.llava import LlavaConfig
from transformers.models.llava_onevision import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)
from transformers.models.olmo2 import Olmo2Config
from transformers.models.olmoe import OlmoeConfig
from transformers.models.phi import PhiConfig
from transformers.models.phi3 import Phi3Config
from transformers.models.qwen2 import Qwen2Config
from transformers.models.qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.siglip import SiglipVisionConfig
from transformers.models.smolvlm import SmolVLMConfig, SmolVLMForConditionalGeneration

from linvt_cli.backbones.blip3_parts import Blip3Config, Blip3Model
from linvt_cli.backbones.mipha import OriginalMipha
from linvt_cli.backbones.molmo_parts import MolmoConfig, MolmoModel, MolmoNormAfterModel


def sizes(hidden: int, inner: int, layers: int, heads: int, kv: int, vocabulary: int) -> Any:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
    }


QWEN2_HALF = sizes(896, 4864, 24, 14, 2, 151_655)
QWEN2_1_5 = sizes(1536, 8960, 28, 12, 2, 151_936)
QWEN2_7 = sizes(3584, 18_944, 28, 28, 4, 152_064)
PHI3 = sizes(3072, 8192, 32, 32, 32, 32_014)


def siglip(layers: int) -> SiglipVisionConfig:
    return SiglipVisionConfig(
        hidden_size=1152,
        num_hidden_layers=layers,
        num_attention_heads=16,
        intermediate_size=4304,
        image_size=384,
        patch_size=14,
        vision_use_head=False,
    )


def qwen2_vl(text: Any, *, tied: bool) -> nn.Module:
    config = Qwen2VLConfig(
        text_config=text,
        vision_config={"depth": 32, "embed_dim": 1280, "hidden_size": text["hidden_size"]},
        tie_word_embeddings=tied,
    )
    return Qwen2VLForConditionalGeneration(config)


def qwen2_5_vl(text: Any, *, tied: bool) -> nn.Module:
    vision = {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "out_hidden_size": text["hidden_size"],
    }
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=tied)
    return Qwen2_5_VLForConditionalGeneration(config)


def internvl(text: Any) -> nn.Module:
    vision = {"attention_bias": True}
    return InternVLForConditionalGeneration(
        InternVLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)
    )


def onevision(text: Any, layers: int, *, tied: bool) -> nn.Module:
    config = LlavaOnevisionConfig(
        text_config=Qwen2Config(**text, tie_word_embeddings=tied),
        vision_config=siglip(layers),
        tie_word_embeddings=tied,
    )
    return LlavaOnevisionForConditionalGeneration(config)


def mipha(hidden: int, layers: int) -> nn.Module:
    text = PhiConfig(**sizes(hidden, 4 * hidden, layers, 32, 32, 51_200))
    return OriginalMipha(
        LlavaConfig(text_config=text, vision_config=siglip(27), tie_word_embeddings=False)
    )


def blip3() -> nn.Module:
    return Blip3Model(Blip3Config(Phi3Config(**{**PHI3, "vocab_size": 32_015}), siglip(27)))


def molmo(model: type[MolmoModel], text: Any, projector: int, head: int) -> nn.Module:
    vision = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
    )
    return model(MolmoConfig(text, vision, projector_dim=projector, head_size=head))


BASE_TOWER = {"hidden_size": 768, "num_attention_heads": 12, "image_size": 512, "patch_size": 16}
SO400M_TOWER = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}


def smolvlm(text: Any, vision: dict[str, int], scale: int) -> nn.Module:
    config = SmolVLMConfig(
        text_config=LlamaConfig(**text),
        vision_config=vision,
        scale_factor=scale,
        tie_word_embeddings=False,
    )
    return SmolVLMForConditionalGeneration(config)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "qwen2-vl-2b": lambda: qwen2_vl(QWEN2_1_5, tied=True),
    "qwen2-vl-7b": lambda: qwen2_vl(QWEN2_7, tied=False),
    "qwen2.5-vl-3b": lambda: qwen2_5_vl(sizes(2048, 11_008, 36, 16, 2, 151_936), tied=True),
    "qwen2.5-vl-7b": lambda: qwen2_5_vl(QWEN2_7, tied=False),
    "internvl2-1b": lambda: internvl(Qwen2Config(**QWEN2_HALF)),
    "internvl2-2b": lambda: internvl(LlamaConfig(**sizes(2048, 8192, 24, 16, 8, 92_553))),
    "internvl2-4b": lambda: internvl(Phi3Config(**PHI3)),
    "internvl2-8b": lambda: internvl(LlamaConfig(**sizes(4096, 14_336, 32, 32, 8, 92_553))),
    "internvl3-1b": lambda: internvl(Qwen2Config(**QWEN2_HALF)),
    "internvl3-2b": lambda: internvl(Qwen2Config(**QWEN2_1_5)),
    "internvl3-8b": lambda: internvl(Qwen2Config(**QWEN2_7)),
    "aquila-vl-2b": lambda: onevision(QWEN2_1_5, 26, tied=False),
    "llava-onevision-0.5b": lambda: onevision(QWEN2_HALF, 26, tied=True),
    "llava-onevision-7b": lambda: onevision(QWEN2_7, 26, tied=False),
    "mipha-3b": lambda: mipha(2560, 32),
    "mipha-1.6b": lambda: mipha(2048, 24),
    "xgen-mm-interleave": blip3,
    "xgen-mm-singleimg": blip3,
    "xgen-mm-dpo": blip3,
    "molmo-7b-d": lambda: molmo(
        MolmoModel, Qwen2Config(**{**QWEN2_7, "vocab_size": 152_192}), 18_944, 152_064
    ),
    "molmo-7b-o": lambda: molmo(
        MolmoNormAfterModel,
        Olmo2Config(**sizes(4096, 11_008, 32, 32, 32, 100_406)),
        11_008,
        100_278,
    ),
    "molmoe-1b": lambda: molmo(
        MolmoModel, OlmoeConfig(**sizes(2048, 1024, 16, 16, 16, 50_432)), 8192, 50_304
    ),
    "smolvlm2-256m": lambda: smolvlm(sizes(576, 1536, 30, 9, 3, 49_280), BASE_TOWER, 4),
    "smolvlm2-500m": lambda: smolvlm(sizes(960, 2560, 32, 15, 5, 49_280), BASE_TOWER, 4),
    "smolvlm2-2.2b": lambda: smolvlm(sizes(2048, 8192, 24, 32, 32, 49_280), SO400M_TOWER, 3),
}
