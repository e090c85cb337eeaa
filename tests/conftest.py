"""What all tests share. The environment is set here because libraries read it at import."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import tempfile
from typing import TYPE_CHECKING
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import typer.main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linvt_cli.pipeline import VideoQA

_hub_folder = tempfile.TemporaryDirectory(prefix="linvt-tests-")
atexit.register(_hub_folder.cleanup)
for name in [name for name in os.environ if name.startswith("LINVT_")]:
    if name != "LINVT_LONG_TESTS":  # no setting, but whether tests run that take minutes
        del os.environ[name]  # settings of the user who runs the tests
for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN"):
    os.environ.pop(name, None)  # which would win over what follows
os.environ["HF_HOME"] = _hub_folder.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LINVT_HOME"] = f"{_hub_folder.name}/linvt"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # toy tensors: more threads only wait

# Typer makes the tree of all commands anew for each command line, which takes a tenth of a second.
typer.main.get_command = functools.cache(typer.main.get_command)

_homes = itertools.count()

NUM_FRAMES, FPS, SIZE = 30, 10.0, (64, 48)


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Give every test an empty store, and put the environment back: commands change it."""
    with patch.dict(os.environ, LINVT_HOME=f"{_hub_folder.name}/{next(_homes)}"):
        yield


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of grey frames that grow brighter."""
    path: Path = tmp_path_factory.mktemp("video") / "grey.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE)
    for index in range(NUM_FRAMES):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 8 * index, dtype=np.uint8))
    writer.release()
    return path


@pytest.fixture
def qa() -> VideoQA:
    """A VideoQA on a fake backbone that says the same of every video."""
    from linvt_cli.config import FrameSampling
    from linvt_cli.pipeline import VideoQA
    from linvt_cli.video_tokenizer.baselines import MeanTokenizer
    from tests.fakes import TinyBackbone

    return VideoQA(
        TinyBackbone("A grey wall."), MeanTokenizer(8), sampling=FrameSampling(num_frames=4)
    )
