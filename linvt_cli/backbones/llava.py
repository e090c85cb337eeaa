"""What LLaVA-shaped image-LLMs share: a SigLIP tower, a projector of two layers, a language model.

The tower and the projector are called by themselves, without the tiling of single pictures that
their classes would do: a frame of a video is one square picture.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from linvt_cli.backbones.image_llm import Grid, ImageLLM, PixelValues

_HALF = (0.5, 0.5, 0.5)
_PADDING = 127  # the mean colour, as the public code rounds it


class Llava(ImageLLM):
    """A LLaVA behind the backbone contract."""

    pads: ClassVar[bool] = False  # pictures to squares; where not, they are squeezed
    full_precision = ("model.vision_tower", "model.multi_modal_projector", "lm_head")

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        super().__init__(name, model, tokenizer)
        vision = model.config.vision_config
        side = vision.image_size // vision.patch_size
        self._grid = (side, side)
        self.processor = SiglipImageProcessorPil(
            size={"height": vision.image_size, "width": vision.image_size},
            image_mean=_HALF,
            image_std=_HALF,
        )

    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Resize each picture to the tower's square, with SigLIP's mean and deviation."""
        pictures = [_squared(picture) if self.pads else picture for picture in pixels_THWC]
        batch = self.processor(
            images=pictures, return_tensors="pt", input_data_format="channels_last"
        )
        return {"pixel_values": batch["pixel_values"]}, self._grid

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run the tower up to its chosen layer, and the projector: (T, N, D)."""
        parts: Any = self.model.model
        output = parts.vision_tower(values["pixel_values"], output_hidden_states=True)
        chosen = output.hidden_states[self.model.config.vision_feature_layer]
        tokens: Tensor = parts.multi_modal_projector(chosen)
        return tokens.view(-1, math.prod(grid), tokens.shape[-1])


def _squared(picture_HWC: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Pad a picture to a square with the mean colour, its content in the middle."""
    height, width = picture_HWC.shape[:2]
    side = max(height, width)
    square = np.full((side, side, 3), _PADDING, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture_HWC
    return square
