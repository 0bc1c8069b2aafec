"""`python -m turncoat`, and the command `turncoat`.

Python puts the folder that one is in at the front of its path for the former. It may be a stranger's, whose modules
would then be imported instead of libraries, and whose package metadata would name entry points: so it is taken off
again.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType


def start() -> None:
    """Run the command line. While it is still being loaded, Ctrl-C ends it at once: there is nothing to clean up."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    _leave_the_folder_out()
    from .cli import main

    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


def _leave(number: int, _: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def _leave_the_folder_out() -> None:
    try:
        here = Path.cwd().resolve()
    except FileNotFoundError:  # it has been removed, and holds nothing
        return
    # Where Turncoat itself is below that folder, it is a checkout of one's own.
    if Path(sys.path[0] or ".").resolve() == here and here not in Path(__file__).resolve().parents:
        del sys.path[0]


if __name__ == "__main__":
    start()
