"""A figure of what an answer was made from: frames, scores, and where video tokens come from.

Needs Matplotlib.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch

from linvt_cli.pipeline.figures import new_figure, require_matplotlib
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.types import Answer

_MOST_COLUMNS = 16
_COLUMN_INCHES = 1.15
_LINE_LENGTH = 110
_DIMMED = 0.25  # brightness of what no video token shows
_PALE = 0.3  # opacity of the scores of visual tokens that were not kept

Array = np.ndarray[Any, Any]


def draw_sources(answer: Answer, watched: WatchedVideo, path: Path) -> None:
    """Draw frames, what of them the video tokens show, scores, and the frames of every token.

    Scores are pale where the visual token was not kept, so that no video token has a part of it.
    Cells of visual tokens are stretched over the whole frame, as most image-LLMs see it. Of more
    than 16 frames, 16 evenly spaced ones are drawn; the map of all tokens has all frames.

    Args:
        answer: with its video tokens.
        watched: the video that was asked about, with its pixels.
        path: of the PNG file, whose folder exists.

    Raises:
        MachineError: if Matplotlib is not installed.
        OSError: if the file cannot be written.
        ValueError: if the answer has no video tokens, or the video no pixels.
    """
    require_matplotlib("The figure is", extra="figures")
    shown, frames_of_tokens = source_maps(answer, watched)
    scores, kept = score_maps(answer, watched), kept_map(answer, watched)
    pixels, times = watched.frames.pixels, watched.frames.times
    if len(pixels) != len(times):
        raise ValueError("The pixels of this video are not kept")
    drawn = np.unique(np.linspace(0, len(times) - 1, min(len(times), _MOST_COLUMNS)).round())
    columns = drawn.astype(int)

    rows = 2 + (scores is not None)
    height = pixels.shape[1] / pixels.shape[2]
    picture_inches = _COLUMN_INCHES * height + 0.15
    map_inches = min(4.0, 1.2 + 0.03 * len(frames_of_tokens))
    figure = new_figure(
        _COLUMN_INCHES * max(6, len(columns)), rows * picture_inches + map_inches + 0.8
    )
    figure.suptitle(_title(answer), fontsize=10, parse_math=False)
    heights = [rows * picture_inches, map_inches]
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    grid = above.subplots(rows, len(columns), squeeze=False)
    highest = shown.max() or 1.0
    for column, frame in enumerate(columns):
        grid[0, column].imshow(pixels[frame])
        grid[0, column].set_title(f"{times[frame]:.1f} s", fontsize=8)
        grid[1, column].imshow(lit(pixels[frame], shown[frame] / highest))
        if scores is not None:
            opacity = np.where(kept[frame], 1.0, _PALE)
            grid[2, column].imshow(
                scores[frame], vmin=0, vmax=1, cmap="viridis", aspect=height, alpha=opacity
            )
    labels = ["frames", "what video\ntokens show", "scores (pale:\nnot kept)"]
    for row in range(rows):
        grid[row, 0].set_ylabel(labels[row], fontsize=8)
        for axes in grid[row]:
            axes.set(xticks=[], yticks=[])
    axes = below.subplots()
    image = axes.imshow(
        frames_of_tokens,
        aspect="auto",
        cmap="magma",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    axes.set_xticks(columns, [f"{times[frame]:.1f}" for frame in columns], fontsize=7)
    axes.set_xlabel("time of the frame, s", fontsize=8)
    axes.set_ylabel("video token", fontsize=8)
    below.colorbar(image, ax=axes, label="weight", pad=0.01)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # boxes stand for them
        figure.savefig(path, dpi=110, format="png")


def source_maps(answer: Answer, watched: WatchedVideo) -> tuple[Array, Array]:
    """Return where the video tokens come from, without ever holding all weights as a full matrix.

    Returns:
        How much all of them together show of each cell, (T, rows, columns), and how much of each
        of them comes from which frame, (K, T); the latter's rows sum to 1.

    Raises:
        ValueError: if the answer has no video tokens.
    """
    if answer.video_tokens is None:
        raise ValueError("The answer does not hold its video tokens")
    weights = answer.video_tokens.weights
    matrix = weights.matrix.cpu()
    tokens, sources = matrix.indices()
    values = matrix.values().float()
    shown = torch.zeros(matrix.shape[1]).index_add_(0, sources, values)
    by_frame = torch.zeros(len(matrix), weights.num_frames)
    by_frame.index_put_((tokens, sources // weights.tokens_per_frame), values, accumulate=True)
    return shown.view(weights.num_frames, *watched.grid).numpy(), by_frame.numpy()


def kept_map(answer: Answer, watched: WatchedVideo) -> Array:
    """Return which visual tokens any video token may be made of: (T, rows, columns) of bool.

    Raises:
        ValueError: if the answer has no video tokens.
    """
    if answer.video_tokens is None:
        raise ValueError("The answer does not hold its video tokens")
    weights = answer.video_tokens.weights
    kept = torch.zeros(weights.matrix.shape[1], dtype=torch.bool)
    kept[weights.matrix.cpu().indices()[1]] = True
    return kept.view(weights.num_frames, *watched.grid).numpy()


def score_maps(answer: Answer, watched: WatchedVideo) -> Array | None:
    """Return the significance of every visual token, (T, rows, columns) in (0, 1), if scored."""
    if answer.video_tokens is None or answer.video_tokens.scores is None:
        return None
    scores: Array = answer.video_tokens.scores.float().cpu().numpy()
    return scores.reshape(-1, *watched.grid)


def lit(picture_HWC: Array, light: Array) -> Array:
    """Dim a picture but where there is light: (H, W, 3) uint8 -> the same.

    Args:
        picture_HWC: the picture.
        light: (rows, columns) in [0, 1], stretched over it.
    """
    rows = np.arange(picture_HWC.shape[0]) * light.shape[0] // picture_HWC.shape[0]
    columns = np.arange(picture_HWC.shape[1]) * light.shape[1] // picture_HWC.shape[1]
    brightness = _DIMMED + (1 - _DIMMED) * np.sqrt(light[rows][:, columns, None])
    lighted: Array = (picture_HWC * brightness).astype(np.uint8)
    return lighted


def _title(answer: Answer) -> str:
    lines = (answer.question, answer.text, f"{answer.model.backbone}, {answer.model.tokenizer}")
    return "\n".join(shorten(line, _LINE_LENGTH, placeholder=" …") for line in lines)
