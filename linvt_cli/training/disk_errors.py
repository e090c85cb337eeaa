"""What a run cannot write, told as an error of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from linvt_cli.errors import LinVTError, MachineError


@contextmanager
def disk_errors_translated(run_dir: Path) -> Iterator[None]:
    """Turn failures of the file system inside the block into one of our errors.

    Args:
        run_dir: folder of the run that the block writes.

    Raises:
        MachineError: if the disk is full, or the folder cannot be made or written.
    """
    try:
        yield
    except (LinVTError, BrokenPipeError):  # some of ours are OSErrors too; a pipe is no file
        raise
    except (OSError, SafetensorError) as error:
        raise MachineError(
            f"The run in '{run_dir}' cannot be kept: {error}",
            hint="make room or name another folder; then run the same command again",
        ) from error
