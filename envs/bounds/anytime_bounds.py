"""Lower and upper bounds on the best value from the start, better the longer they are worked on.

States are expanded where the optimistic best plan goes, as in bounded real-time dynamic programming (McMahan, Likhachev
and Gordon 2005) and LAO* (Hansen and Zilberstein 2001), and otherwise breadth first. After each round both bounds are
solved exactly on what is expanded; what lies beyond is worth whatever the world's rules could pay.

Letters as in `base`: S states, A joint actions, M outcomes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..base import FiniteMDP, Floats, Longs, NotEnumerableError
from ..mdp.partial_enumeration import PartialEnumeration
from ..reference.observation import observation_ids
from ..solvers.dynamic_programming import FiniteHorizonSolution, Solution, backward_induction, policy_iteration
from ..solvers.policy_evaluation import kernels
from ..world.world import World
from .pay_intervals import PayIntervals, pay_intervals

FIRST: Final = 256
"""States of the first round."""
GROWTH: Final = 0.3
"""How much larger each round makes what is expanded."""
CLOSE: Final = 1e-9
"""Bounds that lie no further apart, relative to the value, count as one."""


@dataclass(frozen=True)
class ValueBounds:
    """Bounds on the expected value of the best plan, weighted and discounted as its agent does.

    Attributes:
        lower: a plan exists that is worth as much.
        upper: no plan is worth more.
        expanded: how many states were expanded.
        exact: the bounds are one number.
    """

    lower: float
    upper: float
    expanded: int
    exact: bool


def bound_value(
    world: World,
    seconds: float = 60.0,
    max_states: int = 1_000_000,
    told: Callable[[ValueBounds], None] | None = None,
) -> ValueBounds:
    """Bound the best value from the start of a world, of any size.

    Args:
        world: compiled, for one agent with fixed weights that deliberates by their sum. Where expanded states look
            alike to it, `upper` is that of an agent who sees everything, and `lower` what any plan is worth.
        seconds: after which no further round begins.
        max_states: expanded at most.
        told: called with the bounds of each round.

    Returns:
        The bounds of the last round.

    Raises:
        NotEnumerableError: the world is not of that kind, a pay has no bound, or one tick has too many outcomes.
        OutOfTimeError: a time limit passed.
    """
    weights, discount = _agent(world)
    beyond = pay_intervals(world, weights)
    part, began = PartialEnumeration(world, weights), time.monotonic()
    goal = FIRST
    best: ValueBounds | None = None
    while True:
        part.expand_first(goal)
        high = _solved(part, discount, beyond.each_tick[1], beyond.at_end[1])
        low = _solved(part, discount, beyond.each_tick[0], beyond.at_end[0])
        upper, lower = _start(part, high[1], beyond.at_end[1]), _start(part, low[1], beyond.at_end[0])
        if not _told_apart(part):
            # The plan behind this bound may need to know what the agent cannot see; what any plan is worth holds still.
            lower = _least(world, discount, beyond)
        if best is not None:
            lower, upper = max(lower, best.lower), min(upper, best.upper)
        close = upper - lower <= CLOSE * max(1.0, abs(upper))
        best = ValueBounds(lower, upper, part.n_expanded, close)
        if told is not None:
            told(best)
        full = not part.frontier().size or part.n_expanded >= max_states
        if close or full or time.monotonic() - began >= seconds:
            return best
        part.expand(_wanted(part, high, low, discount))
        goal = min(max_states, int(part.n_expanded * (1 + GROWTH)))


def _agent(world: World) -> tuple[Floats, float]:
    """Weights and discount of the one agent."""
    if len(world.agents) != 1:
        raise NotEnumerableError("bounds are computed for one agent alone", "give the others' parts to things")
    agent = world.agents[0]
    if any(column >= 0 for column in agent.weight_columns) or agent.deliberation.name != "weighted":
        raise NotEnumerableError("bounds are computed for fixed weights and `deliberation: weighted` alone")
    if world.horizon is None and agent.discount >= 1:
        raise NotEnumerableError("without a horizon, bounds need a discount below 1")
    return np.asarray(agent.weights), agent.discount


def _told_apart(part: PartialEnumeration) -> bool:
    """Whether all expanded states look different, so that a plan can be followed by what is seen.

    A state beyond may look like one of them: there the bounds count on nothing, so whatever is done will do.
    """
    views = observation_ids(part.world, part.acting_states())
    return not views.size or int(views.max()) + 1 == views.size


def _least(world: World, discount: float, beyond: PayIntervals) -> float:
    """What no plan can fall below."""
    horizon = world.horizon
    ticks = float(horizon) if horizon is not None and discount == 1 else 1 / (1 - discount)
    return beyond.each_tick[0] * ticks + beyond.at_end[0]


_Solved = tuple[FiniteMDP, Solution | FiniteHorizonSolution]


def _solved(part: PartialEnumeration, discount: float, each_tick: float, at_end: float) -> _Solved:
    """The process in which every state beyond pays the same for ever, and its solution."""
    mdp = part.closed(each_tick, at_end)
    if part.world.horizon is None:
        return mdp, policy_iteration(mdp, [1.0], discount)
    return mdp, backward_induction(mdp, [1.0], discount, part.world.horizon, keep_values=False)


def _start(part: PartialEnumeration, solution: Solution | FiniteHorizonSolution, at_end: float) -> float:
    values = solution.values if isinstance(solution, Solution) else solution.values[0]
    # What is paid once is paid on the way to a state beyond, and an episode may begin in one.
    once = at_end * part.outside(values.size)[part.start_state]
    return float(part.start_probability @ (values[part.start_state] + once))


def _wanted(part: PartialEnumeration, high: _Solved, low: _Solved, discount: float) -> Longs:
    """The states beyond that the optimistic plan reaches, those first whose gap weighs most at the start."""
    mdp, solution = high
    now = np.bincount(part.start_state, part.start_probability, mdp.n_states)
    reached, weight = np.zeros(mdp.n_states), 1.0
    horizon = part.world.horizon
    for kernel, _ in kernels(mdp, solution.policy, range(horizon if horizon is not None else _REACH)):
        reached += weight * now
        now = np.asarray(now @ kernel)
        now[part.outside(mdp.n_states)] = 0.0
        weight *= discount
        if weight * now.sum() < 1e-6:
            break
    beyond = part.frontier()
    beyond = beyond[reached[beyond] > 0]
    return beyond[np.argsort(-reached[beyond], kind="stable")]


_REACH: Final = 400
"""Ticks for which the optimistic plan is followed where there is no horizon."""
