from __future__ import annotations

import pytest
import torch

from linvt_cli.doctor import compute
from linvt_cli.doctor.compute import check_gpu, check_torch, driver_version, largest_error
from linvt_cli.doctor.findings import Circumstances
from linvt_cli.errors import DeviceError, MachineError

PROC = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.07  Sat Feb 17 22:55:48 UTC 2024\n"


def test_pytorch_computes_right_here():
    finding = check_torch(Circumstances())
    assert finding.status == "ok"
    assert finding.facts["version"] == torch.__version__


def test_wrong_numbers_are_found(monkeypatch):
    attention = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        "torch.nn.functional.scaled_dot_product_attention",
        lambda *arguments: attention(*arguments) * 1.1,
    )
    assert largest_error(torch.device("cpu"), torch.float32) > 0.05
    with pytest.raises(MachineError, match="PyTorch computes wrong numbers on the CPU"):
        check_torch(Circumstances())


@pytest.mark.parametrize(
    ("text", "version"), [(PROC, "535.161.07"), ("", None), ("NVRM version: none\n", None)]
)
def test_the_version_of_the_driver_is_read(tmp_path, text, version):
    file = tmp_path / "version"
    file.write_text(text, encoding="utf-8")
    assert driver_version(file) == version


def test_without_the_file_there_is_no_driver(tmp_path):
    assert driver_version(tmp_path / "version") is None


@pytest.fixture
def no_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_a_machine_without_a_driver_is_well(no_device, monkeypatch):
    monkeypatch.setattr(compute, "driver_version", lambda: None)
    assert check_gpu(Circumstances()).status == "ok"


def test_a_driver_that_pytorch_is_not_built_for_is_worth_a_warning(no_device, monkeypatch):
    monkeypatch.setattr(compute, "driver_version", lambda: "535.161.07")
    monkeypatch.setattr(torch.version, "cuda", None)
    finding = check_gpu(Circumstances())
    assert finding.status == "warning"
    assert finding.hint is not None
    assert "pip install" in finding.hint


def test_a_pytorch_that_cannot_use_the_driver_is_a_failure(no_device, monkeypatch):
    monkeypatch.setattr(compute, "driver_version", lambda: "450.80")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(DeviceError, match=r"built for CUDA 13\.0, .* driver 450\.80"):
        check_gpu(Circumstances())
    assert check_gpu(Circumstances(device="cpu")).status == "warning"


def test_devices_that_are_hidden_are_no_fault_of_the_driver(no_device, monkeypatch):
    monkeypatch.setattr(compute, "driver_version", lambda: "580.10")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    finding = check_gpu(Circumstances())
    assert (finding.status, finding.hint) == ("warning", "unset CUDA_VISIBLE_DEVICES")


def test_a_number_that_no_device_has_is_a_failure_beside_others(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="cuda:1"):
        check_gpu(Circumstances(device="cuda:1"))


def test_a_broken_device_that_nobody_asked_for_is_a_warning(monkeypatch):
    def broken(index: int) -> dict[str, object]:
        if index == 0:
            raise DeviceError("Device 'cuda:0' computes wrong numbers", hint="")
        return {"name": "a card", "free_gib": 7.0}

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(compute, "_try_device", broken)
    for device in ("cpu", "cuda:1"):
        finding = check_gpu(Circumstances(device=device))
        assert finding.status == "warning"
        assert "'cuda:0' computes wrong numbers; a card with 7.0 GiB free" in finding.message
    for device in ("cuda:0", "cuda", "auto"):
        with pytest.raises(DeviceError, match="wrong numbers"):
            check_gpu(Circumstances(device=device))


def test_a_device_that_the_user_wants_and_that_is_not_there_is_a_failure(no_device):
    with pytest.raises(DeviceError, match="Device 'cuda' was asked for; no NVIDIA driver") as error:
        check_gpu(Circumstances(device="cuda"))
    assert error.value.hint == "use --device cpu"


def test_a_wanted_device_that_is_hidden_says_so(no_device, monkeypatch):
    monkeypatch.setattr(compute, "driver_version", lambda: "550.54")
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceError, match="hides all devices") as error:
        check_gpu(Circumstances(device="cuda"))
    assert error.value.hint == "unset CUDA_VISIBLE_DEVICES"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_every_gpu_computes_right():
    finding = check_gpu(Circumstances())
    assert len(finding.facts["devices"]) == torch.cuda.device_count()
