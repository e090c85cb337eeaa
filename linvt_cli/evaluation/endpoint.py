"""A judge behind an OpenAI-compatible address, asked with patience, and its kept replies."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from linvt_cli import __version__
from linvt_cli.errors import ConfigError, JudgeError, MachineError

KEY_VARIABLE = "LINVT_JUDGE_KEY"
"""Environment variable with the key of the judge."""

_MAX_TOKENS = 512
_STEP_OF_TEMPERATURE = 0.5  # an attempt after a reply that means nothing is less greedy
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0  # s
_LARGEST_REPLY = 4 << 20  # bytes
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class KeptReplies:
    """Replies of a judge in a file, a line of JSON each, so that none is asked for twice.

    Args:
        path: of the file; None keeps them in memory alone.

    Raises:
        MachineError: if the file cannot be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._replies: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            # What a sudden end has torn may end within a letter.
            text = path.read_text(encoding="utf-8", errors="replace")
            if text and not text.endswith("\n"):
                _append(path, "\n")  # or the next reply would be torn too
        except OSError as error:
            raise _unusable(path, error) from error
        for line in text.split("\n"):
            try:
                kept = json.loads(line)
                self._replies[kept["key"]] = kept
            except (ValueError, KeyError, TypeError, RecursionError):
                continue

    def find(self, key: str) -> dict[str, Any] | None:
        """Return what was kept under a key."""
        with self._lock:
            return self._replies.get(key)

    def keep(self, key: str, reply: str, version: str) -> None:
        """Keep a reply."""
        kept = {"key": key, "reply": reply, "version": version}
        with self._lock:
            self._replies[key] = kept
            if self._path is not None:
                try:
                    _append(self._path, json.dumps(kept) + "\n")
                except OSError as error:
                    raise _unusable(self._path, error) from error


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _unusable(path: Path, error: OSError) -> MachineError:
    return MachineError(
        f"'{path}', where replies of the judge are kept, cannot be used: {error.strerror}",
        hint="name another folder with --output",
    )


@dataclass
class EndpointJudge:
    """A model behind an OpenAI-compatible address.

    Args:
        url: such as ``https://api.openai.com/v1``; ``/chat/completions`` is added if it is not
            there.
        model: its name there.
        kept: replies of earlier runs.
        key: sent as bearer token; none where None.
        timeout: seconds that one reply may take.
        attempts: how often a request is sent before it counts as failed.
    """

    url: str
    model: str
    kept: KeptReplies = field(default_factory=lambda: KeptReplies(None))
    key: str | None = None
    timeout: float = 60.0
    attempts: int = 5
    wait: Callable[[float], None] = time.sleep
    versions: set[str] = field(default_factory=set)  # as the endpoint names the model

    def __post_init__(self) -> None:
        """Refuse what is no address."""
        if not _is_address(self.url):
            raise ConfigError(
                f"'{self.url}' is no address of a judge",
                field="judge",
                hint="--judge https://api.openai.com/v1, --judge http://localhost:8000/v1",
            )
        self.url = self.url.rstrip("/")
        if not self.url.endswith("/chat/completions"):
            self.url += "/chat/completions"
        self._client = httpx2.Client(
            timeout=self.timeout, headers={"user-agent": f"linvt/{__version__}"}
        )

    @property
    def is_local(self) -> bool:
        """Whether the address is one of this machine."""
        return httpx2.URL(self.url).host in _LOOPBACK

    @property
    def label(self) -> str:
        """Name of the model, and what the endpoint calls it."""
        others = sorted(self.versions - {self.model})
        return f"{self.model} ({', '.join(others)})" if others else self.model

    def reply(self, request: str, attempt: int) -> str:
        """Return the model's reply, from an earlier run where there is one.

        Raises:
            JudgeError: if it cannot be had.
            MachineError: if it cannot be kept.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": request}],
            "temperature": attempt * _STEP_OF_TEMPERATURE,
            "max_tokens": _MAX_TOKENS,
        }
        key = hashlib.sha256(json.dumps([self.url, body], sort_keys=True).encode()).hexdigest()
        kept = self.kept.find(key)
        if kept is None:
            reply, version = self._ask(body)
            self.kept.keep(key, reply, version)
        else:
            reply, version = str(kept["reply"]), str(kept["version"])
        self.versions.add(version)
        return reply

    def _ask(self, body: dict[str, Any]) -> tuple[str, str]:
        trouble, asked_wait = "", 0.0
        for attempt in range(self.attempts):
            if attempt:
                self.wait(max(asked_wait, min(2.0 ** (attempt - 1), _LONGEST_WAIT)))
            try:
                response, content = self._send(body)
            except httpx2.HTTPError as error:
                trouble, asked_wait = f"{type(error).__name__}: {error}".rstrip(": "), 0.0
                continue
            if response.status_code not in _AGAIN:
                return self._read(response.status_code, content)
            trouble, asked_wait = f"it says {response.status_code}", _asked_wait(response)
        raise JudgeError(
            f"The judge at '{self.url}' gave no reply in {self.attempts} attempts; {trouble}",
            hint="what is judged is kept: go on later with --resume",
        )

    def _send(self, body: dict[str, Any]) -> tuple[httpx2.Response, bytes]:
        """Send a request and read the answer, which is bounded in bytes and in time."""
        headers = {} if self.key is None else {"authorization": f"Bearer {self.key}"}
        latest, content = time.monotonic() + self.timeout, bytearray()
        with self._client.stream("POST", self.url, json=body, headers=headers) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _LARGEST_REPLY:
                    raise JudgeError(
                        f"The judge at '{self.url}' sends more than {_LARGEST_REPLY:,} bytes",
                        hint="the address must be OpenAI-compatible",
                    )
                if time.monotonic() > latest:
                    raise httpx2.ReadTimeout(f"no whole reply in {self.timeout:g} s")
        return response, bytes(content)

    def _read(self, status: int, content: bytes) -> tuple[str, str]:
        if status in (401, 403):
            raise JudgeError(
                f"The judge at '{self.url}' refuses access ({status})",
                hint=f"put its key into the environment variable {KEY_VARIABLE}",
            )
        if status != httpx2.codes.OK:
            said = " ".join(content[:2000].decode("utf-8", errors="replace").split())[:200]
            raise JudgeError(
                f"The judge at '{self.url}' says {status}: {said}",
                hint="check --judge and --judge-model",
            )
        try:
            answer = json.loads(content)
            reply = answer["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise JudgeError(
                f"What the judge at '{self.url}' sends is no chat completion",
                hint="the address must be OpenAI-compatible",
            ) from error
        return str(reply or ""), str(answer.get("model") or self.model)


def _is_address(url: str) -> bool:
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host) and (parts.port or 0) < 1 << 16


def _asked_wait(response: httpx2.Response) -> float:
    try:
        seconds = float(response.headers.get("retry-after", 0))
    except ValueError:  # a date
        return 0.0
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else 0.0


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
