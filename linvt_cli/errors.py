"""Every failure that a user can cause, as a class of its own.

    LinVTError                          message, hint
    ├── VideoError                      path
    │   ├── VideoNotFoundError          also a FileNotFoundError
    │   ├── VideoDecodeError
    │   └── CoverageError               coverage, minimum
    ├── BackboneError
    │   ├── UnknownBackboneError        name, known
    │   └── BackboneLoadError
    ├── CheckpointError
    │   ├── CheckpointMismatchError     expected, found
    │   └── CheckpointCorruptError
    ├── DownloadError
    │   ├── OfflineError
    │   └── AccessDeniedError
    ├── ContextLengthError              length, limit
    ├── DeviceError
    │   └── OutOfMemoryError
    ├── MachineError
    ├── ConfigError                     field
    └── DatasetError                    path, line

A message is one line without a full stop: what is wrong with which object, then what was expected.
A hint says what to type or try next. Exit codes are given in ``linvt_cli.cli.failures``.
"""

from __future__ import annotations

from pathlib import Path


class LinVTError(Exception):
    """Any failure with a cause that the user can do something about."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class VideoError(LinVTError):
    """A video file cannot be used."""

    def __init__(self, message: str, *, path: str | Path, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = str(path)


class VideoNotFoundError(VideoError, FileNotFoundError):
    """There is no file at the path."""


class VideoDecodeError(VideoError):
    """The file is there, and no frame that was asked for can be decoded from it."""


class CoverageError(VideoError):
    """Fewer of the asked frames could be decoded than the user accepts."""

    def __init__(
        self,
        message: str,
        *,
        path: str | Path,
        coverage: float,
        minimum: float,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.coverage = coverage
        self.minimum = minimum


class BackboneError(LinVTError):
    """An image-LLM cannot be used."""


class UnknownBackboneError(BackboneError):
    """No backbone has this name."""

    def __init__(
        self, message: str, *, name: str, known: tuple[str, ...], hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.known = known


class BackboneLoadError(BackboneError):
    """The files of a backbone are missing, incomplete or of another architecture."""


class CheckpointError(LinVTError):
    """A LinVT checkpoint cannot be used."""


class CheckpointMismatchError(CheckpointError):
    """A LinVT checkpoint belongs to another backbone."""

    def __init__(
        self, message: str, *, expected: object, found: object, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.found = found


class CheckpointCorruptError(CheckpointError):
    """A LinVT checkpoint lacks files or tensors, or has ones it should not have."""


class DownloadError(LinVTError):
    """A file could not be fetched."""


class OfflineError(DownloadError):
    """A file is needed and linvt was told to stay offline."""


class AccessDeniedError(DownloadError):
    """The hub refuses a file to this user."""


class ContextLengthError(LinVTError):
    """The prompt does not fit into the language model's context."""

    def __init__(self, message: str, *, length: int, limit: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.length = length
        self.limit = limit


class DeviceError(LinVTError):
    """A device was asked for that this machine does not have."""


class OutOfMemoryError(DeviceError):
    """The device has not enough memory."""


class MachineError(LinVTError):
    """A library, a folder or a disk of this machine is missing, broken or full."""


class ConfigError(LinVTError):
    """A setting has a value that makes no sense."""

    def __init__(self, message: str, *, field: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.field = field


class DatasetError(LinVTError):
    """A line of a data file cannot be used."""

    def __init__(
        self, message: str, *, path: str | Path, line: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = str(path)
        self.line = line
