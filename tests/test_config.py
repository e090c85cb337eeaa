from __future__ import annotations

from functools import partial

import pytest

from linvt_cli.config import (
    ANY_SHAPE,
    AnswerShape,
    FrameSampling,
    GenerationConfig,
    LinVTConfig,
    TimelineConfig,
)
from linvt_cli.errors import ConfigError

WIDE_LINVT = partial(LinVTConfig, embed_dim=768)


@pytest.mark.parametrize(
    ("config", "settings", "field"),
    [
        (FrameSampling, {"num_frames": 0}, "frames"),
        (FrameSampling, {"fps": 0.0}, "fps"),
        (FrameSampling, {"fps": 1001.0}, "fps"),
        (FrameSampling, {"fps": float("nan")}, "fps"),
        (FrameSampling, {"at": (1.0, -0.5)}, "at"),
        (FrameSampling, {"at": (float("nan"),)}, "at"),
        (FrameSampling, {"start": -1.0}, "start"),
        (FrameSampling, {"start": float("inf")}, "start"),
        (FrameSampling, {"start": 2.0, "end": 2.0}, "end"),
        (FrameSampling, {"end": 0.0}, "end"),
        (GenerationConfig, {"max_new_tokens": 0}, "max_new_tokens"),
        (GenerationConfig, {"temperature": -0.1}, "temperature"),
        (GenerationConfig, {"temperature": float("nan")}, "temperature"),
        (GenerationConfig, {"seed": -1}, "seed"),
        (GenerationConfig, {"seed": 2**64}, "seed"),
        (GenerationConfig, {"top_p": 0.0}, "top_p"),
        (GenerationConfig, {"top_p": 1.1}, "top_p"),
        (WIDE_LINVT, {"scales": (1, 2)}, "num_queries"),
        (WIDE_LINVT, {"scales": (), "num_queries": ()}, "num_queries"),
        (WIDE_LINVT, {"scales": (0, 2, 4)}, "scales"),
        (WIDE_LINVT, {"num_queries": (32, 0, 16)}, "scales"),
        (WIDE_LINVT, {"num_kept": 0}, "scales"),
        (WIDE_LINVT, {"num_heads": 0}, "num_heads"),
        (WIDE_LINVT, {"num_heads": 7}, "num_heads"),
        (AnswerShape, {"choices": ("a", "b"), "schema": {}}, "schema"),
        (AnswerShape, {"choices": ("a",)}, "choices"),
        (AnswerShape, {"choices": ("a", " ")}, "choices"),
        (AnswerShape, {"choices": ("a dog", "A  Dog")}, "choices"),
        (AnswerShape, {"choices": ("a", "b"), "abstain_below": 1.5}, "abstain_below"),
        (AnswerShape, {"choices": ("a", "b"), "abstain_below": float("nan")}, "abstain_below"),
        (AnswerShape, {"abstain_below": 0.5}, "abstain_below"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(config, settings, field):
    with pytest.raises(ConfigError) as caught:
        config(**settings)
    assert caught.value.field == field


def test_generation_is_deterministic_unless_asked_otherwise():
    assert GenerationConfig().temperature == 0


def test_the_number_of_video_tokens_is_that_of_all_queries():
    assert LinVTConfig(embed_dim=64, num_queries=(5, 3, 2)).num_video_tokens == 10


def test_scoring_is_never_wider_than_the_backbone():
    assert LinVTConfig(embed_dim=64, score_dim=512).score_width == 64
    assert LinVTConfig(embed_dim=1024, score_dim=512).score_width == 512


@pytest.mark.parametrize(
    ("shape", "is_free"),
    [
        (ANY_SHAPE, True),
        (AnswerShape(("a", "b")), False),
        (AnswerShape(schema={}), False),
    ],
    ids=str,
)
def test_only_a_shape_without_choices_and_schema_leaves_the_words_to_the_model(shape, is_free):
    assert shape.is_free == is_free


@pytest.mark.parametrize("every", [0.0, -1.0, 0.05, float("inf"), float("nan")])
def test_a_segment_has_a_length(every):
    with pytest.raises(ConfigError, match="A segment must last"):
        TimelineConfig(every=every)
