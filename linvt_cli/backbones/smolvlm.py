"""SmolVLM2: https://huggingface.co/HuggingFaceTB/SmolVLM2-500M-Video-Instruct.

The model is transformers' own. Every frame is one tile, as the model was trained on videos: its
longer side is brought to the tile's, then it is squeezed into the square.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers.models.smolvlm import SmolVLMConfig, SmolVLMForConditionalGeneration
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from linvt_cli.backbones.chat import ChatTemplate
from linvt_cli.backbones.image_llm import Blueprint, Grid, ImageLLM, PixelValues

_HALF = (0.5, 0.5, 0.5)


class SmolVLM(ImageLLM):
    """SmolVLM2 behind the backbone contract."""

    model_types = ("smolvlm",)
    full_precision = ("model.vision_model", "model.connector", "lm_head")
    image_mark = "<image>"
    template = ChatTemplate(
        before="<|im_start|>User:",
        image_start="<fake_token_around_image><global-img>",
        image_end="<fake_token_around_image>",
        after="<end_of_utterance>\nAssistant:",
        answering=" ",
        going_on="<end_of_utterance>\nUser: ",
    )
    stop_tokens = ("<end_of_utterance>",)

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        super().__init__(name, model, tokenizer)
        vision = model.config.vision_config
        side = vision.image_size // vision.patch_size // model.config.scale_factor
        self._grid = (side, side)
        tile = {"longest_edge": vision.image_size}
        self.processor = SmolVLMImageProcessorPil(
            size=tile,
            max_image_size=tile,
            image_mean=_HALF,
            image_std=_HALF,
            do_image_splitting=False,
        )

    @classmethod
    def blueprint(cls, raw: dict[str, Any], folder: Path) -> Blueprint:
        """Build the stock class."""
        return SmolVLMForConditionalGeneration, SmolVLMConfig.from_dict(raw)

    def decoder(self) -> Any:
        """Return the language model without its head."""
        return self.model.model.text_model

    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Make one square tile of each picture, as the model's own video code does."""
        together: Any = [list(pixels_THWC)]  # the pictures of one prompt
        batch = self.processor(
            images=together, return_tensors="pt", input_data_format="channels_last"
        )
        return {"pixel_values": batch["pixel_values"][0]}, self._grid

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run the tower with its last norm, pixel shuffling and the projection: (T, N, D)."""
        parts: Any = self.model.model
        hidden = parts.vision_model(values["pixel_values"]).last_hidden_state
        tokens: Tensor = parts.connector(hidden)
        return tokens
