"""A folder of clips with faults of many kinds among them, for tests of batches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, NUM_FRAMES = 64, 48, 12


def write_clip(path: Path, seed: int) -> None:
    """Write a second of a picture that grows brighter; each seed is another clip."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 12.0, (WIDTH, HEIGHT))
    ground = np.random.default_rng(seed).integers(0, 128, (HEIGHT // 8, WIDTH // 8, 3))
    large = ground.repeat(8, axis=0).repeat(8, axis=1)
    for number in range(NUM_FRAMES):
        writer.write((large + 8 * number).astype(np.uint8))
    writer.release()


def _link(target: str) -> Callable[[Path, bytes], None]:
    return lambda path, _: path.symlink_to(target)


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path, bytes], None]:
    def write(path: Path, content: bytes) -> None:
        path.write_bytes(change(content))

    return write


FAULTS: dict[str, Callable[[Path, bytes], None]] = {
    "empty.mp4": _bytes(lambda clip: b""),
    "text.mp4": _bytes(lambda clip: b"this is no video\n"),
    "zeros.mp4": _bytes(lambda clip: bytes(5000)),
    "noise.mkv": _bytes(lambda clip: np.random.default_rng(0).bytes(5000)),
    "no index.mp4": _bytes(lambda clip: clip[: len(clip) // 2]),
    "head only.mp4": _bytes(lambda clip: clip[:40]),
    "tail only.mp4": _bytes(lambda clip: clip[-800:]),
    "no samples.mp4": _bytes(lambda clip: clip.replace(b"mdat", b"xxxx").replace(b"stco", b"xxxx")),
    "playlist.mp4": _bytes(lambda clip: b"#EXTM3U\nclip000.mp4\n"),
    "page.webm": _bytes(lambda clip: b"<!doctype html><title>404</title>"),
    "torn.png": _bytes(lambda clip: b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "torn.jpg": _bytes(lambda clip: b"\xff\xd8\xff\xe0" + bytes(20)),
    "torn.webp": _bytes(lambda clip: b"RIFF\x10\0\0\0WEBPVP8 "),
    "dangling.mp4": _link("nowhere.mp4"),
    "in circles.mp4": _link("in circles.mp4"),
    "pipe.mp4": lambda path, _: os.mkfifo(path),
}


def write_folder(folder: Path, num_clips: int, num_faults: int) -> None:
    """Write clips and faults, spread among them by their names."""
    folder.mkdir()
    for number in range(num_clips):
        write_clip(folder / f"clip{number:03}.mp4", number)
    content = (folder / "clip000.mp4").read_bytes()
    kinds = list(FAULTS)
    for number in range(num_faults):
        kind = kinds[number % len(kinds)]
        place = number * num_clips // num_faults
        FAULTS[kind](folder / f"clip{place:03} fault{number} {kind}", content)
    for loop in folder.glob("*in circles.mp4"):
        loop.unlink()
        loop.symlink_to(loop.name)
