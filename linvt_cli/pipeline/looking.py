"""Looks at frames with the vision encoder: together, or one by one where memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.loading import give_memory_back, memory_errors_translated
from linvt_cli.errors import OutOfMemoryError
from linvt_cli.types import Frames, VisualFeatures

ONE_BY_ONE = (
    "memory ran out while looking at several frames at once; they were looked at one by one"
)


def look_at(backbone: Backbone, frames: Frames) -> tuple[Frames, VisualFeatures]:
    """Return the visual tokens of frames, and the frames, which carry a warning if memory ran out.

    Every backbone encodes each frame as a single image, so both ways give the same tokens up to
    rounding.

    Raises:
        OutOfMemoryError: if memory does not suffice for a single frame.
    """
    try:
        with memory_errors_translated(backbone.device):
            return frames, backbone.encode_frames(frames)
    except OutOfMemoryError:
        if len(frames.times) == 1:
            raise
    # Not above: there the error still holds all that was computed.
    give_memory_back(backbone.device)
    with memory_errors_translated(backbone.device):
        features = [backbone.encode_frames(_single(frames, t)) for t in range(len(frames.times))]
    return replace(frames, warnings=(*frames.warnings, ONE_BY_ONE)), VisualFeatures(
        tokens=torch.cat([each.tokens for each in features]),
        times=frames.times,
        grid=features[0].grid,
        seconds=sum(each.seconds for each in features),
    )


def look_together(
    backbone: Backbone, videos: Sequence[Frames]
) -> list[tuple[Frames, VisualFeatures]]:
    """Look at several videos as at one, and return for each what ``look_at`` does.

    Args:
        backbone: whose vision encoder looks.
        videos: one or more, with frames of one size; best no more frames in all than the encoder is
            given at once.

    Raises:
        OutOfMemoryError: if memory does not suffice for a single frame.
    """
    joined = replace(
        videos[0],
        pixels=np.concatenate([frames.pixels for frames in videos]),
        times=tuple(time for frames in videos for time in frames.times),
        warnings=(),
    )
    looked_at, features = look_at(backbone, joined)
    parts = torch.split(features.tokens, [len(frames.times) for frames in videos])
    return [
        (
            replace(frames, warnings=(*frames.warnings, *looked_at.warnings)),
            replace(
                features,
                tokens=tokens,
                times=frames.times,
                seconds=features.seconds * len(tokens) / len(features.tokens),
            ),
        )
        for frames, tokens in zip(videos, parts, strict=True)
    ]


def _single(frames: Frames, index: int) -> Frames:
    return replace(
        frames, pixels=frames.pixels[index : index + 1], times=frames.times[index : index + 1]
    )
