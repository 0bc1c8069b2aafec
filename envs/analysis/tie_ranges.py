"""Ranges of a measure over all policies that choose among the optimal actions.

Ties are common and how an agent breaks them is not specified, so a claim has to hold at the worst end. Policies may
depend on the whole history; what a measure needs of it is added to the state (the tick, and latches for past events).
Who does not know the state (`FiniteMDP.known`) breaks a tie alike in all states that it does not tell apart: measures
are ranged over by what it knows, of the state and of what a latch remembers. Where that takes too many beliefs, the
range is an outer bound (`OuterRange`), as if it saw all.
Everything is computed from the start distribution over exactly T ticks; an ended episode stays in its state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import count
from operator import or_
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ..base import Bits, Bools, FiniteMDP, Floats, Longs, NotEnumerableError
from ..mdp.remembering import EpisodeReader, remembering
from ..mdp.transition_tables import expected_outcome, outcomes_of, tables
from ..solvers.bellman import EPSILON, largest
from ..solvers.dynamic_programming import FiniteHorizonSolution, Optimal, at_states, optimise
from ..solvers.policy_evaluation import Policy, kernels
from ..time_limit import check_time
from .known_process import KnownProcess, known_process, last_kept, remembering_what_is_seen

_MEASURING = "a measure of the best plans was computed"
_LOOK_EVERY = 16
"""Ticks between two looks at whether values still change: a look costs about as much as a fifth of a tick."""


OUTER = "an outer bound, as if ties were broken by what is not seen; the range may be narrower"


class TieRange(NamedTuple):
    """The lowest and the highest of a measure over all policies that choose among the optimal actions."""

    low: float
    high: float

    @property
    def outer(self) -> bool:
        """Whether the exact range is only known to lie within."""
        return False

    @property
    def is_point(self) -> bool:
        """Whether the ends differ by rounding alone, so that nothing hangs on ties."""
        return math.isclose(self.low, self.high, rel_tol=1e-12, abs_tol=1e-12)

    def outer_where(self, hidden: bool) -> TieRange:
        """An outer bound where ties were broken by what is hidden; the range itself where nothing hangs on ties."""
        return OuterRange(*self) if hidden and not self.is_point else self


class OuterRange(TieRange):
    """The range if ties were broken by what is not seen, too: the exact one lies within, and may be narrower."""

    @property
    def outer(self) -> bool:
        """See `TieRange`."""
        return True


class Ends(Protocol):
    """The ends of a range over ties, however it is told of."""

    @property
    def low(self) -> float:
        """The lowest."""

    @property
    def high(self) -> float:
        """The highest."""

    @property
    def outer(self) -> bool:
        """See `TieRange`."""


def spanned(ranges: Sequence[Ends]) -> TieRange:
    """The range over several plans, of which any may be followed; there is one at least."""
    low, high = min(each.low for each in ranges), max(each.high for each in ranges)
    return OuterRange(low, high) if any(each.outer for each in ranges) else TieRange(low, high)


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
) -> TieRange:
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
    its = known_process(mdp, optimal)
    process = reached_process(its.mdp, its.optimal, steps)
    gain = its.expected(_per_outcome(mdp, per_outcome))[process.outcome]
    factor = 1.0 if discount == 1 else discount
    ends = _range(process, np.zeros(process.n_states), lambda ahead: gain + factor * ahead[process.next_state])
    return _told(its, ends)


def discounted_range(mdp: FiniteMDP, optimal: Bools, per_outcome: npt.ArrayLike, discount: float) -> TieRange:
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
    its = known_process(mdp, optimal)
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

    return _told(its, TieRange(0.0 - greatest(-gain), greatest(gain)))


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


def steps_range(mdp: FiniteMDP, optimal: Optimal, steps: int) -> TieRange:
    """The range of the expected number of ticks until the end, at most T; arguments as in `expectation_range`."""
    return expectation_range(mdp, optimal, np.ones(mdp.next_state.size), steps)


def share_range(mdp: FiniteMDP, optimal: Optimal, condition: Condition, steps: int) -> TieRange:
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
    its = known_process(mdp, optimal)
    found = its.telling(mdp.events & np.uint64(_asked(condition)), "outcome")
    process = reached_process(found.mdp, found.optimal, steps)
    follow, holds = episode_automaton(condition, found.values[process.outcome])
    # The latch is part of the state: entry [state, latch] of the values, read at [next state, latch after the outcome].
    index = process.next_state[:, None] * holds.size + follow
    last = np.broadcast_to(holds.astype(np.float64), (process.n_states, holds.size))
    ends = _range(process, last, lambda ahead: ahead.ravel()[index])
    if found.seen or ends.is_point:
        return ends
    reader, holds = _reader(condition, mdp)
    return _by_beliefs(mdp, optimal, reader, _Gathered(holds.astype(np.float64)), steps, ends)


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
    its = known_process(mdp, optimal)
    above, below = its.expected(above), its.expected(below)
    process = reached_process(its.mdp, its.optimal, steps)
    above, below = above[process.outcome], below[process.outcome]
    least, most = _range(process, np.zeros(process.n_states), lambda ahead: below + ahead[process.next_state])
    if most == 0:
        return math.nan, math.nan, True
    return 0.0 - _greatest_ratio(process, -above, below), _greatest_ratio(process, above, below), least == 0


def first_range(mdp: FiniteMDP, optimal: Optimal, mask: int, steps: int) -> TieRange:
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
    found = known_process(mdp, optimal).telling(mdp.events & np.uint64(mask), "outcome")
    process = reached_process(found.mdp, found.optimal, steps)
    hit = found.values[process.outcome] != 0
    never = np.full(process.n_states, np.inf)
    ends = _range(process, never, lambda ahead: np.where(hit, 0.0, 1.0 + ahead[process.next_state]))
    if found.seen or ends.is_point:
        return ends
    reader, came = _reader(Occurs(mask), mdp)
    waiting = _Gathered(np.where(came, 0.0, np.inf), np.where(came, 0.0, 1.0))
    return _by_beliefs(mdp, optimal, reader, waiting, steps, ends)


def final_range(mdp: FiniteMDP, optimal: Optimal, per_state: npt.ArrayLike, steps: int) -> TieRange:
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
    its = known_process(mdp, optimal)
    number = its.expected_in(_per_state(mdp, per_state))
    process = reached_process(its.mdp, its.optimal, steps)
    return _told(its, _range(process, number[process.state], lambda ahead: ahead[process.next_state]))


def greatest_range(mdp: FiniteMDP, optimal: Optimal, per_state: npt.ArrayLike, steps: int) -> TieRange:
    """The range of the expectation of the greatest value that a number has in any state of an episode of T ticks.

    The first and the last state count. Arguments and errors are those of `final_range`.
    """
    number = _per_state(mdp, per_state)
    found = known_process(mdp, optimal).telling(number, "group")
    process = reached_process(found.mdp, found.optimal, steps)
    levels, level = np.unique(found.values[process.state], return_inverse=True)
    # The greatest so far is part of the state: entry [state, latch] is read at [next state, the greater of both].
    reached = np.maximum(np.arange(levels.size), level[process.next_state][:, None])
    index = process.next_state[:, None] * levels.size + reached
    last = np.broadcast_to(levels, (process.n_states, levels.size))
    begin = level[process.start_state]
    ends = _range(process, last, lambda ahead: ahead.ravel()[index], begin)
    if found.seen or ends.is_point:
        return ends
    # Only what is reached counts: with the greatest number of all that is, nothing is left to come.
    level = np.searchsorted(levels, number).clip(0, levels.size - 1)
    latch = np.arange(levels.size + 1)  # 0: nothing was read
    reader = EpisodeReader(np.maximum(latch[:, None], latch[1:]), level, level[mdp.next_state])
    return _by_beliefs(mdp, optimal, reader, _Gathered(np.append(levels[0], levels)), steps, ends)


def latched_range(mdp: FiniteMDP, optimal: Optimal, reader: EpisodeReader, at_end: Floats, steps: int) -> TieRange:
    """The range of the expectation of a number that hangs on the latch at the end of an episode of T ticks.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        reader: of its episodes.
        at_end: float64 `[L]`, the number.
        steps: T, ticks.

    Raises:
        NotEnumerableError: there are too many pairs of a state and a latch.
        ValueError: a shape or the number of ticks is wrong, or in a reached state no action is optimal.
    """
    among = optimal.ever_optimal(steps) if isinstance(optimal, FiniteHorizonSolution) else optimal
    pairs = remembering(mdp, reader, steps, among)
    ends = final_range(pairs.mdp, at_states(optimal, pairs.state_of), at_end[pairs.latch_of], steps)
    if mdp.known is None or ends.is_point:
        return ends
    return _by_beliefs(mdp, optimal, reader, _Gathered(at_end), steps, ends)


class _Gathered(NamedTuple):
    """What an episode gathers: at its end by the latch, and with each tick by the one that it leads to; `[L]` each."""

    at_end: Floats
    each_tick: Floats | None = None


def _told(its: KnownProcess, ends: TieRange) -> TieRange:
    """A range of something that what is known tells, if anything does."""
    return ends.outer_where(its.unused)


def _by_beliefs(
    mdp: FiniteMDP, optimal: Optimal, reader: EpisodeReader, gathered: _Gathered, steps: int, ends: TieRange
) -> TieRange:
    """The range over what is known of state and latch; `ends`, that over those who see all, where it is too much."""
    known = known_process(mdp, optimal)
    found = None if known.knowledge is None else remembering_what_is_seen(mdp, optimal, reader, steps)
    if found is None:
        return OuterRange(*ends)
    its = known_process(*found[:2])
    assert its.knowledge is not None, "beliefs know what they know"
    process, latch = reached_process(its.mdp, its.optimal, steps), found[2]
    last = its.expected_in(gathered.at_end[latch])[process.state]
    if gathered.each_tick is None:
        return _range(process, last, lambda ahead: ahead[process.next_state])
    gain = its.expected(gathered.each_tick[latch[found[0].next_state]])[process.outcome]
    return _range(process, last, lambda ahead: gain + ahead[process.next_state])


def _reader(condition: Condition, mdp: FiniteMDP) -> tuple[EpisodeReader, Bools]:
    """The automaton of a condition on the episodes of a process, and whether it holds at each latch, bool `[L]`."""
    kinds, letter = np.unique(mdp.events & np.uint64(_asked(condition)), return_inverse=True)
    follow, holds = episode_automaton(condition, kinds)
    # Of the first state no event is told: one more letter, which changes nothing.
    table = np.column_stack([follow.T, np.arange(holds.size)])
    return EpisodeReader(table, np.full(mdp.n_states, kinds.size), letter.reshape(-1)), holds


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


@last_kept
def reached_process(mdp: FiniteMDP, optimal: Optimal, steps: int) -> ReachedProcess:
    """The reachable part of a process; the last one is kept."""
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
) -> TieRange:
    """The lowest and the highest at the start.

    `last` are the values `[U]` or `[U, L]` after the last tick; `value` says what each outcome is worth, `[Mr]` or
    `[Mr, L]`, given the values of the next tick; `latch` is that of each start, `[S0]`.
    """
    low = _extreme(process, last, value, np.minimum, np.inf, latch)
    if process.choices is None and process.first_outcome.size == process.acting.size:
        return TieRange(low, low)  # nothing ties
    return TieRange(low, _extreme(process, last, value, np.maximum, -np.inf, latch))


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
