"""Runs that take less memory: with layers computed twice, with frozen weights in bfloat16."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from safetensors.torch import load_file

from linvt_cli.training.tuning import run as run_module
from linvt_cli.training.tuning.beginning import load_frozen
from linvt_cli.training.tuning.loop import Stage, run_stage
from linvt_cli.training.tuning.metrics import read_metrics
from linvt_cli.training.tuning.run import run_tuning
from linvt_cli.training.tuning.settings import LoraShape, Optimization
from tests.training.tuning.small import settings_of, write_data

LAYOUT = "internvl2 with qwen2"


def first_linear(module: torch.nn.Module) -> torch.nn.Module:
    return next(part for part in module.modules() if isinstance(part, torch.nn.Linear))


@pytest.fixture
def computed(monkeypatch) -> Counter[int]:
    """How often each layer of the language model is computed.

    Something within it is counted: a hook of a whole layer is called the first time only.
    """
    times: Counter[int] = Counter()

    def note(*arguments: Any, **options: Any) -> Any:
        image_llm, backbone = load_frozen(*arguments, **options)
        layers: Any = backbone.decoder().layers
        for number, layer in enumerate(layers):
            first_linear(layer).register_forward_hook(
                lambda *_, number=number: times.update([number])
            )
        return image_llm, backbone

    monkeypatch.setattr(run_module, "load_frozen", note)
    return times


@pytest.mark.timeout(300)
def test_layers_computed_twice_give_the_same_loss(tmp_path, computed):
    data = write_data(tmp_path, 2)
    losses, times = [], []
    for twice in (False, True):
        settings = settings_of(
            LAYOUT,
            tmp_path,
            data,
            run_dir=tmp_path / f"twice-{twice}",
            optimization=Optimization(num_steps=2, batch_size=2, gradient_checkpointing=twice),
            lora=LoraShape(rank=2, alpha=4, dropout=0.0),
        )
        run_tuning(settings)
        losses.append([each.loss for each in read_metrics(settings.run_dir)])
        times.append(dict(computed))
        computed.clear()
    assert times == [{0: 4, 1: 4}, {0: 8, 1: 8}]  # in two steps of two stages
    assert len(losses[0]) == 4
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.fixture
def accelerate_anew(monkeypatch) -> None:
    """Let accelerate forget in which precision it computed: it keeps to one in a process."""
    for state in (PartialState, AcceleratorState):
        monkeypatch.setattr(state, "_shared_state", {})


@pytest.mark.usefixtures("accelerate_anew")
def test_with_frozen_weights_in_bfloat16_what_learns_stays_in_float32(tmp_path, monkeypatch):
    names: list[str] = []
    outputs: set[torch.dtype] = set()

    def note(stage: Stage, *rest: Any) -> bool:
        learner = stage.learner
        for part in (first_linear(learner.backbone.decoder()), first_linear(learner.linvt)):
            part.register_forward_hook(lambda *told: outputs.add(told[-1].dtype))
        learnt = learner.learnt().values()
        before = [weight.detach().clone() for weight in learnt]
        has_learnt = run_stage(stage, *rest)
        for weight in learnt:
            assert weight.grad is not None
            assert weight.dtype == weight.grad.dtype == torch.float32
        assert not all(torch.equal(*pair) for pair in zip(before, learnt, strict=True))
        weights = learner.backbone.model.parameters()
        assert {w.dtype for w in weights if not w.requires_grad} == {torch.bfloat16}
        names.append(stage.name)
        return has_learnt

    monkeypatch.setattr(run_module, "run_stage", note)
    settings = settings_of(
        LAYOUT,
        tmp_path,
        write_data(tmp_path, 2),
        optimization=Optimization(num_steps=2, batch_size=2, learning_rate=5e-3),
        dtype="bfloat16",
    )
    folder = run_tuning(settings)
    assert names == ["align", "instruct"]
    assert outputs == {torch.bfloat16}  # the arithmetic is in it too
    losses = [each.loss for each in read_metrics(settings.run_dir)]
    assert len(losses) == 4
    assert all(loss is not None and math.isfinite(loss) for loss in losses)
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        assert {weight.dtype for weight in load_file(folder / name).values()} == {torch.float32}
