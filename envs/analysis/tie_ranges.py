"""Ranges of a measure over all policies that choose among the optimal actions.

Ties are common and how an agent breaks them is not specified, so a claim has to hold at the worst end. Policies may
depend on the whole history; what a measure needs of it is added to the state (the tick, and latches for past events).
Who does not know the state (`FiniteMDP.known`) breaks a tie alike in all states that it does not tell apart: sums, and
what it sees of events and of numbers, are ranged over by what it knows. A range of what it does not see is an outer
bound, as if it saw it.
Everything is computed from the start distribution over exactly T ticks; an ended episode stays in its state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from itertools import count
from operator import or_
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..base import Bits, Bools, FiniteMDP, Floats, Knowledge, Longs, NotEnumerableError
from ..mdp.transition_tables import expected_outcome, outcomes_of, tables
from ..solvers.bellman import EPSILON, largest
from ..solvers.dynamic_programming import FiniteHorizonSolution, optimise
from ..solvers.policy_evaluation import Policy, kernels
from ..time_limit import check_time

Optimal: TypeAlias = Bools | FiniteHorizonSolution

_MEASURING = "a measure of the best plans was computed"
_LOOK_EVERY = 16
"""Ticks between two looks at whether values still change: a look costs about as much as a fifth of a tick."""


@dataclass(frozen=True)
class Occurs:
    """Condition: an event of `mask` (bits of `FiniteMDP.events`) occurs in the episode."""

    mask: int


@dataclass(frozen=True)
class OccursBefore:
    """Condition: an event of `first` occurs when none of `second` has, neither earlier nor in the same tick."""

    first: int
    second: int


@dataclass(frozen=True)
class Not:
    """Condition: another one does not hold of the episode."""

    of: Condition


@dataclass(frozen=True)
class And:
    """Condition: two others both hold of the episode."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Or:
    """Condition: at least one of two others holds of the episode."""

    left: Condition
    right: Condition


Condition: TypeAlias = Occurs | OccursBefore | Not | And | Or


class PathStep(NamedTuple):
    """One transition of a path.

    Attributes:
        state: before the tick.
        action: the joint action that was taken.
        next_state: after the tick.
        events: uint64, the bits of the events that came.
    """

    state: int
    action: int
    next_state: int
    events: np.uint64


def expectation_range(
    mdp: FiniteMDP, optimal: Optimal, per_outcome: npt.ArrayLike, steps: int, discount: float = 1.0
) -> tuple[float, float]:
    """The range of an expected (discounted) sum over an episode.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        per_outcome: float64 `[M]`, what an outcome adds, for instance the hidden performance.
        steps: T, ticks.
        discount: per tick, of the sum (not of the agent).

    Returns:
        The lowest and the highest.

    Raises:
        ValueError: a shape or the number of ticks is wrong, or in a reached state no action is optimal.
    """
    its = _Known.of(mdp, optimal)
    mdp, optimal, per_outcome = its.mdp, its.optimal, its.expected(_per_outcome(mdp, per_outcome))
    process = reached_process(mdp, optimal, steps)
    gain = per_outcome[process.outcome]
    if discount == 1:
        return _range(process, np.zeros(process.n_states), lambda ahead: gain + ahead[process.next_state])
    return _range(process, np.zeros(process.n_states), lambda ahead: gain + discount * ahead[process.next_state])


def discounted_range(
    mdp: FiniteMDP, optimal: Bools, per_outcome: npt.ArrayLike, discount: float
) -> tuple[float, float]:
    """The range of an expected discounted sum without end, by policy iteration over the optimal actions.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`.
        per_outcome: float64 `[M]`, what an outcome adds.
        discount: per tick, below 1.

    Returns:
        The lowest and the highest.

    Raises:
        ValueError: a shape is wrong, or in a reached state no action is optimal.
    """
    _check_shape(mdp, optimal)
    its = _Known.of(mdp, optimal)
    summed = its.expected(_per_outcome(mdp, per_outcome))
    mdp, optimal = its.mdp, its.stationary
    gain = expected_outcome(mdp, summed).reshape(mdp.n_states, mdp.n_actions)
    _, rows = _reached(mdp, optimal, None)
    chosen = np.zeros(optimal.size, np.bool_)
    chosen[rows] = True
    table, begin = tables(mdp), np.zeros(mdp.n_states)

    def greatest(scalar: Floats) -> float:
        values = optimise(table, np.where(chosen.reshape(optimal.shape), scalar, -np.inf), discount, begin)
        return float(mdp.start_probability @ values[mdp.start_state])

    return 0.0 - greatest(-gain), greatest(gain)


def same_choices(mdp: FiniteMDP, optimal: Optimal, other: Optimal, steps: int) -> bool:
    """Whether two sets of optimal actions allow the same in all that either can bring about within T ticks.

    Every range of this module that does not weigh by the agent's own values or discount is then the same too. With a
    horizon all states count, whether they are met or not.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        other: another of the same kind.
        steps: T, ticks.
    """
    if isinstance(optimal, FiniteHorizonSolution) or isinstance(other, FiniteHorizonSolution):
        both = isinstance(optimal, FiniteHorizonSolution) and isinstance(other, FiniteHorizonSolution)
        return both and np.array_equal(optimal.packed[:steps], other.packed[:steps])  # type: ignore[union-attr]
    process = reached_process(mdp, optimal, steps)
    # If both agree wherever the one leads, the other leads nowhere else.
    acting = process.state[process.acting]
    return np.array_equal(optimal[acting], other[acting])


def check_followable(mdp: FiniteMDP, optimal: Optimal, steps: int) -> None:
    """Check that in every state that is met within T ticks some action is among the given ones.

    Raises:
        NotEnumerableError: in one there is none.
    """
    try:
        reached_process(mdp, optimal, steps)
    except ValueError:
        raise NotEnumerableError("a state is met of which the plan says nothing") from None


def steps_range(mdp: FiniteMDP, optimal: Optimal, steps: int) -> tuple[float, float]:
    """The range of the expected number of ticks until the end, at most T; arguments as in `expectation_range`."""
    return expectation_range(mdp, optimal, np.ones(mdp.next_state.size), steps)


def share_range(mdp: FiniteMDP, optimal: Optimal, condition: Condition, steps: int) -> tuple[float, float]:
    """The range of the probability that an episode of T ticks meets a condition.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        condition: what is asked of the whole episode.
        steps: T, ticks.

    Returns:
        The lowest and the highest.

    Raises:
        ValueError: a shape or the number of ticks is wrong, or in a reached state no action is optimal.
    """
    its = _Known.of(mdp, optimal)
    if (seen := its.seen(_asked(condition))) is not None:
        mdp, optimal, events = its.mdp, its.optimal, seen
    else:
        events = mdp.events
    process = reached_process(mdp, optimal, steps)
    follow, holds = episode_automaton(condition, events[process.outcome])
    # The latch is part of the state: entry [state, latch] of the values, read at [next state, latch after the outcome].
    index = process.next_state[:, None] * holds.size + follow
    last = np.broadcast_to(holds.astype(np.float64), (process.n_states, holds.size))
    return _range(process, last, lambda ahead: ahead.ravel()[index])


def ratio_range(
    mdp: FiniteMDP, optimal: Optimal, numerator: npt.ArrayLike, denominator: npt.ArrayLike, steps: int
) -> tuple[float, float, bool]:
    """The range of a ratio of two expected sums, by Dinkelbach's method.

    For `rate(event | condition)` the denominator counts the outcomes whose state meets the condition, the numerator
    those of them on which the event comes.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        numerator: float64 `[M]`.
        denominator: float64 `[M]`, not negative; where it is 0 the numerator has to be too.
        steps: T, ticks.

    Returns:
        The lowest and the highest over the policies whose denominator is not 0 (both nan if there are none), and
        whether there is a policy whose denominator is 0.

    Raises:
        ValueError: a shape or the number of ticks is wrong, a denominator is negative or 0 under another numerator,
            or in a reached state no action is optimal.
    """
    above, below = _per_outcome(mdp, numerator), _per_outcome(mdp, denominator)
    if (below < 0).any() or (above[below == 0] != 0).any():
        raise ValueError("a denominator is not negative, and where it is 0 so is the numerator")
    its = _Known.of(mdp, optimal)
    above, below = its.expected(above), its.expected(below)
    process = reached_process(its.mdp, its.optimal, steps)
    above, below = above[process.outcome], below[process.outcome]
    least, most = _range(process, np.zeros(process.n_states), lambda ahead: below + ahead[process.next_state])
    if most == 0:
        return math.nan, math.nan, True
    return 0.0 - _greatest_ratio(process, -above, below), _greatest_ratio(process, above, below), least == 0


def first_range(mdp: FiniteMDP, optimal: Optimal, mask: int, steps: int) -> tuple[float, float]:
    """The range of the expected tick (from 0) at which one of some events first occurs.

    For a policy under which, with positive probability, none occurs within T ticks, the expectation is infinite.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        mask: bits of `FiniteMDP.events`.
        steps: T, ticks.

    Returns:
        The lowest and the highest.

    Raises:
        ValueError: a shape or the number of ticks is wrong, or in a reached state no action is optimal.
    """
    its = _Known.of(mdp, optimal)
    if (seen := its.seen(mask)) is not None:
        mdp, optimal, events = its.mdp, its.optimal, seen
    else:
        events = mdp.events
    process = reached_process(mdp, optimal, steps)
    hit = (events[process.outcome] & np.uint64(mask)) != 0
    never = np.full(process.n_states, np.inf)
    return _range(process, never, lambda ahead: np.where(hit, 0.0, 1.0 + ahead[process.next_state]))


def final_range(mdp: FiniteMDP, optimal: Optimal, per_state: npt.ArrayLike, steps: int) -> tuple[float, float]:
    """The range of the expectation of a number in the state after T ticks, or in the one in which the episode ended.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        per_state: float64 `[S]`, the number.
        steps: T, ticks.

    Returns:
        The lowest and the highest.

    Raises:
        ValueError: a shape or the number of ticks is wrong, or in a reached state no action is optimal.
    """
    its = _Known.of(mdp, optimal)
    number = its.expected_in(_per_state(mdp, per_state))
    process = reached_process(its.mdp, its.optimal, steps)
    return _range(process, number[process.state], lambda ahead: ahead[process.next_state])


def greatest_range(mdp: FiniteMDP, optimal: Optimal, per_state: npt.ArrayLike, steps: int) -> tuple[float, float]:
    """The range of the expectation of the greatest value that a number has in any state of an episode of T ticks.

    The first and the last state count. Arguments and errors are those of `final_range`.
    """
    its, number = _Known.of(mdp, optimal), _per_state(mdp, per_state)
    if (known := its.seen_in(number)) is not None:
        mdp, optimal, number = its.mdp, its.optimal, known
    process = reached_process(mdp, optimal, steps)
    levels, level = np.unique(number[process.state], return_inverse=True)
    # The greatest so far is part of the state: entry [state, latch] is read at [next state, the greater of both].
    reached = np.maximum(np.arange(levels.size), level[process.next_state][:, None])
    index = process.next_state[:, None] * levels.size + reached
    last = np.broadcast_to(levels, (process.n_states, levels.size))
    begin = level[process.start_state]
    return _range(process, last, lambda ahead: ahead.ravel()[index], begin)


def occupancy(mdp: FiniteMDP, policy: Policy, steps: int) -> Floats:
    """The expected number of ticks, out of T, at which a policy acts in each state.

    Args:
        mdp: the process.
        policy: integers `[S]` or `[T, S]`, or probabilities float64 `[S, A]`.
        steps: T, ticks.

    Returns:
        float64 `[S]`; in an ended state the probability that the episode ends there.

    Raises:
        ValueError: the policy has a wrong shape, or takes an action where it is not available.
    """
    now = np.bincount(mdp.start_state, weights=mdp.start_probability, minlength=mdp.n_states)
    visits = np.where(mdp.ended, now, 0.0)
    for kernel, _ in kernels(mdp, policy, range(steps)):
        now = np.where(mdp.ended, 0.0, now)
        visits += now
        now = np.asarray(now @ kernel)
        visits += np.where(mdp.ended, now, 0.0)
    return visits


def rollout_path(mdp: FiniteMDP, policy: Policy, steps: int) -> list[PathStep]:
    """The path of a policy where every draw has its likeliest outcome.

    Args:
        mdp: the process.
        policy: integers `[S]` or `[T, S]`, or probabilities float64 `[S, A]` (the likeliest action); of equals the
            lowest index.
        steps: T, ticks at most; the path stops where the episode ends.

    Returns:
        One entry per tick.

    Raises:
        ValueError: the policy takes an action where it is not available.
    """
    given = np.asarray(policy)
    mixed = not np.issubdtype(given.dtype, np.integer)
    path: list[PathStep] = []
    state = int(mdp.start_state[mdp.start_probability.argmax()])
    while len(path) < steps and not mdp.ended[state]:
        chosen = given[len(path)] if given.ndim == 2 and not mixed else given
        action = int(chosen[state].argmax() if mixed else chosen[state])
        row = state * mdp.n_actions + action
        first, stop = mdp.row_start[row], mdp.row_start[row + 1]
        if not 0 <= action < mdp.n_actions or first == stop:
            raise ValueError(f"the policy does not choose among the available actions in state {state}")
        outcome = first + mdp.probability[first:stop].argmax()
        path.append(PathStep(state, action, int(mdp.next_state[outcome]), mdp.events[outcome]))
        state = path[-1].next_state
    return path


@dataclass(frozen=True, eq=False)
class _Known:
    """A process and its optimal actions by what whoever acts knows; the process itself where that is all of it.

    Attributes:
        mdp: the process; optimal: the actions in it.
        knowledge: how it stands for the process that was given; None where it is that one.
        events: uint64 `[M]`, of the outcomes of the process that was given.
    """

    mdp: FiniteMDP
    optimal: Optimal
    knowledge: Knowledge | None
    events: Bits

    @staticmethod
    def of(mdp: FiniteMDP, optimal: Optimal) -> _Known:
        """What is known of a process, if the actions are alike in all states that are not told apart."""
        global _last_known
        if _last_known is None or _last_known[0] is not mdp or _last_known[1] is not optimal:
            _last_known = mdp, optimal, _by_knowledge(mdp, optimal)
        return _last_known[2]

    @property
    def stationary(self) -> Bools:
        """The actions, which are the same at every tick."""
        assert not isinstance(self.optimal, FiniteHorizonSolution)
        return self.optimal

    def expected(self, per_outcome: Floats) -> Floats:
        """The mean of a number float64 `[M]` in each outcome, by what is known."""
        if self.knowledge is None:
            return per_outcome
        count = self.mdp.next_state.size
        return np.bincount(self.knowledge.outcome, self.knowledge.weight * per_outcome, count).astype(np.float64)

    def expected_in(self, per_state: Floats) -> Floats:
        """The mean of a number float64 `[S]` in each state, by what is known."""
        if self.knowledge is None:
            return per_state
        its = self.knowledge
        return np.bincount(its.group, its.share * per_state, self.mdp.n_states).astype(np.float64)

    def seen(self, mask: int) -> Bits | None:
        """The events of a mask in each outcome; None where who acts is not told of one of them."""
        events = self.events & np.uint64(mask)
        if self.knowledge is None:
            return events
        found = np.zeros(self.mdp.next_state.size, np.uint64)
        found[self.knowledge.outcome] = events
        return found if np.array_equal(found[self.knowledge.outcome], events) else None

    def seen_in(self, per_state: Floats) -> Floats | None:
        """A number float64 `[S]` in each state; None where who acts does not know it."""
        if self.knowledge is None:
            return per_state
        found = np.zeros(self.mdp.n_states)
        found[self.knowledge.group] = per_state
        return found if np.array_equal(found[self.knowledge.group], per_state) else None


_last_known: tuple[FiniteMDP, Optimal, _Known] | None = None


def _by_knowledge(mdp: FiniteMDP, optimal: Optimal) -> _Known:
    its, given = mdp.known, _Known(mdp, optimal, None, mdp.events)
    if its is None or not its.true_of(mdp):
        return given
    one = np.zeros(its.mdp.n_states, np.int64)
    one[its.group] = np.arange(mdp.n_states)
    if isinstance(optimal, FiniteHorizonSolution):
        if not np.array_equal(optimal.packed[:, one][:, its.group], optimal.packed):
            return given
        there = replace(
            optimal,
            values=optimal.values[:1, one],
            vector_values=optimal.vector_values[one],
            policy=optimal.policy[:, one],
            packed=optimal.packed[:, one],
        )
        return _Known(its.mdp, there, its, mdp.events)
    alike = np.array_equal(optimal[one][its.group], optimal)
    return _Known(its.mdp, optimal[one], its, mdp.events) if alike else given


def _asked(condition: Condition) -> int:
    """The bits of all events that a condition names."""
    masks = [
        each.mask if isinstance(each, Occurs) else each.first | each.second
        for each in _parts(condition)
        if isinstance(each, Occurs | OccursBefore)
    ]
    return reduce(or_, masks, 0)


@dataclass(frozen=True, eq=False)
class ReachedProcess:
    """The part of a process that can be reached by choosing among optimal actions; states are renumbered from 0.

    Attributes:
        n_states: U.
        state: int64 `[U]`, the number of each state in the process.
        start_state, start_probability: `[S0]`.
        acting: int64 `[n]`, the states that act.
        first_row: int64 `[n]`, where the rows of each acting state start.
        first_outcome: int64 `[R]`, where the outcomes of each row start.
        outcome: int64 `[Mr]`, the index of each outcome in the process.
        next_state: int64 `[Mr]`.
        probability: float64 `[Mr]`, positive; None where every row has one outcome.
        choices: bool `[R]` per tick, the rows that may be chosen; None where all may at every tick.
        steps: T.
    """

    n_states: int
    state: Longs
    start_state: Longs
    start_probability: Floats
    acting: Longs
    first_row: Longs
    first_outcome: Longs
    outcome: Longs
    next_state: Longs
    probability: Floats | None
    choices: list[Bools] | None
    steps: int

    def rows(self, per_outcome: Floats) -> Floats:
        """Expectations `[R, ...]` from values `[Mr, ...]`."""
        if self.probability is None:
            return per_outcome
        weight = self.probability.reshape(-1, *[1] * (per_outcome.ndim - 1))
        return np.add.reduceat(weight * per_outcome, self.first_outcome, axis=0)

    def start(self, values: Floats, latch: Longs | int = 0) -> float:
        """The expectation at the start of values `[U]`, or `[U, L]` with the latch `[S0]` of each start."""
        begun = values[self.start_state] if values.ndim == 1 else values[self.start_state, latch]
        return float(self.start_probability @ begun)


_cached: tuple[FiniteMDP, Optimal, int, ReachedProcess] | None = None


def reached_process(mdp: FiniteMDP, optimal: Optimal, steps: int) -> ReachedProcess:
    """The reachable part of a process; the last one is cached, since several measures of one plan follow each other."""
    global _cached
    if _cached is None or _cached[0] is not mdp or _cached[1] is not optimal or _cached[2] != steps:
        _cached = mdp, optimal, steps, _build_reachable(mdp, optimal, steps)
    return _cached[3]


def _build_reachable(mdp: FiniteMDP, optimal: Optimal, steps: int) -> ReachedProcess:
    if steps < 0:
        raise ValueError(f"a number of ticks is not negative: {steps}")
    if isinstance(optimal, FiniteHorizonSolution):
        if steps > optimal.horizon:
            raise ValueError(f"the solution says what is optimal for {optimal.horizon} ticks, not for {steps}")
    else:
        _check_shape(mdp, optimal)
    states, rows = _reached(mdp, optimal, steps)
    number = np.full(mdp.n_states, -1)
    number[states] = np.arange(states.size)
    outcome, place = outcomes_of(mdp, rows)
    acting, first_row = np.unique(rows // mdp.n_actions, return_index=True)
    start = mdp.start_probability > 0
    choices: list[Bools] | None = None
    if isinstance(optimal, FiniteHorizonSolution):
        owner = np.repeat(np.arange(acting.size), np.diff(first_row, append=rows.size))
        choices = [optimal.optimal_at(tick, acting)[owner, rows % mdp.n_actions] for tick in range(steps)]
    return ReachedProcess(
        n_states=states.size,
        state=states,
        start_state=number[mdp.start_state[start]],
        start_probability=mdp.start_probability[start],
        acting=number[acting],
        first_row=first_row,
        first_outcome=np.searchsorted(place, np.arange(rows.size)),
        outcome=outcome,
        next_state=number[mdp.next_state[outcome]],
        probability=None if outcome.size == rows.size else mdp.probability[outcome],
        choices=choices,
        steps=steps,
    )


def _check_shape(mdp: FiniteMDP, optimal: Bools) -> None:
    if optimal.shape != (mdp.n_states, mdp.n_actions):
        raise ValueError(f"optimal needs the shape {(mdp.n_states, mdp.n_actions)}, not {optimal.shape}")


def _reached(mdp: FiniteMDP, optimal: Optimal, steps: int | None) -> tuple[Longs, Longs]:
    """The states that may be met within T ticks (None: ever), and the rows that may be chosen before the last."""
    from ..solvers.sweeps import reach  # Numba, which nobody waits for who measures nothing

    table = tables(mdp)
    layer = np.unique(mdp.start_state[mdp.start_probability > 0]).astype(np.int64)
    if not isinstance(optimal, FiniteHorizonSolution):
        # A stationary set of optimal actions gives the same rows whenever a state is met, so once is enough.
        ticks = mdp.n_states + 1 if steps is None else steps
        met, taken, idle, tick = reach(table, optimal & table.available, layer, ticks)
        if idle >= 0:
            raise ValueError(f"state {idle} is reached at tick {tick}, and no action is optimal there")
        return np.flatnonzero(met), np.flatnonzero(taken)
    met = np.zeros(mdp.n_states, dtype=np.bool_)
    taken = np.zeros(table.available.size, dtype=np.bool_)
    for tick in count() if steps is None else range(steps):
        check_time(_MEASURING)
        acting = layer[~mdp.ended[layer]]
        good = optimal.optimal_at(tick, acting) & table.available[acting]
        met[layer] = True
        unable = ~np.any(good, axis=1)
        if unable.any():
            raise ValueError(
                f"state {int(acting[unable][0])} is reached at tick {tick}, and no action is optimal there"
            )
        place, action = np.nonzero(good)
        rows = acting[place] * mdp.n_actions + action
        taken[rows] = True
        layer = np.unique(mdp.next_state[outcomes_of(mdp, rows)[0]]).astype(np.int64)
        if not layer.size:
            break
    met[layer] = True
    return np.flatnonzero(met), np.flatnonzero(taken)


def _per_outcome(mdp: FiniteMDP, values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != mdp.next_state.shape:
        raise ValueError(f"one entry per outcome is needed, {mdp.next_state.size}; got an array of shape {array.shape}")
    return array


def _per_state(mdp: FiniteMDP, values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (mdp.n_states,):
        raise ValueError(f"one entry per state is needed, {mdp.n_states}; got an array of shape {array.shape}")
    return array


def _range(
    process: ReachedProcess, last: Floats, value: Callable[[Floats], Floats], latch: Longs | int = 0
) -> tuple[float, float]:
    """The lowest and the highest at the start.

    `last` are the values `[U]` or `[U, L]` after the last tick; `value` says what each outcome is worth, `[Mr]` or
    `[Mr, L]`, given the values of the next tick; `latch` is that of each start, `[S0]`.
    """
    low = _extreme(process, last, value, np.minimum, np.inf, latch)
    if process.choices is None and process.first_outcome.size == process.acting.size:
        return low, low  # nothing ties
    return low, _extreme(process, last, value, np.maximum, -np.inf, latch)


def _extreme(
    process: ReachedProcess,
    last: Floats,
    value: Callable[[Floats], Floats],
    better: np.ufunc,
    worst: float,
    latch: Longs | int,
) -> float:
    values = np.array(last)
    for tick in reversed(range(process.steps)):
        check_time(_MEASURING)
        before = values.copy() if tick % _LOOK_EVERY == 0 and process.choices is None else None
        q = process.rows(value(values))
        if process.choices is not None:
            q[~process.choices[tick]] = worst
        if q.shape[0] > process.acting.size:
            q = better.reduceat(q, process.first_row, axis=0)
        if process.choices is not None:
            # States that cannot be reached at this tick have no choice; any finite value will do, infinities would not.
            q[~np.logical_or.reduceat(process.choices[tick], process.first_row)] = 0.0
        values[process.acting] = q
        # The same choices in every tick, and values at rest, as they come to be where something ends or happens.
        if before is not None and _at_rest(before, values):
            break
    return process.start(values, latch)


def _at_rest(before: Floats, values: Floats) -> bool:
    """Whether no value changes by more than rounding; those that are infinite have to be the same."""
    finite = np.isfinite(values)
    if not np.array_equal(finite, np.isfinite(before)) or not np.array_equal(values[~finite], before[~finite]):
        return False
    return largest(values[finite] - before[finite]) <= 2 * EPSILON * largest(values)


def _greatest_ratio(process: ReachedProcess, above: Floats, below: Floats) -> float:
    """The greatest ratio of sums over the policies whose lower sum is positive; there is one.

    A policy is better than the ratio r if its sum of `above - r * below` is positive, so the best such policy gives
    the next r (Dinkelbach 1967).
    """
    # The first policy maximises the lower sum, so that it is positive and the ratio is defined; ratios only rise after.
    ratio = -math.inf
    gain = below
    while True:
        upper, lower = _greatest_pair(process, gain, above, below)
        if lower == 0 or upper / lower <= ratio:
            return ratio
        ratio = upper / lower
        gain = above - ratio * below


def _greatest_pair(process: ReachedProcess, gain: Floats, above: Floats, below: Floats) -> tuple[float, float]:
    """What the policy of the greatest sum of `gain` gathers of `above` and of `below`; all `[Mr]`."""
    n_rows = process.first_outcome.size
    place = np.repeat(np.arange(process.acting.size), np.diff(process.first_row, append=n_rows))
    values, upper, lower = np.zeros((3, process.n_states))
    for tick in reversed(range(process.steps)):
        check_time(_MEASURING)
        q = process.rows(gain + values[process.next_state])
        if process.choices is not None:
            q[~process.choices[tick]] = -np.inf
        best = np.maximum.reduceat(q, process.first_row)
        pick = np.minimum.reduceat(np.where(q == best[place], np.arange(n_rows), n_rows), process.first_row)
        upper[process.acting] = process.rows(above + upper[process.next_state])[pick]
        lower[process.acting] = process.rows(below + lower[process.next_state])[pick]
        values[process.acting] = np.where(np.isfinite(best), best, 0.0)
    return process.start(upper), process.start(lower)


# The automaton of a condition


def episode_automaton(condition: Condition, events: Bits) -> tuple[Longs, Bools]:
    """The minimal automaton that decides a condition; its states, "latches", run from 0 (at the start) to L - 1.

    Returns:
        The latch state after each outcome, int64 `[M, L]`, and whether the condition holds at the end, bool `[L]`.
    """
    races = sorted(
        {part for part in _parts(condition) if isinstance(part, OccursBefore)}, key=lambda b: (b.first, b.second)
    )
    noted = {part.mask for part in _parts(condition) if isinstance(part, Occurs)} | {b.second for b in races}
    masks = sorted(noted | {b.first for b in races})
    if len(masks) > 62:
        raise ValueError(f"a condition on {len(masks)} different events is more than a number has bits")
    # The first mask is the highest bit, so that kinds of outcomes stand in the order of their truth values.
    code = np.zeros(events.size, np.int64)
    for mask in masks:
        code = 2 * code + ((events & np.uint64(mask)) != 0)
    kinds, kind = np.unique(code, return_inverse=True)
    table, holds = _minimal(condition, tuple(races), tuple(masks), frozenset(noted), tuple(kinds.tolist()))
    return table[kind.reshape(-1)], holds


@lru_cache(maxsize=256)
def _minimal(
    condition: Condition,
    races: tuple[OccursBefore, ...],
    masks: tuple[int, ...],
    noted: frozenset[int],
    kinds: tuple[int, ...],
) -> tuple[Longs, Bools]:
    """The automaton as a table int64 `[kinds, L]`, and where it holds; a kind is the number of its masks' truth values.

    Points of a sweep ask for the same one, thousands of times.
    """
    rows = [[bool(code >> place & 1) for place in reversed(range(len(masks)))] for code in kinds]

    def after(latch: _Latch, kind_of_outcome: Sequence[bool]) -> _Latch:
        now = {mask for mask, yes in zip(masks, kind_of_outcome, strict=True) if yes}
        won = {b for b in races if b.first in now and b.second not in now | latch.seen}
        return _Latch(latch.seen | (now & noted), latch.won | won)

    latches, follow = [_Latch(frozenset(), frozenset())], []
    for latch in latches:  # grows as it is read
        successors = [after(latch, row) for row in rows]
        latches.extend(new for new in dict.fromkeys(successors) if new not in latches)
        follow.append([latches.index(new) for new in successors])
    holds = np.array([_holds(condition, latch) for latch in latches])
    table = np.array(follow, dtype=np.int64).reshape(len(latches), -1)
    block = np.unique(holds, return_inverse=True)[1]
    while True:
        # Merge latch states that no continuation distinguishes (Moore's algorithm), numbering blocks by their first
        # member. Each latch state multiplies the work of every tick.
        ahead = np.column_stack([block, block[table]])
        _, first, finer = np.unique(ahead, axis=0, return_index=True, return_inverse=True)
        finer, first = np.argsort(np.argsort(first))[finer.reshape(-1)], np.sort(first)
        if first.size == block.max() + 1:
            return finer[table[first]].T, holds[first]
        block = finer


class _Latch(NamedTuple):
    """Which of the noted masks have occurred, and which `OccursBefore` conditions have come true."""

    seen: frozenset[int]
    won: frozenset[OccursBefore]


def _parts(condition: Condition) -> list[Condition]:
    """The atoms of a condition."""
    if isinstance(condition, Not):
        return _parts(condition.of)
    if isinstance(condition, And | Or):
        return _parts(condition.left) + _parts(condition.right)
    return [condition]


def _holds(condition: Condition, latch: _Latch) -> bool:
    match condition:
        case Occurs(mask):
            return mask in latch.seen
        case OccursBefore():
            return condition in latch.won
        case Not(of):
            return not _holds(of, latch)
        case And(left, right):
            return _holds(left, latch) and _holds(right, latch)
        case Or(left, right):
            return _holds(left, latch) or _holds(right, latch)
