"""Where a judge is, and the key that opens it; neither a password nor a key is told or kept."""

from __future__ import annotations

import os

import httpx2

from linvt_cli.errors import ConfigError

KEY_VARIABLE = "LINVT_JUDGE_KEY"
"""Environment variable with the key of the judge."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def require_address(url: str) -> None:
    """Refuse what is no address of a judge, and one that would be kept with a secret in it.

    Raises:
        ConfigError: if it is none, or holds a name, a password, a query or a fragment.
    """
    if not _is_address(url):
        raise ConfigError(
            f"'{url}' is no address of a judge",
            field="judge",
            hint="--judge https://api.openai.com/v1, --judge http://localhost:8000/v1",
        )
    parts = httpx2.URL(url)
    if parts.userinfo or parts.query or parts.fragment:
        raise ConfigError(
            f"The address of the judge at '{parts.host}' holds a name, a password or a query,"
            " which results would repeat",
            field="judge",
            hint=f"leave out what is before @ or after ?, and put the key into {KEY_VARIABLE}",
        )


def is_on_this_machine(url: str) -> bool:
    """Whether the address is one of this machine."""
    return httpx2.URL(url).host in _LOOPBACK


def judge_key() -> str | None:
    """Return the key of the judge, None where none is set.

    Raises:
        ConfigError: if it cannot be one.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"{KEY_VARIABLE} has a sign that no key has",
            field="judge",
            hint="copy the key again: letters, digits and signs of ASCII, on one line",
        )
    return key or None


def _is_address(url: str) -> bool:
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host) and (parts.port or 0) < 1 << 16
