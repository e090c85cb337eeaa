from __future__ import annotations

import shutil

import pytest

from linvt_cli.doctor import codecs
from linvt_cli.doctor.codecs import CLIPS, FOLDER, check_codecs
from linvt_cli.doctor.findings import Circumstances
from linvt_cli.errors import VideoDecodeError
from tests.doctor.write_clips import ENCODERS, write_clip


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """A folder with the shipped clips, to break some."""
    for clip in CLIPS:
        shutil.copy(FOLDER / clip.file, tmp_path)
    monkeypatch.setattr(codecs, "FOLDER", tmp_path)
    return tmp_path


def test_every_shipped_clip_is_read_right():
    finding = check_codecs(Circumstances())
    assert finding.status == "ok"
    assert list(finding.facts["decoders"]) == [clip.codec for clip in CLIPS]


def test_the_shipped_clips_are_those_of_the_list_and_can_be_written_again():
    assert {path.name for path in FOLDER.iterdir()} == {clip.file for clip in CLIPS}
    assert set(ENCODERS) == {clip.file for clip in CLIPS}


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm"])
def test_a_clip_that_is_written_anew_is_read_right_too(copies, name):
    (clip,) = (clip for clip in CLIPS if clip.file == name)
    (copies / name).unlink()
    write_clip(copies / name, clip)
    assert check_codecs(Circumstances()).status == "ok"


def test_a_codec_without_a_decoder_is_named(copies):
    # What a libav without HEVC sees: a track of a kind that it does not know.
    clip = copies / "hevc.mp4"
    clip.write_bytes(clip.read_bytes().replace(b"hev1", b"zzz1").replace(b"hvc1", b"zzz1"))
    with pytest.raises(VideoDecodeError, match=r"^Not read right: HEVC \("):
        check_codecs(Circumstances())


def test_frames_in_the_wrong_order_or_at_wrong_times_are_found(copies):
    shutil.copy(copies / "vp9.webm", copies / "vp8.webm")
    with pytest.raises(VideoDecodeError, match=r"^Not read right: VP8 \("):
        check_codecs(Circumstances())


def test_frames_that_show_something_else_are_found(copies, monkeypatch):
    def inverted(number: int) -> tuple[int, int]:
        return 226 - 18 * number, 28 + 18 * number

    monkeypatch.setattr(codecs, "shades", inverted)
    with pytest.raises(VideoDecodeError, match=r"\('h264\.mp4': frame 0 shows something else\)"):
        check_codecs(Circumstances())
