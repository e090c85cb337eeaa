from __future__ import annotations

from typing import Any

import pytest

from linvt_cli.errors import ConfigError, JudgeError, JudgementError
from linvt_cli.evaluation.endpoint import CHAT, Endpoint, EndpointJudge
from linvt_cli.evaluation.judging import CUT_OFF
from linvt_cli.evaluation.kept_replies import KeptReplies
from tests.evaluation.judge_server import judge_server


def anything(reply: str) -> bool:
    return True


def judge_at(url: str, kept: KeptReplies | None = None, **options: Any) -> EndpointJudge:
    return EndpointJudge(Endpoint(url, CHAT, **options), "tiny", kept or KeptReplies(None))


def test_a_reply_comes_from_the_endpoint_with_model_key_and_version():
    with judge_server((200, "yes")) as server:
        judge = judge_at(server.url, key="secret")
        assert judge.reply("right?", 0, anything) == "yes"
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["messages"] == [{"role": "user", "content": "right?"}]
    assert (request["model"], request["temperature"]) == ("tiny", 0.0)
    assert server.keys == ["Bearer secret"]
    assert judge.label == "tiny (tiny-2026-01)"


def test_no_proxy_stands_before_a_judge_on_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody listens there
    with judge_server((200, "yes")) as server:
        assert judge_at(server.url, attempts=1).reply("right?", 0, anything) == "yes"


def test_a_reply_is_asked_for_once_also_by_a_later_run(tmp_path):
    path = tmp_path / "judge.jsonl"
    with judge_server((200, "yes")) as server:
        for _ in range(2):
            judge = judge_at(server.url, KeptReplies(path))
            assert judge.reply("right?", 0, anything) == "yes"
        assert judge.versions == {"tiny-2026-01"}
    assert len(server.requests) == 1
    assert server.keys == [None]


def test_a_reply_that_means_nothing_is_asked_for_again_also_by_a_later_run(tmp_path):
    path = tmp_path / "judge.jsonl"

    def is_yes(reply: str) -> bool:
        return reply == "yes"

    with judge_server((200, "Well."), (200, "Well."), (200, "yes")) as server:
        assert judge_at(server.url, KeptReplies(path)).reply("right?", 0, is_yes) == "Well."
        judge = judge_at(server.url, KeptReplies(path))
        assert judge.reply("right?", 0, is_yes) == "Well."
        assert judge.reply("right?", 1, is_yes) == "yes"
        # Whichever attempt it came from, it is what the next run begins with.
        assert judge_at(server.url, KeptReplies(path)).reply("right?", 0, is_yes) == "yes"
    assert [request["temperature"] for request in server.requests] == [0.0, 0.0, 0.5]


def test_a_kept_reply_that_means_nothing_is_replaced(tmp_path):
    path = tmp_path / "judge.jsonl"
    with judge_server((200, "Well."), (200, "yes")) as server:
        judge_at(server.url, KeptReplies(path)).reply("right?", 0, anything)
        for _ in range(2):
            judge = judge_at(server.url, KeptReplies(path))
            assert judge.reply("right?", 0, lambda reply: reply == "yes") == "yes"
    assert len(server.requests) == 2


def test_it_waits_and_tries_again_where_the_endpoint_is_busy():
    waits: list[float] = []
    with judge_server((429, "busy"), (503, "busy"), (200, "yes")) as server:
        judge = judge_at(server.url, wait=waits.append)
        assert judge.reply("right?", 0, anything) == "yes"
    assert waits == [7.0, 2.0]  # what it asks for, or longer from time to time


def test_an_account_with_nothing_left_is_not_asked_again():
    with judge_server((429, "insufficient_quota"), (200, "yes")) as server:
        judge = judge_at(server.url, wait=lambda _: None)
        with pytest.raises(JudgeError, match=r"has nothing left \(429\): .*quota") as caught:
            judge.reply("right?", 0, anything)
    assert len(server.requests) == 1
    assert "--resume" in (caught.value.hint or "")


def test_it_gives_up_after_some_attempts_and_says_why():
    with judge_server((500, "broken")) as server:
        judge = judge_at(server.url, attempts=3, wait=lambda _: None)
        with pytest.raises(JudgeError, match="no reply in 3 attempts; it says 500") as caught:
            judge.reply("right?", 0, anything)
    assert len(server.requests) == 3
    assert "says 500: " in caught.value.message  # and what it says of that
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint


def test_a_request_without_a_reply_costs_only_itself_until_there_are_several_in_a_row():
    broken = (500, "{{out of memory}}")
    with judge_server((200, "yes"), broken, broken, (200, "yes"), broken) as server:
        judge = judge_at(server.url, attempts=1)
        judge.reply("first?", 0, anything)
        for question in ("second?", "third?"):
            with pytest.raises(JudgementError, match=r"it says 500: .*out of memory"):
                judge.reply(question, 0, anything)
        judge.reply("fourth?", 0, anything)
        for _ in range(2):
            with pytest.raises(JudgementError):
                judge.reply("fifth?", 0, anything)
        with pytest.raises(JudgeError) as caught:
            judge.reply("sixth?", 0, anything)
    assert not isinstance(caught.value, JudgementError)


def test_a_proxy_that_cannot_be_used_is_told(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(ConfigError, match="The proxy that the environment names"):
        Endpoint("https://judge.example/v1", CHAT)


def test_an_address_where_nobody_listens_is_an_error():
    judge = judge_at("http://127.0.0.1:9/v1", attempts=2, wait=lambda _: None)
    with pytest.raises(JudgeError, match="no reply in 2 attempts; ConnectError"):
        judge.reply("right?", 0, anything)


@pytest.mark.parametrize(
    ("status", "reply", "said", "hint"),
    [
        (401, "", "refuses access", "LINVT_JUDGE_KEY"),
        (404, "{{no such model}}", "says 404: {{no such model}}", "--judge-model"),
        (200, "{{}}", "is no JSON", "OpenAI-compatible"),
        (200, " {}", "is no chat completion", "OpenAI-compatible"),
        (200, ' {"choices": [{"message": 5}]}', "is no chat completion", "OpenAI-compatible"),
    ],
)
def test_what_trying_again_does_not_help_is_told_at_once(status, reply, said, hint):
    with judge_server((status, reply)) as server:
        with pytest.raises(JudgeError, match=said) as caught:
            judge_at(server.url).reply("right?", 0, anything)
        assert len(server.requests) == 1
    assert hint in str(caught.value.hint)


FILTERED = (400, '{{"error": {"code": "content_filter"}}}')


def test_a_request_that_is_refused_for_what_it_says_costs_only_itself():
    with judge_server(FILTERED, (413, "{{}}"), (200, "yes")) as server:
        judge = judge_at(server.url)
        for status in (400, 413):
            with pytest.raises(JudgementError, match=rf"refuses the request \({status}\)"):
                judge.reply("right?", 0, anything)
        assert judge.reply("right?", 0, anything) == "yes"
    assert len(server.requests) == 3


def test_a_refusal_is_the_fault_of_one_request_where_another_was_answered(tmp_path):
    path, refusal = tmp_path / "judge.jsonl", (400, "{{bad request}}")
    with judge_server(refusal) as server, pytest.raises(JudgeError) as caught:
        judge_at(server.url).reply("right?", 0, anything)
    assert not isinstance(caught.value, JudgementError)  # the name of the model may be wrong
    with judge_server((200, "yes"), refusal) as server:
        judge = judge_at(server.url, KeptReplies(path))
        judge.reply("right?", 0, anything)
        with pytest.raises(JudgementError, match="bad request"):
            judge.reply("and this?", 0, anything)
        later = judge_at(server.url, KeptReplies(path))
        later.reply("right?", 0, anything)  # which is kept
        with pytest.raises(JudgementError, match="bad request"):
            later.reply("and this?", 0, anything)
        server.outcomes = [(404, "{{gone}}")]
        with pytest.raises(JudgeError, match="says 404"):
            later.reply("and this?", 0, anything)


def test_fields_that_a_model_does_not_take_are_left_out_for_the_whole_run(tmp_path):
    path = tmp_path / "judge.jsonl"
    tokens = (400, "{{'max_tokens' is not supported. Use 'max_completion_tokens' instead.}}")
    greedy = (400, "{{'temperature' does not support 0.0 with this model.}}")
    with judge_server(tokens, greedy, (200, "yes")) as server:
        judge = judge_at(server.url, KeptReplies(path))
        for question in ("right?", "and this?"):
            assert judge.reply(question, 0, anything) == "yes"
    first, second, third, fourth = server.requests
    assert (first["max_tokens"], first["temperature"]) == (512, 0.0)
    assert (second["max_completion_tokens"], second["temperature"]) == (4096, 0.0)
    for request in (third, fourth):
        assert request["max_completion_tokens"] == 4096
        assert not request.keys() & {"max_tokens", "temperature"}
    with judge_server((200, "no")) as server:  # kept under what was asked, however it was sent
        judge = EndpointJudge(judge.endpoint, "tiny", KeptReplies(path))
        assert judge.reply("right?", 0, anything) == "yes"


def test_a_reply_that_is_cut_off_is_marked():
    with judge_server((200, "{'pred': 'yes', 'score': 4}")) as server:
        server.finish_reason = "length"
        reply = judge_at(server.url).reply("right?", 0, lambda reply: "pred" in reply)
    assert reply == "{'pred': 'yes', 'score': 4}" + CUT_OFF


def test_a_judge_that_thinks_past_the_limit_gets_more_room_from_then_on():
    with judge_server((200, "hm"), (200, "yes"), (200, "yes")) as server:
        judge = judge_at(server.url)
        for attempt in (0, 1):
            reply = judge.reply("right?", attempt, lambda reply: reply == "yes")
        assert judge.reply("wrong?", 0, anything) == reply == "yes"
    assert [request["max_tokens"] for request in server.requests] == [512, 4096, 4096]


def test_failures_of_what_is_in_between_pass_too():
    with judge_server((520, ""), (529, "overloaded"), (200, "yes")) as server:
        assert judge_at(server.url, wait=lambda _: None).reply("right?", 0, anything) == "yes"
    assert len(server.requests) == 3
    with judge_server((501, "no")) as server, pytest.raises(JudgeError, match="says 501"):
        judge_at(server.url).reply("right?", 0, anything)


def test_a_refusal_is_the_fault_of_one_request_where_an_earlier_run_got_replies(tmp_path):
    path = tmp_path / "judge.jsonl"
    with judge_server((200, "yes"), (400, "{{bad request}}")) as server:
        judge_at(server.url, KeptReplies(path)).reply("right?", 0, anything)
        with pytest.raises(JudgementError):
            judge_at(server.url, KeptReplies(path)).reply("other?", 0, anything)


def test_a_reply_without_end_and_one_that_trickles_are_left():
    with (
        judge_server((200, "x" * 5_000_000)) as server,
        pytest.raises(JudgeError, match="sends more than 4,194,304 bytes"),
    ):
        judge_at(server.url).reply("right?", 0, anything)
    with judge_server((200, "yes")) as server:
        server.pause = 0.02  # after each byte
        judge = judge_at(server.url, timeout=0.5, attempts=1)
        with pytest.raises(JudgeError, match=r"ReadTimeout: no whole reply in 0\.5 s") as caught:
            judge.reply("right?", 0, anything)
    assert "--judge-timeout" in str(caught.value.hint)


def test_addresses_of_this_machine_are_local_and_the_path_is_added_once():
    assert Endpoint("http://localhost:8000/v1/", CHAT).is_local
    endpoint = Endpoint("https://api.openai.com/v1/chat/completions", CHAT)
    assert not endpoint.is_local
    assert endpoint.url == "https://api.openai.com/v1/chat/completions"
    assert Endpoint("http://[::1]:8000/v1", "/embeddings").url == "http://[::1]:8000/v1/embeddings"
