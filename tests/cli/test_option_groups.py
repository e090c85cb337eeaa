from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from linvt_cli.cli.app import run
from linvt_cli.cli.option_groups import (
    OptionGroup,
    UncachedModelGroup,
    WatchingModelGroup,
    with_option_groups,
)
from linvt_cli.cli.output import Output


@dataclass(frozen=True)
class Size:
    width: int
    height: int


def _size(
    width: Annotated[int, typer.Option("--width", help="Columns")] = 4,
    height: Annotated[int, typer.Option("--height", help="Rows")] = 3,
) -> Size:
    return Size(width, height)


Whole = Annotated[Size, OptionGroup(_size)]
OnlyWide = Annotated[Size, OptionGroup(_size, without=("height",))]
Flat = Annotated[Size, OptionGroup(_size, settled=(("height", 1),))]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_option_groups
    def draw(name: str, *, size: Whole, loud: bool = False) -> None:
        """Draw something."""
        Output().line(f"{name} {size.width} {size.height} {loud}")

    @app.command()
    @with_option_groups
    def stretch(*, size: OnlyWide) -> None:
        """Stretch it."""
        Output().line(f"{size.width} {size.height}")

    @app.command()
    @with_option_groups
    def flatten(*, size: Flat) -> None:
        """Flatten it."""
        Output().line(f"{size.width} {size.height}")

    return app


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["draw", "a"], "a 4 3 False"),
        (["draw", "a", "--height", "9", "--loud"], "a 4 9 True"),
        (["stretch", "--width", "7"], "7 3"),
        (["flatten", "--width", "7"], "7 1"),
    ],
)
def test_a_command_gets_its_group_made_of_options(
    app: typer.Typer, arguments: list[str], printed: str
) -> None:
    assert CliRunner().invoke(app, arguments).output.strip() == printed


@pytest.mark.parametrize("command", ["stretch", "flatten"])
def test_what_a_group_leaves_out_is_no_option(app: typer.Typer, command: str) -> None:
    assert CliRunner().invoke(app, [command, "--height", "1"]).exit_code == 2


@pytest.mark.parametrize("group", [UncachedModelGroup, WatchingModelGroup])
def test_models_without_the_options_of_the_cache_have_none(group: object) -> None:
    (made_by,) = group.__metadata__  # type: ignore[attr-defined]
    assert made_by.value().token_cache == 0


def test_help_shows_the_options_in_the_place_of_their_group(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["draw", "--help"], env={"TERM": "dumb"}).output
    assert "Draw something" in shown
    assert shown.index("--width") < shown.index("--height") < shown.index("--loud")


@pytest.mark.parametrize("command", ["ask", "chat", "explain"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--seed 0", "--seed"),
        ("--seed 3 --top-p 0.9 --temperature 0", "--top-p and --seed"),
        ("--seed 3 --temperature 0.5", None),
        ("--top-p 0.9 --quiet", None),
        ("--max-new-tokens 3", None),
    ],
)
def test_what_decides_draws_is_of_no_use_where_nothing_is_drawn(command, options, said, capsys):
    more = {"ask": ["Who?"], "chat": [], "explain": ["Who?", "-o", "new.png"]}[command]
    assert run([command, "none.mp4", *more, *options.split(), "--model", "nano"]) == 3
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    use = f"note: only a --temperature above 0 makes use of {said}"
    assert [note for note in notes if "temperature" in note] == ([use] if said else [])
