"""Every backbone there is, small enough for tests: the fake, nano, and tiny public image-LLMs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.catalogue import BACKBONES
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.backbones.spec import BackboneSpec
from linvt_cli.types import Frames, VideoInfo
from tests.fakes import TinyBackbone
from tests.public_layouts import LAYOUTS, Layout
from tests.tiny_models import tiny_nano

CPU = torch.device("cpu")
CLIP = Path(__file__).parents[1] / "linvt_cli" / "assets" / "demo.mp4"


def shipped(spec: BackboneSpec, folder: Path) -> Backbone:
    return load_backbone(spec, folder=folder, device=CPU, dtype=torch.float32)


def written(layout: Layout) -> Backbone:
    """Load a tiny checkpoint of a public image-LLM."""
    with TemporaryDirectory() as folder:
        layout.write(Path(folder))
        return shipped(find_backbone(layout.model), Path(folder))


BUILDERS: dict[str, Callable[[], Backbone]] = {
    "fake": TinyBackbone,
    "tiny nano": tiny_nano,
    **{
        spec.name: partial(shipped, spec, spec.weights)
        for spec in BACKBONES
        if spec.weights is not None
    },
    **{name: partial(written, layout) for name, layout in LAYOUTS.items()},
}


@cache
def build(name: str) -> Backbone:
    return BUILDERS[name]()


def frames(number: int = 3, height: int = 90, width: int = 160) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (number, height, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, height, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(number)), video, coverage=1.0)
