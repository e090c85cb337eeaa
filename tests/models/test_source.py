from __future__ import annotations

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.models.source import (
    HubSource,
    is_commit,
    likely_name,
    names_folder,
    names_repository,
    parse_source,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hub:Qwen/Qwen2-VL-2B-Instruct", HubSource("Qwen/Qwen2-VL-2B-Instruct", "main")),
        ("hub:a/b@v1.0", HubSource("a/b", "v1.0")),
        (f"hub:a/b@{COMMIT}", HubSource("a/b", COMMIT)),
        ("hub:a/b@refs/pr/3", HubSource("a/b", "refs/pr/3")),
    ],
)
def test_repositories_are_read_and_written_as_users_write_them(text, source):
    assert parse_source(text) == source
    assert str(source) == text


OTHER = (
    "a/b hub: hub:a hub:a/b/c hub:../b hub:a/.. hub:a--b/c hub:a/b@../x hub:a/b@-x hub:a/.b hub:/b"
)


@pytest.mark.parametrize("text", [*OTHER.split(), "hub:a/b c", "hub:a/b@ ", "hub:ä/b", "hub:a/b\n"])
def test_other_names_are_refused(text):
    with pytest.raises(ConfigError):
        parse_source(text)


def test_only_forty_hexadecimal_digits_are_a_commit():
    assert is_commit(COMMIT)
    assert HubSource("a/b", COMMIT).is_pinned
    assert not is_commit(COMMIT[:-1])
    assert not HubSource("a/b").is_pinned


def test_models_are_named_by_repository_by_folder_or_by_row():
    assert names_repository("hub:a/b")
    assert not names_folder("hub:a/b")
    assert all(map(names_folder, ["./a", "/a/b", "~/a", "a/b", "."]))
    assert not names_folder("qwen2-vl-2b")
    assert not names_repository("qwen2-vl-2b")


def test_a_repository_without_its_prefix_is_called_as_linvt_calls_it():
    catalogue = {HubSource("a/known"): "known"}
    assert likely_name("a/known", catalogue) == "known"
    assert likely_name("a/known@v1", catalogue) == "hub:a/known@v1"
    assert likely_name("a/other", catalogue) == "hub:a/other"
    assert [likely_name(text, catalogue) for text in ("./a", "/a/b", "~/a", "a/b/c", "a")] == (
        [None] * 5
    )
