"""The ``linvt`` command: ``python -m linvt_cli``."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and exit."""
    _open_missing_streams()
    try:
        # Inside the block, so that Ctrl-C during the import leaves no traceback either.
        from linvt_cli.cli.app import run

        code = run()
    except KeyboardInterrupt:
        with suppress(OSError):
            os.write(2, b"interrupted\n")
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        # Not sys.exit: Python would turn some interrupted imports into death by the signal.
        sys.stdout.flush()
        os._exit(code)
    # As it ends, Python looks for garbage among all objects, again and again.
    gc.freeze()
    sys.exit(code)


def _open_missing_streams() -> None:
    """Stand in for standard streams that were closed by whoever started linvt (``2>&-``)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            setattr(sys, name, stream)


if __name__ == "__main__":
    main()
