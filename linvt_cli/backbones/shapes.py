"""The sizes of image-LLMs that decide how much memory they take. Imports no torch.

The figures are those of the published configurations; a test compares each with the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True)
class ModelShapes:
    """One image-LLM."""

    layers: int  # of the language model
    hidden: int  # D, width of the language model
    inner: int  # width inside its feed-forward networks
    keys: int  # width of all keys of a token, and again of all values
    vocabulary: int  # rows of the head
    patches: int  # that the vision encoder cuts a picture into; at most
    vision_hidden: int
    vision_inner: int
    vision_states: int = 1  # outputs of layers that are held at once
    patch_numbers: int = 588  # numbers in one patch: 3 colours of 14 by 14 pixels
    matrices: int = 3  # linear layers of a feed-forward network; 0 where they are never quantized
    fused: int = 1  # how many of them are one

    @property
    def quantized(self) -> int:
        """How many parameters are in the linear layers that can be quantized."""
        attention = 2 * self.hidden * (self.hidden + self.keys)
        return self.layers * (attention + self.matrices * self.hidden * self.inner)

    @property
    def widest(self) -> int:
        """How many parameters the largest of these layers has."""
        return self.hidden * max(self.hidden, self.fused * self.inner if self.matrices else 0)


# Vision encoders
_QWEN2_VL = partial(
    ModelShapes, patches=1024, vision_hidden=1280, vision_inner=5120, patch_numbers=1176
)
_QWEN2_5_VL = partial(
    ModelShapes, patches=1024, vision_hidden=1280, vision_inner=3420, patch_numbers=1176
)
_INTERN = partial(ModelShapes, patches=1025, vision_hidden=1024, vision_inner=4096)
_SO400M = partial(ModelShapes, patches=729, vision_hidden=1152, vision_inner=4304)
_CLIP = partial(ModelShapes, patches=577, vision_hidden=1024, vision_inner=4096, vision_states=24)
_BASE = partial(ModelShapes, patches=1024, vision_hidden=768, vision_inner=3072, patch_numbers=768)

# Language models: layers, hidden, inner, keys, vocabulary
_QWEN2_HALF = (24, 896, 4864, 128, 151_655)
_QWEN2_1_5 = (28, 1536, 8960, 256, 151_936)
_QWEN2_7 = (28, 3584, 18_944, 512, 152_064)
_PHI3 = (32, 3072, 8192, 3072, 32_014)
_PHI3_BLIP3 = (*_PHI3[:-1], 32_015)

SHAPES = {
    "qwen2-vl-2b": _QWEN2_VL(*_QWEN2_1_5),
    "qwen2-vl-7b": _QWEN2_VL(*_QWEN2_7),
    "qwen2.5-vl-3b": _QWEN2_5_VL(36, 2048, 11_008, 256, 151_936),
    "qwen2.5-vl-7b": _QWEN2_5_VL(*_QWEN2_7),
    "internvl2-1b": _INTERN(*_QWEN2_HALF),
    "internvl2-2b": _INTERN(24, 2048, 8192, 1024, 92_553),
    "internvl2-4b": _INTERN(*_PHI3, fused=2),
    "internvl2-8b": _INTERN(32, 4096, 14_336, 1024, 92_553),
    "internvl3-1b": _INTERN(*_QWEN2_HALF),
    "internvl3-2b": _INTERN(*_QWEN2_1_5),
    "internvl3-8b": _INTERN(*_QWEN2_7),
    "aquila-vl-2b": _SO400M(*_QWEN2_1_5, vision_states=27),
    "llava-onevision-0.5b": _SO400M(*_QWEN2_HALF, vision_states=27),
    "llava-onevision-7b": _SO400M(*_QWEN2_7, vision_states=27),
    "mipha-3b": _SO400M(32, 2560, 10_240, 2560, 51_200, vision_states=28, matrices=2),
    "mipha-1.6b": _SO400M(24, 2048, 8192, 2048, 51_200, vision_states=28, matrices=2),
    "xgen-mm-interleave": _SO400M(*_PHI3_BLIP3, fused=2),
    "xgen-mm-singleimg": _SO400M(*_PHI3_BLIP3, fused=2),
    "xgen-mm-dpo": _SO400M(*_PHI3_BLIP3, fused=2),
    "molmo-7b-d": _CLIP(*_QWEN2_7),
    "molmo-7b-o": _CLIP(32, 4096, 11_008, 4096, 100_278),
    "molmoe-1b": _CLIP(16, 2048, 1024, 2048, 50_304, matrices=0),
    "smolvlm2-256m": _BASE(30, 576, 1536, 192, 49_280),
    "smolvlm2-500m": _BASE(32, 960, 2560, 320, 49_280),
    "smolvlm2-2.2b": _SO400M(24, 2048, 8192, 2048, 49_280),
}
"""By the names of the catalogue."""
