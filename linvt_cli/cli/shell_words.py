"""Names of files as they are typed."""

from __future__ import annotations

import shlex


def file_word(name: str) -> str:
    """Return a file's name as a shell and linvt take it: quoted, and never like an option."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
