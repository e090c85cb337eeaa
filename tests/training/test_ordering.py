from __future__ import annotations

import pytest
import torch

from linvt_cli.backbones.nano import Nano
from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.ordering import Clause, OrderReader, clause_labels, find_clauses
from linvt_cli.training.packing import Turn, encode_turn, pack
from linvt_cli.training.questions import describe, sentences


def scene_with_events(bank: ClipBank, count: int) -> Scene:
    scenes = [scene for scene in bank.all_scenes() if scene.clip is not None]
    return next(scene for scene in scenes if scene.clip and len(scene.clip.events) >= count)


def clauses_of(nano: Nano, scene: Scene, *turns: Turn) -> list[Clause]:
    return find_clauses(nano, pack(nano, [5], [turns]), [scene], [turns])


def test_a_description_tells_every_event_in_its_order(nano: Nano, bank: ClipBank) -> None:
    scene = scene_with_events(bank, 3)
    assert scene.clip is not None
    turn = encode_turn(nano, "describe", "what happens?", describe(scene.clip))
    batch = pack(nano, [5], [[turn]])
    found = clauses_of(nano, scene, turn)
    assert [one.event for one in found] == [
        event for event in range(len(scene.clip.events)) for _ in range(2)
    ]
    row = batch.ids[0].tolist()
    (then,) = nano.tokenizer.encode("then").ids[-1:]
    assert nano.detokenize([row[found[0].position]]) == ""  # the answer mark
    assert {row[one.position] for one in found[2::2]} == {then}


@pytest.mark.parametrize("kind", ["first", "last", "before", "after"])
def test_an_answer_about_order_tells_the_event_of_its_sentence(
    nano: Nano, bank: ClipBank, kind: str
) -> None:
    scene = scene_with_events(bank, 3)
    assert scene.clip is not None
    for number, sentence in enumerate(sentences(scene.clip)):
        other = encode_turn(nano, "count", "how many?", "One.")
        turn = encode_turn(nano, kind, "what then?", sentence)
        found = clauses_of(nano, scene, other, turn)
        assert [one.event for one in found] == [number, number]
        start = 2 + 5 + len(other.suffix) + len(other.answer) + len(turn.suffix) - 1
        assert [one.position for one in found] == [start, start + 1]


def test_other_answers_and_foreign_clips_tell_no_event(nano: Nano, bank: ClipBank) -> None:
    turn = encode_turn(nano, "describe", "what happens?", "I do not know.")
    assert clauses_of(nano, bank.all_scenes()[-1], turn) == []
    scene = scene_with_events(bank, 1)
    assert clauses_of(nano, scene, encode_turn(nano, "first", "what first?", "No.")) == []


def test_the_loss_is_small_where_the_head_is_right() -> None:
    torch.manual_seed(0)
    reader = OrderReader(8)
    with torch.no_grad():
        reader.proj.weight.zero_()
        reader.proj.bias.zero_()
        reader.proj.bias[1] = 20.0
    states = [torch.randn(2, 6, 8, requires_grad=True) for _ in range(6)]

    def loss_of(*clauses: Clause) -> float:
        return reader.loss(states, *map(torch.from_numpy, clause_labels(clauses))).item()

    assert loss_of() == 0
    assert loss_of(Clause(1, 3, 1)) < 1e-3
    assert loss_of(Clause(1, 3, 2)) > 10
