"""Answers and failures as the JSON that linvt promises: one schema, the same keys for both."""

from __future__ import annotations

from dataclasses import asdict

from linvt_cli.errors import LinVTError
from linvt_cli.types import Answer, Choice, Frames

SCHEMA_VERSION = 1
_DECIMALS = 3  # of seconds and shares: finer than a frame, coarser than noise
_PROBABILITY_DECIMALS = 6


def to_record(answer: Answer) -> dict[str, object]:
    """Return an answer as plain data for JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "video": answer.video,
        "question": answer.question,
        "answer": None if answer.finish_reason == "abstained" else answer.text,
        "finish_reason": answer.finish_reason,
        "choices": None if answer.choices is None else list(map(_choice, answer.choices)),
        "structured": answer.structured,
        "model": asdict(answer.model),
        "frames": _frames(answer.frames),
        "tokens": {
            "visual": answer.stats.num_visual_tokens,
            "video": answer.stats.num_video_tokens,
            "prompt": answer.stats.num_prompt_tokens,
            "generated": answer.stats.num_generated_tokens,
            "cached": answer.cached,
        },
        "seconds": {
            "decode": _rounded(answer.frames.seconds),
            "vision": _rounded(answer.vision_seconds),
            "tokenize": _rounded(answer.tokenize_seconds),
            "prefill": _rounded(answer.stats.prefill_seconds),
            "generate": _rounded(answer.stats.generate_seconds),
        },
        "error": None,
    }


def error_record(video: str, question: str, error: LinVTError) -> dict[str, object]:
    """Return a failure as plain data: the keys of an answer, null where there is nothing to say."""
    return {
        "schema_version": SCHEMA_VERSION,
        "video": video,
        "question": question,
        "answer": None,
        "finish_reason": None,
        "choices": None,
        "structured": None,
        "model": None,
        "frames": None,
        "tokens": None,
        "seconds": None,
        "error": error_entry(error),
    }


def error_entry(error: LinVTError) -> dict[str, object]:
    """Return what a record says of a failure."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def _choice(choice: Choice) -> dict[str, object]:
    return {"text": choice.text, "probability": round(choice.probability, _PROBABILITY_DECIMALS)}


def _frames(frames: Frames) -> dict[str, object]:
    times = [_rounded(time) for time in frames.times]
    return {
        "count": len(times),
        "times": times,
        "span": [times[0], times[-1]],
        "duration": _rounded(frames.video.duration),
        "coverage": _rounded(frames.coverage),
        "warnings": list(frames.warnings),
    }


def _rounded(value: float) -> float:
    return round(value, _DECIMALS)
