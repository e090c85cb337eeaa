"""What linvt ships, on record: checksums of the model and the clips, and nano's answer.

``python -m linvt_cli.doctor.golden`` writes the record anew, after the weights were changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
CLIP = "demo.mp4"
RECORD = "demo.json"
QUESTION = "What happens?"
_RECORDED = ("nano", "codecs", CLIP)


@dataclass(frozen=True, slots=True)
class Golden:
    """The record."""

    question: str  # about the shipped clip
    answer: str  # of nano on the CPU
    files: dict[str, str]  # SHA-256 in hexadecimal, by path below the assets


def read_golden() -> Golden:
    """Return the record as it was shipped."""
    return Golden(**json.loads((ASSETS / RECORD).read_text(encoding="utf-8")))


def current() -> Golden:
    """Return what a new record would hold."""
    return Golden(QUESTION, answer_of_nano(QUESTION), checksums())


def checksums() -> dict[str, str]:
    """Return the checksum of every recorded file that is there."""
    files = [
        path
        for name in _RECORDED
        for path in ([ASSETS / name] if (ASSETS / name).is_file() else (ASSETS / name).rglob("*"))
        if path.is_file()
    ]
    return {path.relative_to(ASSETS).as_posix(): _sha256(path) for path in sorted(files)}


def answer_of_nano(question: str) -> str:
    """Return what nano answers about the shipped clip, on the CPU, where it is the same always."""
    from linvt_cli.pipeline import VideoQA

    return VideoQA.load("nano", device="cpu").ask(ASSETS / CLIP, question).text


def write_golden() -> None:
    """Write the record anew."""
    text = json.dumps(asdict(current()), indent=2, ensure_ascii=False)
    (ASSETS / RECORD).write_text(f"{text}\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    write_golden()
