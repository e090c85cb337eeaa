"""Text tokenizers of public checkpoints, read from their files alone.

Most repositories hold a ``tokenizer.json``. Some hold ``vocab.json`` and ``merges.txt`` alone, as
slow tokenizers were saved: a class of transformers knows how text is split before the merges.
Others hold a SentencePiece model, InternLM2's with a tokenizer class of their own, which is never
run: the same byte-fallback BPE is built here from the model.

Where a space stands in front of a text depends on the age of the checkpoint: once every part
between two marks got one. Files that say ``"legacy": false`` mean the beginning of a text alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
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
_SPACES = normalizers.Replace(" ", _SPACE)
_SPACE_BEFORE = normalizers.Sequence([normalizers.Prepend(_SPACE), _SPACES])
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
        tokenizer = _load(folder)
        if _config(folder).get("legacy") is False:
            _put_one_space(tokenizer.backend_tokenizer)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise BackboneLoadError(
            f"'{folder}' has no readable tokenizer", hint=COMPLETE_HINT
        ) from error
    return tokenizer


def inner_reader(tokenizer: Any) -> Tokenizer | None:
    """Return what reads mere text behind other text, where that is read otherwise; else None.

    Args:
        tokenizer: of transformers.
    """
    spaces = tokenizer.backend_tokenizer.pre_tokenizer
    if not isinstance(spaces, pre_tokenizers.Metaspace) or spaces.prepend_scheme != "first":
        return None
    reader = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    reader.pre_tokenizer = pre_tokenizers.Metaspace(
        spaces.replacement, prepend_scheme="never", split=spaces.split
    )
    reader.encode_special_tokens = True  # in the words of transformers, split_special_tokens
    return reader


def add_marks(tokenizer: Any, marks: Sequence[str]) -> None:
    """Put marks behind a vocabulary, each that it lacks, in the given order.

    Args:
        tokenizer: of transformers.
        marks: texts of single tokens.
    """
    known = tokenizer.get_vocab()
    missing = [AddedToken(mark, normalized=False) for mark in marks if mark not in known]
    tokenizer.add_tokens(missing, special_tokens=True)


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


def _put_one_space(tokenizer: Tokenizer) -> None:
    """Put a space in front of a whole text where each of its parts had one.

    As slow tokenizers do, but for a text that begins with a space: it is not given a second one.
    """
    normalizer = tokenizer.normalizer
    if normalizer is not None and normalizer.__getstate__() == _SPACE_BEFORE.__getstate__():
        tokenizer.normalizer = None
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            _SPACE, prepend_scheme="first", split=False
        )


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
    config = _config(folder)
    marks = _marks(config)
    original = [model.id_to_piece(token) for token in range(model.get_piece_size())]
    # Marks take the places of spare pieces; no text is merged into a mark, or was into a spare one.
    pieces = [
        marks[token].content if token in marks else piece for token, piece in enumerate(original)
    ]
    plain = {piece: token for token, piece in enumerate(original) if token not in marks}
    unknown, begin, end = (
        pieces[token] for token in (model.unk_id(), model.bos_id(), model.eos_id())
    )
    tokenizer = Tokenizer(
        models.BPE(
            vocab={piece: token for token, piece in enumerate(pieces)},
            merges=generate_merges(plain),
            unk_token=unknown,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    # SentencePiece does not say whether it puts a space first, but it shows.
    leads = model.encode("a", out_type=str)[0].startswith(_SPACE)
    tokenizer.normalizer = _SPACE_BEFORE if leads else _SPACES
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
    tokenizer.add_special_tokens([mark for _, mark in sorted(marks.items())])
    _require_ids(tokenizer, marks, folder)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A" if config.get("add_bos_token", True) else "$A",
        special_tokens=[(begin, model.bos_id())],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=unknown, bos_token=begin, eos_token=end
    )


def _config(folder: Path) -> dict[str, Any]:
    name = "tokenizer_config.json"
    return read_object(folder, name) if (folder / name).exists() else {}


def _marks(config: dict[str, Any]) -> dict[int, AddedToken]:
    """Return the marks of the chat template by their ids."""
    added: dict[str, dict[str, Any]] = config.get("added_tokens_decoder", {})
    return {
        int(token): AddedToken(
            entry["content"],
            normalized=False,
            **{flag: bool(entry.get(flag, False)) for flag in ("lstrip", "rstrip", "single_word")},
        )
        for token, entry in added.items()
    }


def _require_ids(tokenizer: Tokenizer, marks: dict[int, AddedToken], folder: Path) -> None:
    """Refuse marks that would stand for other rows of the model's table than in training."""
    for token, mark in sorted(marks.items()):
        found = tokenizer.token_to_id(mark.content)
        if found != token:
            raise BackboneLoadError(
                f"The tokenizer in '{folder}' gives '{mark.content}' the id {found},"
                f" and its tokenizer_config.json {token}",
                hint=COMPLETE_HINT,
            )
