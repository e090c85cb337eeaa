from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from linvt_cli.config import LinVTConfig
from linvt_cli.errors import TokenFileError
from linvt_cli.pipeline.identity import check_identity, identify
from linvt_cli.types import ModelInfo
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.fakes import TinyBackbone
from tests.tiny_models import tiny_nano

MODEL = ModelInfo("tiny", "mean", None)


def tiny_linvt(seed: int) -> LinearVideoTokenizer:
    torch.manual_seed(seed)
    return LinearVideoTokenizer(LinVTConfig(16, num_kept=8, score_dim=8, num_heads=2))


def test_the_same_weights_are_the_same_whatever_they_answer():
    first = identify(TinyBackbone("yes"), MeanTokenizer(8), MODEL)
    assert identify(TinyBackbone("no"), MeanTokenizer(8), MODEL) == first
    check_identity("a.linvt", first, first)


def test_other_words_are_another_backbone():
    first = identify(tiny_nano(seed=0), MeanTokenizer(8), MODEL)
    other = identify(tiny_nano(seed=1), MeanTokenizer(8), MODEL)
    assert first.words != other.words
    with pytest.raises(TokenFileError, match="other weights") as caught:
        check_identity("a.linvt", first, other)
    assert caught.value.hint is not None


def test_other_weights_or_another_number_of_tokens_are_another_tokenizer():
    made = [
        identify(TinyBackbone(), tokenizer, MODEL).tokenizer_weights
        for tokenizer in (tiny_linvt(0), tiny_linvt(1), MeanTokenizer(8), MeanTokenizer(9))
    ]
    assert len(set(made)) == 4
    assert identify(TinyBackbone(), tiny_linvt(0), MODEL).tokenizer_weights == made[0]


def test_the_number_format_plays_no_part():
    halved = tiny_linvt(0).half()
    wide = tiny_linvt(1)
    wide.load_state_dict(halved.state_dict())
    weights = [
        identify(TinyBackbone(), each, MODEL).tokenizer_weights
        for each in (halved, wide, wide.bfloat16())
    ]
    assert len(set(weights)) == 1


def test_weights_of_float32_are_the_same_in_bfloat16():
    wide = identify(TinyBackbone(), tiny_linvt(0), MODEL)
    assert identify(TinyBackbone(), tiny_linvt(0).bfloat16(), MODEL) == wide


def test_a_token_file_of_another_model_is_refused_with_what_to_type():
    mine = identify(TinyBackbone(), MeanTokenizer(8), MODEL)
    theirs = replace(mine, backbone="other", tokenizer="cluster")
    with pytest.raises(
        TokenFileError, match="made by 'other' with the tokenizer cluster"
    ) as caught:
        check_identity("a.linvt", theirs, mine)
    assert caught.value.hint == "--model other --tokenizer cluster"


def test_a_token_file_of_another_number_of_tokens_says_which_options_are_missing():
    mine, theirs = (identify(TinyBackbone(), MeanTokenizer(count), MODEL) for count in (8, 9))
    with pytest.raises(TokenFileError, match="another number of video tokens") as caught:
        check_identity("a.linvt", theirs, mine)
    assert "--video-tokens" in str(caught.value.hint)
