"""Bounds of a measure over all best plans of a world that is too large to enumerate.

Actions that may be in a best plan are kept (see `anytime_bounds`), so the range of a measure over them contains its
range over the best plans. What lies beyond adds what the world's rules could add, and any event may come there, or
none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..base import Bits, FiniteMDP, Floats, NotEnumerableError
from ..bounds.anytime_bounds import BoundedRound
from ..bounds.pay_intervals import PayIntervals
from ..solvers.dynamic_programming import FiniteHorizonSolution, Optimal
from .tie_ranges import (
    And,
    Condition,
    Not,
    Occurs,
    OccursBefore,
    Or,
    discounted_range,
    expectation_range,
    share_range,
)


def sum_bounds(
    found: BoundedRound,
    inside: Floats,
    intervals: PayIntervals,
    steps: int | None,
    discount: float = 1.0,
    kept: Optimal | None = None,
) -> tuple[float, float]:
    """Bounds of an expected (discounted) sum over an episode.

    Args:
        found: what is known of the world.
        inside: float64 `[M]`, what an outcome of `found.process` adds.
        intervals: what is added beyond.
        steps: ticks; None: without end, at a discount below 1.
        discount: per tick, of the sum.
        kept: the actions over which it ranges; by default those that may be in a best plan.
    """
    process = found.process
    kept = found.kept if kept is None else kept
    ends = []
    for side, way in enumerate(intervals.on_the_way(process.states)):
        total = process.adding(inside, intervals.each_tick[side], way)
        if steps is None:
            assert not isinstance(kept, FiniteHorizonSolution)
            ends.append(discounted_range(process.mdp, kept, total, discount)[side])
        else:
            ends.append(expectation_range(process.mdp, kept, total, steps, discount)[side])
    return ends[0], ends[1]


def share_bounds(
    found: BoundedRound, condition: Condition, steps: int, kept: Optimal | None = None
) -> tuple[float, float]:
    """Bounds of the probability that an episode meets a condition.

    Args:
        found: what is known of the world.
        condition: what is asked of the whole episode.
        steps: ticks.
        kept: as in `sum_bounds`.

    Raises:
        NotEnumerableError: one event counts for the condition and against it.
    """
    process, kept = found.process, found.kept if kept is None else kept
    helps, hurts = 0, 0
    for mask, good in _signs(condition, positive=True):
        helps, hurts = (helps | mask, hurts) if good else (helps, hurts | mask)
    if helps & hurts:
        raise NotEnumerableError("one event counts for the condition and against it, and bounds take one side")
    ends = []
    for side, bits in enumerate((hurts, helps)):
        mdp = _with_events_beyond(process.mdp, process.loops, np.uint64(bits))
        ends.append(share_range(mdp, kept, condition, steps)[side])
    return ends[0], ends[1]


def _signs(condition: Condition, positive: bool) -> Iterator[tuple[int, bool]]:
    """The events of a condition, each with whether it speaks for it."""
    match condition:
        case Occurs(mask):
            yield mask, positive
        case OccursBefore(first, second):
            yield first, positive
            yield second, not positive
        case Not(of):
            yield from _signs(of, not positive)
        case And(left, right) | Or(left, right):
            yield from _signs(left, positive)
            yield from _signs(right, positive)


def _with_events_beyond(mdp: FiniteMDP, loops: np.ndarray, bits: np.uint64) -> FiniteMDP:
    """The same process, in which these events come in every tick beyond."""
    events: Bits = np.where(loops, bits, mdp.events).astype(np.uint64)
    return replace(mdp, events=events)
