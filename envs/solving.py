"""Exact solutions of a finite decision process, one value per channel.

Letters as in `base`: S states, A joint actions, K channels, M outcomes, T ticks. A row is a pair `s * A + a`.

Two actions tie when their values differ by no more than `tie_tolerance`: a little above the noise of double precision,
so that a far-off reward which a short-sighted agent hardly weighs still counts as a difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array, csr_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import bicgstab, splu

from .base import Bools, FiniteMDP, Floats, Ints, Longs

Sparse: TypeAlias = "csr_array[np.float64]"
Policy: TypeAlias = npt.NDArray[np.integer] | Floats
Judge: TypeAlias = Callable[[Floats], Floats]

# Above this many acting states the fill-in of an LU factorisation is too heavy: policies are evaluated by iteration.
_LU_STATES = 50_000
_EPS = float(np.finfo(np.float64).eps)


class Unavoidable(Exception):
    """From a start state, no policy can be sure to keep away from what is barred."""


class ImproperDiscount(ValueError):
    """Discount 1 was asked for where an episode may last for ever, so values need not be finite."""


class NoFixedPoint(Exception):
    """Ever longer horizons lead to no policy that an agent with changing values keeps to while foreseeing itself.

    Often there is none; there may also be one that is the limit of no horizons.
    """


@dataclass(frozen=True, eq=False)
class Tables:
    """A process in the form that solvers read.

    Attributes:
        available: bool `[S, A]`.
        rewards: float64 `[S * A, K]`, expected; zero in rows that are not available.
        next_state: int32 `[S, A]` where every available row has one outcome, else None; a row that is not available
            leads to its own state.
        ended: bool `[S]`.
    """

    available: Bools
    rewards: Floats
    next_state: Ints | None
    ended: Bools
    _row_start: Longs
    _next: Ints
    _probability: Floats

    @cached_property
    def matrix(self) -> Sparse:
        """Transition probabilities `[S * A, S]`, each pair once, none of them zero."""
        shape = (self._row_start.size - 1, self.ended.size)
        matrix: Sparse = csr_array((self._probability, self._next, self._row_start), shape=shape, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def ahead(self, values: Floats) -> Floats:
        """Expected `values` (`[S]` or `[S, K]`) of the next state: `[S, A]` or `[S, A, K]`."""
        if self.next_state is not None:
            return values[self.next_state]
        return np.asarray(self.matrix @ values, dtype=np.float64).reshape(*self.available.shape, *values.shape[1:])

    @property
    def vector_rewards(self) -> Floats:
        """float64 `[S, A, K]`."""
        return self.rewards.reshape(*self.available.shape, -1)


@dataclass(frozen=True, eq=False)
class Solution:
    """What is best over an unending (or surely ending) episode, and what one best policy is worth per channel.

    In an ended state values are 0; in a state that can't keep away from what is barred `values` is -inf and
    `vector_values` is nan.

    Attributes:
        values: float64 `[S]`, weighted, of the optimum.
        vector_values: float64 `[S, K]`, of `policy`.
        q: float64 `[S, A]`, -inf where the action may not be taken.
        vector_q: float64 `[S, A, K]`, of taking the action and then following `policy`; nan where `q` is -inf.
        optimal: bool `[S, A]`, every action that ties with the best.
        policy: int32 `[S]`, the tied action of lowest index; 0 where there is none.
        residual: a bound on the error of `values`: the Bellman residual over `1 - discount` (itself at discount 1).
        discount: per tick.
        weights: float64 `[K]`, or `[S, K]` where they change.
    """

    values: Floats
    vector_values: Floats
    q: Floats
    vector_q: Floats
    optimal: Bools
    policy: Ints
    residual: float
    discount: float
    weights: Floats


@dataclass(frozen=True, eq=False)
class FiniteHorizonSolution:
    """What is best with a known number of ticks to go.

    Attributes:
        values: float64 `[T + 1, S]`, weighted, at each tick; `[1, S]` (tick 0) if later values were not kept.
        vector_values: float64 `[S, K]`, of `policy` at tick 0.
        policy: int8 or int16 `[T, S]`, the tied action of lowest index; 0 where there is none.
        packed: uint8 `[T, S, ceil(A / 8)]`, the optimal actions as bits; read it by `optimal_at`.
        n_actions: A.
        horizon: T, in ticks.
        discount: per tick.
        weights: float64 `[K]`, or `[S, K]` where they change.
    """

    values: Floats
    vector_values: Floats
    policy: npt.NDArray[np.signedinteger]
    packed: npt.NDArray[np.uint8]
    n_actions: int
    horizon: int
    discount: float
    weights: Floats

    def optimal_at(self, tick: int, states: Longs | None = None) -> Bools:
        """Every action that ties with the best at `tick`, from 0 to `horizon - 1`.

        Args:
            tick: how many ticks have passed.
            states: int64 `[n]`, which states; all of them by default.

        Returns:
            bool `[n, A]` (`[S, A]` by default).
        """
        packed = self.packed[tick] if states is None else self.packed[tick, states]
        return np.unpackbits(packed, axis=-1, count=self.n_actions).view(np.bool_)


_TABLES: WeakKeyDictionary[FiniteMDP, Tables] = WeakKeyDictionary()


def tables(mdp: FiniteMDP) -> Tables:
    """The tables of a process, built once per process."""
    if mdp not in _TABLES:
        _TABLES[mdp] = _build(mdp)
    return _TABLES[mdp]


def transition_matrix(mdp: FiniteMDP) -> Sparse:
    """Transition probabilities, sparse float64 `[S * A, S]`; rows that are not available are empty."""
    return tables(mdp).matrix


def expected_rewards(mdp: FiniteMDP) -> Floats:
    """float64 `[S * A, K]`; zero in rows that are not available."""
    return tables(mdp).rewards


def expected_outcome(mdp: FiniteMDP, per_outcome: npt.ArrayLike) -> Floats:
    """Expectation over each row's outcomes of a quantity per outcome.

    Args:
        mdp: the process.
        per_outcome: float64 `[M]` (or `[M, K]`), for instance the hidden performance.

    Returns:
        float64 `[S * A]` (or `[S * A, K]`); zero in rows that are not available.

    Raises:
        ValueError: not one entry per outcome.
    """
    values = np.asarray(per_outcome, dtype=np.float64)
    n_outcomes = mdp.next_state.size
    if values.shape[:1] != (n_outcomes,):
        raise ValueError(f"one entry per outcome is needed, {n_outcomes}; got an array of shape {values.shape}")
    shape = (mdp.row_start.size - 1, n_outcomes)
    average: Sparse = csr_array((mdp.probability, np.arange(n_outcomes), mdp.row_start), shape=shape)
    return np.asarray(average @ values, dtype=np.float64)


def outcomes_of(mdp: FiniteMDP, rows: Longs) -> tuple[Longs, Longs]:
    """The outcomes of some rows that have a positive probability.

    Args:
        mdp: the process.
        rows: int64 `[R]`, each `s * A + a`.

    Returns:
        The index of each outcome in the process, row by row, and the place of its row in `rows`; both int64 `[n]`.
    """
    counts = mdp.row_start[rows + 1] - mdp.row_start[rows]
    place = np.repeat(np.arange(rows.size), counts)
    outcome = np.arange(place.size) + (mdp.row_start[rows] - (np.cumsum(counts) - counts))[place]
    possible = mdp.probability[outcome] > 0
    return outcome[possible], place[possible]


def tie_tolerance(scale: float, discount: float, horizon: float = math.inf) -> float:
    """How far apart the values of tied actions may lie.

    Rounding errors grow with the largest value and the number of ticks that count, `1 / (1 - discount)`.

    Args:
        scale: the largest absolute value.
        discount: per tick.
        horizon: ticks to go, if known.

    Returns:
        `scale * 2e-14` per tick that counts, at most `scale * 1e-9`.
    """
    ticks = min(horizon, 1 / (1 - discount) if discount < 1 else math.inf)
    return scale * min(1e-9, 2e-14 * max(ticks, 1.0))


def value_iteration(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    tolerance: float = 1e-10,
    start: Floats | None = None,
    barred: Bools | None = None,
) -> Solution:
    """Solve by successive backups: the plain cross-check of `policy_iteration`.

    Args:
        mdp: the process.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.
        tolerance: the error of `values` at which to stop; ties are judged no finer than that.
        start: float64 `[S]`, values to start from.
        barred: bool `[S, A]`, pairs that may not be taken.

    Returns:
        The optimum, with `residual` the bound that was reached.

    Raises:
        ImproperDiscount: discount 1, and some policy never ends.
        Unavoidable: a start state can't keep away from what is barred.
        ValueError: a shape or the discount is wrong.
    """
    table, weight = tables(mdp), _checked_weights(mdp, weights)
    allowed = _allowed(mdp, table, barred)
    _check_discount(mdp, table, allowed, discount)
    scalar = np.where(allowed, table.vector_rewards @ weight, -np.inf)
    acting = np.any(allowed, axis=1)
    values = _start_values(mdp, start, acting)
    while True:
        new = _best(_backup(table, scalar, discount, values), acting)
        change, scale = _largest(new - values), _largest(new)
        values = new
        # After a change of c the error is at most c * discount / (1 - discount); below rounding nothing improves.
        if change * discount <= max(tolerance * (1 - discount if discount < 1 else 1.0), 4 * _EPS * scale):
            break
    return _conclude(mdp, table, scalar, allowed, values, weight, discount, slack=tolerance)


def policy_iteration(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    barred: Bools | None = None,
    start: Floats | None = None,
) -> Solution:
    """Solve exactly: the default solver.

    A policy is evaluated by hopping ahead in doubling steps where no outcome is left to chance, else by a sparse LU
    factorisation, else (many states) by Krylov iteration after modified policy iteration.

    Args:
        mdp: the process.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.
        barred: bool `[S, A]`, pairs that may not be taken. Neither may any pair that can lead to a state which is
            left without actions.
        start: float64 `[S]`, values to start from, such as those of a neighbouring problem.

    Returns:
        The optimum and one best policy.

    Raises:
        ImproperDiscount: discount 1, and some policy never ends.
        Unavoidable: a start state can't keep away from what is barred.
        ValueError: a shape or the discount is wrong.
    """
    table, weight = tables(mdp), _checked_weights(mdp, weights)
    allowed = _allowed(mdp, table, barred)
    _check_discount(mdp, table, allowed, discount)
    scalar = np.where(allowed, table.vector_rewards @ weight, -np.inf)
    values = _optimise(table, scalar, discount, _start_values(mdp, start, np.any(allowed, axis=1)))
    return _conclude(mdp, table, scalar, allowed, values, weight, discount)


def backward_induction(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    horizon: int,
    barred: Bools | None = None,
    keep_values: bool = True,
) -> FiniteHorizonSolution:
    """Solve for a known number of ticks.

    Args:
        mdp: the process.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.
        horizon: T, ticks, at least 1.
        barred: bool `[S, A]`, pairs that may not be taken at any tick; a state without actions may be reached at the
            end of the last tick.
        keep_values: keep the values of every tick (`8 * T * S` bytes), or of tick 0 alone.

    Returns:
        The optimum at every tick.

    Raises:
        Unavoidable: a start state can't keep away from what is barred.
        ValueError: a shape, the discount or the horizon is wrong.
    """
    table, weight = tables(mdp), _checked_weights(mdp, weights)
    free = table.available if barred is None else table.available & ~_checked_barred(mdp, barred)
    scalar = np.where(free, table.vector_rewards @ weight, -np.inf)
    values = np.zeros(mdp.n_states)
    dead = np.zeros(mdp.n_states, dtype=np.bool_)

    def judge(_: Floats) -> Floats:
        nonlocal values, dead
        q = _backup(table, scalar, discount, values)
        if barred is not None:
            q[table.ahead(dead.astype(np.float64)) > 0] = -np.inf
            dead = ~mdp.ended & np.all(np.isneginf(q), axis=1)
        values = _best(q, ~mdp.ended & ~dead)
        return q

    solution = _induct(mdp, table, judge, weight, discount, horizon, keep_values)
    if dead[mdp.start_state[mdp.start_probability > 0]].any():
        raise Unavoidable("no policy from the start is sure to keep away from what is barred")
    return solution


def evaluate(mdp: FiniteMDP, policy: Policy, discount: float) -> Floats:
    """What a policy is worth per channel.

    Args:
        mdp: the process.
        policy: integers `[S]`, or probabilities float64 `[S, A]`; entries of ended states are not read.
        discount: per tick, 0 to 1.

    Returns:
        float64 `[S, K]`.

    Raises:
        ImproperDiscount: discount 1, and under the policy some state never reaches an end.
        ValueError: the policy has a wrong shape, or takes an action where it is not available.
    """
    table = tables(mdp)
    _check_range(discount)
    zeros = np.zeros((mdp.n_states, len(mdp.channels)))
    chosen = _checked_policy(mdp, policy)
    if chosen.ndim == 1:
        return _policy_values(table, chosen, table.vector_rewards, ~mdp.ended, discount, zeros)
    mixed, rewards = _mixture(table, chosen)
    return _solve_linear(mixed, rewards, ~mdp.ended, discount, zeros)


def evaluate_horizon(mdp: FiniteMDP, policy: Policy, discount: float, horizon: int) -> Floats:
    """What a policy is worth per channel over a known number of ticks.

    Args:
        mdp: the process.
        policy: integers `[S]`, integers `[T, S]` (one row per tick), or probabilities float64 `[S, A]`.
        discount: per tick, 0 to 1.
        horizon: T, ticks.

    Returns:
        float64 `[S, K]`, at tick 0.

    Raises:
        ValueError: the policy has a wrong shape, or takes an action where it is not available.
    """
    _check_range(discount)
    values = np.zeros((mdp.n_states, len(mdp.channels)))
    for kernel, rewards in kernels(mdp, policy, range(horizon - 1, -1, -1)):
        values = rewards + discount * np.asarray(kernel @ values)
    return values


def kernels(mdp: FiniteMDP, policy: Policy, ticks: Iterable[int]) -> Iterator[tuple[Sparse, Floats]]:
    """What a policy makes of the process at each tick.

    Args:
        mdp: the process.
        policy: integers `[S]` or `[T, S]` (one row per tick), or probabilities float64 `[S, A]`.
        ticks: which ticks, in the order wanted.

    Yields:
        The transition matrix `[S, S]` (empty rows in ended states) and the expected rewards float64 `[S, K]`; the same
        objects again where the policy does not change.

    Raises:
        ValueError: the policy has a wrong shape, says nothing of a tick, or takes an action that is not available.
    """
    given: Any = np.asarray(policy)
    timed = np.issubdtype(given.dtype, np.integer) and given.ndim == 2
    always = None if timed else _kernel(mdp, given)
    for tick in ticks:
        if always is not None:
            yield always
        elif tick < len(given):
            yield _kernel(mdp, given[tick])
        else:
            raise ValueError(f"the policy says what to do for {len(given)} ticks, and nothing for tick {tick}")


def solve_with_changing_weights(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    judges_by: Literal["current", "ignoring", "future"],
    horizon: int | None = None,
) -> Solution | FiniteHorizonSolution:
    """Solve for an agent whose weights are part of the state, so that an effect can edit them.

    What judges the aftermath of an edit (Everitt, Hutter, Kumar and Krakovna 2021, "Reward tampering problems and
    solutions in reinforcement learning"):

    - `current`: today's weights, foreseeing that later selves act on theirs. A policy that no self wants to leave
      while the later ones keep to it, found as the limit of ever longer horizons; `optimal` holds the actions that
      tie for the self that acts, given that later selves follow `policy`.
    - `ignoring`: today's weights, as if no edit came. `values` and `q` are what the agent believes, `vector_values`
      what its policy is really worth.
    - `future`: whichever weights are held when a reward comes (those of the state in which the action is taken).

    Args:
        mdp: the process.
        weights: float64 `[S, K]`, what the agent weighs channels by in each state.
        discount: per tick, 0 to 1.
        judges_by: see above.
        horizon: ticks to go, if they are known.

    Returns:
        A `FiniteHorizonSolution` if `horizon` is given, else a `Solution`.

    Raises:
        NoFixedPoint: `current` did not settle; a horizon always settles it.
        ImproperDiscount: discount 1 without a horizon, and some policy never ends.
        ValueError: a shape, the discount, the horizon or `judges_by` is wrong.
    """
    table = tables(mdp)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (mdp.n_states, len(mdp.channels)):
        raise ValueError(f"weights per state are needed, {(mdp.n_states, len(mdp.channels))}; got {weight.shape}")
    if judges_by not in ("current", "ignoring", "future"):
        raise ValueError(f"judges_by is current, ignoring or future, not {judges_by!r}")
    if horizon is not None:
        judge = _changing_judge(mdp, table, weight, discount, judges_by)
        return _induct(mdp, table, judge, weight, discount, horizon, keep_values=True)
    _check_discount(mdp, table, table.available, discount)
    if judges_by == "current":
        return _self_consistent(mdp, table, weight, discount)
    if judges_by == "ignoring":
        return _ignoring_edits(mdp, table, weight, discount)
    scalar = np.where(table.available, _weighted(table.vector_rewards, weight), -np.inf)
    values = _optimise(table, scalar, discount, np.zeros(mdp.n_states))
    return _conclude(mdp, table, scalar, table.available, values, weight, discount)


def _build(mdp: FiniteMDP) -> Tables:
    available = mdp.available
    next_state: Ints | None = None
    if (np.diff(mdp.row_start) <= 1).all():
        own = np.arange(mdp.n_states, dtype=np.int32)
        next_state = np.repeat(own[:, None], mdp.n_actions, axis=1)
        next_state[available] = mdp.next_state
    rewards = expected_outcome(mdp, mdp.rewards)
    return Tables(available, rewards, next_state, mdp.ended, mdp.row_start, mdp.next_state, mdp.probability)


# What was asked for, checked


def _checked_weights(mdp: FiniteMDP, weights: npt.ArrayLike) -> Floats:
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(mdp.channels),):
        raise ValueError(f"one weight per channel is needed ({', '.join(mdp.channels)}); got shape {weight.shape}")
    return weight


def _checked_barred(mdp: FiniteMDP, barred: Bools) -> Bools:
    if barred.shape != (mdp.n_states, mdp.n_actions):
        raise ValueError(f"barred needs the shape {(mdp.n_states, mdp.n_actions)}, not {barred.shape}")
    return barred


def _checked_policy(mdp: FiniteMDP, policy: Policy) -> Any:
    """A policy for one tick, int64 `[S]` or float64 `[S, A]`, its entries in ended states made harmless."""
    given, available, states = np.asarray(policy), tables(mdp).available, np.arange(mdp.n_states)
    shape = (mdp.n_states,) if np.issubdtype(given.dtype, np.integer) else available.shape
    if given.shape != shape:
        raise ValueError(f"a policy of {given.dtype} needs the shape {shape}, not {given.shape}")
    if given.ndim == 1:
        chosen = np.where(mdp.ended, 0, given).astype(np.int64)
        known = (chosen >= 0) & (chosen < mdp.n_actions)
        good = known & available[states, np.where(known, chosen, 0)]
    else:
        chosen = np.where(mdp.ended[:, None], 0.0, given)
        good = np.all((chosen >= 0) & (available | (chosen == 0)), axis=1) & (np.abs(chosen.sum(axis=1) - 1) < 1e-9)
    bad = ~good & ~mdp.ended
    if bad.any():
        raise ValueError(f"the policy does not choose among the available actions in state {int(bad.argmax())}")
    return chosen


def _check_range(discount: float) -> None:
    if not 0 <= discount <= 1:
        raise ValueError(f"a discount lies between 0 and 1, not {discount}")


def _check_discount(mdp: FiniteMDP, table: Tables, allowed: Bools, discount: float) -> None:
    """At discount 1 every policy has to end: there may be no end component (de Alfaro 1997)."""
    _check_range(discount)
    if discount < 1:
        return
    inside = allowed.ravel().copy()
    owner = np.repeat(np.arange(mdp.n_states), mdp.n_actions)
    while True:
        # Keep the actions that surely stay within a strongly connected set of states, until nothing changes.
        rows = np.flatnonzero(inside)
        step = table.matrix[rows]
        pairs = np.repeat(owner[rows], np.diff(step.indptr)), step.indices
        graph = csr_array((np.ones(pairs[0].size), pairs), shape=(mdp.n_states, mdp.n_states))
        component = connected_components(graph, connection="strong")[1]
        leaves = np.zeros(inside.size, dtype=np.bool_)
        leaving = component[pairs[0]] != component[pairs[1]]
        leaves[np.repeat(rows, np.diff(step.indptr))[leaving]] = True
        if not leaves.any():
            break
        inside &= ~leaves
    if inside.any():
        count = np.unique(owner[inside]).size
        raise ImproperDiscount(
            f"at discount 1 an agent can go on for ever within {count} of {mdp.n_states} states"
            f" (state {int(owner[inside][0])} is one); give the stage a horizon, or take a discount below 1"
        )


def _allowed(mdp: FiniteMDP, table: Tables, barred: Bools | None) -> Bools:
    """The pairs that may be taken for ever: those not barred, less those that risk a state without any."""
    if barred is None:
        return table.available
    allowed = table.available & ~_checked_barred(mdp, barred)
    dead = ~mdp.ended & ~np.any(allowed, axis=1)
    into = csc_array(table.matrix)
    fresh = np.flatnonzero(dead)
    while fresh.size:
        rows = np.unique(into[:, fresh].indices)
        allowed.reshape(-1)[rows] = False
        touched = np.unique(rows // mdp.n_actions)
        fresh = touched[~dead[touched] & ~allowed[touched].any(axis=1)]
        dead[fresh] = True
    if dead[mdp.start_state[mdp.start_probability > 0]].any():
        raise Unavoidable("no policy from the start is sure to keep away from what is barred")
    return allowed


def _start_values(mdp: FiniteMDP, start: Floats | None, acting: Bools) -> Floats:
    if start is None:
        return np.zeros(mdp.n_states)
    if start.shape != (mdp.n_states,):
        raise ValueError(f"start needs one value for each of {mdp.n_states} states, not the shape {start.shape}")
    return np.where(acting & np.isfinite(start), start, 0.0)


# Backups


def _largest(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max(initial=0.0))


def _backup(table: Tables, scalar: Floats, discount: float, values: Floats) -> Floats:
    """`[S, A]`; `scalar` is -inf where an action may not be taken, and so is the result."""
    q = table.ahead(values)
    q *= discount
    q += scalar
    return q


def _best(q: Floats, acting: Bools) -> Floats:
    """The largest value per state, 0 where nobody acts (column by column: numpy is slow along a short last axis)."""
    best = q[:, 0].copy()
    for action in range(1, q.shape[1]):
        np.maximum(best, q[:, action], out=best)
    best[~acting] = 0.0
    return best


def _ties(q: Floats, acting: Bools, tolerance: float) -> Bools:
    tied: Bools = q >= (_best(q, acting) - tolerance)[:, None]
    tied[~acting] = False
    return tied


def _weighted(vectors: Floats, weight: Floats) -> Floats:
    """`[S, A]` from `[S, A, K]` and weights per state `[S, K]`."""
    return (vectors @ weight[:, :, None])[:, :, 0]


def _optimise(table: Tables, scalar: Floats, discount: float, values: Floats) -> Floats:
    """The best values `[S]`, by policy iteration from the policy that is greedy on `values`."""
    acting = ~np.all(np.isneginf(scalar), axis=1)
    values = _warmed(table, scalar, acting, discount, values)
    q = _backup(table, scalar, discount, values)
    policy = q.argmax(axis=1)
    rewards = scalar[:, :, None]
    previous: Floats | None = None
    while True:
        values = _policy_values(table, policy, rewards, acting, discount, values[:, None])[:, 0]
        scale = _largest(values)
        # Rounding may call a tie a gain; values that no longer rise end it, so nothing can go in circles.
        if previous is not None and not (values > previous + 8 * _EPS * scale).any():
            return np.maximum(values, previous)
        q = _backup(table, scalar, discount, values)
        gain = _best(q, acting) - np.take_along_axis(q, policy[:, None], axis=1)[:, 0]
        better = acting & (gain > 0.1 * tie_tolerance(scale, discount))
        if not better.any():
            return values
        policy[better] = q[better].argmax(axis=1)
        previous = values


def _warmed(table: Tables, scalar: Floats, acting: Bools, discount: float, values: Floats) -> Floats:
    """Values good enough to start from: cheap sweeps save dear evaluations where outcomes are left to chance."""
    if table.next_state is not None:
        for _ in range(8):
            values = _best(_backup(table, scalar, discount, values), acting)
        return values
    states = np.flatnonzero(acting)
    policy = np.full(acting.size, -1)
    for _ in range(200):
        q = _backup(table, scalar, discount, values)
        greedy = q.argmax(axis=1)
        values = _best(q, acting)
        if (greedy == policy).all():
            break
        policy = greedy
        kernel = table.matrix[states * scalar.shape[1] + policy[states]]
        reward = scalar[states, policy[states]]
        for _ in range(20):
            values[states] = reward + discount * np.asarray(kernel @ values)
    return values


# Evaluation


def _policy_values(
    table: Tables, policy: Longs, rewards: Floats, acting: Bools, discount: float, guess: Floats
) -> Floats:
    """`[S, K]` from rewards `[S, A, K]`; `policy` is integers `[S]`, `acting` never leads out of itself but to ends."""
    states = np.arange(acting.size)
    reward = np.where(acting[:, None], rewards[states, policy], 0.0)
    if table.next_state is not None:
        return _hop_ahead(np.where(acting, table.next_state[states, policy], states), reward, acting, discount)
    return _solve_linear(table.matrix[states * rewards.shape[1] + policy], reward, acting, discount, guess)


def _hop_ahead(hop: npt.NDArray[np.integer], values: Floats, acting: Bools, discount: float) -> Floats:
    """Sum discounted rewards along certain paths: after n rounds 2**n ticks are summed."""
    factor, ticks = discount, 1
    while factor > 1e-30:
        values = values + factor * values[hop]
        hop = hop[hop]
        factor, ticks = factor * factor, ticks * 2
        if not acting[hop].any():
            break
        if ticks > acting.size and discount == 1:
            raise _never_ends(acting[hop])
    return values


def _solve_linear(kernel: Sparse, rewards: Floats, acting: Bools, discount: float, guess: Floats) -> Floats:
    """Solve `V = rewards + discount * kernel @ V` on acting states; elsewhere V is 0. Shapes `[S, S]`, `[S, K]`."""
    states = np.flatnonzero(acting)
    values = np.zeros_like(rewards)
    if not states.size:
        return values
    inner = kernel[states][:, states]
    if discount == 1:
        _check_proper(kernel, acting, states)
    system = eye_array(states.size, format="csr") - discount * inner
    if states.size <= _LU_STATES:
        # Diagonally dominant, so pivoting would only cost fill-in.
        values[states] = splu(csc_array(system), diag_pivot_thresh=0.0).solve(rewards[states])
        return values
    for k in range(rewards.shape[1]):
        values[states, k] = _krylov(csr_array(system), rewards[states, k], guess[states, k], discount)
    return values


def _krylov(system: Sparse, reward: Floats, values: Floats, discount: float) -> Floats:
    """BiCGSTAB with iterative refinement; plain sweeps, which always converge, finish what it leaves."""
    goal = 16 * _EPS
    for _ in range(4):
        error = reward - np.asarray(system @ values)
        if _largest(error) <= goal * max(_largest(values), _largest(reward)):
            return values
        correction, _ = bicgstab(system, error, rtol=1e-10, atol=0.0, maxiter=500)
        trial = values + correction
        if not _largest(reward - np.asarray(system @ trial)) < _largest(error):
            break
        values = trial
    rounds = math.ceil(math.log(_EPS) / math.log(discount)) if discount < 1 else 100 * values.size
    for _ in range(rounds):
        error = reward - np.asarray(system @ values)
        if _largest(error) <= goal * max(_largest(values), _largest(reward)):
            break
        values = values + error
    return values


def _check_proper(kernel: Sparse, acting: Bools, states: Longs) -> None:
    """Raise if from some acting state no end can be reached."""
    into = csc_array(kernel)
    ending = ~acting
    fresh: npt.NDArray[np.integer] = np.flatnonzero(ending)
    while fresh.size:
        sources = np.unique(into[:, fresh].indices)
        fresh = sources[~ending[sources]]
        ending[fresh] = True
    if not ending[states].all():
        raise _never_ends(~ending)


def _never_ends(stuck: Bools) -> ImproperDiscount:
    return ImproperDiscount(
        f"at discount 1 the policy never ends from state {int(stuck.argmax())};"
        " give the stage a horizon, or take a discount below 1"
    )


def _mixture(table: Tables, chances: Floats) -> tuple[Sparse, Floats]:
    """The kernel `[S, S]` and the rewards `[S, K]` of a policy of chances."""
    n_states, n_actions = table.available.shape
    rows = np.arange(n_states * n_actions)
    shape = (n_states, rows.size)
    mix: Sparse = csr_array((chances.ravel(), rows, np.arange(0, rows.size + 1, n_actions)), shape)
    mix.eliminate_zeros()
    return csr_array(mix @ table.matrix), np.asarray(mix @ table.rewards)


def _kernel(mdp: FiniteMDP, policy: Policy) -> tuple[Sparse, Floats]:
    table, chosen = tables(mdp), _checked_policy(mdp, policy)
    if chosen.ndim == 2:
        return _mixture(table, chosen)
    rows = np.arange(mdp.n_states) * mdp.n_actions + chosen
    return table.matrix[rows], table.rewards[rows]


# Conclusions


def _conclude(
    mdp: FiniteMDP,
    table: Tables,
    scalar: Floats,
    allowed: Bools,
    values: Floats,
    weight: Floats,
    discount: float,
    slack: float = 0.0,
) -> Solution:
    acting = np.any(allowed, axis=1)
    q = _backup(table, scalar, discount, values)
    residual = _largest(_best(q, acting) - values) / (1 - discount if discount < 1 else 1.0)
    optimal = _ties(q, acting, max(tie_tolerance(_largest(values), discount), 2 * slack))
    policy = optimal.argmax(axis=1)
    guess = np.zeros((mdp.n_states, len(mdp.channels)))
    vector_values = _policy_values(table, policy, table.vector_rewards, acting, discount, guess)
    vector_q = table.vector_rewards + discount * table.ahead(vector_values)
    vector_q[~allowed] = np.nan
    lost = ~acting & ~mdp.ended
    vector_values[lost] = np.nan
    return Solution(
        values=np.where(lost, -np.inf, values),
        vector_values=vector_values,
        q=q,
        vector_q=vector_q,
        optimal=optimal,
        policy=policy.astype(np.int32),
        residual=residual,
        discount=discount,
        weights=weight,
    )


def _induct(
    mdp: FiniteMDP, table: Tables, judge: Judge, weight: Floats, discount: float, horizon: int, keep_values: bool
) -> FiniteHorizonSolution:
    """Induction from the last tick to the first.

    `judge` is called once per tick with the vector values `[S, K]` that the policy has from the next tick on, and
    says what the acting self holds each action to be worth, `[S, A]`.
    """
    _check_range(discount)
    if horizon < 1:
        raise ValueError(f"a horizon is at least one tick, not {horizon}")
    states, width = np.arange(mdp.n_states), (mdp.n_actions + 7) // 8
    rewards = table.vector_rewards
    values = np.zeros((horizon + 1 if keep_values else 1, mdp.n_states))
    policy = np.zeros((horizon, mdp.n_states), dtype=np.int8 if mdp.n_actions <= 128 else np.int16)
    packed = np.zeros((horizon, mdp.n_states, width), dtype=np.uint8)
    vectors = np.zeros((mdp.n_states, len(mdp.channels)))
    for tick in reversed(range(horizon)):
        q = judge(vectors)
        acting = ~np.all(np.isneginf(q), axis=1)
        best = _best(q, acting)
        optimal = _ties(q, acting, tie_tolerance(_largest(best), discount, horizon - tick))
        chosen = optimal.argmax(axis=1)
        if table.next_state is not None:
            ahead = vectors[table.next_state[states, chosen]]
        else:
            ahead = np.asarray(table.matrix[states * mdp.n_actions + chosen] @ vectors)
        vectors = np.where(acting[:, None], rewards[states, chosen] + discount * ahead, 0.0)
        policy[tick], packed[tick] = chosen, np.packbits(optimal, axis=1)
        values[tick if keep_values else 0] = np.where(acting | mdp.ended, best, -np.inf)
    vectors[np.isneginf(values[0])] = np.nan
    return FiniteHorizonSolution(values, vectors, policy, packed, mdp.n_actions, horizon, discount, weight)


# Weights that change


def _changing_judge(mdp: FiniteMDP, table: Tables, weight: Floats, discount: float, judges_by: str) -> Judge:
    acting = ~mdp.ended
    blocked = np.where(table.available, 0.0, -np.inf)
    if judges_by == "current":
        return lambda vectors: _weighted(_vector_q(table, vectors, discount), weight) + blocked
    if judges_by == "future":
        held = [_weighted(table.vector_rewards, weight) + blocked]
        kind = np.zeros(mdp.n_states, dtype=np.int64)
    else:
        distinct, kind = _distinct(weight)
        held = [table.vector_rewards @ each + blocked for each in distinct]
    beliefs = [np.zeros(mdp.n_states) for _ in held]

    def judge(_: Floats) -> Floats:
        merged = np.empty(table.available.shape)
        for i, scalar in enumerate(held):
            q = _backup(table, scalar, discount, beliefs[i])
            beliefs[i] = _best(q, acting)
            merged[kind == i] = q[kind == i]
        return merged

    return judge


def _distinct(weight: Floats) -> tuple[Floats, Longs]:
    """The different weight vectors, and which of them each state holds."""
    distinct, kind = np.unique(weight, axis=0, return_inverse=True)
    return distinct, kind.reshape(-1)


def _vector_q(table: Tables, vectors: Floats, discount: float) -> Floats:
    return table.vector_rewards + discount * table.ahead(vectors)


def _ignoring_edits(mdp: FiniteMDP, table: Tables, weight: Floats, discount: float) -> Solution:
    acting = ~mdp.ended
    values, q = np.zeros(mdp.n_states), np.full(table.available.shape, -np.inf)
    optimal = np.zeros(table.available.shape, dtype=np.bool_)
    residual, start = 0.0, None
    distinct, kind = _distinct(weight)
    for i, each in enumerate(distinct):
        believed = policy_iteration(mdp, each, discount, start=start)
        mine, start = kind == i, believed.values
        values[mine], q[mine], optimal[mine] = believed.values[mine], believed.q[mine], believed.optimal[mine]
        residual = max(residual, believed.residual)
    policy = optimal.argmax(axis=1)
    guess = np.zeros((mdp.n_states, len(mdp.channels)))
    vectors = _policy_values(table, policy, table.vector_rewards, acting, discount, guess)
    return _changing_solution(table, weight, discount, values, vectors, q, optimal, residual)


def _self_consistent(mdp: FiniteMDP, table: Tables, weight: Floats, discount: float) -> Solution:
    """Lengthen the horizon until the first tick's policy stays, then check that it stays for ever."""
    acting, states = ~mdp.ended, np.arange(mdp.n_states)
    judge = _changing_judge(mdp, table, weight, discount, "current")

    def look(vectors: Floats) -> tuple[Floats, Bools]:
        q = judge(vectors)
        return q, _ties(q, acting, tie_tolerance(_largest(_best(q, acting)), discount))

    vectors = np.zeros((mdp.n_states, len(mdp.channels)))
    policy: Longs
    policy, unchanged, patience = np.full(mdp.n_states, -1), 0, 8
    sweeps = 100 + (mdp.n_states if discount == 1 else math.ceil(math.log(1e-17) / math.log(max(discount, 1e-3))))
    for _ in range(sweeps):
        _, optimal = look(vectors)
        chosen = optimal.argmax(axis=1)
        unchanged = unchanged + 1 if (chosen == policy).all() else 0
        policy = chosen
        if unchanged >= patience:
            exact = _policy_values(table, policy, table.vector_rewards, acting, discount, vectors)
            q, optimal = look(exact)
            if (optimal.argmax(axis=1) == policy).all():
                gain = _best(q, acting) - np.where(acting, q[states, policy], 0.0)
                residual = _largest(gain) / (1 - discount if discount < 1 else 1.0)
                values = (weight * exact).sum(axis=1)
                return _changing_solution(table, weight, discount, values, exact, q, optimal, residual)
            patience *= 2
        vectors = _vector_q(table, vectors, discount)[states, policy]
        vectors[~acting] = 0.0
    raise NoFixedPoint(
        f"after {sweeps} sweeps the selves of different weights still give way to one another;"
        " give the stage a horizon, which always settles it"
    )


def _changing_solution(
    table: Tables,
    weight: Floats,
    discount: float,
    values: Floats,
    vectors: Floats,
    q: Floats,
    optimal: Bools,
    residual: float,
) -> Solution:
    vector_q = _vector_q(table, vectors, discount)
    vector_q[~table.available] = np.nan
    policy = optimal.argmax(axis=1).astype(np.int32)
    return Solution(values, vectors, q, vector_q, optimal, policy, residual, discount, weight)
