from __future__ import annotations

import torch

from linvt_cli.training.noise import disturb


def test_some_channels_are_silent_in_all_places_and_the_rest_keep_their_scale() -> None:
    features = torch.ones(50, 4, 400)
    disturbed = disturb(features, torch.Generator().manual_seed(0))
    level = disturbed.mean(dim=(0, 1))  # of each channel
    silent = level.abs() < 0.2
    assert 0.03 < silent.float().mean() < 0.2
    assert (level[~silent] > 0.9).all()
    assert abs(level.mean().item() - 1) < 0.1


def test_the_generator_decides_what_is_drawn() -> None:
    features = torch.randn(3, 8)

    def drawn(seed: int) -> torch.Tensor:
        return disturb(features, torch.Generator().manual_seed(seed))

    assert drawn(1).equal(drawn(1))
    assert not drawn(1).equal(drawn(2))
