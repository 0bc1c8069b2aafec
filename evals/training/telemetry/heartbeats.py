"""Progress of trainings in other processes: each writes a small file now and then, and a thread here reads them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol, runtime_checkable

from ...traces.learning_curve import LearningCurve

HEARTBEAT_SECONDS: Final = 1.0
"""Seconds between two heartbeats of a training, and between two readings of them."""
_CLOCK_STEPS: Final = 16
"""Steps between two readings of the clock, which takes as long as a step of a small world."""


@runtime_checkable
class ProgressListener(Protocol):
    """A listener to the progress of every seed's training."""

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """Called now and then with the steps done, of `steps` in all, and the mean return of the last episodes."""
        ...

    def trained(self, method: str, seed: int) -> None:
        """Called when a seed's training is over."""
        ...


class Heartbeat:
    """The writer of one training's progress file. It stops once nobody reads the folder any more."""

    def __init__(self, folder: Path | None, seed: int, steps: int) -> None:
        """For a seed's training of `steps` steps; with None nothing is written."""
        self._path = None if folder is None else folder / str(seed)
        self._steps, self._next = steps, 0.0

    def beat(self, curve: LearningCurve) -> None:
        """Write the progress if it is time; called after each step, or every few."""
        if self._path is None or curve.steps % _CLOCK_STEPS or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + HEARTBEAT_SECONDS
        mean_return = curve.points[-1][1] if curve.points else None
        # Written beside and renamed, so that a reader never sees half a file.
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps([curve.steps, self._steps, mean_return]))
            part.replace(self._path)
        except OSError:  # the folder is gone, or this is another machine: nobody reads here
            self._path = None

    def stop(self) -> None:
        """The training is over: remove the file."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


@contextmanager
def relay_heartbeats(listener: object, method: str) -> Iterator[Path | None]:
    """A folder whose heartbeats are passed on to a listener during the block; None if it is no `ProgressListener`."""
    if not isinstance(listener, ProgressListener):
        yield None
        return
    with TemporaryDirectory(prefix="turncoat-") as folder:
        over = threading.Event()
        last: dict[int, str] = {}

        def poll() -> None:
            while not over.wait(HEARTBEAT_SECONDS):
                _relay(Path(folder), last, listener, method)

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield Path(folder)
        finally:
            over.set()
            thread.join()
            for seed in last:
                listener.trained(method, seed)


def _relay(folder: Path, last: dict[int, str], listener: ProgressListener, method: str) -> None:
    """Pass on what has changed since `last`, the contents of the files by seed, and update that."""
    now = {}
    for path in folder.iterdir():
        with suppress(OSError, ValueError):  # the file is gone by now, or it is a hidden one that is being written
            now[int(path.name)] = path.read_text()
    for seed in [seed for seed in last if seed not in now]:
        del last[seed]
        listener.trained(method, seed)
    for seed, text in now.items():
        if last.get(seed) != text:
            last[seed] = text
            done, steps, mean_return = json.loads(text)
            listener.training(method, seed, done, steps, mean_return)
