"""What a quantized copy costs, and what it saves.

    PYTHONPATH=. python tests/benchmarks/bench_quantize.py [--model NAME] [--to nf4|int8]

Writes a public model at full size with random weights, quantizes it once, and starts it in turns
from its files and from the copy. Prints the memory of quantizing as a share of the model in 16
bits, and how many times faster the copy loads. What counts is the time from the imports to a model
that can answer; that of the vision encoder's test, which the files need at each start and the copy
does not, is told apart.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from linvt_cli.models.store import size_of
from tests.full_size import MODELS
from tests.tiny_checkpoints import write_tokenizer
from tests.tiny_qwen2_vl import MARKS as QWEN_MARKS
from tests.tiny_smolvlm import MARKS as SMOLVLM_MARKS

MARKS = {
    "qwen2-vl-2b": QWEN_MARKS,
    "qwen2-vl-7b": QWEN_MARKS,
    "smolvlm2-500m": SMOLVLM_MARKS,
}
LOAD = """
import sys, time
from pathlib import Path
import torch
from linvt_cli.backbones.registry import find_backbone, load_backbone
from linvt_cli.backbones import image_llm
_, name, folder, quantization = sys.argv
import transformers.models.qwen2_vl, transformers.models.smolvlm, bitsandbytes
test, tested = image_llm.require_working_tower, [0.0]

def timed_test(*arguments, **options):
    started = time.perf_counter()
    test(*arguments, **options)
    tested[0] += time.perf_counter() - started

image_llm.require_working_tower = timed_test
started = time.perf_counter()
load_backbone(find_backbone(name), folder=Path(folder), device=torch.device("cpu"),
              dtype=torch.bfloat16, quantization=quantization)
print(time.perf_counter() - started, tested[0])
"""
MIB = 2**20


def write_model(name: str, folder: Path) -> None:
    """Write a model with random weights in 16 bits, under the names of its class."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        model = MODELS[name]()
    finally:
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder, max_shard_size="2GB")  # type: ignore[operator]
    write_tokenizer(folder, MARKS[name])


def watched(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds, and the most memory that it had for itself, in MiB.

    Pages of files that it only maps do not count: the system takes them back at any time.
    """
    started, most = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        most = max(most, own_memory(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{command[:6]} ended with {process.returncode}")
    return time.perf_counter() - started, most / 1024


def own_memory(process: int) -> int:
    """Return the anonymous memory of a process, in KiB; 0 once it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line), 0)


def load(name: str, folder: Path, quantization: str) -> tuple[float, float]:
    """Load in a new process; return the seconds that it took, and those of the encoder's test."""
    command = [sys.executable, "-c", LOAD, name, str(folder), quantization]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, of_the_test = map(float, done.stdout.split()[-2:])
    return seconds, of_the_test


def main() -> None:
    """Write, quantize, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qwen2-vl-2b", choices=list(MARKS))
    parser.add_argument("--to", default="nf4", choices=["nf4", "int8"])
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.workdir or Path(scratch)) / options.model
        if not (folder / "tokenizer.json").exists():
            write_model(options.model, folder)
        copied = Path(scratch) / "copy"
        command = [sys.executable, "-m", "linvt_cli", "quantize", str(folder), "--to", options.to]
        seconds, most = watched([*command, "--device", "cpu", "-o", str(copied)])
        before, after = size_of(folder) / MIB, size_of(copied) / MIB
        print(f"{options.model}: {before:,.0f} MiB in 16 bits, {after:,.0f} MiB in {options.to}")
        print(f"quantizing: {seconds:.0f} s, at most {most:,.0f} MiB of memory of its own")
        print(f"  = {most / before:.2f} of the model, {most / after:.2f} of the copy")
        times: dict[Path, list[tuple[float, float]]] = {folder: [], copied: []}
        for _ in range(options.rounds):
            for place, taken in times.items():
                taken.append(load(options.model, place, options.to))
        slow, fast = (statistics.median(whole for whole, _ in taken) for taken in times.values())
        test = statistics.median(of_the_test for _, of_the_test in times[folder])
        print(
            f"loading: {slow:.1f} s from the files, {fast:.1f} s from the copy: {slow / fast:.1f} x"
        )
        print(f"  without the test of the vision encoder: {(slow - test) / fast:.1f} x")


if __name__ == "__main__":
    main()
