"""Processes that end with the one that started them, and import nothing of the folder that one is in."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

POLL_SECONDS = 0.5
"""Seconds between two looks at whether the parent is still there, where the system does not say so itself."""
_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, signalled: bool) -> None:
    """Make this process end once its parent has, and leave an interrupt (Ctrl-C) to the parent. Called once, at start.

    Args:
        parent: the id of the process that started this one.
        signalled: whether its main thread did. Linux sends the signal when the thread ends, not the process, so that
            it is of no use for other threads.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if signalled and sys.platform == "linux":
        _ask_linux()
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent-watch").start()


@contextmanager
def without_this_folder() -> Iterator[None]:
    """Within the block, an interpreter that is started does not look for modules in the folder that one is in.

    What starts processes says `python -m` or `python -c`, either of which would put that folder first on the path. It
    may be a stranger's, whose modules would then stand in for libraries. (A worker is given its parent's path later.)
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


_SAFE_PATH = "PYTHONSAFEPATH"


def started_by_main_thread() -> bool:
    """Whether a process that is started now is started by the main thread."""
    return threading.current_thread() is threading.main_thread()


def _ask_linux() -> None:
    """Have the kernel kill this process at once, also in the middle of compiled code that no thread interrupts."""
    import ctypes

    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):  # no such call in this C library: `_watch` does without
        return


def _watch(parent: int) -> None:
    if sys.platform == "win32":
        # Windows has no orphans' parent to look for: the id stays the same. A handle tells when the process ends.
        import _winapi

        handle = _winapi.OpenProcess(_winapi.SYNCHRONIZE, False, parent)
        _winapi.WaitForSingleObject(handle, _winapi.INFINITE)
    else:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
    os._exit(1)
