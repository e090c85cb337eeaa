"""The values that flow between the stages, from file to answer.

Letters used for shapes, here and in the names of tensors:
T frames, H and W pixels, N visual tokens per frame, D embedding width, S = T·N source tokens,
k kept tokens, M pooled tokens, K video tokens, L text tokens, P prompt length, V vocabulary.

Times are presentation times in seconds from the start of the video. Imports no torch at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch

    from linvt_cli.config import PositionLayout, Quantization

FinishReason = Literal["stop", "length", "interrupted", "abstained"]
TokenizerName = Literal["linvt", "cluster", "mean", "all"]
Decoder = Literal["opencv", "pyav", "pillow"]
WEIGHTS_INDEX = "model.safetensors.index.json"
"""Which of several files each weight of a model is in."""
TEXT_FILES = ("*.json", "*.model", "merges.txt", "vocab.txt")
"""Names, as patterns, of all that a model has beside weights: configuration and tokenizer.

Tokenizers are ``tokenizer.json``, ``tokenizer.model``, ``vocab.json`` with ``merges.txt``, or
``vocab.txt``.
"""
QUANTIZED_COPY = "linvt_copy.json"
"""Beside a quantized copy: what it is, and which weights the original has."""
JSONValue = None | bool | int | float | str | list["JSONValue"] | dict[str, "JSONValue"]
"""What ``json.loads`` returns."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video file before a frame is decoded."""

    path: Path
    width: int  # px as shown: after rotation, with square pixels
    height: int
    duration: float  # s, from the first frame shown to the end of the last
    num_frames: int  # as counted in the index, not as the header claims
    codec: str
    decoder: Decoder


@dataclass(frozen=True, slots=True)
class Frames:
    """Decoded frames in time order."""

    pixels: np.ndarray  # (T, H, W, 3) uint8 RGB
    times: tuple[float, ...]  # (T,) s, true presentation times, strictly increasing
    video: VideoInfo
    coverage: float  # in [0, 1]: decoded share of the frames that were asked for
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0  # wall time of probing and decoding

    @property
    def span(self) -> tuple[float, float]:
        """First and last frame time in seconds."""
        return self.times[0], self.times[-1]


@dataclass(frozen=True, slots=True)
class VisualFeatures:
    """Visual tokens of every frame, after the projector: what the language model understands."""

    tokens: torch.Tensor  # (T, N, D) compute dtype, never an inference-mode tensor
    times: tuple[float, ...]  # (T,) s
    grid: tuple[int, int]  # rows, columns of visual tokens in a frame; rows · columns = N
    seconds: float = 0.0  # wall time of the vision encoder and the projector


@dataclass(frozen=True, slots=True)
class SourceWeights:
    """How much of every source token went into every output token: a sparse row-stochastic matrix.

    Source token ``s`` is visual token ``s % N`` of frame ``s // N``. Weights are >= 0; each of the
    K rows sums to 1.
    """

    matrix: torch.Tensor  # (K, T·N) sparse COO, coalesced, float32
    num_frames: int  # T
    tokens_per_frame: int  # N


@dataclass(frozen=True, slots=True)
class VideoTokens:
    """What the language model is given of a video: K weighted averages of visual tokens."""

    tokens: torch.Tensor  # (K, D)
    weights: SourceWeights
    times: tuple[float, ...]  # (K,) s, mean time of each token's sources
    scores: torch.Tensor | None = (
        None  # (T, N) significance in (0, 1); None where nothing is scored
    )
    unchanged: bool = False  # whether these are all visual tokens of all frames, as they were
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class VideoPlacement:
    """What a prompt must know of its video tokens beside their values."""

    grid: tuple[int, int] | None = None  # of every frame where all tokens are kept, else None
    layout: PositionLayout = "flat"  # of condensed tokens
    # (K,) mean source frame of each, 0 for the first; fractional. Told for the layout "time" alone
    moments: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class PromptEmbeds:
    """A prompt ready for the language model."""

    inputs_embeds: torch.Tensor  # (1, P, D)
    video_spans: tuple[slice, ...]  # where video tokens stand in P, in order
    positions: torch.Tensor | None = None  # (axes, 1, P); None where they are 0, 1, 2, …

    @property
    def num_video_tokens(self) -> int:
        """K."""
        return sum(span.stop - span.start for span in self.video_spans)


@dataclass(frozen=True, slots=True)
class GenerationStats:
    """What one answer took. Seconds are wall time."""

    num_visual_tokens: int  # T·N
    num_video_tokens: int  # K
    num_prompt_tokens: int  # P
    num_generated_tokens: int
    prefill_seconds: float
    generate_seconds: float


@dataclass(frozen=True, slots=True)
class AnswerChunk:
    """A piece of an answer as it is generated; the last one carries reason and statistics."""

    text: str
    finish_reason: FinishReason | None = None
    stats: GenerationStats | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An allowed answer."""

    text: str  # as the caller wrote it
    probability: float  # of this answer among the allowed ones, which sum to 1


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which weights answered."""

    backbone: str
    tokenizer: TokenizerName
    checkpoint: str | None
    quantization: Quantization = "none"
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer with everything that a caller may want to check."""

    video: str
    question: str
    text: str
    finish_reason: FinishReason
    model: ModelInfo
    frames: Frames
    stats: GenerationStats
    vision_seconds: float
    tokenize_seconds: float
    cached: bool = False  # whether the visual tokens were read from disk, and no frame was decoded
    video_tokens: VideoTokens | None = field(default=None, repr=False)
    choices: tuple[Choice, ...] | None = None  # in the caller's order; None where none were given
    structured: JSONValue = None  # the text as a value, where a JSON schema was given
