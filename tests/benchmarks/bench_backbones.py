"""Large image-LLMs with random weights: memory, and the times of one answer in its parts.

The models are built at full size on the device, so nothing is downloaded; what they say means
nothing, what it costs does. Every row is one model, one quantization, one number of frames and one
video tokenizer. ``--tiny`` runs the same at toy size, on any machine. Where no video is named, one
with frames enough is written first; at toy size the demo clip does. Needs no network.

    PYTHONPATH=. python tests/benchmarks/bench_backbones.py --device cuda
    PYTHONPATH=. python tests/benchmarks/bench_backbones.py --tiny
"""

from __future__ import annotations

import argparse
import gc
import importlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import nn

from linvt_cli.backbones.image_llm import ImageLLM
from linvt_cli.backbones.internvl2 import InternVL2
from linvt_cli.backbones.molmo import Molmo
from linvt_cli.backbones.qwen2_vl import Qwen2VL
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.backbones.text_tokenizers import load_tokenizer
from linvt_cli.config import FrameSampling, GenerationConfig, LinVTConfig
from linvt_cli.errors import ContextLengthError, OutOfMemoryError
from linvt_cli.pipeline import VideoQA
from linvt_cli.video.writer import write_video
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.baselines import AllTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.full_size import MODELS
from tests.tiny_checkpoints import write_tokenizer
from tests.tiny_internvl2 import write_internvl2
from tests.tiny_molmo import write_molmo
from tests.tiny_qwen2_vl import write_qwen

DEMO = Path(__file__).parents[2] / "linvt_cli" / "assets" / "demo.mp4"
CLIP_FRAMES, CLIP_HEIGHT, CLIP_WIDTH, CLIP_FPS = 160, 360, 640, 16.0
NEW_TOKENS = 32
ADAPTERS: dict[str, type[ImageLLM]] = {
    "qwen2-vl-7b": Qwen2VL,
    "internvl2-8b": InternVL2,
    "molmo-7b-d": Molmo,
}
MARKS = {
    "qwen2-vl-7b": (
        "<|im_start|>",
        "<|im_end|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
    ),
    "internvl2-8b": ("<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>"),
    "molmo-7b-d": ("<im_start>", "<im_end>", "<im_patch>", "<im_col>"),
}
WRITERS: dict[str, Callable[[Path], object]] = {
    "qwen2-vl-7b": write_qwen,
    "internvl2-8b": lambda folder: write_internvl2(folder, "internlm2"),
    "molmo-7b-d": write_molmo,
}
OUTLIERS = 6.0  # columns with larger numbers are multiplied in 16 bits; as transformers has it
HEADER = (
    "model", "quant", "frames", "tokenizer", "tokens", "peak GiB", "vision s", "tokenize s",
    "prefill s", "ms/token",
)  # fmt: skip


def quantized(model: nn.Module, quantization: str) -> None:
    """Replace the linear layers of the language model in place, one after the other."""
    bnb: Any = importlib.import_module("bitsandbytes.nn")
    language: Any = model.model.language_model  # type: ignore[union-attr]
    for parent in list(language.modules()):
        for name, layer in list(parent.named_children()):
            if not isinstance(layer, nn.Linear):
                continue
            shape = (layer.in_features, layer.out_features)
            bias = layer.bias is not None
            device = layer.weight.device
            # On meta, the new layer draws no weights of its own only to lose them
            apart = {"bias": bias, "device": "meta"}
            if quantization == "int8":
                small = bnb.Linear8bitLt(
                    *shape, has_fp16_weights=False, threshold=OUTLIERS, **apart
                )
                small.weight = bnb.Int8Params(
                    layer.weight.data.half().cpu(), requires_grad=False, has_fp16_weights=False
                )
            else:
                small = bnb.LinearNF4(*shape, compute_dtype=layer.weight.dtype, **apart)
                small.weight = bnb.Params4bit(
                    layer.weight.data.cpu(), requires_grad=False, quant_type="nf4"
                )
            if bias:
                small.bias = nn.Parameter(layer.bias.data.cpu())
            setattr(parent, name, small.to(device))


def full_size(name: str, quantization: str, device: torch.device) -> ImageLLM:
    """Build a model with random weights on the device, and its adapter around it."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        with device:
            model = MODELS[name]().eval()
    finally:
        torch.set_default_dtype(torch.float32)
    if quantization != "none":
        quantized(model, quantization)
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), MARKS[name])
        tokenizer = load_tokenizer(Path(folder))
    backbone = ADAPTERS[name](name, model, tokenizer)  # type: ignore[arg-type]
    backbone.max_context = find_backbone(name).max_context
    return backbone


def tiny(name: str, quantization: str, device: torch.device) -> ImageLLM:
    """Load a toy model of the same family."""
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[name](Path(folder))
        backbone: ImageLLM = load_backbone(  # type: ignore[assignment]
            find_backbone(name),
            folder=Path(folder),
            device=device,
            dtype=torch.bfloat16,
            quantization=quantization,  # type: ignore[arg-type]
        )
        return backbone


def tokenizers(backbone: ImageLLM) -> Iterator[tuple[str, VideoTokenizer]]:
    """Yield trained LinVT's shape at two sizes, cluster at the same, and no condensing at all."""
    for queries in ((32, 16, 16), (128, 64, 64)):
        config = LinVTConfig(embed_dim=backbone.embed_dim, num_queries=queries)
        with backbone.device:
            linvt = LinearVideoTokenizer(config).to(backbone.dtype)
        yield "linvt", linvt
        yield "cluster", ClusterTokenizer(sum(queries))
    yield "all", AllTokenizer()


def measure(
    backbone: ImageLLM, tokenizer: VideoTokenizer, video: str, num_frames: int
) -> tuple[str, ...]:
    """Ask one question and return the figures of the answer, or why there is none."""
    if backbone.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    qa = VideoQA(backbone, tokenizer)
    # No answer stops early: every row generates the same number of tokens.
    backbone.stop_ids = frozenset()
    try:
        watched = qa.watch(video, FrameSampling(num_frames=num_frames))
        answer = qa.ask(watched, "What happens?", GenerationConfig(max_new_tokens=NEW_TOKENS))
    except ContextLengthError as error:
        return (f"{error.length} > context", "-", "-", "-", "-", "-")
    except OutOfMemoryError:
        return ("out of memory", "-", "-", "-", "-", "-")
    stats = answer.stats
    peak = "-"
    if backbone.device.type == "cuda":
        peak = f"{torch.cuda.max_memory_allocated() / 2**30:.1f}"
    return (
        str(stats.num_video_tokens),
        peak,
        f"{answer.vision_seconds:.3f}",
        f"{answer.tokenize_seconds:.3f}",
        f"{stats.prefill_seconds:.3f}",
        f"{1000 * stats.generate_seconds / max(1, stats.num_generated_tokens - 1):.1f}",
    )


def write_clip(folder: Path) -> str:
    """Write a video whose frames all differ: stripes that wander over noise."""
    noise = np.random.default_rng(0).integers(0, 64, (CLIP_HEIGHT, CLIP_WIDTH, 3), dtype=np.uint8)
    places = np.arange(CLIP_WIDTH)

    def frames() -> Iterator[np.ndarray[Any, Any]]:
        for moment in range(CLIP_FRAMES):
            stripes = ((places + 4 * moment) // 40 % 4 * 60).astype(np.uint8)
            yield noise + stripes[None, :, None]

    path = folder / "stripes.mp4"
    write_video(path, frames(), CLIP_FPS)
    return str(path)


def describe(device: torch.device) -> str:
    """Say what the figures were measured on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return f"{name}, torch {torch.__version__}, transformers {transformers.__version__}"


def measure_all(options: argparse.Namespace, device: torch.device, video: str) -> None:
    """Print the rows of the table."""
    build = tiny if options.tiny else full_size
    for name in options.models:
        for quantization in options.quant:
            backbone = build(name, quantization, device)
            measure(backbone, ClusterTokenizer(8), video, 1)  # kernels are loaded at first use
            for num_frames in options.frames:
                for label, tokenizer in tokenizers(backbone):
                    figures = measure(backbone, tokenizer, video, num_frames)
                    cells = (name, quantization, str(num_frames), label, *figures)
                    print("| " + " | ".join(cells) + " |", flush=True)
            del backbone
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--models", nargs="+", default=list(MARKS), choices=list(MARKS))
    parser.add_argument("--quant", nargs="+", default=["none", "int8", "nf4"])
    parser.add_argument("--frames", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--video", help="one with frames enough; else one is written")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if not options.tiny and options.device == "cpu":
        print("No CUDA device here: full-size models need one; --tiny runs anywhere")
        return
    device = torch.device(options.device)
    print(describe(device), end="\n\n")
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    with tempfile.TemporaryDirectory() as folder:
        video = options.video or (str(DEMO) if options.tiny else write_clip(Path(folder)))
        measure_all(options, device, video)


if __name__ == "__main__":
    main()
