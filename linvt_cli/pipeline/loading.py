"""Loads an image-LLM with its video tokenizer by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from linvt_cli.backbones.base import Backbone
from linvt_cli.backbones.loading import memory_errors_translated, select_device
from linvt_cli.backbones.registry import load_backbone
from linvt_cli.backbones.spec import BackboneSpec
from linvt_cli.config import Workload
from linvt_cli.pipeline.model_choice import checkpoint_of, find_checkpoint, find_model
from linvt_cli.pipeline.precision import LIGHTER_HINT, choose_dtype
from linvt_cli.pipeline.tokenizer_choice import TokenizerChoice, choose_tokenizer
from linvt_cli.pipeline.weights import find_weights, source_of_weights
from linvt_cli.types import ModelInfo, TokenizerName
from linvt_cli.video_tokenizer.base import VideoTokenizer
from linvt_cli.video_tokenizer.factory import make_tokenizer


@dataclass(frozen=True, slots=True)
class LoadedParts:
    """What a ``VideoQA`` is made of."""

    spec: BackboneSpec
    backbone: Backbone
    tokenizer: VideoTokenizer
    model: ModelInfo


def load_parts(
    model: str,
    *,
    tokenizer: TokenizerName | None,
    checkpoint: str | Path | None,
    num_video_tokens: int | None,
    device: str,
    weights: str | Path | None,
    quantization: str,
    dtype: str,
    work: Workload,
    keep_quantized: bool,
    on_notice: Callable[[str], None],
) -> LoadedParts:
    """Load what ``VideoQA.load`` is asked for; arguments and errors are described there."""
    spec, own_folder = find_model(model)
    checkpoint = checkpoint or checkpoint_of(model)
    choice = choose_tokenizer(
        spec,
        tokenizer=tokenizer,
        checkpoint=None if checkpoint is None else find_checkpoint(checkpoint),
        num_video_tokens=num_video_tokens,
    )
    place = select_device(device)
    precision = choose_dtype(dtype, place, spec)
    work = replace(work, video_tokens=_video_tokens(spec, choice, work))
    with memory_errors_translated(place, hint=LIGHTER_HINT):
        found = find_weights(
            spec,
            None if weights is not None else source_of_weights(spec, model),
            own_folder if weights is None else Path(weights),
            choice=quantization,
            device=place,
            dtype=precision,
            work=work,
            keep_quantized=keep_quantized,
            notify=on_notice,
        )
    with memory_errors_translated(place, hint=LIGHTER_HINT, quantization=found.quantization):
        backbone = load_backbone(
            spec,
            folder=found.folder,
            device=place,
            dtype=precision,
            quantization=found.quantization,
        )
        video_tokenizer = make_tokenizer(
            choice.name,
            num_video_tokens=choice.num_video_tokens,
            checkpoint=choice.checkpoint,
            backbone_name=spec.name,
            embed_dim=backbone.embed_dim,
            device=place,
            dtype=precision,
        )
    return LoadedParts(
        spec,
        backbone,
        video_tokenizer,
        ModelInfo(
            spec.name,
            choice.name,
            choice.checkpoint_name,
            quantization=found.quantization,
            revision=found.revision,
        ),
    )


def _video_tokens(spec: BackboneSpec, choice: TokenizerChoice, work: Workload) -> int:
    """Return how many tokens of the video the language model will read."""
    if choice.name == "all":
        return (work.frames or spec.default_frames) * spec.tokens_per_frame
    return choice.num_video_tokens
