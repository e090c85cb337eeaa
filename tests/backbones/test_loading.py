from __future__ import annotations

import gc
import weakref
from contextlib import nullcontext

import pytest
import torch

from linvt_cli.backbones import loading
from linvt_cli.backbones.loading import (
    free_memory,
    give_memory_back,
    memory_errors_translated,
    select_device,
    select_dtype,
    wait_for,
)
from linvt_cli.errors import ConfigError, DeviceError, OutOfMemoryError

CPU = torch.device("cpu")


@pytest.fixture
def cuda_devices(monkeypatch: pytest.MonkeyPatch):
    """Pretend that this machine has a number of CUDA devices."""

    def pretend(number: int, *, bfloat16: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bfloat16)

    return pretend


@pytest.mark.parametrize(
    ("choice", "number", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cpu", 2, "cpu"),
        ("cuda", 2, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_a_choice_stands_for_a_device(cuda_devices, choice, number, expected):
    cuda_devices(number)
    assert select_device(choice) == torch.device(expected)


@pytest.mark.parametrize(("choice", "others_only"), [("cpu", []), ("auto", [False])])
def test_attention_on_a_gpu_is_never_that_of_cudnn(cuda_devices, monkeypatch, choice, others_only):
    calls: list[bool] = []
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", calls.append)
    cuda_devices(1)
    select_device(choice)
    assert calls == others_only


@pytest.mark.parametrize("choice", ["cuda", "cuda:0"])
def test_cuda_without_a_device_is_an_error_that_names_the_way_out(cuda_devices, choice):
    cuda_devices(0)
    with pytest.raises(DeviceError, match=f"'{choice}'.*finds no CUDA device") as caught:
        select_device(choice)
    assert caught.value.hint is not None
    assert "--device cpu" in caught.value.hint


def test_a_device_number_past_the_last_is_an_error_that_names_the_last(cuda_devices):
    cuda_devices(2)
    with pytest.raises(DeviceError, match=r"2 CUDA device\(s\)") as caught:
        select_device("cuda:2")
    assert caught.value.hint is not None
    assert "cuda:1" in caught.value.hint


@pytest.mark.parametrize("choice", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", "cpu\n"])
def test_another_word_is_no_device(choice):
    with pytest.raises(ConfigError, match="Unknown device") as caught:
        select_device(choice)
    assert caught.value.field == "device"


@pytest.mark.parametrize(
    ("device", "half_precision", "bfloat16", "expected"),
    [
        ("cpu", True, True, torch.float32),
        ("cuda:0", False, True, torch.float32),
        ("cuda:0", True, True, torch.bfloat16),
        ("cuda:0", True, False, torch.float16),
    ],
)
def test_the_dtype_follows_from_device_and_model(
    cuda_devices, device, half_precision, bfloat16, expected
):
    cuda_devices(1, bfloat16=bfloat16)
    assert select_dtype(torch.device(device), half_precision=half_precision) == expected


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        torch.AcceleratorError("CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("cuDNN Frontend error: [..] failed with CUDA_ERROR_OUT_OF_MEMORY"),
    ],
)
def test_running_out_of_memory_is_one_of_our_errors(error):
    with (
        pytest.raises(OutOfMemoryError, match="'cpu' has not enough memory") as caught,
        memory_errors_translated(CPU),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_an_allocation_that_pytorch_refuses_on_the_cpu_is_translated():
    with pytest.raises(OutOfMemoryError), memory_errors_translated(CPU):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes do not fit"), memory_errors_translated(CPU):
        raise RuntimeError("shapes do not fit")


def test_a_hint_of_ones_own_takes_the_place_of_the_general_one():
    with (
        pytest.raises(OutOfMemoryError) as caught,
        memory_errors_translated(CPU, hint="use less"),
    ):
        raise MemoryError
    assert caught.value.hint == "use less"


@pytest.mark.parametrize(("device", "waits"), [("cpu", []), ("cuda:1", ["cuda:1"])])
def test_only_devices_that_work_on_by_themselves_are_waited_for(monkeypatch, device, waits):
    waited: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(str(device)))
    wait_for(torch.device(device))
    assert waited == waits


@pytest.mark.parametrize(("device", "emptied"), [("cpu", 0), ("cuda:1", 1)])
def test_what_refers_to_itself_alone_is_given_back(monkeypatch, device, emptied):
    class Layer:
        """Refers to itself, as a layer in 4 bits and its weight do to each other."""

        def __init__(self) -> None:
            self.module = self

    calls: list[None] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append(None))
    gc.disable()
    try:
        layer = weakref.ref(Layer())
        assert layer() is not None
        give_memory_back(torch.device(device))
        assert layer() is None
    finally:
        gc.enable()
    assert len(calls) == emptied


def test_a_container_has_no_more_memory_than_it_may_use(monkeypatch):
    monkeypatch.setattr(loading, "free_on_machine", lambda: 2**40)
    monkeypatch.setattr(loading, "memory_left", lambda: 2**30)
    assert free_memory(CPU) == 2**30
    monkeypatch.setattr(loading, "free_on_machine", lambda: 2**20)
    assert free_memory(CPU) == 2**20


def test_a_device_too_full_to_be_asked_is_out_of_memory(monkeypatch):
    def refuse(device: torch.device) -> tuple[int, int]:
        raise torch.AcceleratorError("CUDA error: out of memory")

    monkeypatch.setattr(torch.cuda, "mem_get_info", refuse)
    with pytest.raises(OutOfMemoryError, match="'cuda:1' has not enough memory") as caught:
        free_memory(torch.device("cuda:1"))
    assert caught.value.hint == "close what else uses it, or use another --device"
