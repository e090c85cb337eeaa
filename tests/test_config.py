from __future__ import annotations

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


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"num_frames": 0}, "frames"),
        ({"fps": 0.0}, "fps"),
        ({"fps": 1001.0}, "fps"),
        ({"fps": float("nan")}, "fps"),
        ({"at": (1.0, -0.5)}, "at"),
        ({"at": (float("nan"),)}, "at"),
        ({"start": -1.0}, "start"),
        ({"start": float("inf")}, "start"),
        ({"start": 2.0, "end": 2.0}, "end"),
        ({"end": 0.0}, "end"),
    ],
    ids=str,
)
def test_a_sampling_that_no_video_satisfies_is_refused(settings, field):
    with pytest.raises(ConfigError) as caught:
        FrameSampling(**settings)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
    ],
    ids=str,
)
def test_a_generation_outside_of_its_ranges_is_refused(settings, field):
    with pytest.raises(ConfigError) as caught:
        GenerationConfig(**settings)
    assert caught.value.field == field


def test_generation_is_deterministic_unless_asked_otherwise():
    assert GenerationConfig().temperature == 0


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"scales": (1, 2)}, "num_queries"),
        ({"scales": (), "num_queries": ()}, "num_queries"),
        ({"scales": (0, 2, 4)}, "scales"),
        ({"num_queries": (32, 0, 16)}, "scales"),
        ({"num_kept": 0}, "scales"),
        ({"num_heads": 0}, "num_heads"),
        ({"num_heads": 7}, "num_heads"),
    ],
    ids=str,
)
def test_a_tokenizer_that_cannot_be_built_is_refused(settings, field):
    with pytest.raises(ConfigError) as caught:
        LinVTConfig(embed_dim=768, **settings)
    assert caught.value.field == field


def test_the_number_of_video_tokens_is_that_of_all_queries():
    assert LinVTConfig(embed_dim=64, num_queries=(5, 3, 2)).num_video_tokens == 10


def test_scoring_is_never_wider_than_the_backbone():
    assert LinVTConfig(embed_dim=64, score_dim=512).score_width == 64
    assert LinVTConfig(embed_dim=1024, score_dim=512).score_width == 512


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"choices": ("a", "b"), "schema": {}}, "schema"),
        ({"choices": ("a",)}, "choices"),
        ({"choices": ("a", " ")}, "choices"),
        ({"choices": ("a dog", "A  Dog")}, "choices"),
        ({"choices": ("a", "b"), "abstain_below": 1.5}, "abstain_below"),
        ({"choices": ("a", "b"), "abstain_below": float("nan")}, "abstain_below"),
        ({"abstain_below": 0.5}, "abstain_below"),
    ],
    ids=str,
)
def test_a_shape_that_no_answer_has_is_refused(settings, field):
    with pytest.raises(ConfigError) as caught:
        AnswerShape(**settings)
    assert caught.value.field == field


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
