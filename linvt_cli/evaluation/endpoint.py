"""OpenAI-compatible addresses, asked with patience, and a judge behind one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from linvt_cli import __version__
from linvt_cli.errors import ConfigError, JudgeError, JudgementError
from linvt_cli.evaluation.judging import CUT_OFF
from linvt_cli.evaluation.kept_replies import KeptReplies, key_of
from linvt_cli.evaluation.refusals import (
    WITH_THOUGHTS,
    is_about_content,
    is_refusal,
    refused_fields,
    without_fields,
)

KEY_VARIABLE = "LINVT_JUDGE_KEY"
"""Environment variable with the key of the judge."""

CHAT = "/chat/completions"
_MAX_TOKENS = 512
_STEP_OF_TEMPERATURE = 0.5  # an attempt after a reply that means nothing is less greedy
_BUSY = frozenset({408, 409, 425, 429})
_NEVER = 501  # of the failures of a server the one that does not pass
_LONGEST_WAIT = 60.0  # s
_LARGEST_REPLY = 4 << 20  # bytes
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass
class Endpoint:
    """One path below an OpenAI-compatible address, asked with patience.

    Args:
        url: such as ``https://api.openai.com/v1``; the path is added if it is not there.
        path: such as ``/chat/completions``.
        key: sent as bearer token; none where None.
        timeout: seconds that one reply may take.
        attempts: how often a request is sent before it counts as failed.

    Raises:
        ConfigError: if the address is none.
    """

    url: str
    path: str
    key: str | None = None
    timeout: float = 60.0
    attempts: int = 5
    wait: Callable[[float], None] = time.sleep
    has_replied: bool = False  # so that a later refusal is the fault of one request
    _refused: frozenset[str] = field(default=frozenset(), init=False)  # fields of a request

    def __post_init__(self) -> None:
        """Refuse what is no address."""
        if not _is_address(self.url):
            raise ConfigError(
                f"'{self.url}' is no address of a judge",
                field="judge",
                hint="--judge https://api.openai.com/v1, --judge http://localhost:8000/v1",
            )
        self.url = self.url.rstrip("/").removesuffix(self.path) + self.path
        self._client = httpx2.Client(
            timeout=self.timeout,
            headers={"user-agent": f"linvt/{__version__}"},
            trust_env=not self.is_local,  # no proxy reaches this machine's own ports
        )

    @property
    def is_local(self) -> bool:
        """Whether the address is one of this machine."""
        return httpx2.URL(self.url).host in _LOOPBACK

    def post(self, body: Mapping[str, Any]) -> Any:
        """Send a request and return the JSON that answers it.

        Fields that the model does not take are left out, then and from then on.

        Raises:
            JudgementError: if this request is refused, and others are not.
            JudgeError: if no reply can be had.
        """
        refused = self._refused
        while True:
            sent = without_fields(body, refused)
            status, content = self._answer(sent)
            more = refused_fields(status, _text(content), sent)
            if not more:
                break
            refused |= more
        reply = self._read(status, content)
        self._refused, self.has_replied = refused, True
        return reply

    def _answer(self, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """Send a request until it is answered; return status and content."""
        trouble, asked_wait = "", 0.0
        for attempt in range(self.attempts):
            if attempt:
                self.wait(max(asked_wait, min(2.0 ** (attempt - 1), _LONGEST_WAIT)))
            try:
                response, content = self._send(body)
            except httpx2.HTTPError as error:
                trouble, asked_wait = f"{type(error).__name__}: {error}".rstrip(": "), 0.0
                continue
            if not _may_pass(response.status_code):
                return response.status_code, content
            trouble, asked_wait = f"it says {response.status_code}", _asked_wait(response)
        raise JudgeError(
            f"The judge at '{self.url}' gave no reply in {self.attempts} attempts; {trouble}",
            hint="what is judged is kept: go on later with --resume",
        )

    def _send(self, body: Mapping[str, Any]) -> tuple[httpx2.Response, bytes]:
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

    def _read(self, status: int, content: bytes) -> Any:
        if status in (401, 403):
            raise JudgeError(
                f"The judge at '{self.url}' refuses access ({status})",
                hint=f"put its key into the environment variable {KEY_VARIABLE}",
            )
        said = _text(content)[:200]
        if is_about_content(status, _text(content)) or (self.has_replied and is_refusal(status)):
            raise JudgementError(
                f"The judge at '{self.url}' refuses the request ({status}): {said}",
                hint="another --judge-model may take it",
            )
        if status != httpx2.codes.OK:
            raise JudgeError(
                f"The judge at '{self.url}' says {status}: {said}",
                hint="check --judge and --judge-model",
            )
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self.foreign("JSON") from error

    def foreign(self, expected: str) -> JudgeError:
        """Return the error that what came is something else."""
        return JudgeError(
            f"What the judge at '{self.url}' sends is no {expected}",
            hint="the address must be OpenAI-compatible",
        )


@dataclass
class EndpointJudge:
    """A language model behind an OpenAI-compatible address.

    Args:
        endpoint: its path for chat.
        model: its name there.
        kept: replies of earlier runs.
    """

    endpoint: Endpoint
    model: str
    kept: KeptReplies = field(default_factory=lambda: KeptReplies(None))
    versions: set[str] = field(default_factory=set)  # as the endpoint names the model
    _thinks: bool = field(default=False, init=False)  # and needs room for it

    def __post_init__(self) -> None:
        """Trust an address that replied in an earlier run."""
        self.endpoint.has_replied |= self.kept.has_any_of(self._name)

    @property
    def _name(self) -> str:
        return judge_name(self.endpoint, self.model)

    @property
    def label(self) -> str:
        """Name of the model, and what the endpoint calls it."""
        return label_of(self.model, self.versions)

    def reply(self, request: str, attempt: int, means: Callable[[str], bool]) -> str:
        """Return the model's reply, from an earlier run where one that means something is kept.

        Raises:
            JudgementError: if the endpoint refuses this request, and not others.
            JudgeError: if it cannot be had.
            MachineError: if it cannot be kept.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": request}],
            "temperature": 0.0,
            "max_tokens": _MAX_TOKENS,
        }
        key = key_of(self.endpoint.url, body)  # of all attempts: one reply that means something
        kept = self.kept.find(key)
        if kept is not None and means(str(kept["reply"])):
            reply, version = str(kept["reply"]), str(kept["version"])
            self.endpoint.has_replied = True
        else:
            # What was thought may have left no room for a verdict.
            has_room = self._thinks or attempt > 0
            sent = {**body, "temperature": attempt * _STEP_OF_TEMPERATURE}
            reply, version = self._ask({**sent, "max_tokens": WITH_THOUGHTS} if has_room else sent)
            if means(reply):
                self._thinks = has_room
                self.kept.keep(key, reply, version, judge=self._name)
        self.versions.add(version)
        return reply

    def _ask(self, body: dict[str, Any]) -> tuple[str, str]:
        answer = self.endpoint.post(body)
        try:
            choice = answer["choices"][0]
            reply = str(choice["message"]["content"] or "")
            is_cut = choice.get("finish_reason") == "length"
            return f"{reply}{CUT_OFF}" if is_cut else reply, str(answer.get("model") or self.model)
        except (LookupError, TypeError, AttributeError) as error:
            raise self.endpoint.foreign("chat completion") from error


def judge_name(endpoint: Endpoint, model: str) -> str:
    """Return what kept replies tell of who gave them."""
    return f"{model} at {endpoint.url}"


def label_of(model: str, versions: Collection[str]) -> str:
    """Return the name of a model with what its endpoint calls it."""
    others = sorted({*versions} - {model})
    return f"{model} ({', '.join(others)})" if others else model


def _text(content: bytes) -> str:
    """Return the beginning of what an endpoint says, on one line."""
    return " ".join(content[:2000].decode("utf-8", errors="replace").split())


def _may_pass(status: int) -> bool:
    """Whether the same request may be answered later: also 520 to 529 of those in between."""
    return status in _BUSY or (status >= httpx2.codes.INTERNAL_SERVER_ERROR and status != _NEVER)


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
