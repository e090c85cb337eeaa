"""What a judge's refusal is about: fields that its model does not know, or one request alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_REFUSED = frozenset({400, 413, 422})
_TOO_LARGE = 413
_PAYMENT_REQUIRED = 402
_TOO_MANY = 429  # requests, or a quota that does not come back by waiting
# As OpenAI, Azure, Gemini, DeepSeek, DashScope, vLLM, llama.cpp, TGI and Anthropic say it.
_ABOUT_CONTENT = re.compile(
    r"content[ _]filter|content exists risk|data_inspection_failed|inappropriate content|"
    r"content_policy|content management policy|usage policy|invalid_prompt|too long"
    r"|context[ _](?:length|size|window)|`inputs` tokens|must have less than|token count",
    flags=re.IGNORECASE,
)
WITH_THOUGHTS = 4096
"""Tokens that a reply may take, and what its model thinks before it."""


def is_refusal(status: int) -> bool:
    """Whether a status says that what was asked is at fault, not who asked or where."""
    return status in _REFUSED


def is_about_payment(status: int, said: str) -> bool:
    """Whether a refusal says that the account behind the key has nothing left."""
    return status == _PAYMENT_REQUIRED or (status == _TOO_MANY and "insufficient_quota" in said)


def is_about_content(status: int, said: str) -> bool:
    """Whether a refusal is about what a request says: a filter of content, or its length."""
    return status == _TOO_LARGE or (is_refusal(status) and _ABOUT_CONTENT.search(said) is not None)


def refused_fields(status: int, said: str, body: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields of a request that a model does not take, as a refusal names them.

    Args:
        status: of the reply.
        said: by the reply.
        body: of the request, as it was sent.
    """
    if not is_refusal(status) or is_about_content(status, said):
        return frozenset()
    names = {"temperature": ("temperature",), "max_tokens": ("max_tokens", "max_completion_tokens")}
    return frozenset(
        field for field, told in names.items() if field in body and any(t in said for t in told)
    )


def without_fields(body: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """Return a request without the fields that a model does not take.

    Models that think take ``max_completion_tokens``, which bounds thoughts and reply together, in
    place of ``max_tokens``.
    """
    kept = {name: value for name, value in body.items() if name not in refused}
    if "max_tokens" in refused and "max_tokens" in body:
        kept["max_completion_tokens"] = max(body["max_tokens"], WITH_THOUGHTS)
    return kept
