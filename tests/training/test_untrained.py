from __future__ import annotations

from pathlib import Path

import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.untrained import new_nano
from linvt_cli.training.vocabulary import COLOURS, SHAPES, sprite_names


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Nano:
    torch.manual_seed(0)
    return new_nano(
        tmp_path_factory.mktemp("nano") / "tokenizer.json",
        vocab_size=1024,
        embed_dim=48,
        device=torch.device("cpu"),
    )


def test_every_word_of_the_world_is_one_token(untrained: Nano) -> None:
    """Guards the naming loss, and answers that would be spelt out letter by letter."""
    for word in (*sprite_names(), *SHAPES, *COLOURS, "yes", "no"):
        assert len(untrained.encode_question(word)) == len(word.split()), word
    assert len(untrained.encode_answer("Yes.")) == 3  # yes, full stop, end


def test_any_other_text_falls_back_to_bytes(untrained: Nano) -> None:
    ids = untrained.encode_question("zwölf 🐶?")
    assert untrained.detokenize(ids) == "Zwölf 🐶?"


def test_attention_begins_with_like_looking_at_like(untrained: Nano) -> None:
    attention = untrained.model.language_model.model.layers[0].self_attn
    vectors = torch.randn(8, 48, generator=torch.Generator().manual_seed(0))
    logits = attention.q_proj(vectors) @ attention.k_proj(vectors).T
    assert (logits.argmax(dim=1) == torch.arange(8)).all()


def test_the_text_tokenizer_of_a_run_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    first = new_nano(path, vocab_size=400, embed_dim=48, device=torch.device("cpu"))
    again = new_nano(path, vocab_size=999, embed_dim=48, device=torch.device("cpu"))
    assert again.tokenizer.to_str() == first.tokenizer.to_str()
