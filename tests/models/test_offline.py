from __future__ import annotations

from types import ModuleType

import pytest
from huggingface_hub import constants

from linvt_cli.models.offline import (
    VARIABLES,
    go_offline,
    is_offline,
    settle_offline,
    settled_way_online,
    way_online,
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("Yes", True), ("0", False), ("", False)]
)
def test_a_variable_forbids_the_network(monkeypatch, name, value, offline):
    assert not is_offline()
    monkeypatch.setenv(name, value)
    assert is_offline() is offline


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the library of the hub goes by; it and the environment are put back afterwards."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("LINVT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "0")
    return constants


def test_going_offline_reaches_the_library_of_the_hub(library):
    go_offline()
    assert is_offline()
    assert library.HF_HUB_OFFLINE


def test_the_command_line_beats_our_own_variable(library, monkeypatch):
    monkeypatch.setenv("LINVT_OFFLINE", "1")
    settle_offline(False)
    assert not is_offline()
    settle_offline(True)
    assert library.HF_HUB_OFFLINE


def test_the_command_line_does_not_beat_the_variables_of_other_tools(library, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settle_offline(False)
    assert library.HF_HUB_OFFLINE


OPTION, FILE = "leave out --offline", "linvt config unset offline (or add --no-offline)"


@pytest.mark.parametrize(
    ("variables", "file", "offline", "way"),
    [
        ([], False, True, OPTION),
        ([], True, True, FILE),
        (["LINVT_OFFLINE"], False, True, "unset LINVT_OFFLINE"),
        (["TRANSFORMERS_OFFLINE"], False, False, "unset TRANSFORMERS_OFFLINE"),
        (["TRANSFORMERS_OFFLINE"], True, False, "unset TRANSFORMERS_OFFLINE"),
        (["TRANSFORMERS_OFFLINE"], True, True, f"unset TRANSFORMERS_OFFLINE, and {FILE}"),
        (["HF_HUB_OFFLINE"], False, True, f"unset HF_HUB_OFFLINE, and {OPTION}"),
        (
            ["LINVT_OFFLINE", "HF_HUB_OFFLINE"],
            False,
            True,
            "unset LINVT_OFFLINE and HF_HUB_OFFLINE",
        ),
    ],
)
def test_the_way_online_is_that_of_what_really_forbids_the_network(
    library, monkeypatch, tmp_path, variables, file, offline, way
):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    if file:
        (tmp_path / "config.toml").write_text("offline = true\n", encoding="utf-8")
    for name in variables:
        monkeypatch.setenv(name, "1")
    for _ in range(2):  # as commands do that choose a model before they load it
        settle_offline(offline)
        assert way_online() == settled_way_online() == way


def test_a_configuration_that_cannot_be_read_forbids_nothing(library, monkeypatch, tmp_path):
    monkeypatch.setenv("LINVT_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text("offline =", encoding="utf-8")
    settle_offline(True)
    assert way_online() == OPTION


def test_where_no_command_was_settled_the_variables_are_the_way(library, monkeypatch):
    assert settled_way_online() is None
    assert way_online() == "unset HF_HUB_OFFLINE"  # the library may have read it before
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "yes")
    assert way_online() == "unset TRANSFORMERS_OFFLINE"


def test_who_is_online_again_has_no_way_to_be_told(library, monkeypatch):
    settle_offline(True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    settle_offline(False)
    assert settled_way_online() is None
