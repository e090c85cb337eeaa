from __future__ import annotations

import platformdirs
import pytest

from linvt_cli.cli.app import run
from linvt_cli.errors import MachineError
from linvt_cli.settings.folders import expanded, user_folder


def test_a_home_that_is_nowhere_stays_as_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/x") == tmp_path / "x"
    assert str(expanded("~nobody-of-that-name/x")) == "~nobody-of-that-name/x"


@pytest.mark.parametrize("kind", ["cache", "config", "data"])
def test_one_variable_moves_all_that_is_kept_for_a_user(monkeypatch, tmp_path, kind):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    assert user_folder(kind) == tmp_path
    monkeypatch.delenv("LINVT_HOME")
    assert user_folder(kind).name == "linvt"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.delenv("LINVT_HOME", raising=False)

    def nowhere(*_: object, **__: object) -> None:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(platformdirs, "user_cache_path", nowhere)
    with pytest.raises(MachineError, match="no home folder") as caught:
        user_folder("cache")
    assert "LINVT_HOME" in str(caught.value.hint)
    assert user_folder("data").name == "linvt"


@pytest.mark.parametrize("command", [["ask", "VIDEO", "What?", "--model"], ["quantize"]])
def test_a_model_in_a_home_that_is_nowhere_is_an_error(video, capsys, command):
    words = [str(video) if word == "VIDEO" else word for word in command]
    assert run([*words, "~nobody-of-that-name/x"]) == 4
    assert "~nobody-of-that-name/x" in capsys.readouterr().err
