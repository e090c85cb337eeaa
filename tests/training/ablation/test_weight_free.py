from __future__ import annotations

import pytest
import torch

from linvt_cli.training.ablation.variant import Clips, Questions
from linvt_cli.training.ablation.weight_free import WeightFree, WholeFrames
from linvt_cli.types import VisualFeatures
from linvt_cli.video_tokenizer.baselines import MeanTokenizer
from linvt_cli.video_tokenizer.cluster import ClusterTokenizer


@pytest.mark.parametrize(("num_frames", "shown"), [(1, [8]), (2, [4, 12]), (3, [2, 8, 13])])
def test_whole_frames_are_evenly_spaced_and_unchanged(
    num_frames: int, shown: list[int], clips: Clips, questions: Questions
) -> None:
    tokens = WholeFrames(num_frames)(clips, questions).tokens
    assert tokens.equal(clips.tokens[:, shown].flatten(1, 2))


@pytest.mark.parametrize("tokenizer", [MeanTokenizer(8), ClusterTokenizer(8)])
def test_tokens_are_those_of_the_tokenizer_that_ask_uses(
    tokenizer: MeanTokenizer | ClusterTokenizer, clips: Clips, questions: Questions
) -> None:
    made = WeightFree(tokenizer)(clips, questions).tokens
    for tokens, visual, times in zip(made, clips.tokens, clips.times, strict=True):
        features = VisualFeatures(visual, tuple(times.tolist()), clips.grid)
        expected = tokenizer.refine(features).question_free().tokens
        torch.testing.assert_close(tokens, expected)
