from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from linvt_cli.training import state
from linvt_cli.training.optimizer import muon_and_adamw
from linvt_cli.training.state import restore_state, restore_weights, write_state

Parts = tuple[dict[str, nn.Parameter], list[torch.optim.Optimizer]]


def parts(seed: int) -> Parts:
    torch.manual_seed(seed)
    module = nn.Linear(3, 2)
    module.hidden = nn.Linear(3, 3, bias=False)
    learnt = dict(module.named_parameters())
    hidden = [module.hidden]
    return learnt, muon_and_adamw(
        list(learnt.values()), hidden, learning_rate=0.1, weight_decay=0.1
    )


def step(learnt: dict[str, nn.Parameter], optimizers: list[torch.optim.Optimizer]) -> None:
    take(torch.stack([(weight**2).sum() for weight in learnt.values()]).sum(), optimizers)


def take(loss: torch.Tensor, optimizers: list[torch.optim.Optimizer]) -> None:
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for optimizer in optimizers:
        optimizer.step()


@pytest.fixture
def trained(tmp_path: Path) -> Parts:
    """After three steps, as they are written in a file."""
    learnt, optimizers = parts(0)
    for _ in range(3):
        step(learnt, optimizers)
    write_state(tmp_path / "a.safetensors", learnt, optimizers, step=3, about={"seed": "0"})
    return learnt, optimizers


def test_who_goes_on_takes_the_same_steps(trained: Parts, tmp_path: Path) -> None:
    others = parts(1)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert restore_state(file, *others) == 3
        assert file.metadata()["seed"] == "0"
    for _ in range(2):
        step(*trained)
        step(*others)
    assert all(torch.equal(trained[0][name], others[0][name]) for name in trained[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def part_step(learnt: dict[str, nn.Parameter], optimizers: list[torch.optim.Optimizer]) -> None:
    """Let the bias alone take a step."""
    take((learnt["bias"] ** 2).sum(), optimizers)


def test_a_weight_goes_on_from_its_own_steps(tmp_path: Path) -> None:
    whole, others = parts(0), parts(1)
    step(*whole)
    part_step(*whole)
    write_state(tmp_path / "a.safetensors", *whole, step=2)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        restore_state(file, *others)
    for _ in range(2):
        step(*whole)
        step(*others)
    assert all(torch.equal(whole[0][name], others[0][name]) for name in whole[0])


def test_a_weight_without_a_step_has_no_state(tmp_path: Path) -> None:
    whole, others = parts(0), parts(1)
    part_step(*whole)
    write_state(tmp_path / "a.safetensors", *whole, step=1)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        restore_state(file, *others)
    assert [list(each.state) for each in others[1]] == [[others[0]["bias"]], []]


def test_a_file_of_old_tells_one_number_of_steps_for_all(trained: Parts, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors = {n: file.get_tensor(n) for n in file.keys() if not n.startswith("step.")}  # noqa: SIM118
    assert len(tensors) == 8
    save_file(tensors, path, metadata={"step": "3"})
    learnt, optimizers = parts(1)
    with safe_open(path, framework="pt") as file:
        restore_state(file, learnt, optimizers)
    assert [state["step"].item() for state in optimizers[0].state.values()] == [3, 3]


def test_what_another_optimizer_kept_is_left_in_the_file(trained: Parts, tmp_path: Path) -> None:
    learnt, _ = parts(1)
    weights = list(learnt.values())
    only = muon_and_adamw(weights, [], learning_rate=0.1, weight_decay=0.1)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        restore_state(file, learnt, only)
    assert learnt["hidden.weight"] not in only[0].state
    step(learnt, only)  # as the first step of that weight
    write_state(tmp_path / "b.safetensors", learnt, only, step=4)
    others = parts(2)
    with safe_open(tmp_path / "b.safetensors", framework="pt") as file:
        restore_state(file, *others)
    assert not others[1][1].state


def test_weights_come_without_the_moments(trained: Parts, tmp_path: Path) -> None:
    learnt, optimizers = parts(1)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        restore_weights(file, learnt)
    assert all(torch.equal(trained[0][name], learnt[name]) for name in learnt)
    assert not any(each.state for each in optimizers)


def test_a_full_disk_leaves_the_last_file_and_nothing_beside_it(
    trained: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    before = (tmp_path / "a.safetensors").read_bytes()
    monkeypatch.setattr(state, "save_file", fill)
    with pytest.raises(SafetensorError):
        write_state(tmp_path / "a.safetensors", *trained, step=4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert (tmp_path / "a.safetensors").read_bytes() == before
