"""Every failure that a user can cause, as a class of its own.

    LinVTError                          message, hint
    ├── VideoError                      path
    │   ├── VideoNotFoundError          also a FileNotFoundError
    │   ├── VideoDecodeError
    │   ├── CoverageError               coverage, minimum
    │   ├── TokenFileError
    │   ├── DecodeTimeoutError          timeout
    │   └── DecoderCrashedError
    ├── BackboneError
    │   ├── UnknownBackboneError        name, known
    │   └── BackboneLoadError
    ├── CheckpointError
    │   ├── CheckpointMismatchError     expected, found
    │   └── CheckpointCorruptError
    ├── ModelFilesError
    │   ├── UnsafeFilesError
    │   └── DamagedFilesError
    ├── StoreError
    │   ├── DiskFullError               needed, free
    │   └── StoreNotWritableError
    ├── DownloadError
    │   ├── OfflineError
    │   ├── AccessDeniedError
    │   ├── NotOnHubError
    │   ├── HubUnavailableError         retry_after
    │   ├── ConnectionLostError
    │   └── WrongBytesError
    ├── ContextLengthError              length, limit
    ├── UnfinishedDocumentError
    ├── DeviceError
    │   └── OutOfMemoryError
    ├── MachineError
    ├── JudgeError
    │   └── JudgementError
    ├── ConfigError                     field
    └── DatasetError                    path, line

A message is one line without a full stop: what is wrong with which object, then what was expected.
A hint says what to type or try next. Exit codes are given in ``linvt_cli.cli.failures``.
"""

from __future__ import annotations

from pathlib import Path


def how_to_install(extra: str) -> str:
    """Return the hint that says how linvt is installed again, with an optional part of it."""
    return f"in linvt's folder: pip install -c constraints.txt -e '.[{extra}]'"


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


class TokenFileError(VideoError):
    """A file of video tokens is damaged, or made by another model."""


class DecodeTimeoutError(VideoError):
    """A video was not decoded in the time that it was given."""

    def __init__(
        self, message: str, *, path: str | Path, timeout: float, hint: str | None = None
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.timeout = timeout  # seconds


class DecoderCrashedError(VideoError):
    """The process that decoded a video came to a sudden end."""


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


class ModelFilesError(LinVTError):
    """The files of a model cannot be used."""


class UnsafeFilesError(ModelFilesError):
    """A repository or a folder holds something that no honest model needs."""


class DamagedFilesError(ModelFilesError):
    """Pulled files are missing or are not what was pulled."""


class StoreError(LinVTError):
    """The folder of pulled models cannot be used."""


class DiskFullError(StoreError):
    """The disk has no room for the files."""

    def __init__(
        self,
        message: str,
        *,
        needed: int | None = None,
        free: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.needed = needed  # bytes; None where it is not known
        self.free = free


class StoreNotWritableError(StoreError):
    """Nothing can be written into the folder of pulled models."""


class DownloadError(LinVTError):
    """A file could not be fetched."""


class OfflineError(DownloadError):
    """A file is needed and linvt was told to stay offline."""


class AccessDeniedError(DownloadError):
    """The hub refuses a file to this user."""


class NotOnHubError(DownloadError):
    """The hub has no such repository, revision or file."""


class HubUnavailableError(DownloadError):
    """The hub asks to come back later, or fails."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after  # seconds that the hub asks for


class ConnectionLostError(DownloadError):
    """The hub cannot be reached, or a connection to it broke or stalled."""


class WrongBytesError(DownloadError):
    """A server sends something else than the hub's listing promises."""

    def __init__(self, message: str, *, hint: str | None = None, is_kept: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_kept = is_kept  # whether some of it was written before that was found out


class ContextLengthError(LinVTError):
    """The prompt does not fit into the language model's context."""

    def __init__(self, message: str, *, length: int, limit: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.length = length
        self.limit = limit


class UnfinishedDocumentError(LinVTError):
    """No document of a JSON schema could be finished within the tokens of an answer."""


class DeviceError(LinVTError):
    """A device was asked for that this machine does not have."""


class OutOfMemoryError(DeviceError):
    """The device has not enough memory."""

    def __init__(
        self, message: str, *, hint: str | None = None, quantization: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.quantization = quantization  # of the model that did not fit, where it was being loaded


class MachineError(LinVTError):
    """A library, a folder or a disk of this machine is missing, broken or full."""


class JudgeError(LinVTError):
    """What scores answers of a benchmark cannot be reached, or does not do it."""


class JudgementError(JudgeError):
    """A judge's reply does not say what an answer is worth."""


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
