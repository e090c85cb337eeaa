from __future__ import annotations

import pytest

from linvt_cli.errors import BackboneLoadError
from linvt_cli.models.files import find_snapshot, require_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache as Hugging Face tools lay it out, with one repository."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--owner--name"
    snapshot = repo / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    return snapshot


@pytest.mark.parametrize("revision", [None, COMMIT])
def test_a_snapshot_in_the_shared_cache_is_found(cache, revision):
    assert find_snapshot("owner/name", revision) == cache


@pytest.mark.parametrize("repo", ["owner/other", "not a name/at all", "a/b/c"])
def test_what_is_not_there_is_an_error_that_says_how_to_fetch_it(cache, repo):
    with pytest.raises(BackboneLoadError, match="are not on this machine") as caught:
        find_snapshot(repo)
    assert caught.value.hint is not None
    assert "--weights" in caught.value.hint


def test_a_folder_of_the_user_must_be_one(tmp_path):
    assert require_folder(tmp_path) == tmp_path
    with pytest.raises(BackboneLoadError, match="is no folder"):
        require_folder(tmp_path / "missing")
