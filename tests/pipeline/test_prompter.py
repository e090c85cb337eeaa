"""The prompt of a question: tokens weighed for it, in the order of the backbone's template."""

from __future__ import annotations

import pytest
import torch

from linvt_cli.errors import ConfigError
from linvt_cli.types import Turn


def test_a_prompt_is_what_is_assembled_of_the_condensed_tokens(qa, video):
    watched = qa.watch(video)
    prompt = qa.prompt(watched, "What happens?")
    tokens = qa.condense(watched, "What happens?")
    assembled = qa.assemble(watched, tokens, "What happens?")
    assert torch.equal(prompt.inputs_embeds, assembled.inputs_embeds)
    assert prompt.inputs_embeds.ndim == 3


def test_an_empty_question_has_no_prompt(qa, video):
    with pytest.raises(ConfigError, match="empty"):
        qa.prompt(qa.watch(video), "  ")


def test_a_history_makes_a_prompt_longer(qa, video):
    watched = qa.watch(video)
    alone = qa.prompt(watched, "And then?")
    behind = qa.prompt(watched, "And then?", [Turn("What happens?", "It leaves.")])
    assert behind.inputs_embeds.shape[1] > alone.inputs_embeds.shape[1]
