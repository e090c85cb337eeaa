from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from linvt_cli.errors import MachineError
from linvt_cli.training import drawing
from linvt_cli.training.drawing import begin_loading, default_workers, drawn_ahead

pytestmark = pytest.mark.slow  # the process that workers come from loads the library once
ROOT = Path(__file__).resolve().parents[2]


def squared(index: int) -> int:
    return index * index


def surroundings(index: int) -> tuple[int, int, bool]:
    has_gpu: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return os.getpid(), torch.get_num_threads(), has_gpu


def seven_fails(index: int) -> int:
    if index == 7:
        raise LookupError("there is no seven")
    return index


def ends_its_process(index: int) -> int:
    os._exit(3)


def no_worker_is_left() -> bool:
    return not multiprocessing.active_children()


def test_what_workers_draw_comes_in_the_order_that_was_asked_for() -> None:
    indices = [3, 1, 2, *range(50)]
    drawn = []
    for num_workers in (0, 2):
        with drawn_ahead(squared, indices, num_workers=num_workers) as ahead:
            drawn.append(list(ahead))
    assert drawn[0] == drawn[1] == [index * index for index in indices]
    assert no_worker_is_left()


def test_nothing_is_drawn_of_nothing() -> None:
    with drawn_ahead(squared, [], num_workers=2) as ahead:
        assert list(ahead) == []


def test_workers_are_other_processes_with_one_thread_and_without_a_gpu() -> None:
    with drawn_ahead(surroundings, range(20), num_workers=2) as ahead:
        drawn = set(ahead)
    assert 1 <= len(drawn) <= 2
    assert os.getpid() not in {process for process, _, _ in drawn}
    assert {(threads, gpu) for _, threads, gpu in drawn} == {(1, False)}


def test_an_error_of_a_worker_is_raised_where_its_drawing_would_have_come() -> None:
    with drawn_ahead(seven_fails, range(9), num_workers=2) as ahead:
        assert [next(ahead) for _ in range(7)] == list(range(7))
        with pytest.raises(LookupError, match="no seven"):
            next(ahead)
    assert no_worker_is_left()


def test_a_worker_that_dies_is_told() -> None:
    with (
        drawn_ahead(ends_its_process, range(9), num_workers=2) as ahead,
        pytest.raises(MachineError, match="sudden end"),
    ):
        next(ahead)
    assert no_worker_is_left()


def test_workers_end_when_the_block_is_left_by_an_error() -> None:
    def interrupted(ahead: Iterator[int]) -> None:
        next(ahead)
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        drawn_ahead(squared, range(10_000), num_workers=2) as ahead,
    ):
        interrupted(ahead)
    assert no_worker_is_left()


def run_until_interrupted() -> None:
    """Draw for ever, and tell who draws; the tests below end this process."""
    with drawn_ahead(surroundings, range(10**9), num_workers=2) as ahead:
        told: set[int] = set()
        for process, _, _ in ahead:
            if process not in told:
                told.add(process)
                sys.stdout.write(f"{process}\n")
                sys.stdout.flush()


def load_little() -> None:
    """Let the server that workers come from load no more than what is drawn here needs."""
    drawing._LOADED_ONCE[:] = [surroundings.__module__]


def load_and_wait() -> None:
    """Let the server load, and do nothing; the test below ends this process."""
    begin_loading()
    sys.stdout.write("\n")
    sys.stdout.flush()
    time.sleep(60)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_process_that_it_draws_for(ending: signal.Signals) -> None:
    code = "from tests.training.test_drawing import *\nload_little()\nrun_until_interrupted()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as main:
        assert main.stdout is not None
        assert main.stderr is not None
        workers = [int(main.stdout.readline())]
        os.killpg(main.pid, ending) if ending == signal.SIGINT else main.send_signal(ending)
        main.wait(timeout=60)
        workers += [int(line) for line in main.stdout]
        assert main.stderr.read().count("Traceback") <= 1  # its own, on Ctrl-C
    deadline = time.monotonic() + 60
    while any(map(_is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_running, workers))


def test_ctrl_c_while_the_library_is_loaded_is_told_once() -> None:
    code = "from tests.training.test_drawing import *\nload_and_wait()"
    with subprocess.Popen(
        [sys.executable, "-uc", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as main:
        assert main.stdout is not None
        assert main.stderr is not None
        main.stdout.readline()
        time.sleep(0.5)  # the server is at it
        os.killpg(main.pid, signal.SIGINT)
        assert main.stderr.read().count("KeyboardInterrupt") == 1


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
        # What is dead and was not waited for, by a container's first process say, has ended too.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_two_cores_are_left_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for cores, on_cpu, on_gpu in ((1, 0, 0), (2, 0, 0), (3, 1, 1), (16, 2, 14)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)))
        assert (default_workers(cpu), default_workers(gpu)) == (on_cpu, on_gpu)
