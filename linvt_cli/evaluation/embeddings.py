"""Answers compared by embeddings: from some cosine on they count as right."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from linvt_cli.evaluation.endpoint import Endpoint, judge_name, label_of
from linvt_cli.evaluation.judging import Judgement
from linvt_cli.evaluation.kept_replies import KeptReplies, key_of

PATH = "/embeddings"
_LONGEST = 65_536  # numbers of an embedding


@dataclass
class EmbeddingMatch:
    """A model of embeddings behind an OpenAI-compatible address.

    Args:
        endpoint: its path for embeddings.
        model: its name there.
        least: cosine between an answer and the right one from which on it counts as right.
        kept: cosines of earlier runs.
    """

    endpoint: Endpoint
    model: str
    least: float
    kept: KeptReplies = field(default_factory=lambda: KeptReplies(None))
    versions: set[str] = field(default_factory=set)  # as the endpoint names the model

    def __post_init__(self) -> None:
        """Trust an address that replied in an earlier run."""
        self.endpoint.has_replied |= self.kept.has_any_of(judge_name(self.endpoint, self.model))

    @property
    def label(self) -> str:
        """What is compared, and from where on it counts as right."""
        name = label_of(self.model, self.versions)
        return f"the match of embeddings by {name}, right from a cosine of {self.least:g}"

    def judge(self, right: str, said: str) -> Judgement:
        """Compare an answer with the right one; it has no rating.

        Raises:
            JudgementError: if the endpoint refuses this request, and not others.
            JudgeError: if it gives no embeddings.
            MachineError: if the cosine cannot be kept.
        """
        body = {"model": self.model, "input": [right.strip(), said.strip()]}
        key = key_of(self.endpoint.url, body)
        kept = self.kept.find(key)
        if kept is None:
            cosine, version = self._ask(body)
            name = judge_name(self.endpoint, self.model)
            self.kept.keep(key, repr(cosine), version, judge=name)
        else:
            cosine, version = float(kept["reply"]), str(kept["version"])
            self.endpoint.has_replied = True
        self.versions.add(version)
        return Judgement(float(cosine >= self.least))

    def _ask(self, body: dict[str, Any]) -> tuple[float, str]:
        answer = self.endpoint.post(body)
        try:
            one, other = sorted(answer["data"], key=lambda each: int(each["index"]))
            cosine = _cosine(one["embedding"], other["embedding"])
            return cosine, str(answer.get("model") or self.model)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise self.endpoint.foreign("pair of embeddings") from error


def _cosine(one: list[float], other: list[float]) -> float:
    if not 0 < len(one) <= _LONGEST:
        raise ValueError(f"{len(one)} numbers")
    dot = math.fsum(a * b for a, b in zip(one, other, strict=True))
    cosine = dot / (math.hypot(*one) * math.hypot(*other))
    if not math.isfinite(cosine):
        raise ValueError(f"a cosine of {cosine}")
    return cosine
