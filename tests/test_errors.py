from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from linvt_cli import errors
from linvt_cli.cli.failures import EXIT_CODES, ExitCode, exit_code_of_class
from linvt_cli.errors import LinVTError

PACKAGE = Path(errors.__file__).parent
CLASSES = {
    name: member
    for name, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, LinVTError)
}


def drawn_tree() -> dict[str, str | None]:
    """Read the tree in the module's docstring: name -> name of the base drawn above it."""
    bases: dict[str, str | None] = {}
    open_branches: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(?P<branch>[\s│├└─]*)(?P<name>[A-Z]\w+Error)\b", line)
        if found is None:
            continue
        depth = len(found["branch"])
        while open_branches and open_branches[-1][0] >= depth:
            open_branches.pop()
        bases[found["name"]] = open_branches[-1][1] if open_branches else None
        open_branches.append((depth, found["name"]))
    return bases


def test_every_error_is_drawn_below_its_base_class():
    true_bases = {
        name: None if member is LinVTError else member.__bases__[0].__name__
        for name, member in CLASSES.items()
    }
    assert drawn_tree() == true_bases


def test_every_error_has_an_exit_code_of_its_own():
    without = [
        name
        for name, member in CLASSES.items()
        if member is not LinVTError and exit_code_of_class(member) in (ExitCode.DONE, ExitCode.BUG)
    ]
    assert without == []


def test_the_exit_code_table_names_no_class_from_elsewhere():
    assert set(EXIT_CODES) <= set(CLASSES.values())


def raised_without_hint(source: str) -> list[str]:
    """Return the calls in a module that make an error and say nothing of what to do about it."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in CLASSES
        and all(given.arg != "hint" for given in node.keywords)
    ]


def test_every_error_that_is_made_says_what_to_do_about_it():
    assert raised_without_hint("raise VideoError('It is torn', path=path) from error")
    without = {
        str(path.relative_to(PACKAGE)): found
        for path in sorted(PACKAGE.rglob("*.py"))
        if (found := raised_without_hint(path.read_text(encoding="utf-8")))
    }
    assert without == {}


def test_every_error_takes_a_message_and_a_hint():
    for member in CLASSES.values():
        parameters = inspect.signature(member).parameters
        assert next(iter(parameters)) == "message"
        assert parameters["hint"].default is None
