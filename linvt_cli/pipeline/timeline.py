"""A description with times: what a video shows as a whole, then part by part.

``linvt_cli.video.spans`` finds the parts; here the model is asked about the frames of each. What
fails in one part is kept with it, and the others are described.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from linvt_cli.backbones.spec import DESCRIBE_QUESTION
from linvt_cli.config import (
    MIN_COVERAGE,
    Detail,
    FrameSampling,
    GenerationConfig,
    TimelineConfig,
)
from linvt_cli.errors import ConfigError, LinVTError
from linvt_cli.pipeline.video_qa import VideoQA
from linvt_cli.pipeline.watched import WatchedVideo
from linvt_cli.types import Answer
from linvt_cli.video.files import names_token_file
from linvt_cli.video.reader import OnProgress
from linvt_cli.video.spans import Span, find_spans

MAX_SEGMENTS: dict[Detail, int] = {"low": 6, "medium": 24, "high": 96}
_MAX_EVEN_SEGMENTS = 1000
_MAX_NEW_TOKENS: dict[Detail, int] = {"low": 64, "medium": 128, "high": 256}
_QUESTIONS: dict[Detail, str] = {
    "low": "What happens in this video? Answer in one short sentence.",
    "medium": "What happens in this video? Answer in one or two sentences.",
    "high": "Describe in detail what happens in this video.",
}
# Something that happens is understood from what is there before and after it.
_LEAST_MARGIN, _MOST_MARGIN = 1.0, 10.0  # s


@dataclass(frozen=True, slots=True)
class Segment:
    """What a part of a video shows. Times are seconds."""

    start: float
    end: float
    text: str | None  # None where it could not be described
    frame_times: tuple[float, ...] = ()  # that the text rests on
    error: LinVTError | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What a video shows, as a whole and part by part."""

    answer: Answer  # to the question for a description of the whole
    timeline: tuple[Segment, ...]  # in order; empty for a picture
    scan_seconds: float = 0.0  # wall time of finding the parts
    timeline_seconds: float = 0.0  # wall time of describing them


def describe_video(
    qa: VideoQA,
    watched: WatchedVideo,
    plan: TimelineConfig,
    sampling: FrameSampling,
    generation: GenerationConfig | None = None,
    *,
    min_coverage: float = MIN_COVERAGE,
    on_segment: Callable[[int, int], None] = lambda done, total: None,
) -> Description:
    """Describe a video that has been watched, with a timeline.

    Args:
        qa: the model.
        watched: what ``watch`` returned.
        plan: how finely.
        sampling: how it was watched; each part is looked at in the same way, but for times that
            were named.
        generation: how texts are generated.
        min_coverage: least share of a part's frames that must be decoded.
        on_segment: called with the parts done and all parts.

    Raises:
        LinVTError: if the whole cannot be described. A part that cannot is kept with its error.
    """
    generation = generation or GenerationConfig()
    answer = qa.ask(watched, whole_question(qa, plan), generation)
    began = time.perf_counter()
    spans = find_parts(watched, plan, sampling)
    found = time.perf_counter()
    segments: list[Segment] = []
    for span in spans:
        on_segment(len(segments), len(spans))
        try:
            segment = describe_part(
                qa, watched.video, span, plan, sampling, generation, min_coverage=min_coverage
            )
        except LinVTError as error:
            segment = failed_part(span, error)
        segments.append(segment)
    return Description(answer, tuple(segments), found - began, time.perf_counter() - found)


def find_parts(
    watched: WatchedVideo,
    plan: TimelineConfig,
    sampling: FrameSampling,
    *,
    on_progress: OnProgress | None = None,
) -> tuple[Span, ...]:
    """Return the parts of a video, in order; none for a picture or a token file.

    Raises:
        ConfigError: if parts of the wanted length are too many.
        VideoError: if the video cannot be read again.
    """
    info = watched.frames.video
    if info.num_frames < 2 or names_token_file(watched.video):
        return ()
    if plan.every is None:
        return find_spans(
            watched.video, sampling, MAX_SEGMENTS[plan.detail], on_progress=on_progress
        )
    end = min(info.duration, sampling.end or info.duration)
    return even_parts(sampling.start or 0.0, end, plan.every)


def even_parts(start: float, end: float, length: float) -> tuple[Span, ...]:
    """Return parts of one length; a rest shorter than a tenth of it belongs to the last.

    Raises:
        ConfigError: if they are more than a thousand.
    """
    count = max(1, math.ceil((end - start) / length - 0.1))
    if count > _MAX_EVEN_SEGMENTS:
        raise ConfigError(
            f"{count} segments are too many: {_MAX_EVEN_SEGMENTS} are the most",
            field="every",
            hint=f"--every {math.ceil((end - start) / _MAX_EVEN_SEGMENTS)}",
        )
    bounds = [*(start + length * index for index in range(count)), end]
    return tuple(Span(bounds[i], bounds[i + 1], bounds[i], bounds[i + 1]) for i in range(count))


def describe_part(
    qa: VideoQA,
    video: str,
    span: Span,
    plan: TimelineConfig,
    sampling: FrameSampling,
    generation: GenerationConfig,
    *,
    min_coverage: float = MIN_COVERAGE,
) -> Segment:
    """Describe a part of a video from frames of it and of what is still around it.

    Raises:
        LinVTError: as ``VideoQA.ask`` does.
    """
    margin = min(max(span.end - span.start, _LEAST_MARGIN), _MOST_MARGIN)
    window = replace(
        sampling,
        at=(),
        start=max(span.earliest, span.start - margin),
        end=min(span.latest, span.end + margin),
    )
    watched = qa.watch(video, window, min_coverage=min_coverage)
    short = replace(
        generation,
        max_new_tokens=min(generation.max_new_tokens, _MAX_NEW_TOKENS[plan.detail]),
    )
    answer = qa.ask(watched, part_question(qa, plan), short)
    return Segment(span.start, span.end, answer.text.strip(), watched.frames.times)


def failed_part(span: Span, error: LinVTError) -> Segment:
    """Return a part that could not be described."""
    return Segment(span.start, span.end, None, error=error)


def whole_question(qa: VideoQA, plan: TimelineConfig) -> str:
    """What makes the model describe the whole video."""
    return part_question(qa, plan) if plan.detail != "medium" else qa.describe_question


def part_question(qa: VideoQA, plan: TimelineConfig) -> str:
    """What makes the model describe a part; one with a question of its own knows no other."""
    own = qa.describe_question != DESCRIBE_QUESTION
    return qa.describe_question if own else _QUESTIONS[plan.detail]
