from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from linvt_cli.config import FrameSampling
from linvt_cli.errors import (
    ConfigError,
    LinVTError,
    VideoDecodeError,
    VideoError,
    VideoNotFoundError,
)
from linvt_cli.types import Frames
from linvt_cli.video.decode_process import worker_command
from linvt_cli.video.decode_worker import (
    Decoded,
    DecodeJob,
    decode,
    header_of,
    job_line,
    outcome_of,
    read_job,
    read_pixels,
    source_of,
    write_outcome,
)
from linvt_cli.video.fingerprint import Fingerprint, fingerprint
from linvt_cli.video.reader import read_frames

SAMPLING = FrameSampling(at=(0.5, 1.0), end=2.5)


@pytest.mark.parametrize("name", ["a b.mp4", "two\nlines.mp4", "🙂.mp4", "clip\udcff.mp4"])
def test_a_job_survives_as_one_line(name):
    job = DecodeJob(name, SAMPLING)
    line = job_line(job)
    assert line.count(b"\n") == 1
    assert read_job(line) == job


def test_a_folder_of_pictures_is_decoded_at_its_rate(tmp_path):
    for number in (1, 2, 3, 4):
        Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{number:05d}.png")
    job = DecodeJob(str(tmp_path), FrameSampling(), frame_rate=2.0)
    assert read_job(job_line(job)) == job
    decoded = decode(job)
    assert isinstance(decoded.frames, Frames)
    assert decoded.frames.times == (0.0, 0.5, 1.0, 1.5)
    assert decoded.source is None


def test_frames_survive_as_a_line_and_pixels(video, tmp_path):
    decoded = decode(DecodeJob(str(video), SAMPLING))
    outlet = io.BytesIO()
    with (tmp_path / "pixels").open("w+b") as file:
        file.write(b"of another video" * 100_000)
        file.flush()
        write_outcome(decoded, outlet, file.fileno())
        header = json.loads(outlet.getvalue())
        again = outcome_of(header, read_pixels(header, file.fileno()), str(video))
        file.truncate(1000)
        with pytest.raises(EOFError):
            read_pixels(header, file.fileno())
    assert again.source == decoded.source == fingerprint(video)
    assert isinstance(again.frames, Frames)
    assert isinstance(decoded.frames, Frames)
    assert (again.frames.pixels == decoded.frames.pixels).all()
    for field in ("times", "video", "coverage", "warnings", "seconds"):
        assert getattr(again.frames, field) == getattr(decoded.frames, field)


@pytest.mark.parametrize(
    "error",
    [
        VideoError("bad", path="a.mp4", hint="look"),
        VideoNotFoundError("none", path="a.mp4"),
        VideoDecodeError("broken", path="a.mp4"),
        ConfigError("wrong", field="at", hint="think"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_keep_their_class_and_words(error):
    source = Fingerprint("sha256:0", 3)
    header = json.loads(json.dumps(header_of(Decoded(error, source))))
    again = outcome_of(header, None, "a.mp4")
    assert again.source == source
    assert isinstance(again.frames, LinVTError)
    assert again.frames.__class__ is error.__class__
    assert (again.frames.message, again.frames.hint) == (error.message, error.hint)


def test_frames_that_nobody_needs_are_not_written():
    with pytest.raises(ValueError, match="decodes what it is given"):
        header_of(Decoded(None, None))


def test_a_broken_file_has_a_fingerprint_and_a_missing_one_has_none(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video")
    decoded = decode(DecodeJob(str(broken), FrameSampling()))
    assert isinstance(decoded.frames, VideoDecodeError)
    assert decoded.source == fingerprint(broken)
    missing = decode(DecodeJob(str(tmp_path / "none.mp4"), FrameSampling()))
    assert isinstance(missing.frames, VideoNotFoundError)
    assert missing.source is None


def test_the_process_ends_with_its_input_and_writes_lines_only(video, tmp_path):
    with (tmp_path / "pixels").open("w+b") as file:
        process = subprocess.Popen(
            [*worker_command(), str(file.fileno()), "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(file.fileno(),),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job_line(DecodeJob(str(video), SAMPLING)))
        process.stdin.flush()
        source = source_of(json.loads(process.stdout.readline()))
        header = json.loads(process.stdout.readline())
        pixels = read_pixels(header, file.fileno())
        process.stdin.close()
        assert process.stdout.read() == b""
        process.stdout.close()
        assert process.wait() == 0
    assert source == source_of(header) == fingerprint(video)
    assert (pixels == read_frames(video, SAMPLING).pixels).all()


def test_the_process_imports_no_torch():
    code = (
        "import sys, linvt_cli.video.decode_worker;"
        "print({'torch', 'transformers', 'rich', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
