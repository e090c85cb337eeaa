"""Token files: a watched video on disk, in safetensors, so that questions need no video.

Tensors are those of ``RefinedTokens``; everything else is one JSON document in the metadata. Such
a file may come from anywhere: whatever it says is checked before it is believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from linvt_cli.errors import TokenFileError
from linvt_cli.pipeline.checked import (
    CheckedTensors,
    parse_numbers,
    parse_optional_text,
    parse_text,
)
from linvt_cli.pipeline.identity import Identity
from linvt_cli.pipeline.token_parsing import parse_identity, parse_watched
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.types import Frames, VideoTokens
from linvt_cli.video.files import shown_name
from linvt_cli.video_tokenizer.base import KeptTokens

FORMAT_VERSION = 1
_KEY = "linvt_tokens"
_AGAIN = "make it again: linvt tokens make VIDEO -o FILE.linvt"


@dataclass(frozen=True, slots=True)
class SavedTokens:
    """What a token file holds."""

    watched: WatchedVideo
    identity: Identity
    content: str | None = None  # hash of the video file


def write_token_file(path: Path, saved: SavedTokens) -> None:
    """Write a watched video; the file appears whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    watched, refined = saved.watched, saved.watched.refined
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "identity": asdict(saved.identity),
        "video": watched.video,
        "content": saved.content,
        "frames": _frames_document(watched.frames),
        "grid": watched.grid,
        "times": refined.times,
        "tokens_per_frame": refined.tokens_per_frame,
    }
    if refined.kept is not None:
        document["scales"] = [pooled.scale for pooled in refined.kept.pooled]
        tensors = _kept_tensors(refined.kept)
    else:
        condensed = refined.question_free()
        document["condensed"] = {"times": condensed.times, "unchanged": condensed.unchanged}
        tensors = _condensed_tensors(condensed)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    _replace(path, save(plain, metadata={_KEY: json.dumps(document)}))


@dataclass(frozen=True, slots=True)
class TokenFileSummary:
    """What a token file says of itself; nothing of it is checked against its tensors."""

    video: str  # as it was named when it was watched
    content: str | None
    num_frames: int
    identity: Identity


def summarize(path: Path) -> TokenFileSummary:
    """Read what a token file says of itself, and no tensor.

    Raises:
        TokenFileError: if it is none.
    """
    with _damage_named(path), safe_open(path, framework="pt") as file:
        document = _document(file)
        return TokenFileSummary(
            parse_text(document["video"]),
            parse_optional_text(document["content"]),
            len(parse_numbers(document["times"])),
            parse_identity(document["identity"]),
        )


def read_token_file(
    path: Path, embed_dim: int, device: torch.device, dtype: torch.dtype
) -> SavedTokens:
    """Read a watched video.

    Args:
        path: of a token file.
        embed_dim: D, of the backbone that is to read it.
        device: where its tensors go.
        dtype: of its visual tokens and keys.

    Raises:
        TokenFileError: if it is none, or says what cannot be.
    """
    with _damage_named(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        document = _document(file)
        return SavedTokens(
            parse_watched(document, CheckedTensors(tensors, device, dtype), embed_dim),
            parse_identity(document["identity"]),
            parse_optional_text(document["content"]),
        )


def _document(file: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((file.metadata() or {})[_KEY])
    if document["format_version"] != FORMAT_VERSION:
        raise ValueError("format_version")
    return document


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Say of any surprise in a file that it is damaged.

    Raises:
        TokenFileError: instead of what the block raises.
    """
    try:
        yield
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise TokenFileError(
            f"{shown_name(path)} is no whole token file ({type(error).__name__})",
            path=path,
            hint=_AGAIN,
        ) from error


def _frames_document(frames: Frames) -> dict[str, Any]:
    info = frames.video
    return {
        "times": frames.times,
        "coverage": frames.coverage,
        "warnings": frames.warnings,
        "video": {
            each.name: getattr(info, each.name) for each in fields(info) if each.name != "path"
        },
    }


def _kept_tensors(kept: KeptTokens) -> dict[str, torch.Tensor]:
    tensors = {"values": kept.values, "indices": kept.indices, "gates": kept.gates}
    for group, pooled in enumerate(kept.pooled):
        tensors[f"pooled.{group}.keys"] = pooled.keys
        tensors[f"pooled.{group}.log_gates"] = pooled.log_gates
        tensors[f"pooled.{group}.times"] = pooled.times
    return tensors


def _condensed_tensors(condensed: VideoTokens) -> dict[str, torch.Tensor]:
    matrix = condensed.weights.matrix
    tensors = {
        "tokens": condensed.tokens,
        "weights.indices": matrix.indices(),
        "weights.values": matrix.values(),
    }
    return tensors if condensed.scores is None else {**tensors, "scores": condensed.scores}


def _replace(path: Path, content: bytes) -> None:
    """Write beside the path under another name, then take its place."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
