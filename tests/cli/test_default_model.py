from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
import typer

from linvt_cli.backbones import loading
from linvt_cli.backbones.registry import BackboneSpec, find_backbone
from linvt_cli.cli import default_model
from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.default_model import DEFAULT_NOTICE, settle_model
from linvt_cli.cli.output import Output
from linvt_cli.config import Workload
from linvt_cli.errors import DeviceError
from linvt_cli.pipeline import fitting
from linvt_cli.pipeline.fitting import Choice
from linvt_cli.pipeline.memory import MemoryNeed

QWEN = find_backbone("qwen2-vl-7b")


@pytest.fixture
def cuda(monkeypatch):
    """A machine with a CUDA device, as far as the choice of a model can tell."""
    monkeypatch.setattr(loading, "select_device", lambda choice: torch.device("cuda", 0))


@pytest.fixture
def here(monkeypatch):
    """One model on this machine, which fits in 4 bits."""
    choice = Choice(QWEN, "nf4", 10 * 2**30, MemoryNeed(7 * 2**30, 0, 0, 0, 0), 16)
    monkeypatch.setattr(fitting, "largest_that_fits", lambda device, **_: choice)


@pytest.fixture
def nothing_here(monkeypatch):
    monkeypatch.setattr(fitting, "largest_that_fits", lambda device, **_: None)
    monkeypatch.setattr(fitting, "recommended", lambda device, **_: QWEN)


@pytest.fixture
def terminal(monkeypatch):
    """Somebody at a terminal, whose answers can be set, and what was pulled for them."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True, raising=False)
    told = SimpleNamespace(agrees=True, asked=[], pulled=[])

    def confirm(question: str, **_: object) -> bool:
        told.asked.append(question)
        return bool(told.agrees)

    monkeypatch.setattr("typer.confirm", confirm)
    monkeypatch.setattr(default_model, "pull_model", lambda name, _: told.pulled.append(name))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    return told


def test_what_was_chosen_is_told_once_and_can_still_step_down(cuda, here, capsys):
    settled = settle_model(ModelOptions("auto"), Output())
    assert (settled.name, settled.quant, settled.fitted) == ("qwen2-vl-7b", "nf4", True)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not settle_model(ModelOptions("auto", quant="nf4"), Output()).fitted


def test_a_named_model_is_left_as_it_is(cuda, here):
    model = ModelOptions("nano")
    assert settle_model(model, Output()) is model


def test_without_a_cuda_device_it_is_nano_with_a_notice(here, capsys):
    assert settle_model(ModelOptions(device="cpu"), Output()).name == "nano"
    assert capsys.readouterr() == ("", f"{DEFAULT_NOTICE}\n")


def test_with_a_cuda_device_it_is_the_largest_that_fits_with_the_reason(cuda, here, capsys):
    settled = settle_model(ModelOptions(), Output())
    assert (settled.name, settled.quant) == ("qwen2-vl-7b", "nf4")
    reason = "qwen2-vl-7b in nf4: the largest model on this machine that fits into 10.0 GiB"
    need = "it takes 7.0 GiB with 16 frames"
    assert capsys.readouterr().err == f"{reason} of free memory; {need}\n"


def test_auto_takes_the_largest_that_fits_on_any_device(here):
    assert settle_model(ModelOptions("auto", device="cpu"), Output()).name == "qwen2-vl-7b"


def test_auto_with_nothing_here_is_nano(nothing_here, capsys):
    assert settle_model(ModelOptions("auto", device="cpu"), Output()).name == "nano"
    assert capsys.readouterr().err == f"{DEFAULT_NOTICE}\n"


def test_on_a_terminal_a_model_is_offered_with_its_size(cuda, nothing_here, terminal):
    assert settle_model(ModelOptions(), Output()).name == "qwen2-vl-7b"
    assert terminal.asked == ["No model for real videos is here. Pull qwen2-vl-7b (15.4 GiB)?"]
    assert terminal.pulled == ["qwen2-vl-7b"]


def test_what_is_offered_fits_as_the_user_wants_it(cuda, nothing_here, terminal, monkeypatch):
    wanted: list[dict[str, object]] = []

    def recommended(device: torch.device, **settings: object) -> BackboneSpec:
        wanted.append(settings)
        return QWEN

    monkeypatch.setattr(fitting, "recommended", recommended)
    work = Workload(frames=99)
    model = ModelOptions(quant="none", dtype="float16", tokenizer="all", work=work)
    settle_model(model, Output())
    assert wanted == [
        {"quantization": "none", "dtype": "float16", "all_tokens": True, "work": work}
    ]


def test_who_declines_gets_nano(cuda, nothing_here, terminal, capsys):
    terminal.agrees = False
    assert settle_model(ModelOptions(), Output()).name == "nano"
    assert terminal.pulled == []
    assert capsys.readouterr().err == f"{DEFAULT_NOTICE}\n"


def test_ctrl_c_at_the_offer_is_an_interrupt(cuda, nothing_here, terminal, monkeypatch):
    def confirm(question: str, **_: object) -> bool:
        raise typer.Abort

    monkeypatch.setattr("typer.confirm", confirm)
    with pytest.raises(KeyboardInterrupt):
        settle_model(ModelOptions(), Output())
    assert terminal.pulled == []


@pytest.mark.parametrize("model", [ModelOptions(offline=True), ModelOptions()])
def test_nobody_is_asked_offline_or_without_a_terminal(
    cuda, nothing_here, terminal, model, monkeypatch
):
    if not model.offline:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert settle_model(model, Output()).name == "nano"
    assert terminal.asked == []


def test_a_device_that_is_not_there_is_told():
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(DeviceError):
        settle_model(ModelOptions(device="cuda"), Output())


def test_weights_of_one_s_own_go_with_the_default_name(cuda, here):
    assert settle_model(ModelOptions(weights="folder"), Output()).name == "nano"
