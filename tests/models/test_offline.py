from __future__ import annotations

from types import ModuleType

import pytest
from huggingface_hub import constants

from linvt_cli.models.offline import VARIABLES, go_offline, is_offline, settle_offline


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
