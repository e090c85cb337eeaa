"""What a file of samples holds: how many, how long, from where, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from linvt_cli.training.video_data.samples import BadSample, Sample, missing_video

_NO_FIELD = "line"


class Lengths:
    """Lengths of texts, in characters; exact, however many there are."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, text: str) -> None:
        """Count a text."""
        self._counts[len(text)] += 1

    def to_record(self) -> dict[str, float | int] | None:
        """Return the least, the middle one, the 95th of a hundred, the most, and the mean."""
        total = self._counts.total()
        if not total:
            return None
        characters = sum(length * count for length, count in self._counts.items())
        return {
            "min": min(self._counts),
            "median": self._at(0.5, total),
            "p95": self._at(0.95, total),
            "max": max(self._counts),
            "mean": round(characters / total, 1),
        }

    def _at(self, share: float, total: int) -> int:
        """Return the smallest length that this share of the texts does not exceed."""
        seen = 0
        for length in sorted(self._counts):
            seen += self._counts[length]
            if seen >= share * total:
                return length
        return max(self._counts)


class Survey:
    """Counts samples and bad lines as they are read; keeps none of them but some bad ones.

    Args:
        num_shown: of how many bad lines, and of how many missing videos, the places are kept.
        look_for_videos: whether it is looked whether the videos are there.
    """

    def __init__(self, *, num_shown: int, look_for_videos: bool = True) -> None:
        self.num_lines = 0
        self.num_samples = 0
        self.num_bad = 0
        self.num_without_video = 0
        self.bad: list[BadSample] = []
        self.without_video: list[BadSample] = []
        self._num_shown = num_shown
        self._looks = look_for_videos
        self._num_exchanges = 0
        self._num_spans = 0
        self._bad_fields: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._questions, self._answers = Lengths(), Lengths()
        # Of a name its hash is kept: millions of names would fill the memory.
        self._videos: dict[int, str | None] = {}

    @property
    def is_fine(self) -> bool:
        """Whether there are samples and nothing is wrong."""
        return self.num_samples > 0 and not self.num_bad and not self.num_without_video

    @property
    def num_videos(self) -> int:
        """How many different videos the samples name."""
        return len(self._videos)

    def add(self, read: Sample | BadSample) -> None:
        """Count a line."""
        self.num_lines += 1
        if isinstance(read, BadSample):
            self.num_bad += 1
            self._bad_fields[read.field or _NO_FIELD] += 1
            if len(self.bad) < self._num_shown:
                self.bad.append(read)
            return
        self.num_samples += 1
        self._num_exchanges += len(read.exchanges)
        self._num_spans += read.start is not None or read.end is not None
        self._sources[read.source] += 1
        for exchange in read.exchanges:
            self._questions.add(exchange.question)
            self._answers.add(exchange.answer)
        self._count_video(read)

    def _count_video(self, sample: Sample) -> None:
        key = hash(str(sample.video))
        if key not in self._videos:
            bad = missing_video(sample) if self._looks else None
            self._videos[key] = None if bad is None else bad.reason
        reason = self._videos[key]
        if reason is not None:
            self.num_without_video += 1
            if len(self.without_video) < self._num_shown:
                self.without_video.append(BadSample(sample.place, reason, "video"))

    def to_record(self) -> dict[str, Any]:
        """Return all that was counted, as JSON has it."""
        missing = sum(reason is not None for reason in self._videos.values())
        return {
            "schema_version": 1,
            "lines": self.num_lines,
            "samples": self.num_samples,
            "exchanges": self._num_exchanges,
            "spans": self._num_spans,
            "videos": {
                "count": self.num_videos,
                "missing": missing if self._looks else None,
                "samples_without": self.num_without_video if self._looks else None,
                "shown": [_shown(each) for each in self.without_video],
            },
            "sources": dict(self._sources.most_common()),
            "question_characters": self._questions.to_record(),
            "answer_characters": self._answers.to_record(),
            "bad": {
                "count": self.num_bad,
                "fields": dict(self._bad_fields.most_common()),
                "shown": [_shown(each) for each in self.bad],
            },
        }


def _shown(bad: BadSample) -> dict[str, str]:
    return {"place": bad.place, "reason": bad.reason}
