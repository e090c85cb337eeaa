from __future__ import annotations

from pathlib import Path

import pytest

from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.model_version import weights_versions
from linvt_cli.models.source import HubSource
from linvt_cli.models.version import version_of


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = Path(tmp_path / "weights")
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def test_what_is_shipped_has_a_version_of_the_model_and_of_linvt():
    model, linvt = weights_versions(ModelOptions("nano"))
    assert None not in (model, linvt)
    assert model != linvt
    assert weights_versions(ModelOptions("nano", tokenizer="mean")) == (model, None)


def test_folders_that_the_user_names_count(folder):
    version = version_of(folder)
    assert weights_versions(ModelOptions("mipha-3b", weights=str(folder)))[0] == version
    assert weights_versions(ModelOptions(str(folder))) == (version, None)
    assert weights_versions(ModelOptions("nano", checkpoint=str(folder)))[1] == version


def test_other_weights_in_the_same_folder_have_another_version(folder):
    before = weights_versions(ModelOptions(str(folder)))
    (folder / "config.json").write_text('{"a": 1}')
    assert weights_versions(ModelOptions(str(folder))) != before


def test_a_pulled_model_has_its_commit_and_one_that_is_not_here_none(folder, monkeypatch):
    commit = folder.with_name("0123456789" * 4)
    folder.rename(commit)
    asked: list[HubSource] = []

    def find(source: HubSource) -> Path | None:
        asked.append(source)
        return commit if len(asked) == 1 else None

    monkeypatch.setattr("linvt_cli.cli.model_version.find_snapshot", find)
    assert weights_versions(ModelOptions("hub:owner/name@main")) == (commit.name, None)
    monkeypatch.setattr("linvt_cli.cli.model_version.find_any_copy", lambda *_: None)
    assert weights_versions(ModelOptions("mipha-3b")) == (None, None)
    assert asked[0] == HubSource("owner/name", "main")
