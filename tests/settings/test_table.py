from __future__ import annotations

import pytest

from linvt_cli.errors import ConfigError
from linvt_cli.settings.table import SETTINGS, find_setting


def test_a_key_that_is_near_to_none_is_told_all():
    with pytest.raises(ConfigError) as caught:
        find_setting("zzz")
    assert caught.value.hint == "there are " + ", ".join(setting.key for setting in SETTINGS)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("frames", "8", 8),
        ("min-coverage", "1", 1.0),
        ("offline", "YES", True),
        ("offline", "0", False),
        ("offline", "y", True),
        ("offline", "f", False),
        ("device", "cuda:3", "cuda:3"),
    ],
)
def test_a_text_becomes_the_value_that_it_stands_for(key, text, value):
    parsed = find_setting(key).parse(text, source="it")
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("key", "text"), [("frames", "eight"), ("frames", "0"), ("offline", "maybe"), ("device", "")]
)
def test_a_text_that_stands_for_nothing_is_refused_with_its_source(key, text):
    with pytest.raises(ConfigError, match=f"LINVT_X is '{text}'. Expected"):
        find_setting(key).parse(text, source="LINVT_X")
