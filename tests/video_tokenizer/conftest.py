"""Random visual tokens with a seed, and a LinVT small enough for tests."""

from __future__ import annotations

from typing import Protocol

import pytest
import torch

from linvt_cli.config import LinVTConfig
from linvt_cli.types import VisualFeatures
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer


class MakeFeatures(Protocol):
    """Makes visual tokens drawn with a seed; frames are half a second apart, from 1 s on."""

    def __call__(
        self,
        num_frames: int = 6,
        grid: tuple[int, int] = (3, 4),
        width: int = 24,
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> VisualFeatures: ...


@pytest.fixture
def make_features() -> MakeFeatures:
    def make(
        num_frames: int = 6,
        grid: tuple[int, int] = (3, 4),
        width: int = 24,
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> VisualFeatures:
        generator = torch.Generator().manual_seed(seed)
        shape = (num_frames, grid[0] * grid[1], width)
        tokens = torch.randn(shape, generator=generator).to(dtype)
        return VisualFeatures(tokens, tuple(1.0 + 0.5 * t for t in range(num_frames)), grid)

    return make


@pytest.fixture
def config() -> LinVTConfig:
    return LinVTConfig(
        embed_dim=24,
        scales=(1, 2, 4),
        num_queries=(5, 3, 2),
        num_kept=31,
        score_dim=16,
        num_heads=4,
    )


@pytest.fixture
def linvt(config: LinVTConfig) -> LinearVideoTokenizer:
    torch.manual_seed(0)
    return LinearVideoTokenizer(config).eval()


@pytest.fixture
def text_LD() -> torch.Tensor:
    return torch.randn(7, 24, generator=torch.Generator().manual_seed(1))
