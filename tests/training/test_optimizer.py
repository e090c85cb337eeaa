"""The optimizers that all training uses."""

import pytest
import torch
from torch import nn

from linvt_cli.training.optimizer import (
    Muon,
    adamw,
    muon_and_adamw,
    orthogonalized,
    set_learning_rate,
    warmed_cosine,
)


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


def test_the_matrices_of_hidden_layers_learn_by_muon_and_all_else_by_adamw():
    layer, head = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 3)), nn.Linear(3, 2)
    table = nn.Embedding(5, 3)
    weights = [*layer.parameters(), *head.parameters(), *table.parameters()]
    rest, muon = muon_and_adamw(weights, [layer], learning_rate=0.5, weight_decay=0.1)
    assert isinstance(muon, Muon)
    assert isinstance(rest, torch.optim.AdamW)
    orthogonal, others = (
        [weight for group in each.param_groups for weight in group["params"]]
        for each in (muon, rest)
    )
    assert {*map(id, orthogonal)} == {id(layer[0].weight), id(layer[2].weight)}
    assert {*map(id, orthogonal + others)} == {*map(id, weights)}


def test_what_is_frozen_of_a_hidden_layer_is_left_alone():
    layer = nn.Linear(3, 4)
    (only,) = muon_and_adamw([layer.bias], [layer], learning_rate=0.5, weight_decay=0.1)
    assert isinstance(only, torch.optim.AdamW)


@pytest.mark.parametrize("shape", [(4, 6, 6), (3, 16, 5), (2, 5, 16), (1, 1, 7)])
def test_singular_values_become_about_one(shape):
    torch.manual_seed(0)
    matrices = 1e-3 * torch.randn(shape)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    turned = orthogonalized(matrices)
    values = left.mT @ turned @ right.mT
    found = values.diagonal(dim1=1, dim2=2)
    big = torch.linalg.svdvals(matrices) > 0.1 * matrices.norm(dim=(1, 2))[:, None]
    assert found[big].min() > 0.6
    assert found.max() < 1.3
    assert torch.allclose(values, torch.diag_embed(found), atol=1e-4)


def test_a_matrix_of_zeros_stays_one():
    assert torch.equal(orthogonalized(torch.zeros(1, 3, 2)), torch.zeros(1, 3, 2))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has it from 2.9 on")
@pytest.mark.parametrize(("bfloat16", "tolerance"), [(False, 0.03), (True, 1e-6)])
def test_muon_steps_are_those_of_the_library(bfloat16, tolerance):
    """``torch.optim.Muon`` multiplies in bfloat16, so steps in float32 differ by a percent."""
    torch.manual_seed(0)
    ours, theirs = (nn.ParameterList([torch.randn(8, 8), torch.randn(24, 8)]) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    before = [weight.detach().clone() for weight in ours]
    both = [
        Muon(ours, learning_rate=0.01, weight_decay=0.1, bfloat16=bfloat16),
        torch.optim.Muon(
            theirs.parameters(), lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
        ),
    ]
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape)
            other.grad = one.grad.clone()
        for optimizer in both:
            optimizer.step()
    for one, other, start in zip(ours, theirs, before, strict=True):
        assert (one - other).norm() < tolerance * (one - start).norm()


def test_a_matrix_without_a_gradient_is_left_alone():
    weights = nn.ParameterList([torch.ones(2, 2), torch.ones(2, 2)])
    muon = Muon(weights, learning_rate=0.1, weight_decay=0.1)
    weights[0].grad = torch.ones(2, 2)
    muon.step()
    assert [bool((weight == 1).all()) for weight in weights] == [False, True]


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (60, 0.6), (110, 0.2), (500, 0.2)]
)
def test_the_share_rises_falls_and_stays(step, share):
    found = warmed_cosine(step, warmup_steps=10, num_steps=110, final_share=0.2)
    assert found == pytest.approx(share)


def test_a_training_that_is_all_warm_up_has_shares():
    shares = [warmed_cosine(s, warmup_steps=3, num_steps=3, final_share=0.1) for s in range(4)]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1, 1])
