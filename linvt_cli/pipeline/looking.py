"""Looks at frames with the vision encoder: together, or one by one where memory runs out."""

from __future__ import annotations

from dataclasses import replace

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


def _single(frames: Frames, index: int) -> Frames:
    return replace(
        frames, pixels=frames.pixels[index : index + 1], times=frames.times[index : index + 1]
    )
