"""How long a run may take."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from ....scenarios.errors import TurncoatError


class OutOfTimeError(TurncoatError):
    """There is no time left for what comes next; the message says how far it got."""


class Budget:
    """Seconds from now on: then nothing more begins, and a training that has begun stops between two steps."""

    def __init__(self, seconds: float | None) -> None:
        """Start the clock; None means no end."""
        self.seconds = seconds
        self._started = time.monotonic()

    @property
    def until(self) -> float:
        """The end as seconds since the epoch, for trainings in other processes and on other machines; or infinity."""
        if self.seconds is None:
            return math.inf
        return time.time() + self.seconds - (time.monotonic() - self._started)

    def left(self) -> bool:
        """Whether something may still begin."""
        return self.seconds is None or time.monotonic() - self._started < self.seconds

    def check(self, reached: str) -> None:
        """Raise if the time is over.

        Args:
            reached: how far it got, a clause.

        Raises:
            OutOfTimeError: it is.
        """
        if not self.left():
            raise self.over(reached)

    def over(self, reached: str) -> OutOfTimeError:
        """What to raise where somebody else has seen that the time is over: clocks of two machines differ."""
        return OutOfTimeError(f"the budget of {self.seconds or 0:g} seconds ran out {reached}")


class Deadline:
    """Stops a training once its time is over: what was learned so far is dropped, for half a training is another one.

    Attributes:
        until: seconds since the epoch.
        passed: whether it has stopped something.
    """

    def __init__(self, until: float) -> None:
        """See `Budget.until`."""
        self.until, self.passed = until, False

    def check(self) -> None:
        """Raise if the time is over.

        Raises:
            OutOfTimeError: it is.
        """
        if time.time() >= self.until:
            self.passed = True
            raise OutOfTimeError("the time of this training is over")

    def progress(self, _: int, __: Mapping[str, float]) -> None:
        """The same where a trainer reports its progress (see `agents.base.Progress`)."""
        self.check()
