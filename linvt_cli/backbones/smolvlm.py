"""SmolVLM2: https://huggingface.co/HuggingFaceTB/SmolVLM2-500M-Video-Instruct.

The model is transformers' own. Every frame is one tile, as the model was trained on videos: its
longer side is brought to the tile's, then it is squeezed into the square.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers.models.smolvlm import SmolVLMConfig, SmolVLMForConditionalGeneration
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from linvt_cli.backbones.chat import ChatTemplate
from linvt_cli.backbones.image_llm import Grid, ImageLLM, PixelValues
from linvt_cli.backbones.original_layout import load_model, read_config
from linvt_cli.backbones.text_tokenizers import load_tokenizer
from linvt_cli.config import Quantization
from linvt_cli.errors import BackboneLoadError

if TYPE_CHECKING:
    from linvt_cli.backbones.spec import BackboneSpec

_TEMPLATE = ChatTemplate(
    before="<|im_start|>User:",
    image_start="<fake_token_around_image><global-img>",
    image_end="<fake_token_around_image>",
    after="<end_of_utterance>\nAssistant:",
)
_HALF = (0.5, 0.5, 0.5)


class SmolVLM(ImageLLM):
    """SmolVLM2 behind the backbone contract."""

    image_mark = "<image>"

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        super().__init__(
            name,
            model,
            tokenizer,
            template=_TEMPLATE,
            stop_tokens=("<end_of_utterance>",),
            max_context=model.config.get_text_config().max_position_embeddings,
        )
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
    def load(
        cls,
        spec: BackboneSpec,
        *,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        quantization: Quantization = "none",
    ) -> SmolVLM:
        """Load a checkpoint of the public repository.

        Raises:
            BackboneLoadError: if the folder holds no such checkpoint.
        """
        raw = read_config(folder)
        if raw.get("model_type") != "smolvlm":
            raise BackboneLoadError(
                f"'{folder}' holds a model of type '{raw.get('model_type')}'. Expected smolvlm"
            )
        model = load_model(
            SmolVLMForConditionalGeneration,
            folder,
            SmolVLMConfig.from_dict(raw),
            device=device,
            dtype=dtype,
            quantization=quantization,
            full_precision=("model.vision_model", "model.connector", "lm_head"),
        )
        return cls(spec.name, model, load_tokenizer(folder))

    def decoder(self) -> Any:
        """Return the language model without its head."""
        return self.model.model.text_model  # type: ignore[union-attr]

    def pixel_values(self, pixels_THWC: np.ndarray[Any, Any]) -> tuple[PixelValues, Grid]:
        """Make one square tile of each picture, as the model's own video code does."""
        batch = self.processor(images=[list(pixels_THWC)], return_tensors="pt")
        return {"pixel_values": batch["pixel_values"][0]}, self._grid

    def visual_tokens(self, values: PixelValues, grid: Grid) -> Tensor:
        """Run the tower with its last norm, pixel shuffling and the projection: (T, N, D)."""
        parts: Any = self.model.model
        hidden = parts.vision_model(values["pixel_values"]).last_hidden_state
        tokens: Tensor = parts.connector(hidden)
        return tokens
