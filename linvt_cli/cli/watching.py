"""What comes before every answer: load the model, watch the video, say what is going on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linvt_cli.cli.options import FrameOptions, ModelOptions
from linvt_cli.cli.output import Output
from linvt_cli.cli.pulling import pull_if_needed
from linvt_cli.models.offline import settle_offline
from linvt_cli.models.source import names_repository

if TYPE_CHECKING:
    from linvt_cli.pipeline import VideoQA, WatchedVideo

DEFAULT_NOTICE = (
    "note: nano, the built-in model, only knows drawn clips like those of 'linvt demo-clip'"
)


def load_model(model: ModelOptions, output: Output) -> VideoQA:
    """Load a model; say which one where the user named none."""
    if model.name is None:
        output.notice(DEFAULT_NOTICE)
    settle_offline(model.offline)
    if model.weights is None:
        pull_if_needed(model.chosen, output, allowed=model.pull)
    if model.checkpoint is not None and names_repository(model.checkpoint):
        pull_if_needed(model.checkpoint, output, allowed=model.pull)
    with output.progress(f"Loading {model.chosen}"):
        from linvt_cli.pipeline import VideoQA

        return VideoQA.load(
            model.chosen,
            tokenizer=model.tokenizer,
            checkpoint=model.checkpoint,
            num_video_tokens=model.video_tokens,
            device=model.device,
            weights=model.weights,
            quantization=model.quant,
            dtype=model.dtype,
            keep_quantized=model.keep_quantized,
            on_notice=output.notice,
        )


def watch_video(qa: VideoQA, video: str, frames: FrameOptions, output: Output) -> WatchedVideo:
    """Watch a video, show how much of it is read meanwhile, and pass its warnings on."""
    sampling = frames.sampling(qa.sampling.num_frames)
    with output.progress(f"Reading {video}") as show:
        watched = qa.watch(
            video,
            sampling,
            min_coverage=frames.min_coverage,
            on_progress=lambda share: show(
                f"Reading {video}: {share:.0%}" if share < 1 else f"Looking at {video}"
            ),
        )
    for warning in watched.frames.warnings:
        output.warning(warning)
    return watched
