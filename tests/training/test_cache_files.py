from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.training.cache_files import clips_done, open_array, write_progress

CLIPS = {"split": "train", "first_seed": 7, "difficulty": {"things": (1, 4)}}


def test_progress_is_that_of_its_clips(tmp_path: Path) -> None:
    assert clips_done(tmp_path, CLIPS) == 0
    write_progress(tmp_path, CLIPS, 3)
    assert clips_done(tmp_path, CLIPS) == 3
    with pytest.raises(ConfigError, match="of other clips: first_seed was 7, and is 8"):
        clips_done(tmp_path, {**CLIPS, "first_seed": 8})


def test_a_folder_that_does_not_tell_its_clips_is_taken_at_its_word(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text(json.dumps({"done": 5}))
    assert clips_done(tmp_path, CLIPS) == 5


def test_an_array_is_made_once_and_has_one_shape(tmp_path: Path) -> None:
    path = tmp_path / "cover.npy"
    open_array(path, np.uint8, (2, 3))[1] = 9
    assert open_array(path, np.uint8, (2, 3)).tolist() == [[0, 0, 0], [9, 9, 9]]
    with pytest.raises(ConfigError, match=r"cover\.npy was \(2, 3\), and is \(4, 3\)"):
        open_array(path, np.uint8, (4, 3))
    assert np.load(path).shape == (2, 3)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot take room ahead")
def test_an_array_has_its_room_on_the_disk_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "features.npy"
    open_array(path, np.float16, (1 << 10, 1 << 10))
    assert path.stat().st_blocks * 512 >= 1 << 21

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        open_array(tmp_path / "cover.npy", np.uint8, (4,))
    assert [each.name for each in tmp_path.iterdir()] == ["features.npy"]
