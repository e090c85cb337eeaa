from __future__ import annotations

from pathlib import Path

import av
import pytest

from linvt_cli.errors import VideoDecodeError
from linvt_cli.video.library_errors import errors_of_damage


def test_errors_from_within_pyav_are_errors_of_the_video(clip_file):
    with (
        pytest.raises(VideoDecodeError, match=r"cannot be decoded \(IndexError: ") as caught,
        errors_of_damage(Path("a.ts")),
        av.open(str(clip_file("mjpeg"))) as container,
    ):
        container.streams.get(9)
    assert caught.value.hint
    assert isinstance(caught.value.__cause__, IndexError)


def test_errors_of_ffmpeg_are_errors_of_the_video():
    with pytest.raises(VideoDecodeError, match="InvalidDataError"), errors_of_damage(Path("a.ts")):
        raise av.InvalidDataError(1, "broken")


@pytest.mark.parametrize("error", [IndexError, ValueError, TypeError])
def test_errors_of_linvt_stay_what_they_are(error):
    with pytest.raises(error), errors_of_damage(Path("a.ts")):
        raise error
