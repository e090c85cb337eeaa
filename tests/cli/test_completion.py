from __future__ import annotations

import pytest

from linvt_cli.backbones.registry import BACKBONES
from linvt_cli.cli.completion import complete_key, complete_model
from tests.test_architecture import run_python


def offered(words: str) -> list[str]:
    """Return what bash is offered at the end of a line."""
    code = "from linvt_cli.cli.app import app; app([], prog_name='linvt')"
    printed = run_python(
        code,
        _LINVT_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    return printed.splitlines()


def test_all_models_are_offered_with_what_they_are():
    assert complete_model("") == [(spec.name, spec.summary) for spec in BACKBONES]


def test_upper_case_finds_a_model_too():
    assert [name for name, _ in complete_model("NAN")] == ["nano"]


def test_settings_are_offered_by_their_beginning():
    assert [key for key, _ in complete_key("m")] == ["model", "min-coverage", "max-new-tokens"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("linvt ask --model nan", ["nano"]),
        ("linvt models show internvl2-", [f"internvl2-{size}b" for size in (1, 2, 4, 8)]),
        ("linvt config set max", ["max-new-tokens"]),
    ],
)
def test_the_shell_is_offered_names(words, names):
    assert offered(words) == names
