"""Text tokenizers of public checkpoints, read from their files alone.

Most repositories hold a ``tokenizer.json``. Some hold ``vocab.json`` and ``merges.txt`` alone, as
slow tokenizers were saved: a class of transformers knows how text is split before the merges.
InternLM2's hold a SentencePiece model and a tokenizer class of their own, which is never run: the
same byte-fallback BPE is built here from the model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import (
    CodeGenTokenizer,
    GPT2Tokenizer,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
)
from transformers.tokenization_utils_base import generate_merges

from linvt_cli.backbones.snapshot import COMPLETE_HINT, read_object
from linvt_cli.errors import BackboneLoadError

_SPACE = "\u2581"  # how SentencePiece writes a space
_OF_MERGES: dict[str, type[PreTrainedTokenizerFast]] = {
    "CodeGenTokenizer": CodeGenTokenizer,
    "GPT2Tokenizer": GPT2Tokenizer,
    "Qwen2Tokenizer": Qwen2Tokenizer,
}


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the text tokenizer of a checkpoint.

    Raises:
        BackboneLoadError: if there is none, or it cannot be read.
    """
    try:
        return _load(folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BackboneLoadError(
            f"'{folder}' has no readable tokenizer", hint=COMPLETE_HINT
        ) from error


def mark_ids(tokenizer: Any, marks: Sequence[str], *, owner: str) -> list[int]:
    """Return the ids of marks that a vocabulary must have.

    Args:
        tokenizer: of transformers.
        marks: texts of single tokens.
        owner: the backbone, named in the message.

    Raises:
        BackboneLoadError: if one is missing: the tokenizer belongs to another model.
    """
    vocabulary = tokenizer.get_vocab()
    missing = [mark for mark in marks if mark not in vocabulary]
    if missing:
        raise BackboneLoadError(
            f"The text tokenizer of '{owner}' has no {', '.join(missing)}", hint=COMPLETE_HINT
        )
    return [vocabulary[mark] for mark in marks]


def _load(folder: Path) -> PreTrainedTokenizerFast:
    if (folder / "tokenizer.model").exists() and not (folder / "tokenizer.json").exists():
        return _from_sentencepiece(folder)
    tokenizer: PreTrainedTokenizerFast = _class_for(folder).from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return tokenizer


def _class_for(folder: Path) -> type[PreTrainedTokenizerFast]:
    if (folder / "tokenizer.json").exists():
        return PreTrainedTokenizerFast
    if not all((folder / name).exists() for name in ("vocab.json", "merges.txt")):
        return PreTrainedTokenizerFast
    told = str(read_object(folder, "tokenizer_config.json").get("tokenizer_class"))
    found = _OF_MERGES.get(told.removesuffix("Fast"))
    if found is None:
        raise BackboneLoadError(
            f"'{folder}' has vocab.json and merges.txt of a '{told}', and no tokenizer.json."
            f" Expected {', '.join(_OF_MERGES)}",
            hint="linvt models list names the models that can be loaded",
        )
    return found


def _from_sentencepiece(folder: Path) -> PreTrainedTokenizerFast:
    """Build a BPE tokenizer from ``tokenizer.model`` and the marks in ``tokenizer_config.json``."""
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    pieces = [model.id_to_piece(token) for token in range(model.get_piece_size())]
    vocabulary = {piece: token for token, piece in enumerate(pieces)}
    unknown, begin, end = (
        pieces[token] for token in (model.unk_id(), model.bos_id(), model.eos_id())
    )
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=generate_merges(vocabulary),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    # SentencePiece does not say whether it puts a space first, but it shows.
    leads = model.encode("a", out_type=str)[0].startswith(_SPACE)
    spaces = normalizers.Replace(" ", _SPACE)
    tokenizer.normalizer = (
        normalizers.Sequence([normalizers.Prepend(_SPACE), spaces]) if leads else spaces
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(_SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            *([decoders.Strip(" ", 1, 0)] if leads else []),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(text, normalized=False) for text in (unknown, begin, end)]
    )
    tokenizer.add_special_tokens(_marks(folder))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, model.bos_id())]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=unknown, bos_token=begin, eos_token=end
    )


def _marks(folder: Path) -> list[AddedToken]:
    """Return the marks of the chat template in the order of their ids."""
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return []
    added: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")).get(
        "added_tokens_decoder", {}
    )
    in_order = sorted(added.items(), key=lambda item: int(item[0]))
    return [
        AddedToken(
            entry["content"],
            normalized=False,
            **{flag: bool(entry.get(flag, False)) for flag in ("lstrip", "rstrip", "single_word")},
        )
        for _, entry in in_order
    ]
