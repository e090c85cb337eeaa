from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer as Trainable
from tokenizers import models, pre_tokenizers, trainers

from linvt_cli.backbones.text_tokenizers import load_tokenizer, mark_ids
from linvt_cli.errors import BackboneLoadError
from tests.tiny_checkpoints import write_tokenizer

LINES = (
    "the dog runs to the left and the cat sleeps",
    "what happens in the video? a red circle moves up, then it leaves.",
    "how many things are there: one, two, three or four?",
)
TEXTS = (*LINES, " two  spaces", "snow\u2603man \u4f60\u597d", "a\nb", "", "dog")


def write_sentencepiece(folder: Path, *, dummy_prefix: bool) -> SentencePieceProcessor:
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
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "dummy prefix"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sentencepiece")
    model = write_sentencepiece(folder, dummy_prefix=request.param)
    size = model.get_piece_size()
    marks = {str(size): "<|im_start|>", str(size + 1): "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "InternLM2Tokenizer",
                "auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]},
                "added_tokens_decoder": {key: {"content": text} for key, text in marks.items()},
            }
        )
    )
    return load_tokenizer(folder), model


@pytest.mark.parametrize("text", TEXTS)
def test_ids_equal_those_of_the_sentencepiece_model(pair, text):
    tokenizer, model = pair
    assert tokenizer.encode(text, add_special_tokens=False) == model.encode(text)


@pytest.mark.parametrize("text", [text for text in TEXTS if not text.startswith(" ")])
def test_text_comes_back(pair, text):
    tokenizer, _ = pair
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True) == text


def test_a_prompt_begins_with_the_mark_of_beginning(pair):
    tokenizer, model = pair
    assert tokenizer.encode("dog")[0] == model.bos_id()


def test_marks_keep_their_ids(pair):
    tokenizer, model = pair
    size = model.get_piece_size()
    assert tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"]) == [size, size + 1]
    assert tokenizer.encode("<|im_end|>", add_special_tokens=False) == [size + 1]


def write_vocabulary_and_merges(folder: Path, tokenizer_class: str) -> int:
    """Write a byte-level tokenizer as slow ones were saved, two marks behind it; return its size.

    The words that it is trained on hold numbers as one piece, so it joins digits where it may.
    """
    trained = Trainable(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator([*LINES, "1234"] * 20, trainer)
    trained.model.save(str(folder))
    size = trained.get_vocab_size()
    marks = ("<|im_start|>", "<|im_end|>")
    added = {
        str(size + number): {"content": mark, "special": True} for number, mark in enumerate(marks)
    }
    config: dict[str, Any] = {"tokenizer_class": tokenizer_class, "added_tokens_decoder": added}
    config |= {"eos_token": "<|im_end|>", "pad_token": None, "unk_token": None, "bos_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return size


@pytest.mark.parametrize(
    ("tokenizer_class", "num_digits"),
    [
        ("Qwen2Tokenizer", 4),
        ("Qwen2TokenizerFast", 4),
        ("GPT2Tokenizer", 1),
        ("CodeGenTokenizer", 1),
    ],
)
def test_vocabulary_and_merges_are_read_as_their_class_splits_text(
    tmp_path, tokenizer_class, num_digits
):
    size = write_vocabulary_and_merges(tmp_path, tokenizer_class)
    tokenizer = load_tokenizer(tmp_path)
    assert len(tokenizer.encode("1234")) == num_digits
    assert tokenizer.encode("<|im_start|>a<|im_end|>")[::2] == [size, size + 1]
    assert len(tokenizer.encode(LINES[0])) < len(LINES[0])
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_vocabulary_and_merges_of_an_unknown_class_are_refused(tmp_path):
    write_vocabulary_and_merges(tmp_path, "EvilTokenizer")
    with pytest.raises(BackboneLoadError, match=r"of a 'EvilTokenizer', and no tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_marks_swallow_the_blanks_that_their_file_says(tmp_path):
    model = write_sentencepiece(tmp_path, dummy_prefix=False)
    size = model.get_piece_size()
    added = {
        str(size): {"content": "<|user|>", "rstrip": True},
        str(size + 1): {"content": "<|end|>", "lstrip": True},
    }
    config = json.dumps({"added_tokens_decoder": added})
    (tmp_path / "tokenizer_config.json").write_text(config)
    ids = load_tokenizer(tmp_path).encode("<|user|>\ndog \n<|end|>", add_special_tokens=False)
    assert ids == [size, *model.encode("dog"), size + 1]


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(BackboneLoadError, match="no readable tokenizer"):
        load_tokenizer(tmp_path)


def test_a_damaged_model_is_refused(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"not a model")
    with pytest.raises(BackboneLoadError, match="no readable tokenizer"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_without_a_mark_of_the_template_is_refused(tmp_path):
    write_tokenizer(tmp_path, ("<|im_end|>",))
    tokenizer = load_tokenizer(tmp_path)
    assert mark_ids(tokenizer, ["<|im_end|>"], owner="x") == [257]
    with pytest.raises(BackboneLoadError, match=r"tokenizer of 'x' has no <image>, <x>$"):
        mark_ids(tokenizer, ["<image>", "<|im_end|>", "<x>"], owner="x")
