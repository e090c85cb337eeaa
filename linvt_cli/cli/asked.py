"""What the user asked for, in the user's words: which frames, and which model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.backbones.spec import DESCRIBE_QUESTION, BackboneSpec
from linvt_cli.config import (
    MIN_COVERAGE,
    TOKEN_CACHE_MIB,
    DecoderChoice,
    FrameSampling,
    GenerationConfig,
    Workload,
)
from linvt_cli.errors import ConfigError
from linvt_cli.models.source import names_folder, names_repository
from linvt_cli.settings.catalogue import find_own, what_stands_for
from linvt_cli.types import TokenizerName

DEFAULT_MODEL = "nano"
AUTO = "auto"
"""The name that stands for the largest model on this machine that fits."""


_AS_IT_LIKES = Workload()
_FRAMES_AT_A_RATE = 64  # supposed before the video is opened


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Which frames the user asked for, in the user's words; None where nothing was said."""

    frames: int | None = None
    fps: float | None = None
    at: str | None = None  # times with commas between them
    start: str | None = None
    end: str | None = None
    decoder: DecoderChoice = "auto"
    min_coverage: float = MIN_COVERAGE

    @property
    def expected(self) -> int | None:
        """How many frames there will be, for their memory; None as the model likes it."""
        if self.frames is None and self.fps is not None:
            return _FRAMES_AT_A_RATE
        return self.frames if self.at is None else self.at.count(",") + 1

    def between(self, start: float | None, end: float | None) -> FrameOptions:
        """Return the options for a part of the video, in seconds; None where it is its end."""
        first, last = (None if time is None else f"{time:.3f}" for time in (start, end))
        return replace(self, start=first, end=last)

    def sampling_of(self, video: str, default_frames: int) -> FrameSampling:
        """Return the sampling for one video, which may be a token file.

        Raises:
            ConfigError: as ``sampling`` does, or if a token file is to show other frames than it
                was made from. A number of frames may be a setting, and does not matter there.
        """
        from linvt_cli.video.files import names_token_file

        if names_token_file(video):
            chosen = {"at": self.at, "start": self.start, "end": self.end, "fps": self.fps}
            for name, value in chosen.items():
                if value is not None:
                    raise ConfigError(
                        f"'{video}' is a token file, whose frames were chosen when it was made",
                        field=name,
                        hint=f"leave out --{name}, or name the video itself",
                    )
        return self.sampling(default_frames)

    def sampling(self, default_frames: int) -> FrameSampling:
        """Return the sampling that the options mean, for a model that likes ``default_frames``.

        Raises:
            ConfigError: if options contradict each other or a time cannot be read.
        """
        from linvt_cli.video.sampling import parse_time, parse_times

        if self.at is not None and (self.frames, self.fps) != (None, None):
            raise ConfigError(
                "--at names the frames itself", field="at", hint="leave out --frames and --fps"
            )
        return FrameSampling(
            num_frames=default_frames if self.frames is None else self.frames,
            max_frames=FrameSampling().max_frames if self.frames is None else self.frames,
            fps=self.fps,
            at=() if self.at is None else parse_times(self.at),
            start=None if self.start is None else parse_time(self.start),
            end=None if self.end is None else parse_time(self.end),
            decoder=self.decoder,
        )


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which model the user asked for; None where nothing was said."""

    name: str | None = None
    tokenizer: TokenizerName | None = None
    video_tokens: int | None = None
    checkpoint: str | None = None
    device: str = "auto"
    offline: bool = False
    weights: str | None = None
    quant: str = "auto"
    dtype: str = "auto"
    pull: bool = False
    keep_quantized: bool = True
    token_cache: int = TOKEN_CACHE_MIB  # MiB
    work: Workload = _AS_IT_LIKES
    fitted: bool = False  # whether linvt chose the quantization, and said so

    def doing(self, frames: FrameOptions, generation: GenerationConfig) -> ModelOptions:
        """Return the options with what the model is to do, for how much memory it takes."""
        work = Workload(
            frames.expected or self._trained_frames, self.video_tokens, generation.max_new_tokens
        )
        return replace(self, work=work)

    @property
    def chosen(self) -> str:
        """What the user wrote, or the default."""
        return self.name or DEFAULT_MODEL

    @property
    def spec(self) -> BackboneSpec | None:
        """What is known of the model before its files are looked at.

        None for a folder or a repository, which may have to be pulled first, and for ``auto``.

        Raises:
            UnknownBackboneError: if there is no such model.
        """
        named = what_stands_for(self.chosen)
        if named == AUTO or names_repository(named) or names_folder(named):
            return None
        return find_backbone(named)

    @property
    def linvt_checkpoint(self) -> str | None:
        """The LinVT checkpoint that the user named, on the command line or in the catalogue.

        That of the catalogue is none of a tokenizer which takes none.

        Raises:
            ConfigError: if the catalogue cannot be used.
        """
        if self.checkpoint is not None or self.tokenizer not in (None, "linvt"):
            return self.checkpoint
        own = find_own(self.name)
        return None if own is None else own.checkpoint

    @property
    def default_frames(self) -> int:
        """How many frames are looked at where the user does not say: those of the training."""
        if self._trained_frames is not None:
            return self._trained_frames
        return FrameSampling().num_frames if self.spec is None else self.spec.default_frames

    @property
    def _trained_frames(self) -> int | None:
        """How many frames the LinVT was trained on that the user named, if it says so."""
        if self.linvt_checkpoint is None:
            return None
        from linvt_cli.pipeline.model_choice import trained_frames

        return trained_frames(self.linvt_checkpoint)

    @property
    def describe_question(self) -> str:
        """What makes the model describe a video."""
        return DESCRIBE_QUESTION if self.spec is None else self.spec.describe_question
