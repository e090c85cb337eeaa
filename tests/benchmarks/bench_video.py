"""Picking frames from videos: linvt's reader against OpenCV, torchcodec and decord, as ratios.

Every reader picks the same evenly spaced frames and shrinks them to 448 px. Runs take turns; each
figure is the median over the rounds of this reader's time over linvt's in the same round, so above
1 means slower than linvt. A reader whose frames are not those of linvt's is marked with how many
differ. Then the peak memory for a short and a long video of one size is printed.

    python tests/benchmarks/bench_video.py [--workdir DIR] [--quick] [--rows TEXT] [--rounds N]

Videos are written into DIR once, which takes minutes without --quick. torchcodec and decord take
part where they can be imported.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.stream import VideoStream

import linvt_cli
from linvt_cli.config import FrameSampling
from linvt_cli.video.reader import read_frames

FPS = 30
SHORT_SIDE = 448
SEEK_LIMIT = 32  # a seek for each of more frames takes minutes and is known to lose

X264 = {"preset": "veryfast", "bf": "3"}


@dataclass(frozen=True)
class Row:
    """A video to write and read."""

    name: str
    suffix: str
    codec: str
    options: dict[str, str]
    size: tuple[int, int]
    seconds: int

    def shortened(self) -> Row:
        """The same kind of video, small enough to check that everything runs."""
        return Row(self.name, self.suffix, self.codec, self.options, (320, 180), 10)

    def write(self, folder: Path) -> Path:
        """The video's file, written where it is not there yet."""
        width, height = self.size
        name = "".join(letter if letter.isalnum() else "-" for letter in self.name)
        path = folder / f"{name}-{width}x{height}-{self.seconds}s.{self.suffix}"
        if path.exists():
            return path
        unfinished = path.with_stem(path.stem + "-unfinished")
        with av.open(str(unfinished), "w") as container:
            stream = cast(
                VideoStream, container.add_stream(self.codec, rate=FPS, options=dict(self.options))
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for picture in moving_pictures(width, height, self.seconds * FPS):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        return unfinished.rename(path)


ROWS = [
    Row("1080p, key frame every 250", "mp4", "libx264", X264 | {"g": "250", "sc_threshold": "0"},
        (1920, 1080), 60),
    Row("1080p, key frame every 30", "mp4", "libx264", X264 | {"g": "30", "sc_threshold": "0"},
        (1920, 1080), 60),
    Row("720p 10 minutes, key frame every 250", "mp4", "libx264",
        X264 | {"g": "250", "sc_threshold": "0"}, (1280, 720), 600),
    Row("720p HEVC", "mp4", "libx265",
        {"preset": "veryfast", "x265-params": "keyint=250:log-level=none"}, (1280, 720), 30),
    Row("720p VP9", "webm", "libvpx-vp9",
        {"g": "128", "deadline": "realtime", "cpu-used": "8", "b:v": "2M"}, (1280, 720), 30),
    Row("720p AV1", "mp4", "libsvtav1", {"g": "128", "preset": "12"}, (1280, 720), 30),
]  # fmt: skip


def moving_pictures(width: int, height: int, count: int) -> Iterator[np.ndarray]:
    """A rough texture that drifts at changing speed, with a light that moves across it."""
    chance = np.random.default_rng(0)
    coarse = chance.integers(0, 256, (height // 8 + 40, width // 8 + 40, 3), dtype=np.uint8)
    texture = coarse.repeat(8, axis=0).repeat(8, axis=1)
    texture = texture // 2 + chance.integers(0, 32, texture.shape, dtype=np.uint8)
    for number in range(count):
        row = int(150 + 140 * np.sin(number / 37))
        column = int(150 + 140 * np.cos(number / 53))
        picture = texture[row : row + height, column : column + width].copy()
        place = number * 7 % (width - 64)
        picture[height // 3 : height // 2, place : place + 64] = 255 - number % 128
        yield picture


Reader = Callable[[Path, int], list[np.ndarray]]


def evenly(count: int, picked: int) -> list[int]:
    """Numbers of the frames in the centres of ``picked`` equal parts."""
    return [int((part + 0.5) * count / picked) for part in range(picked)]


def read_linvt(path: Path, picked: int, *, decoder: str = "auto") -> list[np.ndarray]:
    sampling = FrameSampling(num_frames=picked, short_side=SHORT_SIDE, decoder=cast(Any, decoder))
    return list(read_frames(path, sampling).pixels)


def shrink(pixels: np.ndarray) -> np.ndarray:
    """What linvt does with a frame, so that only decoding differs."""
    from linvt_cli.video.shrink import resize, target_size

    height, width = pixels.shape[:2]
    return resize(pixels, target_size((height, width), SHORT_SIDE))


def read_cv2(path: Path, picked: int, *, seek: bool) -> list[np.ndarray]:
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames, position = [], 0
    for wanted in evenly(round(capture.get(cv2.CAP_PROP_FRAME_COUNT)), picked):
        if seek:
            capture.set(cv2.CAP_PROP_POS_FRAMES, wanted)
            position = wanted
        while position <= wanted:
            capture.grab()
            position += 1
        _, pixels = capture.retrieve()
        frames.append(shrink(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))
    capture.release()
    return frames


def read_torchcodec(path: Path, picked: int) -> list[np.ndarray]:
    decoders = importlib.import_module("torchcodec.decoders")
    decoder = decoders.VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=0)
    return [shrink(decoder[number].numpy()) for number in evenly(len(decoder), picked)]


def read_decord(path: Path, picked: int) -> list[np.ndarray]:
    decord = importlib.import_module("decord")
    reader = decord.VideoReader(str(path))
    batch = reader.get_batch(evenly(len(reader), picked)).asnumpy()
    return [shrink(pixels) for pixels in batch]


READERS: dict[str, Reader] = {
    "linvt": read_linvt,
    "linvt, OpenCV": partial(read_linvt, decoder="opencv"),
    "linvt, PyAV": partial(read_linvt, decoder="pyav"),
    "cv2 walk": partial(read_cv2, seek=False),
    "cv2 seek": partial(read_cv2, seek=True),
    "torchcodec": read_torchcodec,
    "decord": read_decord,
}


def usable_readers() -> dict[str, Reader]:
    """The readers whose packages can be imported; says which cannot."""
    usable = dict(READERS)
    for package in ("torchcodec", "decord"):
        try:
            importlib.import_module(f"{package}.decoders" if package == "torchcodec" else package)
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{package} takes no part: {str(error).splitlines()[0]}")
            del usable[package]
    return usable


def num_different(frames: list[np.ndarray], truth: list[np.ndarray]) -> int:
    """How many frames are not those of ``truth``; decoders round colours a little differently."""
    if len(frames) != len(truth):
        return max(len(frames), len(truth))
    return sum(
        float(np.abs(a.astype(np.int16) - b).mean()) > 3 for a, b in zip(frames, truth, strict=True)
    )


def compare(path: Path, picked: int, readers: dict[str, Reader], rounds: int) -> str:
    """One line of ratios for a video and a number of frames."""
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    notes: dict[str, str] = {}
    truth = read_linvt(path, picked)
    order = list(readers)
    for _ in range(rounds):
        order = order[1:] + order[:1]  # who comes first meets what the last one has left
        for name in order:
            if name in notes and notes[name].startswith("fails"):
                continue
            if name == "cv2 seek" and picked > SEEK_LIMIT:
                continue
            began = time.perf_counter()
            try:
                frames = readers[name](path, picked)
            except Exception as error:  # noqa: BLE001 - other people's readers fail in many ways
                notes[name] = f"fails: {type(error).__name__}"
                continue
            seconds[name].append(time.perf_counter() - began)
            if wrong := num_different(frames, truth):
                notes[name] = f"{wrong} differ"
    cells = []
    for name, times in seconds.items():
        ratios = [t / base for t, base in zip(times, seconds["linvt"], strict=False)]
        figure = f"{statistics.median(ratios):.2f}" if ratios else "-"
        cells.append(f"{name} {figure}" + (f" ({notes[name]})" if name in notes else ""))
    return f"  {picked:4} frames: " + " | ".join(cells)


def peak_memory(path: Path, picked: int) -> tuple[float, float]:
    """MB of a child before it reads the video, and its peak while it does (Linux)."""
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from linvt_cli.config import FrameSampling\n"
        "from linvt_cli.video.reader import read_frames\n"
        "def peak():\n"
        "    words = Path('/proc/self/status').read_text().split()\n"
        "    return int(words[words.index('VmHWM:') + 1]) / 1024\n"
        f"sampling = FrameSampling(num_frames={picked})\n"
        "read_frames(sys.argv[2], sampling)  # what is loaded and kept once\n"
        "Path('/proc/self/clear_refs').write_text('5')  # the peak counts from here\n"
        "before = peak()\n"
        "read_frames(sys.argv[1], sampling)\n"
        "print(json.dumps([before, peak()]))\n"
    )
    small = Path(linvt_cli.__file__).parent / "assets" / "demo.mp4"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(small)],
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = json.loads(done.stdout)
    return before, after


def print_memory(folder: Path, *, quick: bool) -> None:
    """Prints what reading a short and a long video of the same size takes."""
    print("peak memory of reading 32 frames of 320x180, over that before")
    for minutes in (1, 2) if quick else (1, 30):
        row = Row("memory", "mp4", "libx264", {"preset": "ultrafast", "g": "250", "bf": "3"},
                  (320, 180), 60 * minutes)  # fmt: skip
        before, after = peak_memory(row.write(folder), 32)
        print(f"  {minutes:2} minutes: {after - before:.0f} MB over {before:.0f} MB")


def main() -> None:
    """Writes the videos, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--workdir",
        type=Path,
        default=Path(tempfile.gettempdir()) / "linvt-benchmarks",
        help="where videos are kept",
    )
    parser.add_argument("--quick", action="store_true", help="small videos: checks, no figures")
    parser.add_argument("--rows", default="", help="only rows with this text in their name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, nargs="+", default=[8, 32, 128])
    options = parser.parse_args()
    options.workdir.mkdir(parents=True, exist_ok=True)
    readers = usable_readers()
    print(f"times as multiples of linvt's, median of {options.rounds} rounds")
    for row in ROWS:
        if options.rows not in row.name:
            continue
        chosen = row.shortened() if options.quick else row
        path = chosen.write(options.workdir)
        print(f"{chosen.name}, {chosen.size[0]}x{chosen.size[1]}, {chosen.seconds} s")
        for picked in options.frames:
            print(compare(path, picked, readers, options.rounds), flush=True)
    if not options.rows:
        print_memory(options.workdir, quick=options.quick)


if __name__ == "__main__":
    main()
