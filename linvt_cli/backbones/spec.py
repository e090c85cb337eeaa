"""What is known of a backbone before any of it is loaded. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linvt_cli.backbones.shapes import ModelShapes

if TYPE_CHECKING:
    from linvt_cli.config import Quantization


DESCRIBE_QUESTION = "Describe this video."


@dataclass(frozen=True, slots=True)
class WeightsMemory:
    """What the weights take, in GiB, for each quantization of the language model."""

    none: float  # all in 16 bits
    int8: float
    nf4: float

    def of(self, quantization: Quantization) -> float:
        """Return the figure of one quantization."""
        return {"none": self.none, "int8": self.int8, "nf4": self.nf4}[quantization]


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """One row: a backbone, or one size of it."""

    name: str
    adapter: str  # "module:Class"; the class has load(spec, *, folder, device, dtype, quantization)
    family: str
    parameters: int
    license: str  # SPDX name
    summary: str
    max_context: int  # tokens
    tokens_per_frame: int  # N; at most, where it depends on the shape of the picture
    memory: WeightsMemory | None = None  # None where it is never quantized
    shapes: ModelShapes | None = None  # None where memory is no matter
    repo: str | None = None  # on the hub; None where the weights come with linvt
    default_frames: int = 16
    default_video_tokens: int = 256  # K of the tokenizers that need no training
    describe_question: str = DESCRIBE_QUESTION
    half_precision: bool = True  # on a CUDA device; where not, float32 everywhere
    weights: Path | None = None  # folder inside the package; None where a snapshot is needed
    linvt: Path | None = None  # folder of the LinVT checkpoint that comes with it
    recommended: bool = False  # to begin with, where it fits
    revision: str | None = None  # commit of the snapshot, never a branch
