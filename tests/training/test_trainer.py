from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from linvt_cli.errors import MachineError
from linvt_cli.training.trainer import Metrics, TrainingOptions, learning_rate_at, run_stage

OPTIONS = TrainingOptions(warmup_steps=4, validate_every=10, save_every=5, log_every=5)


class Regression:
    """A stage whose batches follow from the step: fit a random linear map."""

    name = "regression"
    num_steps = 40
    learning_rate = 0.05

    def __init__(self, stop_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 2)
        self.stop_at = stop_at

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        return [("layer", self.layer)]

    def loss(self, step: int) -> Tensor:
        if step == self.stop_at:
            raise KeyboardInterrupt
        inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        loss: Tensor = (self.layer(inputs) - inputs[:, :2]).square().mean()
        return loss

    def validate(self) -> dict[str, float]:
        return {"all": float(not self.layer.training)}


class Overflowing(Regression):
    """A stage whose loss is no number from some step on."""

    def loss(self, step: int) -> Tensor:
        return super().loss(step) * (float("nan") if step >= 7 else 1.0)


def test_weights_that_are_no_numbers_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"gradients of step 10 of stage 'regression' are no"):
        run_stage(Overflowing(), tmp_path, OPTIONS, lambda metrics: None)
    kept = load_file(tmp_path / "regression.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())
    lines: list[Metrics] = []
    run_stage(Regression(), tmp_path, OPTIONS, lines.append)  # goes on from step 5
    assert [line.step for line in lines] == list(range(10, 41, 5))


class InTurns(Regression):
    """A stage of which some weights have no part in most steps, and some in none of the first."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__(stop_at)
        self.seldom, self.late = nn.Linear(4, 2), nn.Linear(4, 2)

    def trained_modules(self) -> Sequence[tuple[str, nn.Module]]:
        return [("layer", self.layer), ("seldom", self.seldom), ("late", self.late)]

    def loss(self, step: int) -> Tensor:
        inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step + 100))
        loss = super().loss(step)
        if step % 3 == 1:
            loss = loss + (self.seldom(inputs) - inputs[:, 2:]).square().mean()
        if step >= 25:
            loss = loss + (self.late(inputs) + inputs[:, 2:]).square().mean()
        return loss


class Layered(InTurns):
    """A stage with layers of which some learn by Muon, seldom or late."""

    def hidden_layers(self) -> Sequence[nn.Module]:
        return [self.layer, self.seldom, self.late]


def run(stage: Regression, folder: Path) -> list[Metrics]:
    metrics: list[Metrics] = []
    run_stage(stage, folder, OPTIONS, metrics.append)
    return metrics


def test_an_interrupted_run_ends_at_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = Regression()
    (tmp_path / "whole").mkdir()
    run(whole, tmp_path / "whole")
    for stop_at in (7, 18, 33):
        with pytest.raises(KeyboardInterrupt):
            run(Regression(stop_at), tmp_path)
    resumed = Regression()
    run(resumed, tmp_path)
    assert torch.equal(whole.layer.weight, resumed.layer.weight)
    assert torch.equal(whole.layer.bias, resumed.layer.bias)


@pytest.mark.parametrize("kind", [InTurns, Layered])
def test_weights_without_a_part_in_some_steps_go_on_as_if_nothing_had_interrupted_them(
    tmp_path: Path, kind: type[InTurns]
) -> None:
    whole, resumed = kind(), kind()
    (tmp_path / "whole").mkdir()
    run(whole, tmp_path / "whole")
    for stop_at in (18, 33):
        with pytest.raises(KeyboardInterrupt):
            run(kind(stop_at), tmp_path)
    run(resumed, tmp_path)
    for (name, one), (_, other) in zip(
        whole.trained_modules(), resumed.trained_modules(), strict=True
    ):
        for wanted, found in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(wanted, found), name


def test_layers_learn_by_muon_where_a_stage_names_them(tmp_path: Path) -> None:
    stages = [InTurns(), Layered()]
    for stage in stages:
        (tmp_path / type(stage).__name__).mkdir()
        run(stage, tmp_path / type(stage).__name__)
    kept = [
        set(load_file(tmp_path / type(stage).__name__ / "regression.safetensors"))
        for stage in stages
    ]
    assert not any(name.startswith("momentum.") for name in kept[0])
    assert {name for name in kept[1] if name.startswith("momentum.")} == {
        f"momentum.{layer}.weight" for layer in ("layer", "seldom", "late")
    }
    assert "exp_avg.layer.weight" in kept[0] - kept[1]


def test_the_loss_falls(tmp_path: Path) -> None:
    metrics = run(Regression(), tmp_path)
    assert metrics[-1].loss < 0.2 * metrics[0].loss


def test_accuracy_is_measured_in_evaluation_mode_and_at_the_end(tmp_path: Path) -> None:
    metrics = run(Regression(), tmp_path)
    assert [m.step for m in metrics if m.accuracy is not None] == [10, 20, 30, 40]
    assert metrics[-1].accuracy == {"all": 1.0}


def test_the_learning_rate_warms_up_and_decays() -> None:
    rates = [learning_rate_at(step, Regression(), OPTIONS) for step in range(40)]
    assert rates[:4] == pytest.approx([0.0125, 0.025, 0.0375, 0.05])
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[3:]))
    assert rates[-1] < 0.1 * 0.05
