"""What form the user wants an answer to have: choices, yes or no, or a JSON schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linvt_cli.cli.output import utf8_text
from linvt_cli.config import AnswerShape
from linvt_cli.errors import ConfigError

YES_NO = ("Yes", "No")


def asked_shape(
    choices: Sequence[str] | None,
    yes_no: bool,
    abstain_below: float | None,
    schema: str | None,
    *,
    temperature: float = 0.0,
) -> AnswerShape:
    """Return the form of the answers that the options mean.

    Args:
        choices: texts of ``--choices``.
        yes_no: whether Yes and No are the choices.
        abstain_below: None where nothing was said.
        schema: path of a file.
        temperature: of the answers; choices are not drawn.

    Raises:
        ConfigError: if the options contradict each other or mean nothing.
    """
    given = [
        name
        for name, is_given in (
            ("--choices", bool(choices)),
            ("--yes-no", yes_no),
            ("--schema", schema is not None),
        )
        if is_given
    ]
    if len(given) > 1:
        raise ConfigError(
            f"{' and '.join(given)} exclude each other",
            field="schema",
            hint="leave all but one of them out",
        )
    if temperature and (choices or yes_no):
        raise ConfigError(
            f"{given[0]} and --temperature exclude each other: choices are scored, not drawn",
            field="temperature",
            hint="leave out one of them",
        )
    return AnswerShape(
        choices=YES_NO if yes_no else tuple(map(utf8_text, split_choices(choices or ()))),
        abstain_below=abstain_below or 0.0,
        schema=None if schema is None else read_schema(schema),
    )


def split_choices(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the choices that one or more texts mean.

    One text holds all of them, with commas between them or as a JSON list; of several, each is a
    choice as it stands, commas included.

    Raises:
        ConfigError: if a text that begins like a JSON list is no list of texts.
    """
    if len(texts) != 1:
        return tuple(text.strip() for text in texts)
    (text,) = texts
    if not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split(","))
    try:
        parts = json.loads(text)
    except ValueError:
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ConfigError(
            f"The choices are no JSON list of texts: {text}",
            field="choices",
            hint="""as in --choices '["red, blue", "green"]', or --choices once for each""",
        )
    return tuple(part.strip() for part in parts)


def read_schema(file: str) -> dict[str, Any]:
    """Read a JSON schema, and make sure that generation can follow it.

    Raises:
        ConfigError: if the file cannot be read, holds no schema, or one that cannot be followed.
    """
    from linvt_cli.generation.schema import compile_schema

    try:
        schema = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"The schema '{file}' cannot be read: {error.strerror}",
            field="schema",
            hint="name a file with a JSON schema in it",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"The schema '{file}' is no JSON: {error}",
            field="schema",
            hint="name a file with a JSON schema in it",
        ) from error
    if not isinstance(schema, dict):
        raise ConfigError(
            f"The schema '{file}' is no JSON object",
            field="schema",
            hint='write {"type": "object", "properties": {…}} into it',
        )
    compile_schema(schema)
    return schema
