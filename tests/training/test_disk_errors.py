from __future__ import annotations

import pytest
from safetensors import SafetensorError

from linvt_cli.errors import MachineError, VideoNotFoundError
from linvt_cli.training.disk_errors import disk_errors_translated


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), SafetensorError("I/O error")], ids=str
)
def test_what_the_disk_refuses_is_the_machines(error, tmp_path):
    said = pytest.raises(MachineError, match="cannot be kept")
    with said as caught, disk_errors_translated(tmp_path):
        raise error
    assert str(error) in caught.value.message
    assert "make room" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "error", [VideoNotFoundError("gone", path="a.mp4"), BrokenPipeError(), ValueError()], ids=repr
)
def test_other_errors_stay_as_they_are(error, tmp_path):
    with pytest.raises(type(error)) as caught, disk_errors_translated(tmp_path):
        raise error
    assert caught.value is error
