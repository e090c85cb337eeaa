from __future__ import annotations

import json

import pytest
import torch

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError, ConfigError
from linvt_cli.pipeline.quantizing import Published, require_published
from tests.tiny_internvl2 import write_internvl2

pytest.importorskip("bitsandbytes")
SPEC, CPU = find_backbone("internvl2-2b"), torch.device("cpu")


@pytest.fixture
def published(tmp_path, monkeypatch) -> Published:
    monkeypatch.setenv("LINVT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "tiny"
    folder.mkdir()
    write_internvl2(folder, "internlm2")
    return Published(SPEC, folder, None)


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(Published, "_size", lambda self, quantization: 0)


@pytest.mark.usefixtures("_small")
def test_what_is_kept_is_quantized_once(published):
    told: list[str] = []
    first = published.keep_quantized("nf4", CPU, told.append)
    again = published.keep_quantized("nf4", CPU, told.append)
    assert first.folder == again.folder
    assert told == ["quantizing 'internvl2-2b' to nf4: once, and kept"]
    assert again.last_used is not None


def test_a_folder_of_the_user_s_gets_a_whole_copy(published, tmp_path):
    target = tmp_path / "new" / "copy"
    published.write_quantized(target, "int8", CPU)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    assert config["quantization_config"]["load_in_8bit"]
    assert [path.name for path in target.parent.iterdir()] == ["copy"]
    with pytest.raises(ConfigError, match="is there already"):
        published.write_quantized(target, "int8", CPU)
    with pytest.raises(ConfigError, match="quantized already"):
        require_published(SPEC, target, None)


def test_what_cannot_be_loaded_leaves_no_folder(published, tmp_path):
    next(published.folder.glob("*.safetensors")).unlink()
    target = tmp_path / "new" / "copy"
    with pytest.raises(BackboneLoadError):
        published.write_quantized(target, "nf4", CPU)
    assert list(target.parent.iterdir()) == []


def test_nano_is_never_quantized(tmp_path):
    with pytest.raises(ConfigError, match="too small"):
        require_published(find_backbone("nano"), tmp_path, None)
