"""Limits of time: a budget for a run, a deadline for each training."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

from ....envs.time_limit import OutOfTimeError, time_limit


class TimeBudget:
    """The seconds that a run may take: after them nothing more begins, trainings and solvers stop between two steps.

    They go round by turns: whatever begins has an equal part of what is left, so that none of those who wait is left
    without; see `turn`.
    """

    def __init__(self, seconds: float | None) -> None:
        """Start the clock; None means no limit."""
        self.seconds = seconds
        self._ends = math.inf if seconds is None else time.monotonic() + seconds
        self._turn = math.inf

    @property
    def until(self) -> float:
        """The end in seconds since the epoch, or infinity; other machines do not share this one's monotonic clock."""
        return time.time() + min(self._ends, self._turn) - time.monotonic()

    @property
    def spent(self) -> bool:
        """Whether the whole time is over, not only that of a turn."""
        return time.monotonic() >= self._ends

    def turn(self, waiting: int) -> None:
        """A turn begins; `waiting`: how many have one now or later, so the last of them has all that is left."""
        now = time.monotonic()
        self._turn = now + max(self._ends - now, 0.0) / waiting if waiting > 1 else math.inf

    def left(self) -> bool:
        """Whether there is time left, in this turn."""
        # Monotonic, since the wall clock may be set while a run goes on.
        return time.monotonic() < min(self._ends, self._turn)

    def limit(self) -> AbstractContextManager[None]:
        """A context in which searches and solvers stop when the budget, or its part in this turn, is spent."""
        if self.seconds is None:
            return time_limit(None)
        left = min(self._ends, self._turn) - time.monotonic()
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
        part = "the budget" if self._turn > self._ends else "its part of the budget"
        return OutOfTimeError(f"{part} of {self.seconds or 0:g} seconds ran out {reached}")


class Deadline:
    """Stops a training once its time is over. Nothing of it is kept: a shorter training is another result.

    Attributes:
        ends: the same in seconds of the monotonic clock, for the wall clock may be set while a training goes on.
        passed: whether it has stopped a training. An agent of the user's own may catch the exception, so that only
            this says why its training ended.
    """

    def __init__(self, until: float) -> None:
        """See `TimeBudget.until`."""
        self.ends, self.passed = time.monotonic() + (until - time.time()), False

    def check(self) -> None:
        """Raise if the time is over.

        Raises:
            OutOfTimeError: it is.
        """
        if time.monotonic() >= self.ends:
            self.passed = True
            raise OutOfTimeError("the time of this training is over")

    def progress(self, _: int, __: Mapping[str, float]) -> None:
        """`check` as a callback of a training (see `agents.base.Progress`)."""
        self.check()
