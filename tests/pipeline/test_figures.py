"""Whether something can be drawn."""

import pytest

from linvt_cli.errors import MachineError, how_to_install
from linvt_cli.pipeline.figures import new_figure, require_matplotlib


def test_a_figure_has_its_size(tmp_path):
    figure = new_figure(4, 3)
    assert figure.get_size_inches().tolist() == [4, 3]


def test_with_matplotlib_nothing_is_said():
    require_matplotlib("Stars are", extra="sky")


@pytest.mark.parametrize(
    ("without", "hint"),
    [
        ("", how_to_install("sky")),
        ("the moon is there", f"{how_to_install('sky')}; the moon is there"),
    ],
)
def test_without_matplotlib_the_error_says_what_to_install(monkeypatch, without, hint):
    monkeypatch.setattr("linvt_cli.pipeline.figures.find_spec", lambda name: None)
    with pytest.raises(MachineError, match="Stars are drawn with Matplotlib") as raised:
        require_matplotlib("Stars are", extra="sky", without=without)
    assert raised.value.hint == hint
