"""What was said in a conversation, as a file: Markdown for people, JSON for scripts."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

from linvt_cli.cli.description_formats import clock, markdown_text
from linvt_cli.cli.output import Record, json_text
from linvt_cli.cli.output_files import output_file, write_text
from linvt_cli.errors import ConfigError

_ENDINGS = (".md", ".markdown", ".txt", ".json")


class Transcript:
    """The records of a conversation, in order, failures among them."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._written: set[Path] = set()

    def add(self, record: Record) -> None:
        """Note an answer, or a failure."""
        self._records.append(record)

    def save(self, name: str) -> Path:
        """Write a file, as JSON where its name ends in .json, else as Markdown.

        A file that was there before is never replaced, but one that was written here is.

        Raises:
            ConfigError: if nothing was said, or the file cannot be meant.
            MachineError: if the file cannot be written.
        """
        if not self._records:
            raise ConfigError("Nothing was asked yet", field="save", hint="ask something first")
        path = output_file(name).absolute()
        if path.suffix.lower() not in _ENDINGS:
            raise ConfigError(
                f"The ending of '{name}' is none of {', '.join(_ENDINGS)}",
                field="save",
                hint="/save talk.md",
            )
        if path.exists() and path not in self._written:
            raise ConfigError(
                f"'{name}' is there already", field="save", hint="name another file, or remove it"
            )
        is_json = path.suffix.lower() == ".json"
        write_text(path, as_json(self._records) if is_json else as_markdown(self._records))
        self._written.add(path)
        return path


def as_json(records: list[Record]) -> str:
    """Return the list of records, as ``linvt ask --json`` prints it for several questions."""
    return json_text(records, indent=2) + "\n"


def as_markdown(records: list[Record]) -> str:
    """Return a Markdown document: a heading for each question, and below it what came of it."""
    name = markdown_text(PurePath(records[0]["video"]).name)
    blocks = [f"# Conversation about {name}"]
    for record in records:
        blocks.append(f"## {markdown_text(record['question'])}")
        if record["error"] is not None:
            blocks.append(f"*Not answered: {markdown_text(record['error']['message'])}*")
            continue
        blocks += [markdown_text(text) for text in re.split(r"\n\s*\n", record["answer"]) if text]
        blocks.append(f"*{markdown_text(_basis(record))}*")
    return "\n\n".join(blocks) + "\n"


def _basis(record: Record) -> str:
    """What an answer rests on, and whether it was stopped."""
    frames: dict[str, Any] = record["frames"]
    first, last = map(clock, frames["span"])
    seen = f"{frames['count']} {'frame' if frames['count'] == 1 else 'frames'}"
    parts = [
        PurePath(record["video"]).name,
        f"{seen}, {first}" if first == last else f"{seen}, {first} to {last}",
        record["model"]["backbone"],
    ]
    return " · ".join([*parts, *(["stopped"] if record["finish_reason"] == "interrupted" else [])])
