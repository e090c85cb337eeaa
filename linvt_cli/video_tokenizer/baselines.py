"""The baselines that a video tokenizer must beat: the mean of everything, and everything."""

from __future__ import annotations

import itertools
import math
import time

import torch

from linvt_cli.config import PositionLayout
from linvt_cli.errors import ConfigError
from linvt_cli.types import TokenizerName, VisualFeatures
from linvt_cli.video_tokenizer.averaging import average_by_label, keep_all
from linvt_cli.video_tokenizer.base import QuestionFree, RefinedTokens, condensed_tokens


class MeanTokenizer(QuestionFree):
    """Means over equal parts of the video, K in all; blind to what the frames show.

    With fewer tokens than frames, token i is the mean of all of frames ⌊iT/K⌋ to ⌊(i+1)T/K⌋ - 1.
    Otherwise frame t gets ⌊(t+1)K/T⌋ - ⌊tK/T⌋ tokens, never more than the N it has, each the mean
    of one of as many near-square regions (see ``frame_regions``).

    Args:
        num_video_tokens: K.
    """

    name: TokenizerName = "mean"
    position_layout: PositionLayout = "flat"

    def __init__(self, num_video_tokens: int) -> None:
        if num_video_tokens < 1:
            raise ConfigError(
                f"At least one video token is needed, not {num_video_tokens}",
                field="num_video_tokens",
                hint="--video-tokens 64",
            )
        self.num_video_tokens = num_video_tokens

    def refine(self, features: VisualFeatures) -> RefinedTokens:
        """Average; questions play no part."""
        started = time.perf_counter()
        num_frames, tokens_per_frame, _ = features.tokens.shape
        if num_frames > self.num_video_tokens:
            labels_T = _part_of_each(num_frames, self.num_video_tokens)
            labels_TN = labels_T[:, None].expand(-1, tokens_per_frame)
        else:
            labels_TN = self._label_regions(num_frames, features.grid)
        num_labels = int(labels_TN.max()) + 1
        labels_S = labels_TN.flatten().to(features.tokens.device)
        return condensed_tokens(
            features, average_by_label(features, labels_S, num_labels), started=started
        )

    def _label_regions(self, num_frames: int, grid: tuple[int, int]) -> torch.Tensor:
        bounds = [t * self.num_video_tokens // num_frames for t in range(num_frames + 1)]
        labels, offset = [], 0
        for start, end in itertools.pairwise(bounds):
            num_regions = min(end - start, grid[0] * grid[1])
            labels.append(frame_regions(grid, num_regions) + offset)
            offset += num_regions
        return torch.stack(labels)


class AllTokenizer(QuestionFree):
    """Keeps every visual token: what the language model would see without a video tokenizer."""

    name: TokenizerName = "all"
    position_layout: PositionLayout = "flat"
    num_video_tokens: int | None = None

    def refine(self, features: VisualFeatures) -> RefinedTokens:
        """Keep everything."""
        started = time.perf_counter()
        return condensed_tokens(features, keep_all(features), started=started)


def frame_regions(grid: tuple[int, int], num_regions: int) -> torch.Tensor:
    """Cut a frame into regions, row by row: (N,) int64 labels in [0, num_regions).

    The rows are cut into b bands and each band into columns, as evenly as whole tokens allow. b is
    the number that makes regions most nearly square, √(num_regions · rows / columns) rounded, as
    long as no band needs more cuts than the grid has columns.

    Args:
        grid: Rows and columns of visual tokens.
        num_regions: At most rows · columns.
    """
    rows, columns = grid
    wanted = round(math.sqrt(num_regions * rows / columns))
    num_bands = max(math.ceil(num_regions / columns), min(wanted, rows, num_regions), 1)
    labels = []
    for row in range(rows):
        band = row * num_bands // rows
        first, end = (i * num_regions // num_bands for i in (band, band + 1))
        labels.append(first + _part_of_each(columns, end - first))
    return torch.cat(labels)


def _part_of_each(length: int, num_parts: int) -> torch.Tensor:
    """Which of ``num_parts`` runs of neighbours each item is in: (length,) int64, each occurs.

    Run i holds the items ⌊i·length/num_parts⌋ to ⌊(i+1)·length/num_parts⌋ - 1.
    """
    bounds = [part * length // num_parts for part in range(num_parts + 1)]
    sizes = torch.tensor(bounds).diff()
    return torch.arange(num_parts).repeat_interleave(sizes)
