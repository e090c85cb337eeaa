from __future__ import annotations

import pytest

from linvt_cli.cli.shell_words import file_word


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("clip.mp4", "clip.mp4"),
        ("my clip.mp4", "'my clip.mp4'"),
        ("-dash.mp4", "./-dash.mp4"),
        ("-", "./-"),
        ("--my clip.mp4", "'./--my clip.mp4'"),
    ],
)
def test_a_name_can_be_typed_as_it_is_said(name, word):
    assert file_word(name) == word
