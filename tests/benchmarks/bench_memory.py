"""How well the need that linvt reckons with agrees with the memory that models really take.

    PYTHONPATH=. python tests/benchmarks/bench_memory.py [--model NAME] [--frames N]

Writes models of a few hundred MB with the widths of public ones, lets a new process watch noise
and answer with each on the CPU, and prints by how much its resident memory grew beside the need
that was reckoned.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from linvt_cli.config import Workload
from linvt_cli.pipeline.memory import memory_need
from tests.medium_models import MEDIUM_MODELS, peak_memory

MIB = 2**20


def main() -> None:
    """Write, run and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", choices=list(MEDIUM_MODELS))
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--video-tokens", type=int, default=256)
    options = parser.parse_args()
    for name in [options.model] if options.model else MEDIUM_MODELS:
        with tempfile.TemporaryDirectory() as scratch:
            model = MEDIUM_MODELS[name]
            spec = model.write(Path(scratch))
            work = Workload(options.frames, options.video_tokens, options.new_tokens)
            need = memory_need(spec, "none", torch.float32, work)
            loaded, seen, whole = peak_memory(
                model.row,
                Path(scratch),
                "none",
                frames=options.frames,
                new_tokens=options.new_tokens,
                video_tokens=options.video_tokens,
            )
        print(
            f"{name}, {options.frames} frames: {need.total / MIB:,.0f} MiB reckoned,"
            f" {whole / MIB:,.0f} MiB taken: {need.total / whole - 1:+.1%}"
        )
        parts = (need.weights, need.watching, need.condensing, need.answering, need.runtime)
        shown = ", ".join(f"{part / MIB:,.0f}" for part in parts)
        print(f"  weights, watching, condensing, answering, runtime: {shown}")
        print(f"  after one frame {loaded / MIB:,.0f}, watched {seen / MIB:,.0f}", flush=True)


if __name__ == "__main__":
    main()
