from __future__ import annotations

import pytest

from linvt_cli.evaluation.refusals import (
    is_about_content,
    is_about_payment,
    is_refusal,
    refused_fields,
    without_fields,
)

BODY = {"model": "tiny", "temperature": 0.0, "max_tokens": 512}


@pytest.mark.parametrize(
    ("status", "said", "about"),
    [
        (400, '{"error": {"code": "content_filter"}}', True),
        (400, '{"error": {"code": "context_length_exceeded"}}', True),
        (400, "This model's maximum context length is 4096 tokens", True),
        (400, "'max_tokens' is too large: 512. The maximum context length is 600", True),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4096", True),
        (400, "The input token count (9000) exceeds the maximum", True),
        (400, '{"error": {"code": "invalid_prompt"}}', True),
        (413, "", True),
        (400, "no such model", False),
        (404, "context_length", False),
        (403, "content_filter", False),
    ],
)
def test_refusals_about_what_a_request_says_are_told_from_others(status, said, about):
    assert is_about_content(status, said) is about


def test_an_empty_account_is_told_from_too_many_requests():
    assert is_about_payment(429, '{"error": {"code": "insufficient_quota"}}')
    assert is_about_payment(402, "Insufficient Balance")
    assert not is_about_payment(429, "Rate limit reached, try again in 6 s")
    assert not is_about_payment(400, "insufficient_quota")


def test_who_may_not_ask_is_not_refused_for_the_request():
    assert [is_refusal(status) for status in (200, 400, 401, 403, 404, 413, 422)] == [
        False, True, False, False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said", "fields"),
    [
        (400, "'max_tokens' is not supported. Use 'max_completion_tokens'", {"max_tokens"}),
        (400, "Unsupported value: 'temperature' does not support 0.0", {"temperature"}),
        (422, "temperature, max_tokens: extra fields", {"temperature", "max_tokens"}),
        (400, "'max_tokens' is too large: the maximum context length is 600", set()),
        (400, "no such model", set()),
        (200, "temperature", set()),
    ],
)
def test_fields_are_refused_by_name(status, said, fields):
    assert refused_fields(status, said, BODY) == fields


def test_a_field_that_was_not_sent_is_not_refused():
    assert refused_fields(400, "temperature, max_completion_tokens", {"model": "tiny"}) == set()


def test_refused_fields_are_left_out_and_tokens_get_room_for_thoughts():
    assert without_fields(BODY, ()) == BODY
    assert without_fields(BODY, {"temperature"}) == {"model": "tiny", "max_tokens": 512}
    assert without_fields(BODY, {"max_tokens", "temperature"}) == {
        "model": "tiny", "max_completion_tokens": 4096,
    }  # fmt: skip
    assert without_fields({"model": "small"}, {"max_tokens"}) == {"model": "small"}
