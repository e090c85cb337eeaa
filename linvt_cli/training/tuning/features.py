"""What the frozen vision encoder sees of videos, kept on disk: it looks at each video once.

A file holds all visual tokens of the frames of one video, named by a hash of the video's content,
the encoder's weights and the choice of frames, so that no other weights read it.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.config import MIN_COVERAGE, FrameSampling
from linvt_cli.errors import OutOfMemoryError, StoreError
from linvt_cli.pipeline.identity import hash_tensors
from linvt_cli.pipeline.looking import look_at
from linvt_cli.pipeline.watched import check_coverage
from linvt_cli.types import Frames, VisualFeatures
from linvt_cli.video.fingerprint import PIXELS_VERSION, Fingerprint

_FORMAT = 1  # raised when encoding changes what comes out


def vision_identity(backbone: TunableBackbone) -> str:
    """Return a hash of all weights but the language model's, whose changes do not matter here."""
    language = {id(tensor) for tensor in backbone.decoder().state_dict(keep_vars=True).values()}
    state = backbone.model.state_dict(keep_vars=True)
    others = [name for name in sorted(state) if id(state[name]) not in language]
    return hash_tensors(backbone.name, (state[name] for name in others))


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """A folder of visual features as one vision encoder makes them. Threads may ask it."""

    folder: Path
    identity: str  # of the encoder's weights
    dtype: torch.dtype

    def slot(self, source: Fingerprint, sampling: FrameSampling) -> Path:
        """Return the file for some frames of a video, there or not."""
        facts = {
            "format": _FORMAT,
            "pixels": PIXELS_VERSION,
            "content": source.digest,
            "sampling": asdict(sampling),
            "identity": self.identity,
            "dtype": str(self.dtype),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:40]}.safetensors"

    def find(self, slot: Path, device: torch.device) -> VisualFeatures | None:
        """Return what a file holds; None where it is not there or is damaged."""
        try:
            with safe_open(slot, framework="pt") as file:
                rows, columns = json.loads(file.metadata()["grid"])
                tokens = file.get_tensor("tokens").to(device)
                times = tuple(file.get_tensor("times").tolist())
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            with suppress(OSError):
                slot.unlink()
            return None
        return VisualFeatures(tokens, times, (rows, columns))

    def keep(self, slot: Path, features: VisualFeatures) -> None:
        """Write features whole or not at all; several processes may write the same.

        Raises:
            StoreError: if the folder cannot be written.
        """
        unfinished = slot.with_suffix(f".{os.getpid()}.partial")
        try:
            slot.parent.mkdir(parents=True, exist_ok=True)
            save_file(
                {
                    "tokens": features.tokens.contiguous().cpu(),
                    "times": torch.tensor(features.times, dtype=torch.float64),
                },
                unfinished,
                metadata={"grid": json.dumps(features.grid)},
            )
            unfinished.replace(slot)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                unfinished.unlink()
            raise StoreError(
                f"Features cannot be kept in '{self.folder}': {error}",
                hint="make room, or leave out --cache-features",
            ) from error


@torch.no_grad()  # not inference mode: its tensors could never take part in training
def encode(backbone: TunableBackbone, frames: Frames, video: str) -> VisualFeatures:
    """Return what the frozen vision encoder sees of frames.

    Raises:
        CoverageError: if too few of the wanted frames could be decoded.
        OutOfMemoryError: if memory does not suffice for a single frame.
    """
    check_coverage(frames, video, MIN_COVERAGE)
    try:
        return look_at(backbone, frames)[1]
    except OutOfMemoryError as error:  # whose hint is about answering
        raise OutOfMemoryError(
            error.message, hint="use fewer --frames, in another folder, or a smaller --model"
        ) from error
