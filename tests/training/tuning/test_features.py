from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from linvt_cli.backbones.base import TunableBackbone
from linvt_cli.config import FrameSampling
from linvt_cli.errors import CoverageError, StoreError
from linvt_cli.training.tuning.features import FeatureStore, encode, vision_identity
from linvt_cli.video.fingerprint import Fingerprint
from linvt_cli.video.reader import read_frames
from tests.tiny_models import tiny_nano
from tests.training.tuning.small import features

SOURCE, SAMPLING = Fingerprint("sha256:abc", 10), FrameSampling(num_frames=4)


def store(
    folder: Path, identity: str = "weights", dtype: torch.dtype = torch.float32
) -> FeatureStore:
    return FeatureStore(folder, identity, dtype)


def test_what_is_kept_is_found_bit_for_bit(tmp_path):
    seen = features(24)
    kept = store(tmp_path)
    slot = kept.slot(SOURCE, SAMPLING)
    assert kept.find(slot, torch.device("cpu")) is None
    kept.keep(slot, seen)
    found = kept.find(slot, torch.device("cpu"))
    assert found is not None
    assert torch.equal(found.tokens, seen.tokens)
    assert (found.times, found.grid) == (seen.times, seen.grid)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".safetensors"]


def test_content_weights_sampling_and_dtype_are_told_apart(tmp_path):
    slots = {
        store(tmp_path).slot(SOURCE, SAMPLING),
        store(tmp_path).slot(Fingerprint("sha256:def", 10), SAMPLING),
        store(tmp_path).slot(SOURCE, FrameSampling(num_frames=5)),
        store(tmp_path, "others").slot(SOURCE, SAMPLING),
        store(tmp_path, dtype=torch.bfloat16).slot(SOURCE, SAMPLING),
    }
    assert len(slots) == 5


def test_a_damaged_file_is_none_and_goes(tmp_path):
    kept = store(tmp_path)
    slot = kept.slot(SOURCE, SAMPLING)
    kept.keep(slot, features(24))
    slot.write_bytes(slot.read_bytes()[:-9])
    assert kept.find(slot, torch.device("cpu")) is None
    assert not slot.exists()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    kept = store(tmp_path / "file")
    with pytest.raises(StoreError):
        kept.keep(kept.slot(SOURCE, SAMPLING), features(24))


def test_the_identity_is_that_of_all_but_the_language_model():
    backbone = cast("TunableBackbone", tiny_nano())
    before = vision_identity(backbone)
    with torch.no_grad():
        for weight in backbone.decoder().parameters():
            weight.add_(1.0)
    assert vision_identity(backbone) == before
    with torch.no_grad():
        next(iter(backbone.model.vision.parameters())).add_(1.0)  # type: ignore[union-attr]
    assert vision_identity(backbone) != before


def test_frames_are_looked_at_without_gradients(video):
    backbone = cast("TunableBackbone", tiny_nano())
    seen = encode(backbone, read_frames(video, SAMPLING), str(video))
    assert seen.tokens.shape == (4, 4, 24)
    assert not seen.tokens.requires_grad
    assert not seen.tokens.is_inference()


def test_too_few_frames_are_refused(video):
    from dataclasses import replace

    frames = replace(read_frames(video, SAMPLING), coverage=0.2)
    with pytest.raises(CoverageError):
        encode(cast("TunableBackbone", tiny_nano()), frames, str(video))
