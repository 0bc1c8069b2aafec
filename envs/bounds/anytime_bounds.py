"""Lower and upper bounds on the best value from the start, better the longer they are worked on.

States are expanded where the optimistic best plan goes, as in bounded real-time dynamic programming (McMahan, Likhachev
and Gordon 2005) and LAO* (Hansen and Zilberstein 2001), and otherwise breadth first. After each round both bounds are
solved exactly on what is expanded; what lies beyond is worth whatever the world's rules could pay. Without
chance one episode a round is played by looking ahead from where it has come, and its states are expanded too: that
raises the lower bound.

An action whose optimistic value is below the pessimistic one of its state is in no best plan (action elimination,
MacQueen 1967): what is left contains every best plan, so that a measure over all of them is bounded too.

Letters as in `base`: S states, A joint actions, M outcomes, K channels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ..base import Bools, FiniteMDP, Floats, Ints, Longs, NotEnumerableError
from ..mdp.partial_enumeration import ClosedProcess, PartialEnumeration
from ..mdp.transition_tables import outcomes_of, tables
from ..reference.observation import observation_ids
from ..solvers.bellman import EPSILON, backup, best_of, largest, tie_tolerance
from ..solvers.dynamic_programming import FiniteHorizonSolution, policy_iteration
from ..solvers.policy_evaluation import kernels
from ..time_limit import OutOfTimeError
from ..world.world import World, check_discounts
from .pay_intervals import PayIntervals, pay_intervals
from .playout import play_ahead

FIRST: Final = 256
"""States of the first round."""
GROWTH: Final = 0.5
"""How much larger each round makes what is expanded."""
LOOK: Final = 4
"""What part of the states that are expanded an episode looks ahead over, each time (see `playout`)."""
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


@dataclass(frozen=True, eq=False)
class BoundedRound:
    """What is known after a round.

    Attributes:
        world: of which some states are expanded.
        bounds: of the best value.
        process: what is expanded, closed.
        told_apart: whether the agent tells all known states apart, so that it acts by the state.
        optimistic: integers `[S]` or `[T, S]`, the best plan where what lies beyond pays most.
        kept: bool `[S, A]`, or per tick: the actions that may be in a best plan. All that are available, where the
            agent does not tell states apart.
    """

    world: World
    bounds: ValueBounds
    process: ClosedProcess
    told_apart: bool
    optimistic: npt.NDArray[np.integer]
    kept: Bools | FiniteHorizonSolution

    @cached_property
    def reached(self) -> Longs:
        """int64 `[n]`: the states beyond that a plan of `kept` actions may come to."""
        mdp, beyond = self.process.mdp, self.process.beyond
        kept = self.kept
        met, layer = np.zeros(mdp.n_states, np.bool_), np.unique(mdp.start_state).astype(np.int64)
        horizon = self.world.horizon
        for tick in range(horizon if horizon is not None else mdp.n_states + 1):
            acting = layer[~mdp.ended[layer] & ~beyond[layer]]
            if horizon is None:
                acting = acting[~met[acting]]
            met[layer] = True
            if not acting.size:
                break
            may = kept.optimal_at(tick, acting) if isinstance(kept, FiniteHorizonSolution) else kept[acting]
            place, action = np.nonzero(may & mdp.available[acting])
            rows = acting[place] * mdp.n_actions + action
            layer = np.unique(mdp.next_state[outcomes_of(mdp, rows)[0]]).astype(np.int64)
        met[layer] = True
        return np.flatnonzero(met & beyond)


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
        NotEnumerableError: the world is not of that kind, a pay has no bound, or the first tick has too many outcomes.
        OutOfTimeError: a time limit passed in the first round.
    """
    last = None
    for last in bounded_rounds(world, seconds, max_states):
        if told is not None:
            told(last.bounds)
        if last.bounds.exact:
            break
    assert last is not None
    return last.bounds


def bounded_rounds(world: World, seconds: float = 60.0, max_states: int = 1_000_000) -> Iterator[BoundedRound]:
    """Expand a world round by round; arguments and errors as in `bound_value`.

    Yields:
        What is known after each round, until nothing is left that a best plan could come to, or there is no more time.
    """
    weights, discount = weighing_agent(world)
    pay = pay_intervals(world, weights)
    part, began = PartialEnumeration(world), time.monotonic()
    goal = max(FIRST, part.start_state.size)
    found: BoundedRound | None = None
    while True:
        try:
            part.expand_first(goal)
            found = _solved(part, weights, discount, pay, None if found is None else found.bounds)
            yield found
            waiting = part.frontier()
            reached = found.reached[np.isin(found.reached, waiting)]
            spent = part.n_expanded >= max_states or time.monotonic() - began >= seconds
            if not waiting.size or spent or (found.bounds.exact and not reached.size):
                return
            if not (found.bounds.exact or found.process.mdp.chancy):  # an episode of many says little
                path = part.number(play_ahead(world, weights, discount, pay, max(FIRST, part.n_expanded // LOOK)))
                part.expand(np.unique(path))
            wanted = _wanted(found, discount)
            wanted = wanted[np.isin(wanted, waiting)]
            most = max(FIRST, int(part.n_expanded * GROWTH))
            part.expand((wanted if wanted.size else reached)[:most])
        except OutOfTimeError:
            if found is None:
                raise
            return
        goal = min(max_states, int(part.n_expanded * (1 + GROWTH / 2)))


class BoundedSearch:
    """The rounds of one world, made as they are asked for.

    Attributes:
        last: the last round; None before the first.
    """

    def __init__(self, world: World, seconds: float = 60.0, max_states: int = 1_000_000) -> None:
        """Begin with nothing; see `bounded_rounds`."""
        self.last: BoundedRound | None = None
        self._rounds = bounded_rounds(world, seconds, max_states)

    def advance(self) -> bool:
        """Make one more round; False where there is none.

        Raises:
            NotEnumerableError: see `bound_value`.
        """
        found = next(self._rounds, None)
        self.last = self.last if found is None else found
        return found is not None


def weighing_agent(world: World) -> tuple[Floats, float]:
    """Weights float64 `[K]` and discount of the one agent.

    Raises:
        NotEnumerableError: there are several, its weights may change, or it does not add values up, or discounts them
            differently.
    """
    if len(world.agents) != 1:
        raise NotEnumerableError("bounds are computed for one agent alone", "give the others' parts to things")
    agent = world.agents[0]
    check_discounts(world)
    if any(column >= 0 for column in agent.weight_columns) or agent.deliberation.name != "weighted":
        raise NotEnumerableError("bounds are computed for fixed weights and `deliberation: weighted` alone")
    if world.horizon is None and agent.discount >= 1:
        raise NotEnumerableError("without a horizon, bounds need a discount below 1")
    return np.asarray(agent.weights), agent.discount


def any_episode(world: World, discount: float, pay: PayIntervals) -> tuple[float, float]:
    """What no episode can fall below, and what none can exceed."""
    horizon = world.horizon
    ticks = float(horizon) if horizon is not None and discount == 1 else 1 / (1 - discount)
    # Of what is paid once nothing is known here, so all of it counts.
    once = [pay.at_end[side] + sum(each.amount[side] for each in pay.once) for side in range(2)]
    return min(pay.each_tick[0], 0.0) * ticks + once[0], max(pay.each_tick[1], 0.0) * ticks + once[1]


def _solved(
    part: PartialEnumeration, weights: Floats, discount: float, pay: PayIntervals, before: ValueBounds | None
) -> BoundedRound:
    """Both bounds of what is expanded, solved exactly."""
    world, process = part.world, part.closed()
    paid = process.mdp.rewards @ weights
    low, high = pay.on_the_way(process.states)
    both = np.column_stack([process.adding(paid, pay.each_tick[0], low), process.adding(paid, pay.each_tick[1], high)])
    mdp = replace(process.mdp, rewards=both, channels=("least", "most"))
    free = process.mdp.available
    if world.horizon is None:
        most, least = policy_iteration(mdp, [0.0, 1.0], discount), policy_iteration(mdp, [1.0, 0.0], discount)
        upper, lower, plan = most.values, least.values, most.policy
        slack = 4 * tie_tolerance(max(largest(upper), largest(lower)), discount) + most.residual + least.residual
        kept: Bools | FiniteHorizonSolution = (most.q >= (lower - slack)[:, None]) & free
    else:
        timed = _induct(mdp, free, discount, world.horizon)
        lower, upper, plan, kept = timed.values[0], timed.values[1], timed.policy, timed
    start, chance = part.start_state, part.start_probability
    least_value, most_value = float(chance @ lower[start]), float(chance @ upper[start])
    apart = _distinct(world, process.states[~process.mdp.ended])
    if not (apart or _distinct(world, process.states[~process.beyond & ~process.mdp.ended])):
        # The plan behind this bound may need to know what the agent cannot see; what any plan is worth holds still.
        least_value = any_episode(world, discount, pay)[0]
    if before is not None:
        least_value, most_value = max(least_value, before.lower), min(most_value, before.upper)
    close = most_value - least_value <= CLOSE * max(1.0, abs(most_value))
    bounds = ValueBounds(least_value, most_value, part.n_expanded, close)
    return BoundedRound(world, bounds, process, apart, plan, kept if apart else free)


def _induct(mdp: FiniteMDP, free: Bools, discount: float, horizon: int) -> FiniteHorizonSolution:
    """Both bounds by one induction from the last tick to the first.

    Returns:
        `values` `[2, S]`, the least and the most at the start; `policy` `[T, S]`, best by the most; as optimal count
        the actions that may be in a best plan.
    """
    table = tables(mdp)
    scalars = [np.where(free, table.vector_rewards[:, :, k], -np.inf) for k in range(2)]
    acting: Bools = np.any(free, axis=1)
    values = [np.zeros(acting.size), np.zeros(acting.size)]
    policy = np.zeros((horizon, acting.size), np.int8 if free.shape[1] <= 128 else np.int16)
    packed = np.zeros((horizon, acting.size, (free.shape[1] + 7) // 8), np.uint8)
    for tick in reversed(range(horizon)):
        q = [backup(table, scalar, discount, value) for scalar, value in zip(scalars, values, strict=True)]
        values = [best_of(each, acting) for each in q]
        scale, ahead = max(map(largest, values)), horizon - tick
        slack = 4 * tie_tolerance(scale, discount, ahead) + 4 * ahead * EPSILON * scale
        policy[tick] = q[1].argmax(axis=1)
        packed[tick] = np.packbits((q[1] >= (values[0] - slack)[:, None]) & free, axis=1)
    nothing = np.zeros((acting.size, 2))
    return FiniteHorizonSolution(
        np.stack(values), nothing, policy, packed, free.shape[1], horizon, discount, np.ones(2)
    )


def _distinct(world: World, states: Ints) -> bool:
    """Whether the agent tells some states (int32 `[n, F]`) apart, so that a plan can be followed by what is seen.

    A state beyond may look like one of them: there the bounds count on nothing, so whatever is done will do.
    """
    views = observation_ids(world, states)
    return not views.size or int(views.max()) + 1 == views.size


def _wanted(found: BoundedRound, discount: float) -> Longs:
    """The states beyond that the optimistic plan reaches, those first whose gap weighs most at the start."""
    mdp, beyond = found.process.mdp, found.process.beyond
    now = np.bincount(mdp.start_state, mdp.start_probability, mdp.n_states)
    reached, weight = np.zeros(mdp.n_states), 1.0
    horizon = found.world.horizon
    for kernel, _ in kernels(mdp, found.optimistic, range(horizon if horizon is not None else _REACH)):
        reached += weight * now
        now = np.asarray(now @ kernel)
        now[beyond] = 0.0
        weight *= discount
        if weight * now.sum() < 1e-6:
            break
    outside = np.flatnonzero(beyond & (reached > 0))
    return outside[np.argsort(-reached[outside], kind="stable")]


_REACH: Final = 400
"""Ticks for which the optimistic plan is followed where there is no horizon."""
