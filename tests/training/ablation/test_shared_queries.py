from __future__ import annotations

from dataclasses import replace

import torch

from linvt_cli.training.ablation.parts import LinVTVariant
from linvt_cli.training.ablation.shared_queries import SharedAggregator
from linvt_cli.training.ablation.variant import Clips, Questions
from linvt_cli.video_tokenizer.aggregator import Aggregator
from tests.training.ablation.conftest import CONFIG


def test_every_query_weighs_tokens_of_every_scale(clips: Clips, questions: Questions) -> None:
    torch.manual_seed(0)
    variant = LinVTVariant(CONFIG, aggregator=SharedAggregator(CONFIG))
    kept = variant.refiner(clips.tokens, clips.times, clips.grid)
    seen: list[torch.Tensor] = []
    key_proj = variant.aggregator.key_proj
    key_proj.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    variant.aggregator(kept, None)
    assert seen[0].shape[1] == 32 + 16 + 8


def test_with_one_scale_it_is_the_aggregator(clips: Clips, questions: Questions) -> None:
    config = replace(CONFIG, scales=(1,), num_queries=(6,))
    torch.manual_seed(0)
    shared = SharedAggregator(config)
    torch.manual_seed(0)
    usual = Aggregator(config)
    kept = LinVTVariant(config).refiner(clips.tokens, clips.times, clips.grid)
    text, mask = questions.text[::2], questions.mask[::2]
    torch.testing.assert_close(shared(kept, text, mask), usual(kept, text, mask))
