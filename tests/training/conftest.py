from __future__ import annotations

import numpy as np
import pytest

from linvt_cli.backbones.nano import Nano
from linvt_cli.backbones.nano_vision import NUM_CHANNELS
from linvt_cli.training.examples import ClipBank
from linvt_cli.training.features import ClipSet, FeatureCache
from linvt_cli.training.schedule import HARD, MAX_THINGS
from tests.tiny_models import tiny_nano

NUM_CELLS = 4


@pytest.fixture(scope="session")
def nano() -> Nano:
    return tiny_nano()


@pytest.fixture
def bank(nano: Nano) -> ClipBank:
    """Six clips and two foreign ones with random features; thing 0 always fills cell 1."""
    return bank_of(nano, ClipSet("train", 0, num_clips=6, num_foreign=2))


@pytest.fixture
def hard_bank(nano: Nano) -> ClipBank:
    """The same of hard clips, in another number of frames."""
    return bank_of(
        nano, ClipSet("train", 0, num_clips=6, num_foreign=2, difficulty=HARD, num_frames=32)
    )


def bank_of(nano: Nano, clips: ClipSet) -> ClipBank:
    rng = np.random.default_rng(0)
    shape = (len(clips), clips.num_frames, NUM_CELLS, NUM_CHANNELS)
    features = rng.normal(size=shape).astype(np.float16)
    cover = np.zeros((len(clips), clips.num_frames, MAX_THINGS, NUM_CELLS), np.uint8)
    cover[: clips.num_clips, :, 0, 1] = 255
    return ClipBank(nano, FeatureCache(features, cover, clips))
