from __future__ import annotations

import torch

from linvt_cli.training.examples import ClipBank, Scene
from linvt_cli.training.linvt_stage import condense, project_clips
from linvt_cli.training.packing import encode_turn, pack, read_batch
from linvt_cli.training.readers import Readers
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.tiny_models import tiny_nano
from tests.training.test_linvt_stage import CONFIG


def test_words_are_asked_for_what_they_must_know_of_clips_and_nothing_of_foreign_ones(
    bank: ClipBank,
) -> None:
    nano = tiny_nano()
    readers = Readers(nano.embed_dim)
    linvt = LinearVideoTokenizer(CONFIG)
    clip = next(scene for scene in bank.all_scenes() if scene.clip and scene.clip.events)

    def loss(scene: Scene) -> torch.Tensor:
        question = f"what does {clip.clip.things[0].phrase} do?" if clip.clip else ""
        turns = [[encode_turn(nano, "does", question, "Yes.")]]
        visual = project_clips(nano, bank, [scene], None)
        tokens = condense(nano, linvt, visual, turns[0]).tokens
        batch = pack(nano, [linvt.num_video_tokens], turns)
        reading = read_batch(nano, batch, tokens.flatten(0, 1))
        return readers.loss_of_words(nano, reading, batch, [scene], turns, [None])

    assert loss(clip).item() > 0
    foreign = next(scene for scene in bank.all_scenes() if scene.clip is None)
    assert loss(foreign).item() == 0
