"""Records the window while it runs. A thread encodes the film, so that recording delays no frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Full, Queue
from threading import Thread

from PIL import Image, ImageOps

from .render import write_film

FPS = 25
"""Pictures in a second: 40 ms is a time that GIF can tell too."""
WAITING = 12
"""Pictures that may wait for the encoder; where it is slower than that, some are left out, and the time is kept."""


class LiveRecorder:
    """A recorder that writes each picture to a film for as long as the picture was on the screen."""

    def __init__(self, target: Path, first: Image.Image, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins a film.

        Args:
            target: a new file with one of `film.ENDINGS`, or a new folder, which gets each picture once.
            first: what is seen now; later pictures are made as large.
            clock: the time in seconds.
        """
        self.target, self._clock, self._start = target, clock, clock()
        self._waiting: Queue[tuple[int, Image.Image | None]] = Queue(WAITING)
        self._fault: Exception | None = None
        self._writer = Thread(target=self._write, args=(first,), name="camera", daemon=True)
        self._writer.start()

    def take(self, picture: Image.Image) -> None:
        """Add what is seen from now on."""
        try:
            self._waiting.put_nowait((self._now(), picture))
        except Full:
            return

    def finish(self) -> Path:
        """End the film.

        Returns:
            Where it is.

        Raises:
            RunError: it cannot be written.
        """
        while self._writer.is_alive():
            try:
                self._waiting.put((self._now(), None), timeout=0.1)
            except Full:
                continue
            break
        self._writer.join()
        if self._fault is not None:
            raise self._fault
        return self.target

    def _now(self) -> int:
        """The number of the film's picture that is due."""
        return int((self._clock() - self._start) * FPS)

    def _write(self, first: Image.Image) -> None:
        try:
            write_film(self._pictures(first), self.target, FPS)
        except Exception as fault:
            self._fault = fault

    def _pictures(self, first: Image.Image) -> Iterator[Image.Image]:
        """Each picture as often as it is to be seen."""
        once = not self.target.suffix
        begun, shown, picture = 0, 0, first
        while True:
            ends, next_frame = self._waiting.get()
            times = ends - begun
            if once:
                times = min(times, 1)
            if next_frame is None:
                times = max(times, 0 if shown else 1)
            for _ in range(times):
                yield picture
            if next_frame is None:
                return
            begun, shown = ends, shown + times
            picture = next_frame if next_frame.size == first.size else ImageOps.pad(next_frame, first.size)
