from __future__ import annotations

import pytest

from linvt_cli.cli.failures import EXIT_CODES, MEANINGS, ExitCode, exit_code_of
from linvt_cli.errors import (
    AccessDeniedError,
    CheckpointMismatchError,
    ConfigError,
    ContextLengthError,
    CoverageError,
    DatasetError,
    LinVTError,
    OutOfMemoryError,
    UnknownBackboneError,
    VideoNotFoundError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x", field="fps"), 2),
        (VideoNotFoundError("x", path="a.mp4"), 3),
        (CoverageError("x", path="a.mp4", coverage=0.1, minimum=0.5), 3),
        (DatasetError("x", path="a.jsonl", line=3), 3),
        (UnknownBackboneError("x", name="a", known=("nano",)), 4),
        (CheckpointMismatchError("x", expected=1, found=2), 4),
        (AccessDeniedError("x"), 5),
        (ContextLengthError("x", length=2, limit=1), 6),
        (OutOfMemoryError("x"), 6),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_ends_with_the_code_of_its_nearest_listed_class(error, code):
    assert exit_code_of(error) == code


def test_the_base_class_alone_counts_as_a_bug():
    assert exit_code_of(LinVTError("x")) == ExitCode.BUG


def test_every_exit_code_has_a_meaning_and_the_table_uses_no_reserved_code():
    assert set(MEANINGS) == set(ExitCode)
    reserved = {ExitCode.DONE, ExitCode.BUG, ExitCode.SOME_FAILED, ExitCode.INTERRUPTED}
    assert not reserved & set(EXIT_CODES.values())


def test_the_published_numbers_stay_as_they_are():
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "BUG": 1,
        "USAGE": 2,
        "VIDEO": 3,
        "MODEL": 4,
        "NETWORK": 5,
        "RESOURCES": 6,
        "SOME_FAILED": 7,
        "INTERRUPTED": 130,
    }
