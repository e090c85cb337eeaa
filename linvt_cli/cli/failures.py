"""The one table from failure to exit code."""

from __future__ import annotations

from enum import IntEnum

from linvt_cli.errors import (
    BackboneError,
    CheckpointError,
    ConfigError,
    ContextLengthError,
    DatasetError,
    DeviceError,
    DownloadError,
    JudgeError,
    LinVTError,
    MachineError,
    ModelFilesError,
    StoreError,
    UnfinishedDocumentError,
    VideoError,
)


class ExitCode(IntEnum):
    """How linvt ends. The values are part of the interface: scripts branch on them."""

    DONE = 0
    BUG = 1
    USAGE = 2
    VIDEO = 3
    MODEL = 4
    NETWORK = 5
    RESOURCES = 6
    SOME_FAILED = 7
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "everything that was asked for is done",
    ExitCode.BUG: "a bug in linvt; the traceback on stderr belongs into a report",
    ExitCode.USAGE: "the command line or a setting makes no sense",
    ExitCode.VIDEO: "a video or a data file cannot be used",
    ExitCode.MODEL: "a model or a checkpoint cannot be used",
    ExitCode.NETWORK: "a file could not be fetched, or a judge not be reached",
    ExitCode.RESOURCES: "the machine, its memory, the disk or the model's context does not suffice",
    ExitCode.SOME_FAILED: "some answers or entries failed; the others are given",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C, or, where videos are asked about, by SIGTERM",
}

EXIT_CODES: dict[type[LinVTError], ExitCode] = {
    ConfigError: ExitCode.USAGE,
    VideoError: ExitCode.VIDEO,
    DatasetError: ExitCode.VIDEO,
    BackboneError: ExitCode.MODEL,
    CheckpointError: ExitCode.MODEL,
    ModelFilesError: ExitCode.MODEL,
    DownloadError: ExitCode.NETWORK,
    JudgeError: ExitCode.NETWORK,
    StoreError: ExitCode.RESOURCES,
    ContextLengthError: ExitCode.RESOURCES,
    UnfinishedDocumentError: ExitCode.RESOURCES,
    DeviceError: ExitCode.RESOURCES,
    MachineError: ExitCode.RESOURCES,
}


def exit_code_of(error: LinVTError) -> ExitCode:
    """Return the exit code of an error."""
    return exit_code_of_class(type(error))


def exit_code_of_class(failure: type[LinVTError]) -> ExitCode:
    """Return the exit code of a class of errors, else that of the nearest base class."""
    for ancestor in failure.__mro__:
        if ancestor in EXIT_CODES:
            return EXIT_CODES[ancestor]
    return ExitCode.BUG
