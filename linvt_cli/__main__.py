"""The ``linvt`` command: ``python -m linvt_cli``."""

from __future__ import annotations

import gc
import os
import signal
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and exit."""
    # A reader that leaves early, as in `linvt ask … | head`, ends linvt without a word.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        # Inside the block, so that Ctrl-C during the import leaves no traceback either.
        from linvt_cli.cli.app import run

        code = run()
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        # Not sys.exit: Python would turn some interrupted imports into death by the signal.
        sys.stdout.flush()
        os._exit(code)
    # As it ends, Python looks for garbage among all objects, again and again.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
