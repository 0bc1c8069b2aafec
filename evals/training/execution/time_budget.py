"""Limits of time: a budget for a run, a deadline for each training."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

from ....envs.time_limit import OutOfTimeError, time_limit


class TimeBudget:
    """The seconds that a run may take: after them nothing more begins; trainings and solvers stop between two steps."""

    def __init__(self, seconds: float | None) -> None:
        """Start the clock; None means no limit."""
        self.seconds = seconds
        self._started = time.monotonic()

    @property
    def until(self) -> float:
        """The end in seconds since the epoch, or infinity; other machines do not share this one's monotonic clock."""
        if self.seconds is None:
            return math.inf
        return time.time() + self.seconds - (time.monotonic() - self._started)

    def left(self) -> bool:
        """Whether there is time left."""
        # Monotonic, since the wall clock may be set while a run goes on.
        return self.seconds is None or time.monotonic() - self._started < self.seconds

    def limit(self) -> AbstractContextManager[None]:
        """A context in which searches and solvers stop when the budget is spent."""
        if self.seconds is None:
            return time_limit(None)
        left = self.seconds - (time.monotonic() - self._started)
        return time_limit(left, f"the budget of {self.seconds:g} seconds")

    def check(self, reached: str) -> None:
        """Raise if the time is over.

        Args:
            reached: a clause that says how far the run got.

        Raises:
            OutOfTimeError: it is.
        """
        if not self.left():
            raise self.over(reached)

    def over(self, reached: str) -> OutOfTimeError:
        """The exception for a limit that another process has noticed first: clocks of two machines differ."""
        return OutOfTimeError(f"the budget of {self.seconds or 0:g} seconds ran out {reached}")


class Deadline:
    """Stops a training once its time is over. Nothing of it is kept: a shorter training is another result.

    Attributes:
        until: seconds since the epoch.
        passed: whether it has stopped a training. An agent of the user's own may catch the exception, so that only
            this says why its training ended.
    """

    def __init__(self, until: float) -> None:
        """See `TimeBudget.until`."""
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
        """`check` as a callback of a training (see `agents.base.Progress`)."""
        self.check()
