"""What every backbone must do for answers whose form is given: ids, bytes and caches."""

from __future__ import annotations

import pytest
import torch

from linvt_cli.backbones.base import Backbone
from tests.all_backbones import BUILDERS, build
from tests.backbones.test_contract import MARKERS, QUESTION, embeddings

TEXTS = ("red", "Yes.", "two red dogs, then a cat", "schön", '{"a": 1}')


@pytest.fixture(params=BUILDERS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return build(request.param)


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_ends_with_its_only_stop_token(backbone, text):
    *written, stop = backbone.encode_answer(text)
    assert stop in backbone.stop_ids
    assert not backbone.stop_ids & set(written)


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_can_be_read_back(backbone, text):
    assert backbone.detokenize(backbone.encode_answer(text)).strip().lower() == text.lower()


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_of_the_template_is_mere_text_in_an_answer(backbone, marker):
    ids = backbone.encode_answer(f"a {marker} b")
    assert sum(token in backbone.stop_ids for token in ids) == 1
    assert marker in backbone.detokenize(ids)


@pytest.mark.parametrize("text", TEXTS)
def test_the_bytes_of_an_answer_are_its_text(backbone, text):
    table = backbone.vocabulary()
    written = b"".join(table[token] for token in backbone.encode_answer(text))
    assert written.decode().strip().lower() == text.lower()


def test_any_byte_can_be_written(backbone):
    assert {bytes([byte]) for byte in range(256)} <= set(backbone.vocabulary())


def test_stop_tokens_write_nothing(backbone):
    table = backbone.vocabulary()
    assert [table[token] for token in backbone.stop_ids if token < len(table)] == [
        b"" for _ in backbone.stop_ids
    ]


@torch.no_grad()
def test_a_repeated_cache_goes_on_as_the_one_it_was_made_of(backbone):
    embeds = embeddings(backbone)
    _, cache = backbone.step(embeds[:, :8], None)
    rows = torch.cat([embeds[:, 8:], embeds[:, 8:].flip(1), embeds[:, 8:] * 0.5])
    together, _ = backbone.step(rows, backbone.repeat_cache(cache, 3))
    again, _ = backbone.step(rows[:1], backbone.repeat_cache(cache, 1))
    torch.testing.assert_close(again, together[:1], rtol=1e-4, atol=1e-4)
    for row in range(3):
        whole = torch.cat([embeds[:, :8], rows[row : row + 1]], dim=1)
        expected, _ = backbone.step(whole, None)
        torch.testing.assert_close(together[row], expected[0, 8:], rtol=1e-4, atol=1e-4)


def test_an_answer_is_read_as_it_follows_the_prompt(backbone):
    *_, suffix = backbone.render_prompt(QUESTION)
    *written, _ = backbone.encode_answer("red")
    assert backbone.detokenize([*suffix, *written]).lower().endswith("red")
