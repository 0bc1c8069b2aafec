"""How long a run may take."""

from __future__ import annotations

import time


class OutOfTime(Exception):
    """There is no time left to begin what comes next; the message says how far it got."""


class Budget:
    """Seconds from now on; what has begun when they run out is still finished."""

    def __init__(self, seconds: float | None) -> None:
        """Start the clock; None means no end."""
        self.seconds = seconds
        self._started = time.monotonic()

    def left(self) -> bool:
        """Whether something may still begin."""
        return self.seconds is None or time.monotonic() - self._started < self.seconds

    def check(self, reached: str) -> None:
        """Raise if the time is over.

        Args:
            reached: how far it got, a clause.

        Raises:
            OutOfTime: it is.
        """
        if not self.left():
            raise OutOfTime(f"the budget of {self.seconds:g} seconds ran out {reached}")
