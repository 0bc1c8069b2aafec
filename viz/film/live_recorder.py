"""Records the window while it runs. A thread of its own encodes the film, so that no frame of the window is late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Full, Queue
from threading import Thread

from PIL import Image, ImageOps

from .render import write_film

FPS = 25
"""Pictures in a second. Each lasts 40 ms, which GIF can express too: it counts in hundredths of a second."""
WAITING = 12
"""Pictures that may wait for the encoder. If more arrive, they are left out; the film still runs at the right speed."""


class LiveRecorder:
    """Records pictures as a film in which each lasts as long as it was on the screen."""

    def __init__(self, target: Path, first: Image.Image, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin a film.

        Args:
            target: a new file with one of `render.ENDINGS`, or a new folder, which gets each picture once.
            first: the picture that is on the screen now; later pictures are fitted to its size.
            clock: returns the time in seconds.
        """
        self.target, self._clock, self._start = target, clock, clock()
        self._waiting: Queue[tuple[int, Image.Image | None]] = Queue(WAITING)
        self._fault: Exception | None = None
        # A daemon: an encoder that hangs must not keep the process from ending.
        self._writer = Thread(target=self._write, args=(first,), name="camera", daemon=True)
        self._writer.start()

    def take(self, picture: Image.Image) -> None:
        """Add the picture that is on the screen from now on; it is left out if too many are waiting."""
        try:
            self._waiting.put_nowait((self._now(), picture))
        except Full:
            return

    def finish(self) -> Path:
        """End the film.

        Returns:
            The path of the film.

        Raises:
            RunError: it cannot be written.
        """
        # The end must not be left out, but a writer that has failed empties its queue no more: try while it lives.
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
        """The index of the film's picture that is due now."""
        return int((self._clock() - self._start) * FPS)

    def _write(self, first: Image.Image) -> None:
        try:
            write_film(self._pictures(first), self.target, FPS)
        except Exception as fault:
            self._fault = fault  # raised by `finish`, in the thread of the window

    def _pictures(self, first: Image.Image) -> Iterator[Image.Image]:
        """Each picture, repeated for as long as it was on the screen; once only if the target is a folder."""
        once = not self.target.suffix
        begun, shown, picture = 0, 0, first
        while True:
            ends, next_frame = self._waiting.get()
            times = ends - begun
            if once:
                times = min(times, 1)
            if next_frame is None:
                times = max(times, 0 if shown else 1)  # a film that is ended at once still has one picture
            for _ in range(times):
                yield picture
            if next_frame is None:
                return
            begun, shown = ends, shown + times
            picture = next_frame if next_frame.size == first.size else ImageOps.pad(next_frame, first.size)
