"""Commands on the device: which model is taken, figures, evaluations, and memory that runs out."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from linvt_cli.backbones.loading import free_memory
from linvt_cli.backbones.registry import find_backbone
from linvt_cli.cli import watching
from linvt_cli.cli.app import run
from linvt_cli.cli.asked import ModelOptions
from linvt_cli.cli.default_model import settle_model
from linvt_cli.cli.output import Output
from linvt_cli.pipeline import fitting, precision
from tests.all_backbones import CLIP
from tests.medium_models import MEDIUM_MODELS
from tests.public_layouts import LAYOUTS

pytestmark = pytest.mark.timeout(300)

_GIB, _MIB = 2**30, 2**20


def write_large(path: Path) -> None:
    """Write a clip of which each frame takes tens of MiB to look at."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 8, (796, 448))
    for grey in range(0, 160, 20):
        writer.write(np.full((448, 796, 3), grey, np.uint8))
    writer.release()


class Room:
    """Memory of the device that tests take from others, to give it back when they like."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._taken: torch.Tensor | None = None

    def leave(self, num_bytes: int) -> None:
        """Take all but so many bytes."""
        self.give_back()
        free = free_memory(self._device)
        self._taken = torch.empty(free - num_bytes, dtype=torch.uint8, device=self._device)

    def give_back(self) -> None:
        self._taken = None
        gc.collect()
        torch.cuda.empty_cache()


@pytest.fixture
def room(device: torch.device) -> Iterator[Room]:
    if device.type != "cuda":
        pytest.skip("fills the memory of a CUDA device")
    room = Room(device)
    room.give_back()
    yield room
    room.give_back()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models whose files are here, as far as choosing one can tell."""
    repos = {find_backbone(name).repo for name in ("qwen2-vl-2b", "qwen2-vl-7b")}
    monkeypatch.setattr(
        fitting, "find_snapshot", lambda source: Path() if source.repo in repos else None
    )
    monkeypatch.setattr(fitting, "find_copy_of", lambda *_: None)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("gib", "expected"),
    [(24, ("qwen2-vl-7b", "none")), (10, ("qwen2-vl-7b", "nf4")), (7, ("qwen2-vl-2b", "none"))],
)
@pytest.mark.parametrize("named", [None, "auto"])
def test_the_model_is_the_largest_that_fits_into_what_is_free(named, gib, expected, room, capsys):
    room.leave(gib * _GIB)
    settled = settle_model(ModelOptions(named), Output())
    assert (settled.name, settled.quant) == expected
    assert settled.fitted
    assert f"fits into {gib}.0 GiB of free memory" in capsys.readouterr().err


@pytest.mark.parametrize("choice", ["auto", "named"])
def test_every_layout_answers_on_the_device(choice, device, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    layout = LAYOUTS["internvl2 with qwen2"]
    layout.write(tmp_path)
    asked = ["ask", str(CLIP), "What moves?", "-q", "Where?", "--json", "--frames", "3"]
    options = ["--model", layout.model, "--weights", str(tmp_path), "--max-new-tokens", "4"]
    place = device.type if choice == "named" else "auto"
    outputs = []
    for _ in "ab":
        assert run([*asked, *options, "--device", place, "--no-token-cache"]) == 0
        rows = json.loads(capsys.readouterr().out)
        outputs.append([row["answer"] for row in rows])
        assert [row["error"] for row in rows] == [None, None]
    assert outputs[0] == outputs[1]


def test_the_sources_of_an_answer_are_drawn(device, tmp_path, capsys):
    file = tmp_path / "why.png"
    asked = ["explain", str(CLIP), "What happens?", "--model", "nano", "--device", device.type]
    assert run([*asked, "-o", str(file)]) == 0
    assert capsys.readouterr().out
    with Image.open(file) as picture:
        assert picture.format == "PNG"


def test_the_drawn_world_is_evaluated(device, capsys):
    assert run(["evaluate", "world", "--clips", "2", "--json", "--device", device.type]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report


@pytest.mark.parametrize("moment", ["loading", "watching"])
def test_where_memory_runs_out_fewer_bits_are_taken_and_the_answer_comes(
    moment, room, tmp_path, monkeypatch, capsys
):
    files, clip = tmp_path / "model", tmp_path / "large.mp4"
    MEDIUM_MODELS["qwen2-vl"].write(files)
    write_large(clip)
    monkeypatch.setattr(precision, "free_memory", lambda device: 2**40)
    usual_watch, usual_warning = watching.watch_video, Output.warning

    def watch(*arguments: Any) -> Any:
        if moment == "watching" and not told:
            room.leave(4 * _MIB)
        return usual_watch(*arguments)

    told: list[str] = []

    def warning(output: Output, message: str) -> None:
        told.append(message)
        room.give_back()  # others end just now
        usual_warning(output, message)

    monkeypatch.setattr(watching, "watch_video", watch)
    monkeypatch.setattr(Output, "warning", warning)
    before = torch.cuda.memory_allocated()
    if moment == "loading":
        room.leave(200 * _MIB)
    asked = ["ask", str(clip), "What moves?", "--json", "--frames", "8", "--max-new-tokens", "4"]
    options = ["--model", "qwen2-vl-2b", "--weights", str(files), "--device", "cuda"]
    assert run([*asked, *options, "--no-token-cache"]) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert record["error"] is None
    assert record["model"]["quantization"] == "int8"
    assert told[0].endswith("has not enough memory; trying again in int8")
    gc.collect()
    assert torch.cuda.memory_allocated() - before < 32 * _MIB
