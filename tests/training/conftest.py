from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_vision import NUM_CHANNELS
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import NUM_FRAMES, ClipSet, FeatureCache
from linvt_cli.training.schedule import MAX_THINGS
from tests.tiny_models import tiny_nano

NUM_CELLS = 4


@pytest.fixture(scope="session")
def nano() -> Nano:
    return tiny_nano()


@pytest.fixture
def bank(nano: Nano) -> ClipBank:
    """Six clips and two foreign ones with random features; thing 0 always fills cell 1."""
    clips = ClipSet("train", 0, num_clips=6, num_foreign=2)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(8, NUM_FRAMES, NUM_CELLS, NUM_CHANNELS)).astype(np.float16)
    cover = np.zeros((8, NUM_FRAMES, MAX_THINGS, NUM_CELLS), np.uint8)
    cover[:6, :, 0, 1] = 255
    return ClipBank(nano, FeatureCache(features, cover, clips))
