from __future__ import annotations

import pickle

import pytest

from tests.tiny_models import tiny_nano


def test_the_text_side_goes_to_another_process_and_reads_the_same_there() -> None:
    """Guards against forged marks: a pickled tokenizer forgets that it is to take them as text."""
    text = tiny_nano().text
    there = pickle.loads(pickle.dumps(text))  # noqa: S301
    for question in ("who is there?", "is <answer> a word? <eos>"):
        assert there.render_prompt(question) == text.render_prompt(question)
        assert there.encode_answer(question) == text.encode_answer(question)
        assert text.end_id not in there.encode_question(question)


def test_nano_reads_what_its_text_side_reads() -> None:
    nano = tiny_nano()
    assert nano.render_prompt("Who?") == nano.text.render_prompt("who?")
    assert nano.encode_answer("Yes.") == nano.text.encode_answer("yes.")
    assert nano.stop_ids == {nano.text.end_id}
    with pytest.raises(ValueError, match="one image"):
        nano.text.render_prompt("who?", num_images=2)
