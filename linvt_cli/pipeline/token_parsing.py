"""From the document and the tensors of a token file to a watched video; nothing is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from linvt_cli.pipeline.checked import (
    CheckedTensors,
    parse_count,
    parse_number,
    parse_numbers,
    parse_optional_text,
    parse_text,
)
from linvt_cli.pipeline.identity import Identity
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.types import Decoder, Frames, SourceWeights, VideoInfo, VideoTokens
from linvt_cli.video_tokenizer.base import KeptTokens, PooledTokens, RefinedTokens

_DECODERS: tuple[Decoder, ...] = get_args(Decoder)


def parse_watched(
    document: dict[str, Any], tensors: CheckedTensors, embed_dim: int
) -> WatchedVideo:
    """Return a watched video from the document and the tensors of a token file.

    Args:
        document: what the file says of itself.
        tensors: what it holds.
        embed_dim: D, of the backbone that is to read it.

    Raises:
        LookupError: if something is missing.
        TypeError: if something is of another type.
        ValueError: if something cannot be.
    """
    times = parse_numbers(document["times"])
    rows, columns = (parse_count(number) for number in document["grid"])
    tokens_per_frame = parse_count(document["tokens_per_frame"])
    frames = _parse_frames(document["frames"])
    if not times or frames.times != times or rows * columns != tokens_per_frame:
        raise ValueError("times")
    shape = len(times), tokens_per_frame
    if "scales" in document:
        scales = [parse_count(scale) for scale in document["scales"]]
        refined = RefinedTokens(
            times, tokens_per_frame, kept=_parse_kept(tensors, scales, shape, embed_dim)
        )
    else:
        condensed = _parse_condensed(tensors, document["condensed"], shape, embed_dim)
        refined = RefinedTokens(times, tokens_per_frame, condensed=condensed)
    if tensors.left:
        raise ValueError(tensors.left)
    return WatchedVideo(parse_text(document["video"]), frames, (rows, columns), refined)


def parse_identity(document: dict[str, Any]) -> Identity:
    """Return which weights made a token file; it raises what ``parse_watched`` does."""
    return Identity(
        backbone=parse_text(document["backbone"]),
        revision=parse_optional_text(document["revision"]),
        words=parse_text(document["words"]),
        tokenizer=parse_text(document["tokenizer"]),
        tokenizer_weights=parse_text(document["tokenizer_weights"]),
    )


def _parse_kept(
    tensors: CheckedTensors, scales: list[int], shape: tuple[int, int], embed_dim: int
) -> KeptTokens:
    num_kept = tensors.size("values", 1)
    score_width = tensors.size("pooled.0.keys", 2)
    pooled = []
    for group, scale in enumerate(scales):
        count = -(-num_kept // scale)
        name = f"pooled.{group}"
        pooled.append(
            PooledTokens(
                scale,
                tensors.take(f"{name}.keys", 1, count, score_width),
                tensors.take(f"{name}.log_gates", 1, count, dtype=torch.float32),
                tensors.take(f"{name}.times", 1, count, dtype=torch.float32),
            )
        )
    return KeptTokens(
        values=tensors.take("values", 1, num_kept, embed_dim),
        indices=tensors.take_indices("indices", 1, num_kept, below=shape[0] * shape[1]),
        gates=tensors.take("gates", 1, *shape, dtype=torch.float32),
        pooled=tuple(pooled),
    )


def _parse_condensed(
    tensors: CheckedTensors, document: dict[str, Any], shape: tuple[int, int], embed_dim: int
) -> VideoTokens:
    count, num_sources = tensors.size("tokens", 0), shape[0] * shape[1]
    num_weights = tensors.size("weights.values", 0)
    indices = tensors.take_indices("weights.indices", 2, num_weights, below=num_sources)
    if num_weights and int(indices[0].max()) >= count:
        raise ValueError("weights.indices")
    values = tensors.take("weights.values", num_weights, dtype=torch.float32)
    times = parse_numbers(document["times"])
    if len(times) != count or type(document["unchanged"]) is not bool:
        raise ValueError("condensed")
    size = (count, num_sources)
    matrix = torch.sparse_coo_tensor(indices, values, size, check_invariants=True).coalesce()
    return VideoTokens(
        tokens=tensors.take("tokens", count, embed_dim),
        weights=SourceWeights(matrix, *shape),
        times=times,
        scores=tensors.take("scores", *shape, dtype=torch.float32) if "scores" in tensors else None,
        unchanged=document["unchanged"],
    )


def _parse_frames(document: dict[str, Any]) -> Frames:
    info = document["video"]
    video = VideoInfo(
        path=Path(),
        width=parse_count(info["width"]),
        height=parse_count(info["height"]),
        duration=parse_number(info["duration"]),
        num_frames=parse_count(info["num_frames"]),
        codec=parse_text(info["codec"]),
        decoder=_DECODERS[_DECODERS.index(info["decoder"])],
    )
    return Frames(
        pixels=np.empty((0, video.height, video.width, 3), np.uint8),
        times=parse_numbers(document["times"]),
        video=video,
        coverage=parse_number(document["coverage"]),
        warnings=tuple(parse_text(warning) for warning in document["warnings"]),
    )
