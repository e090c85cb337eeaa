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
from urllib.parse import urlsplit

import httpx2

from linvt_cli import __version__
from linvt_cli.errors import ConfigError, JudgeError

KEY_VARIABLE = "LINVT_JUDGE_KEY"
"""Environment variable with the key of the judge."""

_MAX_TOKENS = 256
_STEP_OF_TEMPERATURE = 0.5  # an attempt after a reply that means nothing is less greedy
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0  # s
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class KeptReplies:
    """Replies of a judge in a file, a line of JSON each, so that none is asked for twice.

    Args:
        path: of the file; None keeps them in memory alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._replies: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    kept = json.loads(line)
                    self._replies[kept["key"]] = kept
                except (ValueError, KeyError, TypeError):
                    continue  # a line that a sudden end has torn

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
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(kept, ensure_ascii=False) + "\n")


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
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
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
        return urlsplit(self.url).hostname in _LOOPBACK

    @property
    def label(self) -> str:
        """Name of the model, and what the endpoint calls it."""
        others = sorted(self.versions - {self.model})
        return f"{self.model} ({', '.join(others)})" if others else self.model

    def reply(self, request: str, attempt: int) -> str:
        """Return the model's reply, from an earlier run where there is one.

        Raises:
            JudgeError: if it cannot be had.
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
        trouble = ""
        for attempt in range(self.attempts):
            if attempt:
                self.wait(min(2.0 ** (attempt - 1), _LONGEST_WAIT))
            try:
                response = self._send(body)
            except httpx2.HTTPError as error:
                trouble = f"{type(error).__name__}: {error}".rstrip(": ")
                continue
            if response.status_code in _AGAIN:
                trouble = f"it says {response.status_code}"
                self.wait(_asked_wait(response))
                continue
            return self._read(response)
        raise JudgeError(
            f"The judge at '{self.url}' gave no reply in {self.attempts} attempts; {trouble}",
            hint="what is judged is kept: go on later with --resume",
        )

    def _send(self, body: dict[str, Any]) -> httpx2.Response:
        headers = {} if self.key is None else {"authorization": f"Bearer {self.key}"}
        return self._client.post(self.url, json=body, headers=headers)

    def _read(self, response: httpx2.Response) -> tuple[str, str]:
        if response.status_code in (401, 403):
            raise JudgeError(
                f"The judge at '{self.url}' refuses access ({response.status_code})",
                hint=f"put its key into the environment variable {KEY_VARIABLE}",
            )
        if response.status_code != httpx2.codes.OK:
            said = " ".join(response.text.split())[:200]
            raise JudgeError(
                f"The judge at '{self.url}' says {response.status_code}: {said}",
                hint="check --judge and --judge-model",
            )
        try:
            answer = response.json()
            reply = answer["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise JudgeError(
                f"What the judge at '{self.url}' sends is no chat completion",
                hint="the address must be OpenAI-compatible",
            ) from error
        return str(reply or ""), str(answer.get("model") or self.model)


def _asked_wait(response: httpx2.Response) -> float:
    try:
        return min(max(float(response.headers.get("retry-after", 0)), 0.0), _LONGEST_WAIT)
    except ValueError:  # a date
        return 0.0


def judge_key() -> str | None:
    """Return the key of the judge, None where none is set."""
    return os.environ.get(KEY_VARIABLE) or None
