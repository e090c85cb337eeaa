"""Qwen2-VL and Qwen2.5-VL: https://huggingface.co/Qwen/Qwen2-VL-7B-Instruct.

The model is transformers' own. Every frame is shown as one image; its position ids have three axes
(time, row, column), of which condensed tokens can use the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.vision_utils import get_vision_cu_seqlens, get_vision_window_index

from linvt_cli.backbones.chat import ChatTemplate
from linvt_cli.backbones.image_llm import Blueprint, Grid, ImageLLM, PixelValues
from linvt_cli.types import VideoPlacement

_CLASSES: dict[str, tuple[type[PreTrainedConfig], type[PreTrainedModel]]] = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
}
_MIN_TOKENS, _MAX_TOKENS = 4, 256  # of a frame; a still may have 1,280, a video's frames are many


class Qwen2VL(ImageLLM):
    """Qwen2-VL behind the backbone contract."""

    model_types = tuple(_CLASSES)
    full_precision = ("model.visual", "lm_head")
    image_mark = "<|image_pad|>"
    num_position_axes = 3
    template = ChatTemplate(
        before="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        image_start="<|vision_start|>",
        image_end="<|vision_end|>",
        after="<|im_end|>\n<|im_start|>assistant\n",
        going_on="<|im_end|>\n<|im_start|>user\n",
    )
    stop_tokens = ("<|im_end|>", "<|endoftext|>")

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        super().__init__(name, model, tokenizer)
        vision = model.config.vision_config
        self._merge: int = vision.spatial_merge_size
        cell = (vision.patch_size * self._merge) ** 2  # px of one visual token
        self.processor = Qwen2VLImageProcessorPil(
            patch_size=vision.patch_size,
            temporal_patch_size=vision.temporal_patch_size,
            merge_size=self._merge,
            size={"shortest_edge": _MIN_TOKENS * cell, "longest_edge": _MAX_TOKENS * cell},
        )

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build the stock class of either generation."""
        config_class, model_class = _CLASSES[raw["model_type"]]
        return model_class, config_class.from_dict(raw)

    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Resize by the model's own rule, to at most 256 visual tokens, and cut into patches."""
        batch = self.processor(
            images=list(pixels_THWC), return_tensors="pt", input_data_format="channels_last"
        )
        thw = batch["image_grid_thw"]
        _, rows, columns = thw[0].tolist()
        values = {"pixel_values": batch["pixel_values"], "grid_thw": thw}
        return values, (rows // self._merge, columns // self._merge)

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run the vision tower with its merger: (T, N, D)."""
        tower: Any = self.model.model.visual
        thw = values["grid_thw"]
        ends = self._ends_at_hand(tower, len(thw), grid)
        merged: Tensor = tower(values["pixel_values"], grid_thw=thw, **ends).pooler_output
        return merged.view(-1, math.prod(grid), merged.shape[-1])

    def _ends_at_hand(self, tower: Any, num_pictures: int, grid: Grid) -> dict[str, Tensor]:
        """Return where pictures and windows end in the row of patches, on the CPU.

        PyTorch's attention reads the ends in every layer; the tower's own are on the device, which
        would be waited for each time. flash-attn wants them there.
        """
        if tower.config._attn_implementation != "sdpa":
            return {}
        thw_T3 = torch.tensor([[1, *(side * self._merge for side in grid)]]).repeat(num_pictures, 1)
        ends = {"cu_seqlens": get_vision_cu_seqlens(thw_T3)}
        if hasattr(tower, "window_size"):  # Qwen2.5-VL
            ends["window_index"], ends["cu_window_seqlens"] = get_vision_window_index(
                thw_T3, tower.spatial_merge_size, tower.window_size, tower.patch_size
            )
        return ends

    def place_prompt(self, lengths: Sequence[int], placement: VideoPlacement) -> Tensor | None:
        """Give every token its position on three axes: time, row, column.

        Text counts on all axes alike. Uncondensed images lie on their grid as in training;
        condensed tokens count like text (``flat``), or stand at their mean source frame
        (``time``). Text goes on behind the last position so far.
        """
        if placement.grid is None and placement.layout == "flat":
            return None
        pieces = []
        start, seen = 0.0, 0
        for index, length in enumerate(lengths):
            if index % 2 == 0:
                piece = torch.arange(length, dtype=torch.float64).expand(3, -1) + start
            else:
                moments = placement.moments[seen : seen + length]
                piece = start + _image_positions(moments, placement.grid)
                seen += length
            pieces.append(piece)
            start = max(start, math.floor(float(piece.max())) + 1.0) if length else start
        return torch.cat(pieces, dim=1)[:, None].to(self.device)


def _image_positions(moments: Sequence[float], grid: Grid | None) -> Tensor:
    """Positions of one image's tokens from where it starts: (3, K)."""
    if grid is None:
        return torch.tensor(moments, dtype=torch.float64).expand(3, -1)
    rows, columns = (torch.arange(side, dtype=torch.float64) for side in grid)
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([torch.zeros_like(row), row, column]).flatten(1)
