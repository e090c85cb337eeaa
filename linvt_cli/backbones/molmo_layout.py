"""How the public files of Molmo name and fuse their weights, told to transformers.

Those of MolmoE name some of them otherwise than those of 7B-D and 7B-O: the head stands on its own,
and attention and experts are modules inside a block.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, WeightConverter
from transformers.core_model_loading import Chunk, WeightRenaming

from linvt_cli.backbones.molmo_parts import MolmoModel, MolmoNormAfterModel
from linvt_cli.backbones.original_layout import JoinRows, TensorConversion, register_layout

VOCABULARY = "model.transformer.wte.embedding"
MARKS = "model.transformer.wte.new_embedding"
HEADS = ("model.transformer.ff_out.weight", "lm_head.weight")  # one of them, the latter in MolmoE


class PatchesToKernel(TensorConversion):
    """Turn a matrix over patches (rows, columns, channels) into a convolution's kernel."""

    def converted(self, sources: list[Tensor], config: PreTrainedConfig) -> list[Tensor]:
        """Return the kernel."""
        (matrix,) = sources
        side = math.isqrt(matrix.shape[1] // 3)
        return [matrix.view(-1, side, side, 3).permute(0, 3, 1, 2).contiguous()]


class SplitAttention(TensorConversion):
    """Take fused weights or biases apart: rows are all queries, then the keys, then the values."""

    def converted(self, sources: list[Tensor], config: PreTrainedConfig) -> list[Tensor]:
        """Return query, key and value."""
        (fused,) = sources
        text = config.get_text_config()
        heads, kv_heads = text.num_attention_heads, text.num_key_value_heads
        width = len(fused) // (heads + 2 * kv_heads)
        parts = torch.split(fused, [heads * width, kv_heads * width, kv_heads * width])
        return [part.contiguous() for part in parts]


def _layout(attention_norm: str, feed_forward_norm: str) -> list[Any]:
    block = r"^model\.transformer\.blocks\.(\d+)\."
    tower = "model.vision_tower.encoder.layers."
    return [
        WeightRenaming(
            r"^model\.vision_backbone\.image_vit\.class_embedding",
            "model.vision_tower.embeddings.class_embedding",
        ),
        WeightRenaming(
            r"^model\.vision_backbone\.image_vit\.positional_embedding",
            "model.vision_tower.embeddings.position_embedding.weight",
        ),
        WeightRenaming(
            r"^model\.vision_backbone\.image_vit\.pre_ln\.", "model.vision_tower.pre_layrnorm."
        ),
        WeightRenaming(r"^model\.vision_backbone\.image_vit\.transformer\.resblocks\.", tower),
        WeightRenaming(r"\.attention\.wq\.", ".self_attn.q_proj."),
        WeightRenaming(r"\.attention\.wk\.", ".self_attn.k_proj."),
        WeightRenaming(r"\.attention\.wv\.", ".self_attn.v_proj."),
        WeightRenaming(r"\.attention\.wo\.", ".self_attn.out_proj."),
        WeightRenaming(r"\.attention_norm\.", ".layer_norm1."),
        WeightRenaming(r"\.ffn_norm\.", ".layer_norm2."),
        WeightRenaming(r"\.feed_forward\.w1\.", ".mlp.fc1."),
        WeightRenaming(r"\.feed_forward\.w2\.", ".mlp.fc2."),
        WeightRenaming(r"^model\.vision_backbone\.image_pooling_2d\.wq\.", "model.pooling.q_proj."),
        WeightRenaming(r"^model\.vision_backbone\.image_pooling_2d\.wk\.", "model.pooling.k_proj."),
        WeightRenaming(r"^model\.vision_backbone\.image_pooling_2d\.wv\.", "model.pooling.v_proj."),
        WeightRenaming(
            r"^model\.vision_backbone\.image_pooling_2d\.wo\.", "model.pooling.out_proj."
        ),
        WeightRenaming(
            r"^model\.vision_backbone\.image_projector\.w1\.", "model.projector.gate_proj."
        ),
        WeightRenaming(
            r"^model\.vision_backbone\.image_projector\.w3\.", "model.projector.up_proj."
        ),
        WeightRenaming(
            r"^model\.vision_backbone\.image_projector\.w2\.", "model.projector.down_proj."
        ),
        WeightRenaming(r"^model\.vision_backbone\.pad_embed", "model.pad_embed"),
        WeightRenaming(r"^model\.transformer\.ff_out\.", "lm_head."),
        WeightRenaming(r"^model\.transformer\.ln_f\.", "model.language_model.norm."),
        WeightRenaming(block, r"model.language_model.layers.\1."),
        WeightRenaming(r"(\d)\.attn\.", r"\1."),
        WeightRenaming(r"\.attn_out\.", ".self_attn.o_proj."),
        WeightRenaming(r"\.ff_out\.", ".mlp.down_proj."),
        WeightRenaming(r"\.attn_norm\.", f".{attention_norm}."),
        WeightRenaming(r"\.mlp\.ff_norm\.", f".{feed_forward_norm}."),
        WeightRenaming(r"\.ff_norm\.", f".{feed_forward_norm}."),
        WeightRenaming(r"(\d)\.q_norm\.", r"\1.self_attn.q_norm."),
        WeightRenaming(r"(\d)\.k_norm\.", r"\1.self_attn.k_norm."),
        WeightConverter(
            "model.vision_backbone.image_vit.patch_embedding.weight",
            "model.vision_tower.embeddings.patch_embedding.weight",
            [PatchesToKernel()],
        ),
        WeightConverter(
            [VOCABULARY, MARKS], "model.language_model.embed_tokens.weight", [JoinRows()]
        ),
        *(
            WeightConverter(
                f"att_proj.{kind}",
                [f"self_attn.{part}_proj.{kind}" for part in "qkv"],
                [SplitAttention()],
            )
            for kind in ("weight", "bias")
        ),
        WeightConverter(
            "ff_proj.weight", ["mlp.up_proj.weight", "mlp.gate_proj.weight"], [Chunk(dim=0)]
        ),
    ]


register_layout(MolmoModel, _layout("input_layernorm", "post_attention_layernorm"))
register_layout(
    MolmoNormAfterModel, _layout("post_attention_layernorm", "post_feedforward_layernorm")
)
