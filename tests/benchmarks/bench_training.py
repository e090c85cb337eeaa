"""What training LinVT and a LoRA costs for Qwen2-VL-7B: time, memory, use of the arithmetic.

The model is built at full size on the device with random weights, behind its own adapter, and
``linvt train``'s own loop trains the instruct stage on videos that are written first. Rows differ
in one thing, so that each tells what that thing is worth. ``--tiny`` runs the same at toy size, on
any machine; its figures mean nothing. Needs no network.

    PYTHONPATH=. python tests/benchmarks/bench_training.py --device cuda
    PYTHONPATH=. python tests/benchmarks/bench_training.py --tiny
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.utils import flop_counter
from torch.utils.flop_counter import FlopCounterMode

from linvt_cli.backbones import image_llm
from linvt_cli.backbones.image_llm import ImageLLM
from linvt_cli.backbones.mapped_ahead import mapped_ahead
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.config import Quantization
from linvt_cli.pipeline.loading import LoadedImageLLM
from linvt_cli.pipeline.weights import Weights
from linvt_cli.training.tuning import run as run_module
from linvt_cli.training.tuning.learner import Learner
from linvt_cli.training.tuning.metrics import StepMetrics
from linvt_cli.training.tuning.run import Observer, run_tuning
from linvt_cli.training.tuning.settings import Optimization, TokenizerShape, TuningSettings
from linvt_cli.video_tokenizer.linvt import LinearVideoTokenizer
from tests.benchmarks.bench_backbones import full_size, tiny
from tests.benchmarks.step_costs import (
    Clock,
    as_method,
    attention_backward_flops,
    attention_flops,
    matmul_ceiling,
    take_lora_off,
)
from tests.benchmarks.training_clips import write_data

MODEL = "qwen2-vl-7b"
ROWS = ("main", "alone", "again", "first", "cached")
WARM_UP = 3  # steps that count for nothing
DATASHEET = 989e12  # FLOP/s in bfloat16 of an H100 (SXM)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    steps: int
    checkpointing: bool = False
    prepared_ahead: bool = True
    cached: bool = False


@contextmanager
def model_at_hand(backbone: ImageLLM, folder: Path) -> Iterator[None]:
    """Let training find a model that was built here, and not look for files."""
    backbone.model.requires_grad_(False)
    loaded = LoadedImageLLM(find_backbone(MODEL), backbone, Weights(folder, None, "none"))
    with patch.object(run_module, "load_frozen", lambda *_, **__: (loaded, backbone)):
        yield


def train(
    backbone: ImageLLM,
    data: Path,
    options: argparse.Namespace,
    setting: Setting,
    on_step: Callable[[StepMetrics], None],
) -> None:
    """Train one stage in a folder of its own; the LoRA is taken off again."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        stack.enter_context(model_at_hand(backbone, Path(scratch)))
        if not setting.prepared_ahead:
            turn_by_turn = partial(mapped_ahead, num_threads=0)
            replaced = lambda f, items, num_threads: turn_by_turn(f, items)  # noqa: E731
            stack.enter_context(patch.object(image_llm, "mapped_ahead", replaced))
        run_tuning(
            TuningSettings(
                model=MODEL,
                run_dir=Path(scratch) / "run",
                data=(data,),
                stages=("instruct",),
                frames=options.frames,
                shape=TokenizerShape(num_kept=64, score_dim=32) if options.tiny else None,
                optimization=Optimization(
                    num_steps=setting.steps,
                    batch_size=options.batch_size,
                    gradient_checkpointing=setting.checkpointing,
                    save_every=10**6,
                ),
                device=options.device,
                cache_features=data.parent / "features" if setting.cached else None,
            ),
            Observer(on_step=on_step),
        )
    take_lora_off(backbone)


def measure(
    backbone: ImageLLM, data: Path, options: argparse.Namespace, setting: Setting
) -> list[StepMetrics]:
    """Train, and return the steps behind the first ones."""
    steps: list[StepMetrics] = []

    def note(metrics: StepMetrics) -> None:
        steps.append(metrics)
        if metrics.step % 10 == 0:  # so that a run that is broken off has told something
            so_far = statistics.median(each.seconds for each in steps[WARM_UP:])
            print(f"  {setting.name}: step {metrics.step}, {so_far:.3f} s a step", flush=True)

    if backbone.device.type == "cuda":
        torch.cuda.empty_cache()  # or the row would count what the one before it had reserved
        torch.cuda.reset_peak_memory_stats()
    train(backbone, data, options, setting, note)
    return steps[WARM_UP:] or steps


def parts_of_a_step(
    backbone: ImageLLM, data: Path, options: argparse.Namespace
) -> tuple[dict[str, float], float]:
    """Train a few steps with a clock on every part: seconds by part, and of a whole step."""
    clock = Clock(backbone.device)
    taken: list[StepMetrics] = []
    at_start: dict[str, float] = {}

    def note(metrics: StepMetrics) -> None:
        taken.append(metrics)
        if len(taken) == WARM_UP:
            at_start.update(clock.seconds)

    model: Any = backbone
    with ExitStack() as stack:
        # What waits for the threads is the time in which pictures are prepared and not yet there.
        for owner, name, part in (
            (model, "encode_frames", "looking, whole"),
            (model, "visual_tokens", "vision encoder"),
            (LinearVideoTokenizer, "weigh", "LinVT, forward"),
            (model, "step", "language model, forward"),
            (torch.Tensor, "backward", "backward, both"),
            (torch.optim.AdamW, "step", "optimizer"),
        ):
            timed = clock.timed(part, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, as_method(timed, owner)))
        train(backbone, data, options, Setting("parts", WARM_UP + 4), note)
    measured = taken[WARM_UP:]
    count = len(measured)
    parts = {
        name: (spent - at_start.get(name, 0.0)) / count for name, spent in clock.seconds.items()
    }
    parts["preparing pictures, waited for"] = parts.pop("looking, whole") - parts["vision encoder"]
    whole = sum(metrics.seconds for metrics in measured) / count
    parts["rest (decoding waited for, prompts)"] = whole - sum(parts.values())
    return parts, whole


def count_flops(backbone: ImageLLM, data: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run one step without recomputation, and count what it multiplies: FLOPs by part.

    The vision encoder is frozen and runs forwards alone. Of the language model backwards means
    the gradients of what goes through it, and of the LoRA; its own weights have none.
    """
    counted: dict[str, float] = {}

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **settings: Any) -> Any:
            with FlopCounterMode(display=False) as counter:
                result = function(*arguments, **settings)
            counted[name] = counted.get(name, 0.0) + counter.get_total_flops()
            return result

        return call

    with ExitStack() as stack:
        stack.enter_context(patch.object(flop_counter, "sdpa_flop_count", attention_flops))
        stack.enter_context(
            patch.object(flop_counter, "sdpa_backward_flop_count", attention_backward_flops)
        )
        model: Any = backbone
        for owner, name, part in (
            (model, "visual_tokens", "vision encoder"),
            (Learner, "forward", "LinVT and language model, forward"),
            (torch.Tensor, "backward", "backward"),
        ):
            replaced = counting(part, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, as_method(replaced, owner)))
        train(backbone, data, options, Setting("count", 1), lambda _: None)
    return counted


def report(
    setting: Setting, steps: list[StepMetrics], flops: float, ceiling: float, device: torch.device
) -> None:
    """Print one row."""
    seconds = statistics.median(metrics.seconds for metrics in steps)
    tokens = statistics.median(metrics.num_tokens for metrics in steps)
    used = flops / seconds
    cells = [
        setting.name,
        str(len(steps)),
        f"{seconds:.3f}",
        f"{tokens / seconds:.0f}",
        f"{used / 1e12:.1f}",
        f"{100 * used / ceiling:.1f}" if ceiling else "-",
        f"{100 * used / DATASHEET:.1f}" if ceiling else "-",
    ]
    if device.type == "cuda":
        cells.append(f"{torch.cuda.max_memory_allocated() / 2**30:.1f}")
        cells.append(f"{torch.cuda.max_memory_reserved() / 2**30:.1f}")
    cells.append(f"{steps[0].loss or 0:.3f} -> {steps[-1].loss or 0:.3f}")
    print("| " + " | ".join(cells) + " |", flush=True)


def settings_of(options: argparse.Namespace) -> list[Setting]:
    """The rows: the one that users get, and one for each thing that is left out or added."""
    few = WARM_UP + min(options.steps, 8)
    first_look = options.samples // options.batch_size  # later steps read the cache
    rows = {
        "main": Setting("as linvt train does", options.steps),
        "alone": Setting("pictures prepared one after the other", few, prepared_ahead=False),
        "again": Setting("with --gradient-checkpointing", few, checkpointing=True),
        "first": Setting("with --cache-features, first look", first_look, cached=True),
        "cached": Setting("with --cache-features, from then on", options.steps, cached=True),
    }
    return [rows[name] for name in options.rows]


def run(options: argparse.Namespace, device: torch.device) -> None:
    """Build, count, and print the rows."""
    started = time.perf_counter()
    quantization: Quantization = "none"
    backbone = (tiny if options.tiny else full_size)(MODEL, quantization, device)
    print(f"built in {time.perf_counter() - started:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        size = (128, 96) if options.tiny else (854, 480)
        data = write_data(Path(folder), options.samples, options.frames + 16, size)
        print(f"videos written after {time.perf_counter() - started:.0f} s", flush=True)
        counted = count_flops(backbone, data, options)
        flops = sum(counted.values())
        shares = ", ".join(f"{name} {value / 1e12:.2f}" for name, value in counted.items())
        print(f"TFLOPs of a step of {options.batch_size} samples: {flops / 1e12:.1f} ({shares})")
        ceiling = matmul_ceiling(device) if device.type == "cuda" else 0.0
        print(f"product of two matrices of 8,192: {ceiling / 1e12:.0f} TFLOP/s", flush=True)
        if options.parts:
            parts, whole = parts_of_a_step(backbone, data, options)
            print(f"parts of a step of {whole:.3f} s, the device waited for around each:")
            for name, seconds in sorted(parts.items(), key=lambda part: -part[1]):
                print(f"  {name}: {seconds:.3f} s, {100 * seconds / whole:.0f} %", flush=True)
        memory = " peak GiB | reserved GiB |" if device.type == "cuda" else ""
        print(
            "| setting | steps | s/step | answer tokens/s | TFLOP/s | % of product |"
            f" % of datasheet |{memory} loss |"
        )
        for setting in settings_of(options):
            report(setting, measure(backbone, data, options, setting), flops, ceiling, device)
    print(f"all in {time.perf_counter() - started:.0f} s")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--no-parts", dest="parts", action="store_false")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # of names in transformers that PEFT uses
    if options.tiny:
        options.frames, options.steps, options.samples = 4, 6, 16
        options.device = "cpu"
    elif options.device == "cpu":
        print("No CUDA device here: a full-size model needs one; --tiny runs anywhere")
        return
    run(options, torch.device(options.device))


if __name__ == "__main__":
    main()
