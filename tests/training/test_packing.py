from __future__ import annotations

import pytest
import torch

from linvt_cli.training.packing import IGNORED, count_exact, encode_turn, fit, pack, read_batch
from tests.tiny_models import tiny_nano

nano = tiny_nano()
TURNS = [
    [encode_turn(nano, "a", "what moves?", "The dog."), encode_turn(nano, "b", "why?", "No.")],
    [encode_turn(nano, "a", "how many?", "Two.")],
]


def video_tokens(counts: list[int]) -> torch.Tensor:
    return torch.randn(sum(counts), nano.embed_dim, generator=torch.Generator().manual_seed(1))


def test_a_packed_turn_gives_the_logits_of_the_turn_alone() -> None:
    tokens = video_tokens([5, 3])
    with torch.no_grad():
        packed = read_batch(nano, pack(nano, [5, 3], TURNS), tokens).logits
        alone = [
            read_batch(nano, pack(nano, [count], [[turn]]), part).logits
            for count, part, row in zip([5, 3], torch.split(tokens, [5, 3]), TURNS, strict=True)
            for turn in row
        ]
    torch.testing.assert_close(packed, torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_training_and_inference_read_the_same_prompt() -> None:
    """Guards the template: prompts of training and of ``render_prompt`` must not drift apart."""
    tokens = video_tokens([5])
    turn = TURNS[0][0]
    prefix, suffix = nano.render_prompt("What  MOVES?")
    embeds = torch.cat(
        [
            nano.embed_text(prefix),
            nano.embed_video(tokens),
            nano.embed_text([*suffix, *turn.answer[:-1]]),
        ]
    )
    with torch.no_grad():
        expected, _ = nano.step(embeds[None], None)
        reading = read_batch(nano, pack(nano, [5], [[turn]]), tokens)
    torch.testing.assert_close(
        reading.logits, expected[0, -len(reading.labels) :], atol=1e-5, rtol=1e-5
    )
    assert reading.labels.tolist() == list(turn.answer)


def test_labels_are_the_answers_and_nothing_else() -> None:
    batch = pack(nano, [5, 3], TURNS)
    asked = batch.labels[batch.labels != IGNORED].tolist()
    assert asked == [token for row in TURNS for turn in row for token in turn.answer]


def test_video_tokens_stand_where_the_template_puts_them() -> None:
    batch = pack(nano, [5, 3], TURNS)
    assert batch.is_video.sum(dim=1).tolist() == [5, 3]
    assert batch.ids[0, :2].tolist() == nano.render_prompt("")[0]
    assert batch.is_video[0, 2:7].all()


@pytest.mark.parametrize("wrong", [None, 0, 1, 2])
def test_an_answer_with_one_wrong_token_is_not_exact(wrong: int | None) -> None:
    batch = pack(nano, [5, 3], TURNS)
    labels = batch.labels[batch.labels != IGNORED]
    logits = torch.nn.functional.one_hot(labels, nano.model.config.vocab_size).float()
    lengths = [len(turn.answer) for row in TURNS for turn in row]
    if wrong is not None:
        position = sum(lengths[:wrong])
        logits[position] = -logits[position]
    counts = count_exact(batch, logits, labels)
    right_a = 2 - (wrong in (0, 2))
    right_b = 1 - (wrong == 1)
    assert counts == {"a": (right_a, 2), "b": (right_b, 1)}


@pytest.mark.parametrize("extra", [0, 3])
def test_as_many_turns_are_kept_as_have_room(extra: int) -> None:
    turns = [*TURNS[0], *TURNS[1]]
    lengths = [len(turn.suffix) + len(turn.answer) for turn in turns]
    assert fit(turns, sum(lengths[:2]) + extra) == turns[:2]
    assert fit(turns, sum(lengths)) == turns
    assert fit(turns, 1) == turns[:1]
