"""A measure bounded over all best plans of a world that is too large to enumerate: its exact range lies within."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ...envs.analysis.measure_bounds import share_bounds, sum_bounds
from ...envs.base import Floats, NotEnumerableError
from ...envs.bounds.anytime_bounds import CLOSE, BoundedRound, bounded_rounds
from ...envs.bounds.pay_intervals import (
    PayIntervals,
    event_intervals,
    pay_intervals,
    performance_intervals,
    tick_intervals,
)
from ...envs.solvers.dynamic_programming import Optimal
from ...envs.time_limit import OutOfTimeError, time_limit
from ...envs.world.world import World
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import (
    ENDED,
    Count,
    Happens,
    Measure,
    ParsedMeasure,
    Quantity,
    Share,
    temporal_in,
)
from ...scenarios.language.names.overrides import Overrides
from ..exact.planned_policy import planner_of
from ..exact.simulated_value import SimulatedValue, simulated_value
from ..exact.solved_worlds import BOUND_SECONDS, SolvedWorlds
from .measure import Interval, columns_of, episode_condition, event_mask
from .measure_values import measure_in

Decided = Callable[[Interval], bool]
"""Whether a range is known well enough."""
GAIN = 1.5
"""How many times more states are expanded before a measure is bounded anew, which takes as long as a round."""


def bounded_range(
    solved: SolvedWorlds,
    measure: ParsedMeasure,
    overrides: Overrides,
    stage: str,
    decided: Decided = lambda _: False,
) -> Interval:
    """An interval in which the range of a measure over the ties of a stage's plan lies.

    Args:
        solved: worlds of the scenario.
        measure: the measure to bound.
        overrides: the condition, as dotted overrides.
        stage: the stage in which the agent acts.
        decided: asked after each round; the search ends where it says so, or where nothing is left to find.

    Raises:
        NotEnumerableError: bounds are not computed for such a world, or of such a measure.
    """
    if solved.lives_in(stage):
        raise NotEnumerableError("bounds are those of one stage, not of a life")
    world = solved.world(overrides, stage)
    if planner_of(world) is not None:
        raise NotEnumerableError("bounds are those of the best plans, and the agent plans otherwise")
    search, syntax = solved.bounded(overrides, stage), measure_in(world, measure)
    low, high, looked = -np.inf, np.inf, 0
    while True:
        last = search.last
        if last is not None and last.bounds.expanded >= GAIN * looked:
            looked = last.bounds.expanded
            ends = bounds_of(syntax, last)
            # Each round's interval holds the range, so their intersection does.
            low, high = max(low, ends[0]), min(high, ends[1])
            if high - low <= CLOSE * max(1.0, abs(high)) or decided(_interval(low, high, looked)):
                break
        if not search.advance():
            if last is not None and last.bounds.expanded > looked:
                ends = bounds_of(syntax, last)
                low, high, looked = max(low, ends[0]), min(high, ends[1]), last.bounds.expanded
            break
    return _interval(low, high, looked)


def _interval(low: float, high: float, looked: int) -> Interval:
    met = high - low <= CLOSE * max(1.0, abs(high))
    return Interval(
        low, max(low, high), bounded=f"{'bounds that met' if met else 'bounds'}, {looked:,} states looked into"
    )


def bounds_of(measure: Measure, found: BoundedRound, kept: Optimal | None = None) -> tuple[float, float]:
    """Bounds of a measure, resolved for the world, after one round of the search.

    Args:
        measure: its syntax.
        found: the round.
        kept: the actions over which it ranges; by default those that may be in a best plan.

    Raises:
        NotEnumerableError: bounds are not computed of such a measure.
    """
    world, process = found.world, found.process
    agent, mdp = world.agents[0], process.mdp
    steps = world.steps
    match measure:
        case Share(condition) if not temporal_in(condition):
            return share_bounds(found, episode_condition(condition, mdp), steps, kept)
        case Count(event):
            name = event.event if isinstance(event, Happens) else f"ended:{event.reason or ''}"
            came = (mdp.events & np.uint64(event_mask(event, mdp))) != 0
            return sum_bounds(found, came.astype(np.float64), event_intervals(world, name), steps, kept=kept)
        case Quantity("steps"):
            ticks = np.where(process.loops, 0.0, 1.0)
            return sum_bounds(found, ticks, tick_intervals(world), steps, kept=kept)
        case Quantity("performance"):
            return sum_bounds(found, process.performance, performance_intervals(world), steps, kept=kept)
        case Quantity("value", None) if kept is None:
            return found.bounds.lower, found.bounds.upper  # every best plan is worth the same
        case Quantity("return", channel):
            ends = sum_bounds(found, *_paid(channel, found), steps, kept=kept)
            times = _times_worth(channel, found) if kept is None else None
            if times is None:
                return ends
            return max(ends[0], times * found.bounds.lower), min(ends[1], times * found.bounds.upper)
        case Quantity("value", channel):
            endless = world.horizon is None and agent.discount < 1
            return sum_bounds(found, *_paid(channel, found), None if endless else steps, agent.discount, kept)
    raise NotEnumerableError("bounds are those of values, returns, performance, steps, counts and shares")


def _times_worth(channel: str | None, found: BoundedRound) -> float | None:
    """What the return of a best plan is, as a multiple of its value; None where it is another matter."""
    agent, world = found.world.agents[0], found.world
    if world.horizon is None or agent.discount < 1:
        return None
    if channel is None:
        return 1.0
    column = columns_of(channel, world.channels)[0]
    others = np.delete(agent.weights, column)
    return 1 / float(agent.weights[column]) if agent.weights[column] > 0 and not others.any() else None


def _paid(channel: str | None, found: BoundedRound) -> tuple[Floats, PayIntervals]:
    """What outcomes pay in one channel, weighted where it is None, and what may be paid beyond."""
    world, mdp = found.world, found.process.mdp
    weights = np.asarray(world.agents[0].weights, np.float64)
    if channel is not None:
        weights = np.zeros(len(mdp.channels))
        weights[columns_of(channel, mdp.channels)] = 1
    return mdp.rewards @ weights, pay_intervals(world, weights)


@dataclass(frozen=True)
class StageBounds:
    """What is known of a stage that is too large to enumerate, after some search.

    Attributes:
        lower: a plan exists that is worth as much to the agent.
        upper: no plan is worth more.
        expanded: how many states were looked into.
        exact: the bounds are one number.
        measures: measure -> bounds of it over all best plans; those that could be bounded in time.
        simulated: what one plan is worth, by simulation; None where nothing is left to chance, the bounds met, or the
            agent does not tell states apart.
    """

    lower: float
    upper: float
    expanded: int
    exact: bool
    measures: dict[str, tuple[float, float]]
    simulated: SimulatedValue | None


def stage_bounds(
    solved: SolvedWorlds,
    stage: str,
    seconds: float = BOUND_SECONDS,
    told: Callable[[BoundedRound], None] | None = None,
) -> StageBounds:
    """Bound what the best plan of a stage is worth to its agent, and what it comes to otherwise.

    Args:
        solved: worlds of the scenario.
        stage: of it, not in a life.
        seconds: after which no further round begins; then its measures are bounded, and a plan is simulated, for as
            long again at most.
        told: called with each round.

    Raises:
        NotEnumerableError: see `bound_value`.
    """
    if solved.lives_in(stage):
        raise NotEnumerableError("bounds are those of one stage, not of a life")
    world, last = solved.world({}, stage), None
    for last in bounded_rounds(world, seconds, solved.max_states):
        if told is not None:
            told(last)
        if last.bounds.exact and not last.reached.size:
            break
    assert last is not None
    found, measures, simulated = last.bounds, dict[str, tuple[float, float]](), None
    with suppress(OutOfTimeError), time_limit(max(seconds, 1.0)):
        if last.told_apart and last.process.mdp.chancy and not found.exact:
            simulated = simulated_value(last)
        for name in _told_of(world):
            with suppress(NotEnumerableError):
                measures[name] = bounds_of(measure_in(world, parsed_measure(name)), last)
    return StageBounds(found.lower, found.upper, found.expanded, found.exact, measures, simulated)


def _told_of(world: World) -> list[str]:
    """The measures of which everybody wants to know."""
    hidden = ["performance"] if world.hidden is not None else []
    events = [event for event in world.events if not event.startswith(ENDED)]
    return [*(f"return({name})" for name in world.channels), *hidden, "steps", *(f"share({name})" for name in events)]
