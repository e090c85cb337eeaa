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
from tests.backbones.test_qwen2_vl import write_qwen
from tests.fakes import TinyBackbone
from tests.tiny_blip3 import write_blip3
from tests.tiny_internvl2 import write_internvl2
from tests.tiny_llava import write_aquila, write_mipha
from tests.tiny_models import tiny_nano
from tests.tiny_molmo import write_molmo
from tests.tiny_smolvlm import write_smolvlm

CPU = torch.device("cpu")
CLIP = Path(__file__).parents[1] / "linvt_cli" / "assets" / "demo.mp4"


def shipped(spec: BackboneSpec, folder: Path) -> Backbone:
    return load_backbone(spec, folder=folder, device=CPU, dtype=torch.float32)


def written(name: str, write: Callable[[Path], object]) -> Backbone:
    """Load a tiny checkpoint of a public image-LLM."""
    with TemporaryDirectory() as folder:
        write(Path(folder))
        spec = find_backbone(name)
        return load_backbone(spec, folder=Path(folder), device=CPU, dtype=torch.float32)


BUILDERS: dict[str, Callable[[], Backbone]] = {
    "fake": TinyBackbone,
    "tiny nano": tiny_nano,
    **{
        spec.name: partial(shipped, spec, spec.weights)
        for spec in BACKBONES
        if spec.weights is not None
    },
    "qwen2-vl": partial(written, "qwen2-vl-2b", write_qwen),
    "qwen2.5-vl": partial(written, "qwen2-vl-2b", partial(write_qwen, kind="qwen2_5_vl")),
    **{
        f"internvl2 with {kind}": partial(
            written, "internvl2-2b", partial(write_internvl2, kind=kind)
        )
        for kind in ("internlm2", "qwen2", "phi3")
    },
    "aquila-vl": partial(written, "aquila-vl-2b", write_aquila),
    "mipha with phi-2": partial(written, "mipha-3b", write_mipha),
    "mipha with phi-1.5": partial(written, "mipha-1.6b", partial(write_mipha, fused=True)),
    **{
        f"molmo {kind}": partial(written, "molmo-7b-d", partial(write_molmo, kind=kind))
        for kind in ("7b-d", "7b-o", "moe")
    },
    "blip-3": partial(written, "xgen-mm-interleave", write_blip3),
    "smolvlm2": partial(written, "smolvlm2-256m", write_smolvlm),
}


@cache
def build(name: str) -> Backbone:
    return BUILDERS[name]()


def frames(number: int = 3, height: int = 90, width: int = 160) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (number, height, width, 3), dtype=np.uint8)
    video = VideoInfo(Path("noise.mp4"), width, height, 10.0, 100, "mpeg4", "opencv")
    return Frames(pixels, tuple(0.5 * t for t in range(number)), video, coverage=1.0)
