"""What users can set, with defaults and checks. Imports no torch, so the command line reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from linvt_cli.errors import ConfigError

DecoderChoice = Literal["auto", "opencv", "pyav"]
Quantization = Literal["none", "int8", "nf4"]
QuantizationChoice = Literal["auto", "none", "int8", "nf4"]
DtypeChoice = Literal["auto", "float32", "bfloat16", "float16"]
PositionLayout = Literal["flat", "time"]
"""Where condensed tokens stand for a language model whose positions have several axes: one after
the other like text, or each at its mean source frame."""

Detail = Literal["low", "medium", "high"]

MIN_COVERAGE = 0.5
"""Share of the asked frames below which there is no answer, where the user sets none."""

FRAMES_PER_BATCH = 8
"""Pictures that a vision encoder is given at once, where the model does not say otherwise."""
DECODE_TIMEOUT = 300.0
"""Seconds that one of many videos may take to decode, where the user sets none."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a model is to do at once, for how much memory that takes; None as the model likes it."""

    frames: int | None = None
    video_tokens: int | None = None
    new_tokens: int = 256


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """Which frames of a video are looked at.

    Exactly one of three rules holds: ``at`` (these times), else ``fps`` (that many a second, at
    most ``max_frames``, thinned evenly when more would come), else ``num_frames`` evenly spaced.
    ``start`` and ``end`` cut the video first. All times are seconds.
    """

    num_frames: int = 16
    fps: float | None = None
    at: tuple[float, ...] = ()
    start: float | None = None
    end: float | None = None
    max_frames: int = 512
    short_side: int | None = 448  # px; frames are shrunk while decoding, never enlarged
    decoder: DecoderChoice = "auto"

    def __post_init__(self) -> None:
        """Refuse values that no video could satisfy."""
        if self.num_frames < 1:
            raise ConfigError(
                f"At least one frame is needed, not {self.num_frames}",
                field="frames",
                hint="--frames 16",
            )
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError(
                f"Frames per second must be in (0, 1000], not {self.fps}",
                field="fps",
                hint="--fps 2 looks at two frames a second",
            )
        if any(not 0 <= time < float("inf") for time in self.at):
            raise ConfigError(
                f"Times must be 0 or more seconds, not {self.at}", field="at", hint="--at 1.5,1:20"
            )
        if self.start is not None and not 0 <= self.start < float("inf"):
            raise ConfigError(
                f"The start must be 0 or more seconds, not {self.start}",
                field="start",
                hint="--start 1:20, counted from the beginning of the video",
            )
        if self.end is not None and self.end <= (self.start or 0.0):
            raise ConfigError(
                f"The end ({self.end} s) must come after the start ({self.start or 0.0} s)",
                field="end",
                hint="both are counted from the beginning of the video",
            )


TOKEN_CACHE_MIB = 1024


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """How an answer is generated. Temperature 0 is greedy and so deterministic."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values outside of their ranges."""
        if self.max_new_tokens < 1:
            raise ConfigError(
                f"At least one new token is needed, not {self.max_new_tokens}",
                field="max_new_tokens",
                hint="--max-new-tokens 256",
            )
        if not 0 <= self.temperature <= 10:
            raise ConfigError(
                f"The temperature must be in [0, 10], not {self.temperature}",
                field="temperature",
                hint="0 takes the likeliest token, 1 draws as likely as the model says",
            )
        if not 0 < self.top_p <= 1:
            raise ConfigError(
                f"top_p must be in (0, 1], not {self.top_p}",
                field="top_p",
                hint="1 draws from all tokens",
            )
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"No seed is {self.seed}", field="seed", hint="take 0 to 2^64 - 1")


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What form an answer must have; any text where nothing is set."""

    choices: tuple[str, ...] = ()  # the allowed answers, which are scored and not written
    abstain_below: float = 0.0  # least probability of the best choice; below it none is given
    schema: Mapping[str, Any] | None = None  # JSON schema that the answer fits

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.choices and self.schema is not None:
            raise ConfigError(
                "Choices and a JSON schema exclude each other",
                field="schema",
                hint="leave out one of them",
            )
        if not 0 <= self.abstain_below <= 1:
            raise ConfigError(
                f"The probability below which to abstain must be in [0, 1], not"
                f" {self.abstain_below}",
                field="abstain_below",
                hint="--abstain-below 0.5",
            )
        if self.abstain_below and not self.choices:
            raise ConfigError(
                "Without choices there is nothing to abstain from",
                field="abstain_below",
                hint="add --choices or --yes-no",
            )
        if self.choices:
            self._check_choices()

    def _check_choices(self) -> None:
        if not all(choice.strip() for choice in self.choices):
            raise ConfigError(
                "A choice is empty", field="choices", hint="--choices 'red,green,blue'"
            )
        if len(self.choices) < 2:
            raise ConfigError(
                f"At least two choices are needed, and there is only '{self.choices[0]}'",
                field="choices",
                hint="--choices 'red,green,blue'",
            )
        # Some models write in lower case only, and any may add a full stop.
        told_apart = [choice.casefold().removesuffix(".").split() for choice in self.choices]
        for number, choice in enumerate(self.choices):
            if told_apart[number] in told_apart[:number]:
                raise ConfigError(
                    f"The choice '{choice}' is given twice",
                    field="choices",
                    hint="give each once; case, spaces and a full stop do not tell choices apart",
                )

    @property
    def is_free(self) -> bool:
        """Whether any text is an answer."""
        return not self.choices and self.schema is None


ANY_SHAPE = AnswerShape()
"""The form of an answer in the model's own words."""


@dataclass(frozen=True, slots=True)
class TimelineConfig:
    """Into how many parts a video is cut, and how much is said of each."""

    detail: Detail = "medium"
    every: float | None = None  # s; parts of this length instead of those that are found

    def __post_init__(self) -> None:
        """Refuse a length that cuts nothing."""
        if self.every is not None and not 0.1 <= self.every < float("inf"):
            raise ConfigError(
                f"A segment must last 0.1 s or more, not {self.every} s",
                field="every",
                hint="--every 5 cuts a segment every five seconds",
            )


_MOST = 1_000_000  # of anything that a LinVT counts
_MOST_LAYERS = 256
_COUNTS = ("scales", "num_queries", "num_kept", "score_dim", "num_heads")
_LAYERS = ("num_refiner_layers", "num_aggregator_layers")


def _require_whole(field: str, numbers: object, *, most: int) -> None:
    for number in numbers if isinstance(numbers, tuple | list) else (numbers,):
        if type(number) is not int or not 0 <= number <= most:
            raise ConfigError(
                f"'{field}' must be whole numbers of at most {most:,}, not {number!r}",
                field=field,
                hint="leave it at its default",
            )


def _require_bool(field: str, word: object) -> None:
    if type(word) is not bool:
        raise ConfigError(
            f"'{field}' must be true or false, not {word!r}",
            field=field,
            hint="leave it at its default",
        )


@dataclass(frozen=True, slots=True)
class LinVTConfig:
    """The shape of a LinearVideoTokenizer; stored in every LinVT checkpoint.

    ``scales[g]`` is the pooling kernel of group g and ``num_queries[g]`` how many video tokens are
    drawn from it, so K = sum(num_queries).
    """

    embed_dim: int  # D of the backbone
    scales: tuple[int, ...] = (1, 2, 4)
    num_queries: tuple[int, ...] = (32, 16, 16)
    num_kept: int = 1024  # k; clamped to T·N
    score_dim: int = 512  # width of scoring and aggregation; clamped to embed_dim
    num_heads: int = 8
    num_refiner_layers: int = 2
    num_aggregator_layers: int = 2
    text_conditioned: bool = True
    position_layout: PositionLayout = "flat"

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built, or that only harm: files say these numbers."""
        for field, numbers, most in self._numbers():
            _require_whole(field, numbers, most=most)
        _require_bool("text_conditioned", self.text_conditioned)
        if len(self.scales) != len(self.num_queries) or not self.scales:
            raise ConfigError(
                "Each pooling scale needs its number of queries",
                field="num_queries",
                hint="give 'num_queries' as many numbers as 'scales'",
            )
        if min(self.scales) < 1 or min(self.num_queries) < 1 or self.num_kept < 1:
            raise ConfigError(
                "Scales, query counts and kept tokens must be 1 or more",
                field="scales",
                hint="leave them at their defaults",
            )
        if min(self.score_width, self.num_heads) < 1:
            raise ConfigError(
                "Widths and heads must be 1 or more",
                field="num_heads",
                hint="leave them at their defaults",
            )
        if self.position_layout not in get_args(PositionLayout):
            raise ConfigError(
                f"Unknown position layout '{self.position_layout}'. Expected flat or time",
                field="position_layout",
                hint="leave it at its default",
            )
        if self.score_width % self.num_heads:
            raise ConfigError(
                f"The scoring width {self.score_width} must divide by {self.num_heads} heads",
                field="num_heads",
                hint="choose a number of heads that divides the width",
            )

    def _numbers(self) -> tuple[tuple[str, object, int], ...]:
        """All numbers by field, with the largest that makes sense."""
        return (
            *((name, getattr(self, name), _MOST) for name in ("embed_dim", *_COUNTS)),
            *((name, getattr(self, name), _MOST_LAYERS) for name in _LAYERS),
        )

    @property
    def score_width(self) -> int:
        """w, the width in which tokens are scored and weights are computed."""
        return min(self.score_dim, self.embed_dim)

    @property
    def num_video_tokens(self) -> int:
        """K, the number of video tokens that reach the language model."""
        return sum(self.num_queries)
