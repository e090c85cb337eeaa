from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.settings.catalogue import (
    OwnModel,
    catalogue_file,
    find_own,
    own_models,
    what_stands_for,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LINVT_CONFIG", raising=False)
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    return tmp_path


def write(home: Path, text: str) -> None:
    (home / "models.toml").write_text(text, encoding="utf-8")


def test_without_a_file_every_name_stands_for_itself(home):
    assert catalogue_file() == home / "models.toml"
    assert own_models() == {}
    assert what_stands_for("qwen2-vl-2b") == "qwen2-vl-2b"
    assert find_own(None) is None


def test_an_entry_names_a_repository_and_a_checkpoint(home):
    write(
        home,
        """
        [lectures]
        from = "hub:me/qwen2-vl-lectures@v2"
        checkpoint = "hub:me/linvt-lectures"
        summary = "Knows our lecture hall"
        """,
    )
    assert find_own("lectures") == OwnModel(
        "lectures",
        "hub:me/qwen2-vl-lectures@v2",
        "hub:me/linvt-lectures",
        "Knows our lecture hall",
    )
    assert what_stands_for("lectures") == "hub:me/qwen2-vl-lectures@v2"


@pytest.mark.parametrize(
    ("named", "stands_for"),
    [
        ("./tiny", "{home}/tiny"),
        ("models/tiny", "{home}/models/tiny"),
        ("/data/tiny", "/data/tiny"),
        ("qwen2-vl-2b", "qwen2-vl-2b"),
    ],
)
def test_folders_lie_beside_the_catalogue(home, named, stands_for):
    write(home, f"[mine]\nfrom = '{named}'\n")
    assert Path(what_stands_for("mine")) == Path(stands_for.format(home=home))


def test_a_checkpoint_without_a_slash_is_a_folder_too(home):
    write(home, "[mine]\nfrom = 'qwen2-vl-2b'\ncheckpoint = 'linvt'\n")
    own = find_own("mine")
    assert own is not None
    assert own.checkpoint == str(home / "linvt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mine", "cannot be read"),
        ("[Mine]\nfrom = 'a/b'", "has a name with other signs"),
        ("mine = 3", "does not say from where"),
        ("[mine]\nfrom = ''", "does not say from where"),
        ("[mine]\nfrom = 'a/b'\nchekpoint = 'c'", "unknown key 'chekpoint'"),
        ("[mine]\nfrom = 'a/b'\nsummary = 3", "a value that is no text"),
    ],
)
def test_a_wrong_catalogue_is_one_line_with_the_place(home, text, message):
    write(home, text)
    with pytest.raises(ConfigError, match=message) as caught:
        own_models()
    assert str(home / "models.toml") in caught.value.message
    assert caught.value.hint is not None


def test_the_file_is_read_again_only_once_it_is_changed(home, monkeypatch):
    write(home, '[a]\nfrom = "hub:me/first"\n')
    assert what_stands_for("a") == "hub:me/first"
    with monkeypatch.context() as patched:
        patched.setattr("tomllib.loads", None)
        assert what_stands_for("a") == "hub:me/first"
    write(home, '[a]\nfrom = "hub:me/the-second"\n')
    assert what_stands_for("a") == "hub:me/the-second"
