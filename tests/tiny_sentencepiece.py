"""SentencePiece tokenizers at toy size, with marks as the public ones of InternLM2 and Phi-3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

LINES = (
    "the dog runs to the left and the cat sleeps",
    "what happens in the video? a red circle moves up, then it leaves.",
    "how many things are there: one, two, three or four?",
)
SPARE = ("[UNUSED_TOKEN_0]", "[UNUSED_TOKEN_1]")


def write_sentencepiece(folder: Path, *, dummy_prefix: bool) -> SentencePieceProcessor:
    """Write a ``tokenizer.model`` of byte-fallback BPE; return what reads it.

    Args:
        folder: where.
        dummy_prefix: whether it puts a space in front of what it reads.
    """
    source = folder / "lines.txt"
    source.write_text("\n".join(LINES * 20), encoding="utf-8")
    SentencePieceTrainer.train(
        input=str(source),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=320,
        model_type="bpe",
        byte_fallback=True,
        add_dummy_prefix=dummy_prefix,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        user_defined_symbols=list(SPARE),
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def write_marks(folder: Path, marks: dict[int, str], **config: Any) -> None:
    """Write a ``tokenizer_config.json`` with marks by their ids."""
    flags = {"lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = {str(token): {"content": text, **flags} for token, text in marks.items()}
    text = json.dumps({**config, "added_tokens_decoder": added})
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")


def internlm2_marks(model: SentencePieceProcessor) -> dict[int, str]:
    """The marks of InternVL2 with InternLM2: in the places of spare pieces, and behind all."""
    first, second = (model.piece_to_id(piece) for piece in SPARE)
    behind = marks_behind(model, ("<img>", "</img>", "<IMG_CONTEXT>"))
    return {first: "<|im_end|>", second: "<|im_start|>", **behind}


def marks_behind(model: SentencePieceProcessor, names: Sequence[str]) -> dict[int, str]:
    """Marks behind a vocabulary, as Phi-3 has them."""
    return dict(enumerate(names, start=model.get_piece_size()))


def write_internlm2_tokenizer(folder: Path) -> int:
    """Write the tokenizer of InternVL2 with InternLM2; return its size."""
    model = write_sentencepiece(folder, dummy_prefix=False)
    marks = internlm2_marks(model)
    auto = {"AutoTokenizer": ["evil.Tokenizer", None]}
    write_marks(folder, marks, tokenizer_class="InternLM2Tokenizer", auto_map=auto)
    return max(marks) + 1


def write_phi3_tokenizer(folder: Path, names: Sequence[str]) -> int:
    """Write a tokenizer of Phi-3 with these marks; return its size."""
    marks = marks_behind(write_sentencepiece(folder, dummy_prefix=True), names)
    write_marks(folder, marks, tokenizer_class="LlamaTokenizer", legacy=False)
    return max(marks) + 1
