from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from linvt_cli.errors import CheckpointCorruptError, CheckpointError
from linvt_cli.video_tokenizer.checkpoint import read_checkpoint_info
from linvt_cli.video_tokenizer.package import ADAPTER_FILES, pack_checkpoint

NANO = Path(__file__).parents[2] / "linvt_cli" / "assets" / "nano" / "linvt"


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of the checkpoint that comes with linvt, with a file that has no place in it."""
    folder = tmp_path / "trained"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((NANO / name).read_bytes())
    (folder / "optimizer.pt").write_bytes(b"\x80\x04pickle")
    return folder


def pack(source: Path, target: Path) -> None:
    pack_checkpoint(source, target, backbone_repo="owner/base", license_name="MIT")


def test_a_packed_checkpoint_has_its_weights_its_config_and_a_card(checkpoint, tmp_path):
    target = tmp_path / "new" / "packed"
    pack(checkpoint, target)
    names = {path.name for path in target.iterdir()}
    assert names == {"config.json", "model.safetensors", "README.md"}
    weights = "model.safetensors"
    assert (target / weights).read_bytes() == (checkpoint / weights).read_bytes()
    before, after = read_checkpoint_info(checkpoint), read_checkpoint_info(target)
    assert after.backbone_repo == "owner/base"
    assert (after.config, after.training) == (before.config, before.training)
    assert [path.name for path in target.parent.iterdir()] == ["packed"]


def test_the_card_says_what_it_is_for_and_how_it_is_used(checkpoint, tmp_path):
    pack(checkpoint, tmp_path / "packed")
    card = (tmp_path / "packed" / "README.md").read_text(encoding="utf-8")
    header = card.split("---\n")[1]
    assert "base_model: owner/base\n" in header
    assert "license: mit\n" in header
    assert "--model nano --checkpoint hub:OWNER/NAME" in card


def test_an_adapter_goes_along(checkpoint, tmp_path):
    adapter = checkpoint / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    save_file({"a": torch.zeros(1)}, adapter / "adapter_model.safetensors")
    (adapter / "notes.txt").write_text("private")
    pack(checkpoint, tmp_path / "packed")
    assert {path.name for path in (tmp_path / "packed/adapter").iterdir()} == set(ADAPTER_FILES)


def test_half_an_adapter_is_refused_and_nothing_is_left(checkpoint, tmp_path):
    (checkpoint / "adapter").mkdir()
    with pytest.raises(CheckpointCorruptError, match=r"lacks 'adapter_config\.json'"):
        pack(checkpoint, tmp_path / "packed")
    assert [path.name for path in tmp_path.iterdir()] == ["trained"]


def test_weights_that_are_no_numbers_are_refused(checkpoint, tmp_path):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    save_file(tensors, path)
    with pytest.raises(CheckpointCorruptError, match="no numbers"):
        pack(checkpoint, tmp_path / "packed")


def test_a_folder_that_is_there_is_not_touched(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="is there already"):
        pack(checkpoint, checkpoint)
