from __future__ import annotations

import pytest
import torch
from torch import nn

from linvt_cli.errors import CheckpointCorruptError, ConfigError
from linvt_cli.training.tuning import state
from linvt_cli.training.tuning.state import load_state, save_state

FACTS = {"model": "nano", "steps": 10, "linvt": {"scales": (1, 2)}}


def parts(seed: int) -> tuple[dict[str, nn.Parameter], torch.optim.Optimizer]:
    torch.manual_seed(seed)
    module = nn.Linear(3, 2)
    return dict(module.named_parameters()), torch.optim.AdamW(module.parameters(), lr=0.1)


def step(learnt: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    sum((weight**2).sum() for weight in learnt.values()).backward()  # type: ignore[union-attr]
    optimizer.step()


def test_what_goes_on_takes_the_same_steps(tmp_path):
    learnt, optimizer = parts(0)
    for _ in range(3):
        step(learnt, optimizer)
    save_state(tmp_path / "align.safetensors", learnt, optimizer, step=3, facts=FACTS)
    others, its_optimizer = parts(1)
    found = load_state(tmp_path / "align.safetensors", others, its_optimizer, facts=FACTS)
    assert found == 3
    for _ in range(2):
        step(learnt, optimizer)
        step(others, its_optimizer)
    assert all(torch.equal(learnt[name], others[name]) for name in learnt)
    assert [path.name for path in tmp_path.iterdir()] == ["align.safetensors"]


def test_other_settings_are_named(tmp_path):
    learnt, optimizer = parts(0)
    path = tmp_path / "align.safetensors"
    save_state(path, learnt, optimizer, step=3, facts=FACTS)
    with pytest.raises(ConfigError, match="another 'steps': 10, now 20"):
        load_state(path, learnt, optimizer, facts={**FACTS, "steps": 20})


def test_a_damaged_file_is_named(tmp_path):
    learnt, optimizer = parts(0)
    path = tmp_path / "align.safetensors"
    save_state(path, learnt, optimizer, step=3, facts=FACTS)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointCorruptError, match="cannot be gone on from"):
        load_state(path, learnt, optimizer, facts=FACTS)


def test_where_memory_runs_out_the_file_is_not_blamed(tmp_path, monkeypatch):
    learnt, optimizer = parts(0)
    path = tmp_path / "align.safetensors"
    save_state(path, learnt, optimizer, step=3, facts=FACTS)

    def fail(*_: object) -> int:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(state, "restore_state", fail)
    with pytest.raises(torch.OutOfMemoryError):
        load_state(path, learnt, optimizer, facts=FACTS)
