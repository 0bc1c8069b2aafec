"""A limit on how long a search or a solver may go on; loops that can be long ask whether it has passed.

The limit belongs to the context, as NumPy's `errstate` does: it is set once by whoever waits for an answer, and every
loop below is stopped by it without each function on the way having to pass it on. It does not follow into other threads
or processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from ..scenarios.errors import WorldError


class OutOfTimeError(WorldError):
    """The time that was allowed is over; the message says what was being done."""


class _Limit(NamedTuple):
    """When a limit passes, by the monotonic clock in seconds, and what it is called."""

    end: float
    name: str


_NEVER = _Limit(math.inf, "")
_limit: ContextVar[_Limit] = ContextVar("_limit", default=_NEVER)


@contextmanager
def time_limit(seconds: float | None, name: str | None = None) -> Iterator[None]:
    """Stop what is done inside after some time; of nested limits the one that passes first counts.

    Args:
        seconds: from now; None: no limit but those around this one.
        name: how the message calls the limit; by default `the time limit of N seconds`.
    """
    outer = _limit.get()
    inner = outer
    if seconds is not None:
        inner = _Limit(time.monotonic() + seconds, name or f"the time limit of {seconds:g} seconds")
    token = _limit.set(min(outer, inner))
    try:
        yield
    finally:
        _limit.reset(token)


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("_listener", default=None)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell somebody what is being done inside: a clause that follows "while", once per round of what can take long."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def check_time(doing: str) -> None:
    """Tell what is being done, and raise if a limit has passed; called once per round of whatever can take long.

    Args:
        doing: what is being done, as it follows "while".

    Raises:
        OutOfTimeError: it has.
    """
    if (tell := _listener.get()) is not None:
        tell(doing)
    limit = _limit.get()
    if time.monotonic() >= limit.end:
        raise OutOfTimeError(f"{limit.name} ran out while {doing}")
