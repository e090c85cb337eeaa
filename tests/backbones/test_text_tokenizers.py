from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer as Trainable
from tokenizers import models, pre_tokenizers, trainers

from linvt_cli.backbones.text_tokenizers import load_tokenizer, mark_ids
from linvt_cli.errors import BackboneLoadError
from tests.tiny_checkpoints import write_tokenizer
from tests.tiny_sentencepiece import LINES, internlm2_marks, write_marks, write_sentencepiece

TEXTS = (*LINES, " two  spaces", "snow\u2603man \u4f60\u597d", "a\nb", "", "dog")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "dummy prefix"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sentencepiece")
    model = write_sentencepiece(folder, dummy_prefix=request.param)
    write_marks(folder, internlm2_marks(model), tokenizer_class="InternLM2Tokenizer")
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


def test_marks_keep_their_ids_in_the_places_of_spare_pieces_and_behind_all(pair):
    tokenizer, model = pair
    marks = internlm2_marks(model)
    assert tokenizer.convert_tokens_to_ids(list(marks.values())) == list(marks)
    for token, mark in marks.items():
        assert tokenizer.encode(mark, add_special_tokens=False) == [token]
        assert tokenizer.decode([token]) == mark
    assert len(tokenizer) == model.get_piece_size() + 3


def test_a_mark_that_is_mere_text_is_read_letter_by_letter(pair):
    tokenizer, model = pair
    for mark in internlm2_marks(model).values():
        ids = tokenizer.encode(mark, add_special_tokens=False, split_special_tokens=True)
        assert ids == model.encode(mark)


@pytest.mark.parametrize("gap", [1, 4])
def test_a_mark_that_cannot_have_its_id_is_refused(tmp_path, gap):
    size = write_sentencepiece(tmp_path, dummy_prefix=False).get_piece_size()
    write_marks(tmp_path, {size + gap: "<img>"})
    with pytest.raises(BackboneLoadError, match=rf"'<img>' the id {size}, .*json {size + gap}$"):
        load_tokenizer(tmp_path)


def test_no_mark_of_beginning_is_put_where_the_file_says_so(tmp_path):
    model = write_sentencepiece(tmp_path, dummy_prefix=False)
    write_marks(tmp_path, {}, add_bos_token=False)
    assert load_tokenizer(tmp_path).encode("dog") == model.encode("dog")


def slow_ids(model: SentencePieceProcessor, marks: dict[int, str], text: str) -> list[int]:
    """Slow tokenizers that are not "legacy": one space in front of all, none behind a mark."""

    def behind(part: str) -> list[int]:
        # The model itself puts a space in front of whatever it reads, and nothing is merged with
        # a line break, of which no piece knows
        whole: list[int] = model.encode("\n" + part)
        return whole[len(model.encode("\n")) :]

    tokens = {mark: token for token, mark in marks.items()}
    parts = re.split("(" + "|".join(map(re.escape, tokens)) + ")", "\u2581" + text)
    if parts[0] == "\u2581" and len(parts) > 1:
        parts[0] = ""
    ids = ([tokens[part]] if part in tokens else behind(part) for part in parts if part)
    return [token for part in ids for token in part]


MARKED = (
    "<|im_start|>dog",
    "<|im_start|>\nthe dog<|im_end|>\n<|im_start|> the cat<|im_end|>\u4f60<img></img>x  y",
    "the dog<|im_end|>the cat",
    "dog",
    "a\nb ",
)


def load_of_age(folder: Path, form: str, legacy: bool | None) -> Any:
    """Load a tokenizer whose model puts a space first, from the model or a ``tokenizer.json``."""
    model = write_sentencepiece(folder, dummy_prefix=True)
    marks = internlm2_marks(model)
    if form == "file":
        write_marks(folder, marks)
        load_tokenizer(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))
    write_marks(folder, marks, legacy=legacy)
    return load_tokenizer(folder), model, marks


@pytest.mark.parametrize("form", ["model", "file"])
def test_one_space_stands_in_front_of_all_where_the_file_says_it_is_not_legacy(tmp_path, form):
    tokenizer, model, marks = load_of_age(tmp_path, form, legacy=False)
    for text in MARKED:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert ids == slow_ids(model, marks, text)
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("form", ["model", "file"])
@pytest.mark.parametrize("legacy", [True, None])
def test_else_a_space_stands_in_front_of_each_part_between_marks(tmp_path, form, legacy):
    tokenizer, model, _ = load_of_age(tmp_path, form, legacy)
    start, *dog = tokenizer.encode("<|im_start|>dog", add_special_tokens=False)
    assert tokenizer.decode([start]) == "<|im_start|>"
    assert dog == model.encode("dog")


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
