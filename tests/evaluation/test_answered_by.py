from __future__ import annotations

from linvt_cli.evaluation.answered_by import answered_by, mixture

MODEL = {"backbone": "nano", "tokenizer": "linvt", "quantization": "none"}
FEWER_BITS = {**MODEL, "quantization": "int8"}


def test_one_model_is_told_as_it_is():
    model = answered_by([MODEL, MODEL])
    assert model == MODEL
    assert mixture(model) is None
    assert mixture({**MODEL, "quantization": None}) is None


def test_several_quantizations_are_told_with_their_numbers_of_answers():
    model = answered_by([MODEL, FEWER_BITS, FEWER_BITS])
    told = "none (1 answer), int8 (2 answers)"
    assert model == {**MODEL, "quantization": told}
    assert mixture(model) == told
