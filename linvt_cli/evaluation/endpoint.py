"""OpenAI-compatible addresses, asked with patience, and a judge behind one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from linvt_cli import __version__
from linvt_cli.errors import ConfigError, JudgeError, JudgementError
from linvt_cli.evaluation.judge_address import KEY_VARIABLE, is_on_this_machine, require_address
from linvt_cli.evaluation.judging import CUT_OFF
from linvt_cli.evaluation.kept_replies import KeptReplies, key_of
from linvt_cli.evaluation.refusals import (
    WITH_THOUGHTS,
    is_about_content,
    is_about_payment,
    is_refusal,
    refused_fields,
    without_fields,
)

CHAT = "/chat/completions"
_MAX_TOKENS = 512
_STEP_OF_TEMPERATURE = 0.5  # an attempt after a reply that means nothing is less greedy
_BUSY = frozenset({408, 409, 425, 429})
_NEVER = 501  # of the failures of a server the one that does not pass
_LONGEST_WAIT = 60.0  # s
_LARGEST_REPLY = 4 << 20  # bytes
_SHOWN = 200  # characters of what it says
_MOST_IN_A_ROW = 3  # requests without a reply before it counts as gone


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
        ConfigError: if the address is none, or the proxy that leads to it cannot be used.
    """

    url: str
    path: str
    key: str | None = None
    timeout: float = 60.0
    attempts: int = 5
    wait: Callable[[float], None] = time.sleep
    has_replied: bool = False  # so that a later refusal is the fault of one request
    _refused: frozenset[str] = field(default=frozenset(), init=False)  # fields of a request
    _unanswered: int = field(default=0, init=False)  # requests in a row

    def __post_init__(self) -> None:
        """Refuse what is no address."""
        require_address(self.url)
        self.url = self.url.rstrip("/").removesuffix(self.path) + self.path
        try:
            self._client = httpx2.Client(
                timeout=self.timeout,
                headers={"user-agent": f"linvt/{__version__}"},
                trust_env=not self.is_local,  # no proxy reaches this machine's own ports
            )
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"The proxy that the environment names for '{self.url}' cannot be used: {error}",
                field="judge",
                hint="name an http:// proxy in HTTPS_PROXY or ALL_PROXY, or none",
            ) from error

    @property
    def is_local(self) -> bool:
        """Whether the address is one of this machine."""
        return is_on_this_machine(self.url)

    def post(self, body: Mapping[str, Any]) -> Any:
        """Send a request and return the JSON that answers it.

        Fields that the model does not take are left out, then and from then on.

        Raises:
            JudgementError: if this request is refused or not answered, and others are.
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
        self._refused, self.has_replied, self._unanswered = refused, True, 0
        return reply

    def _answer(self, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """Send a request until it is answered; return status and content."""
        trouble, asked_wait, was_late = "", 0.0, False
        for attempt in range(self.attempts):
            if attempt:
                self.wait(max(asked_wait, min(2.0 ** (attempt - 1), _LONGEST_WAIT)))
            try:
                response, content = self._send(body)
            except httpx2.HTTPError as error:
                trouble, asked_wait = f"{type(error).__name__}: {error}".rstrip(": "), 0.0
                was_late = isinstance(error, httpx2.TimeoutException)
                continue
            status = response.status_code
            if not _may_pass(status) or is_about_payment(status, _text(content)):
                return status, content
            trouble, asked_wait = f"it says {status}", _asked_wait(response)
            trouble, was_late = f"{trouble}: {_text(content)[:_SHOWN]}".rstrip(": "), False
        self._unanswered += 1
        # One request may be too much for a judge that answers others; a judge that is gone is not.
        is_alive = self.has_replied and self._unanswered < _MOST_IN_A_ROW
        raise (JudgementError if is_alive else JudgeError)(
            f"The judge at '{self.url}' gave no reply in {self.attempts} attempts; {trouble}",
            hint="a longer --judge-timeout, or --judge-workers 1, leaves it more time"
            if was_late
            else "with --output, what is judged is kept: go on later with --resume",
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
        said = _text(content)[:_SHOWN]
        if is_about_payment(status, _text(content)):
            raise JudgeError(
                f"The account at '{self.url}' has nothing left ({status}): {said}",
                hint="once it has, go on with --resume: with --output, what is judged is kept",
            )
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


def _asked_wait(response: httpx2.Response) -> float:
    try:
        seconds = float(response.headers.get("retry-after", 0))
    except ValueError:  # a date
        return 0.0
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else 0.0
