from __future__ import annotations

import json
import multiprocessing
import pickle
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from linvt_cli.backbones.nano_vision import NUM_CHANNELS
from linvt_cli.errors import ConfigError
from linvt_cli.training import features
from linvt_cli.training.features import ClipSet, FeatureCache, build_cache, frame_fractions
from linvt_cli.training.schedule import HARD
from linvt_cli.training.world import state_at

CLIPS = ClipSet("train", 0, num_clips=5, num_foreign=1)


class MeanColour(nn.Module):
    """Stands in for the encoder: the mean colour of each of 4 cells, padded with zeros."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.calls = 0
        self.stop_after = stop_after

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.stop_after:
            raise KeyboardInterrupt
        cells = nn.functional.adaptive_avg_pool2d(pixels, 2).flatten(2).transpose(1, 2)
        return nn.functional.pad(cells, (0, NUM_CHANNELS - 3))


def build(
    folder: Path, encoder: MeanColour, num_workers: int = 0, clips: ClipSet = CLIPS
) -> FeatureCache:
    return build_cache(
        folder,
        clips,
        encoder,
        image_size=64,
        device=torch.device("cpu"),
        on_progress=lambda done, total: None,
        num_workers=num_workers,
    )


def test_an_interrupted_cache_is_continued_and_equals_a_whole_one(tmp_path: Path) -> None:
    whole = build(tmp_path / "whole", MeanColour())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "cut", MeanColour(stop_after=2))
    rest = MeanColour()
    continued = build(tmp_path / "cut", rest)
    assert rest.calls == 5
    assert np.array_equal(whole.features, continued.features)
    assert np.array_equal(whole.cover, continued.cover)
    assert np.abs(whole.features[..., :3]).sum(axis=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("stop_after", [None, 1, 3])
def test_features_of_other_clips_are_refused_whether_all_are_done_or_not(
    stop_after: int | None, tmp_path: Path
) -> None:
    with suppress(KeyboardInterrupt):
        build(tmp_path, MeanColour(stop_after))
    before = (tmp_path / "features.npy").read_bytes()
    with pytest.raises(ConfigError, match="first_seed was 0, and is 100"):
        build(tmp_path, MeanColour(), clips=replace(CLIPS, first_seed=100))
    with pytest.raises(ConfigError, match="num_clips was 5, and is 4"):
        build(tmp_path, MeanColour(), clips=replace(CLIPS, num_clips=4, num_foreign=2))
    assert (tmp_path / "features.npy").read_bytes() == before


def test_a_cache_that_does_not_tell_its_clips_is_continued_and_tells_them(tmp_path: Path) -> None:
    whole = build(tmp_path / "whole", MeanColour())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "old", MeanColour(stop_after=3))
    progress = tmp_path / "old" / "progress.json"
    progress.write_text(json.dumps({"done": 2}))
    with pytest.raises(ConfigError, match=r"of other clips: the shape of features\.npy"):
        build(tmp_path / "old", MeanColour(), clips=replace(CLIPS, num_clips=9))
    rest = MeanColour()
    assert np.array_equal(build(tmp_path / "old", rest).features, whole.features)
    assert rest.calls == 4
    assert json.loads(progress.read_text())["clips"]["num_clips"] == 5


@pytest.mark.slow
def test_clips_drawn_by_workers_are_those_drawn_here_after_an_interruption_too(
    tmp_path: Path,
) -> None:
    whole = build(tmp_path / "whole", MeanColour())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "cut", MeanColour(stop_after=2), num_workers=2)
    assert not multiprocessing.active_children()
    continued = build(tmp_path / "cut", MeanColour(), num_workers=2)
    assert np.array_equal(whole.features, continued.features)
    assert np.array_equal(whole.cover, continued.cover)


def test_clips_encoded_together_are_those_encoded_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards what a GPU does."""
    whole = build(tmp_path / "whole", MeanColour())
    monkeypatch.setattr(features, "at_once", lambda device: True)
    monkeypatch.setattr(features, "_CLIPS_PER_PASS", 4)
    encoder = MeanColour()
    together = build(tmp_path / "together", encoder)
    assert encoder.calls == 2
    np.testing.assert_allclose(whole.features, together.features, atol=1e-3)
    assert np.array_equal(whole.cover, together.cover)


def test_what_is_encoded_together_is_written_down_wherever_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed loses what was not written down."""
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, MeanColour(stop_after=2))  # one clip is done
    monkeypatch.setattr(features, "at_once", lambda device: True)
    monkeypatch.setattr(features, "_CLIPS_PER_PASS", 2)
    written: list[int] = []
    monkeypatch.setattr(
        features, "write_progress", lambda folder, clips, done: written.append(done)
    )
    build(tmp_path, MeanColour())
    assert sorted({*written}) == [1, 3, 5, len(CLIPS)]


def test_a_cache_goes_to_another_process_as_the_names_of_its_files(tmp_path: Path) -> None:
    cache = build(tmp_path, MeanColour())
    sent = pickle.dumps(cache)
    assert len(sent) < 2000
    there: FeatureCache = pickle.loads(sent)  # noqa: S301
    assert np.array_equal(there.features, cache.features)
    assert np.array_equal(there.cover, cache.cover)
    in_memory = FeatureCache(np.array(cache.features), np.array(cache.cover), cache.clips)
    assert np.array_equal(pickle.loads(pickle.dumps(in_memory)).cover, cache.cover)  # noqa: S301


def test_clips_have_the_number_of_frames_of_their_set_foreign_ones_too(tmp_path: Path) -> None:
    clips = ClipSet("train", 0, num_clips=1, num_foreign=1, difficulty=HARD, num_frames=24)
    cache = build_cache(
        tmp_path,
        clips,
        MeanColour(),
        image_size=64,
        device=torch.device("cpu"),
        on_progress=lambda done, total: None,
    )
    assert cache.features.shape[:3] == (2, 24, 4)
    assert cache.cover.shape[:2] == (2, 24)
    clip = clips.clip(0)
    assert clip is not None
    assert clip.difficulty == HARD
    shown = cache.cover[0].any(axis=(0, 2))
    assert shown.tolist() == [i < len(clip.things) for i in range(len(shown))]


def test_cover_says_where_the_things_are(tmp_path: Path) -> None:
    cache = build(tmp_path, MeanColour())
    for index in range(CLIPS.num_clips):
        clip = CLIPS.clip(index)
        assert clip is not None
        for thing in range(len(clip.things)):
            for frame, fraction in enumerate(frame_fractions()):
                placed = state_at(clip, thing, float(fraction))
                covered = cache.cover[index, frame, thing].reshape(2, 2)
                inside = 0.1 < placed.x < 0.9 and 0.1 < placed.y < 0.9
                if placed.visible and inside:
                    assert covered[int(placed.y * 2), int(placed.x * 2)] > 0
                if not placed.visible:
                    assert not covered.any()
        assert not cache.cover[index, :, len(clip.things) :].any()


def test_nothing_is_known_of_a_foreign_clip(tmp_path: Path) -> None:
    cache = build(tmp_path, MeanColour())
    assert CLIPS.clip(5) is None
    assert not cache.cover[5].any()
