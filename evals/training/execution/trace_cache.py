"""The cache of trained seeds: the trace of each, by a hash of everything that it depends on."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from ...traces.provenance import RunError
from ...traces.trace import Trace, TraceError, read_trace, write_trace
from .checkpoints import checkpoint_path, set_aside

KEEP_DAYS = 30
"""Files that were not used for so many days are removed."""


class TraceCache:
    """A folder of traces, each written atomically. It may be deleted at any time.

    Attributes:
        folder: of the traces.
        trainings: the folder of checkpoints of unfinished trainings (see `checkpoints`).
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder, created if need be, and remove old files.

        Raises:
            RunError: it cannot be made or written.
        """
        self.folder, self.trainings = folder / "traces", folder / "trainings"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise RunError(
                f"the cache {folder} cannot be made: {fault.strerror}; name another, or --no-cache"
            ) from None
        # Said now rather than after the first hour of training.
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise RunError(f"the cache {folder} is read-only; name another, or --no-cache")
        self._drop_old()

    def get(self, key: str) -> Trace | None:
        """The trace of a key; None where there is none that can be read, which is then set aside."""
        path = self._path(key)
        if not os.path.lexists(path):
            return None
        try:
            trace = read_trace(path, key)
        except TraceError as fault:
            set_aside(path, fault)
            return None
        with suppress(OSError):
            os.utime(path)  # its age is the time since its last use, see `_drop_old`
        return trace

    def put(self, key: str, trace: Trace) -> None:
        """Store a trace, and remove the checkpoint of its training.

        Raises:
            RunError: it cannot be written (the disk is full, say).
        """
        path = self._path(key)
        try:
            path.parent.mkdir(exist_ok=True)
            write_trace(trace, path, key)
        except OSError as fault:
            raise RunError(
                f"the cache {self.folder.parent} cannot be written: {fault}; name another, or --no-cache"
            ) from None
        checkpoint_path(self.trainings, key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        # Two digits as a folder, so that no folder holds many thousand files.
        return self.folder / key[:2] / f"{key}.parquet"

    def _drop_old(self) -> None:
        oldest = time.time() - KEEP_DAYS * 86_400
        for path in (*self.folder.glob("*/*"), *self.trainings.glob("*")):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError:  # another run was quicker
                continue
