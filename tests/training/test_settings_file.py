from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.training.settings_file import hold_to_settings, require_same

SETTINGS = {"num_steps": 600, "linvt": {"scales": (1, 2)}, "weights": None}


def test_a_folder_keeps_to_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "ablation.json"
    hold_to_settings(path, SETTINGS, kind="an ablation")
    hold_to_settings(path, SETTINGS, kind="an ablation")
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        hold_to_settings(path, {**SETTINGS, "num_steps": 300}, kind="an ablation")
    assert caught.value.message == (
        f"'{tmp_path}' holds an ablation with other settings: num_steps was 600, and is 300"
    )
    assert caught.value.field == "num_steps"
    assert caught.value.hint == "give the options of its first run, or another folder with -o"
    assert path.read_bytes() == before


def test_settings_are_compared_as_json_holds_them() -> None:
    held = {**SETTINGS, "linvt": {"scales": [1, 2]}}
    require_same(held, SETTINGS, refusal="It is another")
    with pytest.raises(ConfigError, match="It is another: weights was ab, and is None"):
        require_same({**held, "weights": "ab"}, SETTINGS, refusal="It is another")
