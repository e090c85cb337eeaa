from __future__ import annotations

from importlib import import_module

import pytest

from linvt_cli.doctor.checks import CHECKS, find_check
from linvt_cli.errors import ConfigError


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_is_there_and_says_what_to_do_if_it_breaks_off(check):
    module, _, function = check.function.partition(":")
    assert callable(getattr(import_module(module), function))
    assert check.summary
    assert check.remedy


def test_names_are_unique():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_an_unknown_check_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="There is no check 'codec'") as caught:
        find_check("codec")
    assert caught.value.hint == "did you mean codecs?"
