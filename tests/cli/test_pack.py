from __future__ import annotations

import json

from linvt_cli.cli.app import run
from tests.video_tokenizer.test_package import NANO


def test_a_trained_linvt_is_packed_and_its_folder_printed(tmp_path, capsys):
    target = tmp_path / "packed"
    assert run(["models", "pack", str(NANO), str(target), "--license", "MIT"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{target}\n"
    assert f"hf upload OWNER/NAME {target}" in captured.err
    about = json.loads((target / "config.json").read_text(encoding="utf-8"))
    assert (about["backbone"], about["backbone_repo"]) == ("nano", None)


def test_what_is_no_checkpoint_is_refused(tmp_path, capsys):
    assert run(["models", "pack", str(tmp_path), str(tmp_path / "packed")]) == 4
    assert capsys.readouterr().err.startswith("error: ")


def test_an_adapter_with_a_strange_config_is_refused(tmp_path, capsys):
    source = tmp_path / "trained"
    (source / "adapter").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (source / name).write_bytes((NANO / name).read_bytes())
    (source / "adapter/adapter_config.json").write_text('{"r": NaN}')
    assert run(["models", "pack", str(source), str(tmp_path / "packed")]) == 4
    assert "has the value NaN" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run(["models", "pack", str(NANO), str(tmp_path / "file" / "packed")]) == 4
    assert "cannot be written" in capsys.readouterr().err
