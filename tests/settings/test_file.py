from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.settings.file import FileSettings, config_file, read_file, write_setting
from linvt_cli.settings.table import SETTINGS, Value


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration file, which is not there yet."""
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    return tmp_path / "config.toml"


def test_the_file_is_in_the_home_of_linvt(file):
    assert config_file() == file


def test_a_named_file_goes_before_the_home(file, monkeypatch):
    monkeypatch.setenv("LINVT_CONFIG", "~/mine.toml")
    assert config_file() == Path.home() / "mine.toml"


def test_without_a_home_the_file_is_where_the_system_keeps_configurations(tmp_path, monkeypatch):
    monkeypatch.delenv("LINVT_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    place = config_file()
    assert place.is_relative_to(tmp_path)
    assert place.parts[-2:] == ("linvt", "config.toml")


def test_a_file_that_is_not_there_holds_nothing(file):
    assert read_file().checked() == {}


def test_a_named_file_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("LINVT_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(ConfigError, match=r"LINVT_CONFIG names '.*gone\.toml'"):
        read_file()


def test_every_setting_is_read_from_the_file(file):
    written: dict[str, Value] = {
        "model": "nano",
        "tokenizer": "cluster",
        "device": "cuda:1",
        "quant": "nf4",
        "dtype": "bfloat16",
        "keep-quantized": False,
        "frames": 8,
        "token-cache": 64,
        "decoder": "pyav",
        "min-coverage": 1,
        "max-new-tokens": 64,
        "offline": True,
    }
    assert {setting.key for setting in SETTINGS} == set(written)
    for key, value in written.items():
        write_setting(key, value)
    assert read_file().checked() == written


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('frames = "8"', "Setting 'frames' is '8': .*, line 2. Expected a whole number of 1 or"),
        ("frames = true", "Setting 'frames' is true: "),
        ("frames = 8.5", "Setting 'frames' is 8.5: "),
        ("frames = 0", "Setting 'frames' is 0: "),
        ("min-coverage = nan", "Setting 'min-coverage' is nan: .*Expected a number from 0 to 1"),
        ("min-coverage = 1.1", "Setting 'min-coverage' is 1.1: "),
        ('offline = "true"', "Setting 'offline' is 'true': .*Expected true or false"),
        ("offline = 1", "Setting 'offline' is 1: "),
        ('quant = "nf5"', "Setting 'quant' is 'nf5': .*Expected auto, none, int8 or nf4"),
        ('device = "tpu"', "Setting 'device' is 'tpu': .*Expected auto, cpu, cuda or cuda:N"),
        ('model = ""', "Setting 'model' is '': .*Expected the name of a model"),
        ("model.name = 1", "Setting 'model' is "),
    ],
    ids=lambda value: value if "=" in value else "",
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_line(file, line, message):
    file.write_text(f"# mine\n{line}\nmax-new-tokens = 9\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_file().checked()
    assert f"'{file}', line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("modle", "model"), ("max_new_tokens", "max-new-tokens"), ("Frames", "frames")],
)
def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_right_one(file, key, nearest):
    file.write_text(f"frames = 8\n\n{key} = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_file().checked()
    assert caught.value.message == f"There is no setting '{key}': '{file}', line 3"
    assert caught.value.hint == (f"did you mean {nearest}? To remove it: linvt config unset {key}")


def test_a_file_that_is_no_toml_is_refused_with_its_line(file):
    file.write_text("frames = 8\nmodel = nano\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config\.toml' is no TOML: .*line 2"):
        read_file()


def test_a_file_that_is_no_text_is_refused(file):
    file.write_bytes(b'model = "\xff"\n')
    with pytest.raises(ConfigError, match="is no UTF-8 text"):
        read_file()


def test_a_folder_in_the_place_of_the_file_is_refused(file):
    file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_file()


def test_the_line_is_that_of_the_statement_and_not_of_a_word_in_a_text(tmp_path):
    text = 'model = """\nframes = 3\n"""\n# frames = 4\n"frames" = 5'
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    assert read_file(path).line_of("frames") == 5
    assert FileSettings(path, text, {}).line_of("model") == 3


def test_writing_keeps_comments_order_and_other_values(file):
    before = "# mine\nquant = 'nf4'   # small card\n\n# many\nframes = 8\n"
    file.write_text(before, encoding="utf-8")
    write_setting("frames", 32)
    assert file.read_text(encoding="utf-8") == before.replace("8", "32")
    write_setting("frames", None)
    assert file.read_text(encoding="utf-8") == before.replace("frames = 8\n", "")


def test_writing_creates_the_folder(file, monkeypatch):
    monkeypatch.setenv("LINVT_CONFIG", str(file.parent / "a" / "b" / "config.toml"))
    assert write_setting("frames", 3) == config_file()
    assert read_file().checked() == {"frames": 3}


def test_writing_leaves_only_the_file_and_its_permissions(file):
    file.write_text("frames = 8\n", encoding="utf-8")
    file.chmod(0o640)
    write_setting("frames", 9)
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_link_to_the_file_stays_a_link(file, tmp_path):
    real = tmp_path / "dotfiles.toml"
    real.write_text("frames = 8\n", encoding="utf-8")
    file.symlink_to(real)
    write_setting("frames", 9)
    assert file.is_symlink()
    assert real.read_text(encoding="utf-8") == "frames = 9\n"


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/config.toml"])
def test_a_place_that_cannot_hold_the_file_is_refused_and_stays_as_it_is(monkeypatch, place):
    monkeypatch.setenv("LINVT_CONFIG", place)
    with pytest.raises(ConfigError, match=r"cannot be (read|written): "):
        write_setting("frames", 9)
    assert Path("/dev/null").is_char_device()
