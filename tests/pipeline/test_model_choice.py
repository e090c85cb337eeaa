from __future__ import annotations

import pytest

from linvt_cli.backbones.registry import find_backbone
from linvt_cli.errors import BackboneLoadError, ConfigError, UnknownBackboneError
from linvt_cli.models.copies import Original, make_copy
from linvt_cli.models.offline import VARIABLES, settle_offline
from linvt_cli.models.store import Store
from linvt_cli.pipeline.model_choice import find_checkpoint, find_model, missing_files
from tests.tiny_qwen2_vl import write_qwen


def test_a_name_is_that_of_a_row_and_says_no_folder():
    assert find_model("qwen2-vl-2b") == (find_backbone("qwen2-vl-2b"), None)
    with pytest.raises(UnknownBackboneError):
        find_model("qwen2")


def test_a_folder_is_recognized_by_its_config(tmp_path):
    write_qwen(tmp_path)
    spec, folder = find_model(str(tmp_path))
    assert (spec.name, spec.family, folder) == (str(tmp_path), "Qwen2-VL", tmp_path)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere", "hub:owner/name"])
def test_what_is_not_here_is_told(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    with pytest.raises(BackboneLoadError) as caught:
        find_model(name)
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Qwen/Qwen2-VL-2B-Instruct", "did you mean qwen2-vl-2b? "),
        ("owner/name", "did you mean hub:owner/name? "),
        ("./nowhere", ""),
    ],
)
def test_a_repository_without_its_prefix_is_hinted_at(name, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BackboneLoadError, match="is no folder") as caught:
        find_model(name)
    assert str(caught.value.hint).startswith(f"{meant}{'Else ' * bool(meant)}name the folder")


def test_missing_files_are_pulled_once_linvt_is_online(monkeypatch):
    way = "linvt models pull nano; or name a folder with its files"
    assert missing_files("nano").hint == way
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    settle_offline(True)
    assert missing_files("nano").hint == f"linvt is offline: leave out --offline, then {way}"


def test_a_copy_tells_what_the_model_is_and_not_where_its_files_are():
    original = Original("me/mine", "1" * 40, "main")
    make_copy(Store(), original, "int8", write_qwen, needed=0, on_wait=lambda: None)
    spec, folder = find_model("hub:me/mine")
    assert (spec.name, spec.family, folder) == ("hub:me/mine", "Qwen2-VL", None)
    with pytest.raises(BackboneLoadError, match="'hub:me/mine' are not on this machine"):
        find_checkpoint("hub:me/mine")


def test_a_repository_must_have_a_name_that_the_hub_could_have():
    with pytest.raises(ConfigError, match="Expected owner/name"):
        find_model("hub:../../etc")
