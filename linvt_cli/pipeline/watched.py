"""What is kept of a video that has been looked at, and whether enough of it was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from linvt_cli.config import PositionLayout
from linvt_cli.errors import ConfigError, CoverageError
from linvt_cli.types import Frames, VideoPlacement, VideoTokens
from linvt_cli.video_tokenizer.averaging import mean_frames
from linvt_cli.video_tokenizer.base import RefinedTokens


@dataclass(frozen=True, slots=True)
class WatchedVideo:
    """A video that has been looked at, ready for any number of questions.

    Of the visual tokens only what the tokenizer refined is kept.
    """

    video: str  # as the caller named it
    frames: Frames
    grid: tuple[int, int]  # rows, columns of visual tokens in a frame
    refined: RefinedTokens
    vision_seconds: float = 0.0
    cached: bool = False  # whether its tokens were read from disk, and no frame was decoded

    @property
    def num_visual_tokens(self) -> int:
        """T·N, before condensing."""
        return len(self.refined.times) * self.refined.tokens_per_frame

    @property
    def seconds(self) -> float:
        """Wall time of decoding, the vision encoder and refining."""
        return self.frames.seconds + self.vision_seconds + self.refined.seconds

    def place(self, video_tokens: VideoTokens, layout: PositionLayout) -> VideoPlacement:
        """Return what a prompt must know of where video tokens of this video come from."""
        return place_tokens(video_tokens, self.grid, layout)


def place_tokens(
    video_tokens: VideoTokens, grid: tuple[int, int], layout: PositionLayout
) -> VideoPlacement:
    """Return what a prompt must know of where video tokens come from.

    Args:
        video_tokens: what a tokenizer made.
        grid: rows and columns of visual tokens in a frame of the video.
        layout: of the tokenizer.
    """
    return VideoPlacement(
        grid=grid if video_tokens.unchanged else None,
        layout=layout,
        moments=mean_frames(video_tokens.weights) if layout == "time" else (),
    )


def check_minimum(min_coverage: float) -> None:
    """Refuse a least coverage that is no share.

    Raises:
        ConfigError: if it is not in [0, 1].
    """
    if not 0 <= min_coverage <= 1:
        raise ConfigError(
            f"The least coverage must be in [0, 1], not {min_coverage}",
            field="min_coverage",
            hint="--min-coverage 0.5 accepts half of the frames",
        )


def check_coverage(frames: Frames, video: str, min_coverage: float) -> None:
    """Refuse frames that are too few to answer from.

    Raises:
        CoverageError: if less than the least share of the asked frames was decoded.
    """
    if frames.coverage < min_coverage:
        hundredths = math.floor(100 * frames.coverage)  # never more than there is: a hint must work
        raise CoverageError(
            f"Only {hundredths}% of the frames asked for could be decoded from '{video}',"
            f" and at least {min_coverage:.0%} are needed",
            path=video,
            coverage=frames.coverage,
            minimum=min_coverage,
            hint=f"to answer from what there is: --min-coverage {hundredths / 100:.2f}",
        )
