"""The optimizer that all training uses."""

import pytest
import torch
from torch import nn

from linvt_cli.training.optimizer import adamw, set_learning_rate, warmed_cosine


def test_only_matrices_are_decayed():
    layer = nn.Linear(3, 2)
    optimizer = adamw(list(layer.parameters()), learning_rate=0.5, weight_decay=0.1)
    layer.weight.grad, layer.bias.grad = torch.zeros(2, 3), torch.zeros(2)
    before = [layer.weight.detach().clone(), layer.bias.detach().clone()]
    optimizer.step()
    assert torch.allclose(layer.weight, before[0] * (1 - 0.5 * 0.1))
    assert torch.equal(layer.bias, before[1])


def test_the_learning_rate_of_all_weights_is_set():
    layer = nn.Linear(3, 2)
    optimizer = adamw(list(layer.parameters()), learning_rate=0.5, weight_decay=0.1)
    set_learning_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (60, 0.6), (110, 0.2), (500, 0.2)]
)
def test_the_share_rises_falls_and_stays(step, share):
    found = warmed_cosine(step, warmup_steps=10, num_steps=110, final_share=0.2)
    assert found == pytest.approx(share)


def test_a_training_that_is_all_warm_up_has_shares():
    shares = [warmed_cosine(s, warmup_steps=3, num_steps=3, final_share=0.1) for s in range(4)]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1, 1])
