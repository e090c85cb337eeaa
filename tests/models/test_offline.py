from __future__ import annotations

import pytest

from linvt_cli.models.offline import VARIABLES, go_offline, is_offline


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


def test_going_offline_reaches_the_library_of_the_hub(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("LINVT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "0")
    go_offline()
    assert is_offline()
    assert constants.HF_HUB_OFFLINE
