from __future__ import annotations

import json

import pytest

from linvt_cli.errors import JudgeError
from linvt_cli.evaluation.embeddings import PATH, EmbeddingMatch
from linvt_cli.evaluation.endpoint import Endpoint
from linvt_cli.evaluation.kept_replies import KeptReplies
from tests.evaluation.judge_server import judge_server


def embeddings(*vectors: object, order: tuple[int, ...] = (0, 1)) -> str:
    """Return what an endpoint sends for some texts, in any order."""
    data = [
        {"index": place, "embedding": vectors[place]} for place in order if place < len(vectors)
    ]
    return " " + json.dumps({"model": "small-2026", "data": data})


def match_at(url: str, least: float = 0.8, kept: KeptReplies | None = None) -> EmbeddingMatch:
    return EmbeddingMatch(Endpoint(url, PATH), "small", least, kept or KeptReplies(None))


def test_an_answer_is_right_from_a_cosine_on():
    # The cosine of (1, 0) and (0.8, 0.6) is 0.8.
    with judge_server((200, embeddings([1.0, 0.0], [4, 3], order=(1, 0)))) as server:
        match = match_at(server.url, least=0.79)
        assert match.judge("a dog", " some dog ").score == 1.0
        assert match.judge("a dog", "some dog").rating is None
        assert match_at(server.url, least=0.81).judge("a dog", "some dog").score == 0.0
    assert server.requests[0]["path"] == "/v1/embeddings"
    assert server.requests[0]["input"] == ["a dog", "some dog"]
    assert (
        match.label == "the match of embeddings by small (small-2026), right from a cosine of 0.79"
    )


def test_a_cosine_is_asked_for_once(tmp_path):
    path = tmp_path / "judge.jsonl"
    with judge_server((200, embeddings([1.0], [-1.0]))) as server:
        for least in (-1.0, 0.5):
            match = match_at(server.url, least, KeptReplies(path))
            assert match.judge("a", "b").score == float(least == -1.0)
            assert match.versions == {"small-2026"}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "yes",
        embeddings([1.0]),
        embeddings([1.0], [1.0, 2.0]),
        embeddings([], []),
        embeddings([0.0], [1.0]),
        embeddings(["a"], ["b"]),
        embeddings([1e308] * 9, [1e308] * 9),
        " {}",
        " []",
    ],
)
def test_what_is_no_pair_of_embeddings_is_an_error(reply):
    with (
        judge_server((200, reply)) as server,
        pytest.raises(JudgeError, match="is no pair of embeddings"),
    ):
        match_at(server.url).judge("a", "b")
