"""Files of results: whole rows only, whatever ends the run, and only one writer."""

from __future__ import annotations

import errno
import importlib.util
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from linvt_cli.cli.output_files import replace_file, write_errors_translated
from linvt_cli.cli.row_formats import Csv, JsonLines, KeptRow, RowFormat
from linvt_cli.errors import ConfigError, MachineError, how_to_install

SUFFIXES = ".jsonl, .csv or .parquet"


class ResultFile:
    """Rows that are appended as they come; a context manager that holds the file.

    Each row is one write at the end of the file, and on the disk before the next one is made, so
    that a process that is killed, or a computer, leaves whole rows and at most one torn one, which
    is cut off when the file is opened again. Rows are dropped by
    writing a new file that takes the place of the old one.

    Args:
        path: of the file.
        form: of its rows.
        resume: whether rows of an earlier run are kept; else the file must not be there, or have
            no row.
    """

    def __init__(self, path: Path, form: RowFormat, *, resume: bool) -> None:
        self.path = path
        self.rows: tuple[KeptRow, ...] = ()
        self._form = form
        self._resume = resume
        self._descriptor = -1
        self._size = 0

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            ConfigError: if it is there and may not be, or another process writes it.
            DatasetError: if it holds something else than rows.
            MachineError: if it cannot be opened.
        """
        try:
            with _errors_translated(self.path):
                self._open()
            self._recover()
        except BaseException:
            self._close()
            raise
        return self

    def _recover(self) -> None:
        """Read the rows that are there, and cut off a torn one."""
        with _errors_translated(self.path):
            content = self.path.read_bytes()
        # A run that ended before its first row leaves the head, or a part of it.
        if not self._resume and not self._form.head.startswith(content):
            raise already_there(self.path)
        self.rows = tuple(self._form.rows(content, str(self.path)))
        self._size = len(self._form.head) + sum(len(row.content) for row in self.rows)
        with _errors_translated(self.path):
            os.ftruncate(self._descriptor, min(self._size, len(content)))
            if len(content) < len(self._form.head):
                os.ftruncate(self._descriptor, 0)
                self._size = 0
                self._write(self._form.head)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file; its rows are there already."""
        self._close()

    def append(self, record: Mapping[str, Any]) -> None:
        """Write a row.

        Raises:
            MachineError: if it cannot be written; then nothing of it is.
        """
        with _errors_translated(self.path):
            self._write(self._form.line(record))

    def keep(self, rows: Sequence[KeptRow]) -> None:
        """Drop all rows of earlier runs but these.

        Raises:
            MachineError: if the file cannot be written; then all rows are still there.
        """
        if len(rows) == len(self.rows):
            return
        content = self._form.head + b"".join(row.content for row in rows)
        with _errors_translated(self.path):
            replace_file(self.path, lambda new: new.write_bytes(content))
            self._close()
            self._open()
        self.rows = tuple(rows)
        self._size = len(content)

    def complete(self) -> None:
        """Do what is left to do when all rows are there."""

    def _open(self) -> None:
        # Only Windows has the second, without which it changes the ends of lines.
        flags = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | flags, 0o666)
        _lock(self._descriptor, self.path)
        # While this one waited to open it, another process may have put a new file in its place.
        if not os.path.samestat(os.fstat(self._descriptor), self.path.stat()):
            raise _being_written(self.path)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)  # a row has cost much more than this
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(content)


class ParquetFile(ResultFile):
    """A Parquet file, which is written when all rows are there.

    Until then they are in a file of JSON Lines beside it, named after it, which goes away in the
    end. If both are there, a sudden end came between: the rows of the second are all rows, unless
    it is empty.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        super().__init__(path.with_name(f"{path.name}.jsonl"), JsonLines(), resume=resume)
        self.table = path

    def __enter__(self) -> Self:
        """Open the file beside it, made from the table where there is only that."""
        if importlib.util.find_spec("pyarrow") is None:
            raise MachineError(
                "Parquet files need the library pyarrow, which is not installed",
                hint=f"{how_to_install('parquet')}; or name a file that ends in .jsonl or .csv",
            )
        with _errors_translated(self.table):
            if self.table.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if self.table.exists() and not self._resume:
                raise already_there(self.table)
        return super().__enter__()

    def _recover(self) -> None:
        if self.table.exists() and not os.fstat(self._descriptor).st_size:
            self._begin_with_table()
        super()._recover()

    def _begin_with_table(self) -> None:
        """Fill the file beside the table with its rows; no other process can do so meanwhile."""
        from linvt_cli.cli.parquet import read_table

        def write_lines(new: Path) -> None:
            with new.open("wb") as file:
                file.writelines(map(self._form.line, read_table(self.table)))

        with _errors_translated(self.path):
            try:
                replace_file(self.path, write_lines)
            except BaseException:
                self.path.unlink()
                raise
            self._close()
            self._open()

    def complete(self) -> None:
        """Write the table and remove the file beside it.

        Raises:
            MachineError: if the table cannot be written; the rows are still there.
        """
        from linvt_cli.cli.parquet import write_table

        with _errors_translated(self.table):
            with self.path.open("rb") as lines:
                replace_file(self.table, lambda new: write_table(new, lines))
            self.path.unlink()


def open_results(name: str, *, resume: bool) -> ResultFile:
    """Return the file for results that a name stands for, not opened yet.

    Raises:
        ConfigError: if its ending is none of those that linvt writes.
    """
    path = Path(name)
    match path.suffix.lower():
        case ".jsonl":
            return ResultFile(path, JsonLines(), resume=resume)
        case ".csv":
            return ResultFile(path, Csv(), resume=resume)
        case ".parquet":
            return ParquetFile(path, resume=resume)
    raise ConfigError(
        f"'{name}' has no ending that says how to write it. Expected {SUFFIXES}",
        field="output",
        hint="-o answers.jsonl",
    )


def files_of(name: str) -> tuple[str, ...]:
    """Return the files that a name for results stands for, there or not."""
    return name, f"{name}.jsonl"


def already_there(path: Path) -> ConfigError:
    """Return the error that saves results from being written over."""
    return ConfigError(
        f"'{path}' is there already",
        field="output",
        hint="--resume adds what is missing in it; or name another file",
    )


def require_not_written(path: Path) -> None:
    """Refuse a file of results that another process is writing, where the system tells.

    Raises:
        ConfigError: if one is.
        MachineError: if the file cannot be opened.
    """
    with _errors_translated(path), path.open("rb") as file:
        _lock(file.fileno(), path)


def _being_written(path: Path) -> ConfigError:
    return ConfigError(
        f"Another linvt is writing '{path}'",
        field="output",
        hint="wait for it, or name another file",
    )


def _lock(descriptor: int, path: Path) -> None:
    """Let no other process write the file, where the system can do that."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _being_written(path) from error
    except OSError:
        return  # a file system without locks


def _errors_translated(path: Path) -> AbstractContextManager[None]:
    return write_errors_translated(path, partial(_way_out, path))


def _way_out(path: Path, error: Exception) -> str:
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises where it may not look
        return f"name a file in it: {path / 'answers.jsonl'}"
    if isinstance(error, FileNotFoundError | NotADirectoryError) and not path.parent.is_dir():
        return f"make the folder '{path.parent}', or name another file"
    if isinstance(error, PermissionError):
        return "name a file that may be written"
    return "the rows in it are whole; go on later with --resume"
