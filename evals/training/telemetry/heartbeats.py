"""How far trainings in other processes are: each writes a small file now and then, and a thread here reads them."""

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

from ...traces.learning_curve import Earning

APART: Final = 1.0
"""Seconds between two pulses of a training, and between two looks at them."""
_STEPS: Final = 16
"""Between two looks at the clock."""


@runtime_checkable
class Onlooker(Protocol):
    """Somebody who wants to know how far each seed's training is."""

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """Told now and then how many steps are done, and what the last episodes earned on average."""
        ...

    def trained(self, method: str, seed: int) -> None:
        """Told that a seed's training is over."""
        ...


class Pulse:
    """One training's; it says how far it is for as long as somebody listens on this machine."""

    def __init__(self, folder: Path | None, seed: int, steps: int) -> None:
        """Into a folder, or nowhere."""
        self._path = None if folder is None else folder / str(seed)
        self._steps, self._next = steps, 0.0

    def beat(self, earning: Earning) -> None:
        """Told after each step, or each few."""
        if self._path is None or earning.steps % _STEPS or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + APART
        earned = earning.curve[-1][1] if earning.curve else None
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps([earning.steps, self._steps, earned]))
            part.replace(self._path)
        except OSError:  # nobody listens here
            self._path = None

    def stop(self) -> None:
        """The training is over."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


@contextmanager
def listening(onlooker: object, method: str) -> Iterator[Path | None]:
    """Tells an onlooker what trainings write into a folder meanwhile; None where nobody looks on."""
    if not isinstance(onlooker, Onlooker):
        yield None
        return
    with TemporaryDirectory(prefix="turncoat-") as folder:
        over = threading.Event()
        heard: dict[int, str] = {}

        def listen() -> None:
            while not over.wait(APART):
                _hear(Path(folder), heard, onlooker, method)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield Path(folder)
        finally:
            over.set()
            listener.join()
            for seed in heard:
                onlooker.trained(method, seed)


def _hear(folder: Path, heard: dict[int, str], onlooker: Onlooker, method: str) -> None:
    """What is new."""
    said = {}
    for path in folder.iterdir():
        with suppress(OSError, ValueError):
            said[int(path.name)] = path.read_text()
    for seed in [seed for seed in heard if seed not in said]:
        del heard[seed]
        onlooker.trained(method, seed)
    for seed, text in said.items():
        if heard.get(seed) != text:
            heard[seed] = text
            done, steps, earned = json.loads(text)
            onlooker.training(method, seed, done, steps, earned)
