from __future__ import annotations

import torch

from linvt_cli.training.noise import disturb, disturb_each


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


def test_each_of_several_clips_has_silent_channels_of_its_own() -> None:
    clip_of = torch.arange(3).repeat_interleave(torch.tensor([20, 30, 10]))
    generator = torch.Generator().manual_seed(0)
    disturbed = disturb_each(torch.ones(60, 400), clip_of, 3, generator)
    silent = [disturbed[clip_of == clip].mean(dim=0).abs() < 0.3 for clip in range(3)]
    for channels in silent:
        assert 0.03 < channels.float().mean() < 0.2
    assert not silent[0].equal(silent[1])
    level = disturbed[clip_of == 1].mean(dim=0)
    assert (level[~silent[1]] > 0.8).all()
