from __future__ import annotations

import pytest

from linvt_cli.cli.tuning_options import chosen_shape, chosen_stages
from linvt_cli.errors import ConfigError
from linvt_cli.training.tuning.settings import TokenizerShape


def test_stages_are_chosen_by_name():
    assert chosen_stages("align") == ("align",)
    assert chosen_stages("instruct") == ("instruct",)
    assert chosen_stages("both") == ("align", "instruct")


def test_a_shape_is_chosen_in_parts():
    assert chosen_shape() is None
    chosen = chosen_shape(queries="8,4", scales="1,2", kept=64, positions="time")
    assert chosen == TokenizerShape((1, 2), (8, 4), 64, position_layout="time")


def test_lists_must_fit_together_and_hold_numbers():
    with pytest.raises(ConfigError, match="3 scales need as many"):
        chosen_shape(queries="8,4")
    with pytest.raises(ConfigError, match="no list of numbers"):
        chosen_shape(scales="1,b")
