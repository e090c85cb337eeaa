from __future__ import annotations

import pytest
import torch

from linvt_cli.config import LinVTConfig
from linvt_cli.training.ablation.variant import Clips, Questions

CONFIG = LinVTConfig(
    embed_dim=24, scales=(1, 2, 4), num_queries=(8, 2, 2), num_kept=32, score_dim=16, num_heads=2
)
NUM_TOKENS = CONFIG.num_video_tokens
NUM_SOURCES = 16 * 4


@pytest.fixture
def clips() -> Clips:
    """Two clips of 16 frames with 4 visual tokens each."""
    torch.manual_seed(3)
    times = (torch.arange(16) + 0.5) / 16
    return Clips(torch.randn(2, 16, 4, 24), times.expand(2, -1), (2, 2))


@pytest.fixture
def questions() -> Questions:
    """Two questions about each of them, of five and of three tokens."""
    torch.manual_seed(4)
    mask = torch.ones(4, 5, dtype=torch.bool)
    mask[1::2, 3:] = False
    return Questions(torch.randn(4, 5, 24), mask)
