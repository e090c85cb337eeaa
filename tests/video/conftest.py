"""Videos for the tests of this folder, each written once in a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.video.clips import CLIPS

WriteClip = Callable[[str], Path]


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> WriteClip:
    """The file of a clip by its name, written at the first call."""
    folder = tmp_path_factory.mktemp("clips")
    written: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in written:
            written[name] = folder / f"{len(written)}.{CLIPS[name].suffix}"
            CLIPS[name].write(written[name])
        return written[name]

    return write
