"""Files that a command writes as a whole: never half of one, never over what the command reads."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from linvt_cli.cli.output import utf8_text
from linvt_cli.errors import ConfigError, LinVTError, MachineError

_STANDARD_STREAMS = (1, 2)


def output_file(name: str, inputs: Iterable[str | Path] = ()) -> Path:
    """Return the file to write.

    Args:
        name: as the user wrote it.
        inputs: files that the command reads.

    Raises:
        ConfigError: if it is one of the inputs or a folder, or its folder is not there.
        MachineError: if its name is too long, or it is where this user may not look or write.
    """
    path = Path(name)
    with write_errors_translated(path):
        if path.is_dir():
            raise ConfigError(f"'{name}' is a folder", field="output", hint="name a file in it")
        if not path.exists() and not path.resolve().parent.is_dir():
            raise ConfigError(
                f"There is no folder '{path.parent}'",
                field="output",
                hint="make it first, or name another place",
            )
        refuse_inputs(path, inputs)
        _require_writable(path)
    return path


def refuse_inputs(path: Path, inputs: Iterable[str | Path], *, field: str = "output") -> None:
    """Keep a command from writing over what it reads, under whatever name.

    Raises:
        ConfigError: if the path is one of the inputs.
    """
    for each in inputs:
        if _is_same_file(path, Path(each)):
            raise ConfigError(
                f"'{path}' is the same file as '{each}', and would be lost",
                field=field,
                hint="name another file",
            )


def require_new(path: Path, *, overwrite: bool, field: str = "output") -> None:
    """Keep a command from writing over a file that is there, unless the user said that it may.

    An empty file is as good as none, and what is written into a pipe or a device replaces nothing.

    Raises:
        ConfigError: if there is a file with something in it.
        MachineError: if it is where this user may not look.
    """
    with write_errors_translated(path):
        if overwrite or not path.exists():
            return
        if not path.is_dir() and (_takes_bytes_only(path) or not path.stat().st_size):
            return
    raise ConfigError(f"'{path}' is there already", field=field, hint="--force overwrites it")


def write_text(path: Path, text: str) -> None:
    r"""Write a text in UTF-8, as ``write_file`` does; bytes that are none become ``\xff``.

    Raises:
        MachineError: if it cannot be written.
    """
    content = utf8_text(text).encode("utf-8")
    write_file(path, lambda new: new.write_bytes(content))


def write_file(path: Path, write: Callable[[Path], object]) -> int:
    """Write a file so that nobody ever sees half of it, and return its size in bytes.

    A file that is there gets the new content and keeps its permissions, and a link stays one. Into
    a pipe, a device or a standard stream of this process the content is written straight.

    Args:
        path: where it goes.
        write: writes it to the path that it is given, which has the same name in another folder.

    Raises:
        MachineError: if it cannot be written; then what was there before still is.
    """
    with write_errors_translated(path):
        if not _takes_bytes_only(path):
            return replace_file(path, write)
        with tempfile.TemporaryDirectory(prefix=".linvt-") as folder:
            new = Path(folder) / path.name
            write(new)
            _pour(new, path)
            return new.stat().st_size


def replace_file(path: Path, write: Callable[[Path], object]) -> int:
    """Write a new file beside a path, put it in its place once it is on the disk, return its size.

    It gets the permissions of the file that it replaces. A link stays one, to the new file. Until
    then it is in a folder of its own, so that it cannot be a file of the user's.

    Raises:
        OSError: if it cannot be written; then what was there before still is.
    """
    place = path.resolve()
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".linvt-") as folder:
        new = Path(folder) / path.name
        write(new)
        size = new.stat().st_size
        _put_in_place(new, place)
    return size


def _another_name(error: Exception) -> str:
    return "name another file"


@contextmanager
def write_errors_translated(
    path: Path, hint: Callable[[Exception], str] = _another_name
) -> Iterator[None]:
    """Turn what goes wrong with a file that is written into one line with a way out.

    Args:
        path: of the file.
        hint: the way out of an error.

    Raises:
        MachineError: if the file cannot be written.
    """
    try:
        yield
    except LinVTError:
        raise
    except (OSError, RuntimeError) as error:  # before Python 3.13 a loop of links is the latter
        reason = getattr(error, "strerror", None) or error
        raise MachineError(f"'{path}' cannot be written: {reason}", hint=hint(error)) from error


def _require_writable(path: Path) -> None:
    """Refuse a place before hours of work go into what should stand there."""
    # A new file takes the place of the old one, so the folder counts.
    place = path if _takes_bytes_only(path) else path.resolve().parent
    if not os.access(place, os.W_OK) and _standard_stream(path) is None:
        raise MachineError(f"'{place}' may not be written by this user", hint="name another place")


def _is_same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there, but links may lead to the same place
        return path.resolve() == other.resolve()


def _takes_bytes_only(path: Path) -> bool:
    """Whether a path is that of something which no other file may take the place of."""
    return path.exists() and (not path.is_file() or _standard_stream(path) is not None)


def _standard_stream(path: Path) -> int | None:
    """Return the descriptor of this process that writes a path already, as that of /dev/stdout."""
    for descriptor in _STANDARD_STREAMS:
        with suppress(OSError):  # it may be closed
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
    return None


def _pour(whole: Path, path: Path) -> None:
    """Write all bytes of a file into something that is there."""
    stream = _standard_stream(path)
    # Opened anew, a standard stream that is a file would begin at its first byte again.
    target = os.open(path, os.O_WRONLY) if stream is None else os.dup(stream)
    with whole.open("rb") as source, os.fdopen(target, "wb") as sink:
        shutil.copyfileobj(source, sink)


def _put_in_place(new: Path, place: Path) -> None:
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    with suppress(FileNotFoundError):
        shutil.copymode(place, new)
    new.replace(place)
