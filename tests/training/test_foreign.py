from __future__ import annotations

from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linvt_cli.training import foreign
from linvt_cli.training.foreign import foreign_clip
from linvt_cli.training.vocabulary import SPLITS, Split
from linvt_cli.training.world import make_clip

SIZE = (64, 48)


@pytest.fixture(autouse=True)
def fresh_photos() -> Iterator[None]:
    """Photographs are looked up anew before and after each test."""
    foreign._photos.cache_clear()
    yield
    foreign._photos.cache_clear()


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    """Clips of the training split as they are where no package with photographs is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "find_spec", lambda name: None)
        foreign._photos.cache_clear()
        return [foreign_clip(seed, "train", 8, SIZE).astype(float) for seed in range(36)]


@pytest.fixture
def photo_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with thirty noisy photographs, found as scikit-image would be."""
    data = tmp_path / "skimage" / "data"
    data.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(30):
        pixels = rng.integers(0, 256, (120, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(data / f"photo{index}.png")
    Image.new("RGB", (32, 32)).save(data / "icon.png")
    (data / "notes.txt").write_text("x" * 30_000)

    def found(name: str) -> ModuleSpec | None:
        if name != "skimage":
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path / name)]
        return spec

    monkeypatch.setattr(foreign, "find_spec", found)
    return data


@pytest.mark.parametrize("split", SPLITS)
def test_a_clip_has_the_asked_frames_and_size(split: Split) -> None:
    for seed in range(8):
        clip = foreign_clip(seed, split, 5, SIZE)
        assert clip.shape == (5, 48, 64, 3)
        assert clip.dtype == np.uint8


@pytest.mark.parametrize("split", SPLITS)
def test_the_same_seed_and_split_give_the_same_clip(split: Split) -> None:
    for seed in range(6):
        one, two = (foreign_clip(seed, split, 2, SIZE) for _ in range(2))
        assert np.array_equal(one, two)


def test_splits_and_seeds_give_different_clips() -> None:
    clips = [foreign_clip(seed, split, 1, SIZE) for seed in range(8) for split in SPLITS]
    # Pure black and pure white may come twice.
    assert len({clip.tobytes() for clip in clips}) >= len(clips) - 3


def test_clips_are_varied_without_any_photograph(drawn: list[np.ndarray]) -> None:
    brightness = [clip.mean() for clip in drawn]
    detail = [np.abs(np.diff(clip, axis=2)).mean() for clip in drawn]
    motion = [np.abs(np.diff(clip, axis=0)).mean() for clip in drawn]
    assert min(brightness) < 60 < 180 < max(brightness)
    assert min(detail) < 1 < 25 < max(detail)
    assert min(motion) == 0 < 10 < max(motion)


def test_most_clips_change_gradually(drawn: list[np.ndarray]) -> None:
    gradual = 0
    for clip in drawn:
        neighbours = np.abs(np.diff(clip, axis=0)).mean()
        ends = np.abs(clip[-1] - clip[0]).mean()
        gradual += bool(neighbours < 1 or neighbours < 0.9 * ends)
    assert gradual > len(drawn) / 2


def test_test_photographs_are_never_shown_in_training(photo_package: Path) -> None:
    in_train, in_test = (set(foreign._photos(split)) for split in ("train", "test"))
    assert in_train
    assert in_test
    assert not in_train & in_test
    assert len(in_train | in_test) == 30


def test_small_pictures_and_other_files_are_no_photographs(photo_package: Path) -> None:
    names = {path.name for split in ("train", "test") for path in foreign._photos(split)}
    assert not names & {"icon.png", "notes.txt"}


def test_photographs_are_shown_where_a_package_has_some(photo_package: Path) -> None:
    foreign._open.cache_clear()
    for seed in range(12):
        foreign_clip(seed, "train", 1, SIZE)
    assert foreign._open.cache_info().misses > 0


def test_without_such_packages_all_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "find_spec", lambda name: None)
    foreign._open.cache_clear()
    assert foreign._photos("train") == foreign._photos("test") == ()
    for seed in range(12):
        assert foreign_clip(seed, "train", 1, SIZE).size
    assert foreign._open.cache_info().misses == 0


def test_drawing_foreign_clips_leaves_the_world_as_it_was() -> None:
    before = make_clip(7, "train")
    foreign_clip(7, "train", 2, SIZE)
    assert make_clip(7, "train") == before
