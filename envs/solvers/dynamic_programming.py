"""Exact solutions of a finite MDP: policy iteration, value iteration and backward induction, with values per channel.

Letters as in `base`: S states, A joint actions, K channels, T ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...scenarios.deferred import csgraph, sparse
from ...scenarios.errors import WorldError
from ..base import Bools, FiniteMDP, Floats, Ints, Longs
from ..mdp.transition_tables import TransitionTables, tables
from .bellman import EPSILON, backup, best_of, largest, tie_tolerance, ties
from .policy_evaluation import ImproperDiscountError, check_range, policy_values

ActionValues: TypeAlias = Callable[[Floats], Floats]
"""From the vector values `[S, K]` of the next tick to the Q-values `[S, A]` by which the acting self chooses."""


class InfeasibleError(WorldError):
    """From a start state, no policy can be sure to keep away from what is barred."""


@dataclass(frozen=True, eq=False)
class Solution:
    """An optimal solution without a horizon, with the vector values of one optimal policy.

    In an ended state values are 0; in a state from which what is barred cannot be avoided `values` is -inf and
    `vector_values` is nan.

    Attributes:
        values: float64 `[S]`, weighted, of the optimum.
        vector_values: float64 `[S, K]`, of `policy`.
        q: float64 `[S, A]`, -inf where the action may not be taken.
        vector_q: float64 `[S, A, K]`, of taking the action and then following `policy`; nan where `q` is -inf.
        optimal: bool `[S, A]`, every action that ties with the best.
        policy: int32 `[S]`, the tied action of lowest index; 0 where there is none.
        residual: a proved bound on the error of `values`; see `error_bound`.
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

    def at_states(self, states: Longs) -> Solution:
        """The solution of a process each of whose states stands for one of these, int64 `[n]`."""
        return replace(
            self,
            values=self.values[states],
            vector_values=self.vector_values[states],
            q=self.q[states],
            vector_q=self.vector_q[states],
            optimal=self.optimal[states],
            policy=self.policy[states],
        )


@dataclass(frozen=True, eq=False)
class FiniteHorizonSolution:
    """An optimal solution with a known number of ticks to go.

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

    def ever_optimal(self, ticks: int) -> Bools:
        """bool `[S, A]`: every action that ties with the best at one of the first so many ticks."""
        packed = np.bitwise_or.reduce(self.packed[:ticks], axis=0)
        return np.unpackbits(packed, axis=-1, count=self.n_actions).view(np.bool_)

    def at_states(self, states: Longs) -> FiniteHorizonSolution:
        """The solution of a process each of whose states stands for one of these, int64 `[n]`."""
        return replace(
            self,
            values=self.values[:, states],
            vector_values=self.vector_values[states],
            policy=self.policy[:, states],
            packed=self.packed[:, states],
        )


Optimal: TypeAlias = Bools | FiniteHorizonSolution
"""What may be chosen: bool `[S, A]` at every tick, or the ties of a solution, which differ by tick."""


def at_states(optimal: Optimal, states: Longs) -> Optimal:
    """What may be chosen in a process each of whose states stands for one of these, int64 `[n]`."""
    return optimal.at_states(states) if isinstance(optimal, FiniteHorizonSolution) else optimal[states]


def value_iteration(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    tolerance: float = 1e-10,
    start: Floats | None = None,
    barred: Bools | None = None,
) -> Solution:
    """Solve by value iteration: a plain cross-check of `policy_iteration`.

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
        ImproperDiscountError: discount 1, and some policy never ends.
        InfeasibleError: a start state can't keep away from what is barred.
        ValueError: a shape or the discount is wrong.
    """
    table, weight = tables(mdp), _checked_weights(mdp, weights)
    allowed = allowed_for_ever(mdp, table, barred)
    check_discount(mdp, table, allowed, discount)
    scalar = np.where(allowed, table.vector_rewards @ weight, -np.inf)
    acting = np.any(allowed, axis=1)
    values = _start_values(mdp, start, acting)
    while True:
        new = best_of(backup(table, scalar, discount, values), acting)
        change, scale = largest(new - values), largest(new)
        values = new
        # After a change of c the error is at most c * discount / (1 - discount); below rounding nothing improves.
        if change * discount <= max(tolerance * (1 - discount if discount < 1 else 1.0), 4 * EPSILON * scale):
            break
    return conclude(mdp, table, scalar, allowed, values, weight, discount, slack=tolerance)


def policy_iteration(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    barred: Bools | None = None,
    start: npt.NDArray[np.integer] | None = None,
) -> Solution:
    """Solve exactly: the default solver.

    A policy is evaluated by pointer doubling where transitions are deterministic, else by a sparse LU factorisation,
    or where there are many states by Krylov iteration.

    Args:
        mdp: the process.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.
        barred: bool `[S, A]`, pairs that may not be taken. Neither may any pair that can lead to a state which is
            left without actions.
        start: integers `[S]`, the policy to start from, such as the best one of a neighbouring problem.

    Returns:
        The optimum and one best policy.

    Raises:
        ImproperDiscountError: discount 1, and some policy never ends.
        InfeasibleError: a start state can't keep away from what is barred.
        ValueError: a shape or the discount is wrong.
    """
    table, weight = tables(mdp), _checked_weights(mdp, weights)
    allowed = allowed_for_ever(mdp, table, barred)
    check_discount(mdp, table, allowed, discount)
    scalar = np.where(allowed, table.vector_rewards @ weight, -np.inf)
    policy = None if start is None else _start_policy(mdp, start, allowed)
    values = optimise(table, scalar, discount, np.zeros(mdp.n_states), policy)
    return conclude(mdp, table, scalar, allowed, values, weight, discount)


def backward_induction(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    horizon: int,
    barred: Bools | None = None,
    keep_values: bool = True,
    among: FiniteHorizonSolution | None = None,
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
        among: a solution by what matters more; only what is optimal there may be taken.

    Returns:
        The optimum at every tick.

    Raises:
        InfeasibleError: a start state can't keep away from what is barred.
        ValueError: a shape, the discount or the horizon is wrong.
    """
    table, weight = tables(mdp), _checked_weights(mdp, weights)
    scalar = np.where(table.available, table.vector_rewards @ weight, -np.inf)
    values = np.zeros(mdp.n_states)
    dead = np.zeros(mdp.n_states, dtype=np.bool_)
    choices = permitted(mdp, table, barred, among, horizon)

    # The optimum is backed up as a scalar of its own: the vector values belong to one policy, which may lose as much as
    # the tie tolerance at each tick.
    def judge(_: Floats) -> Floats:
        nonlocal values, dead
        q = backup(table, scalar, discount, values)
        may, dead = next(choices)
        if may is not table.available:
            q[~may] = -np.inf
        values = best_of(q, ~mdp.ended & ~dead)
        return q

    solution = induct(mdp, table, judge, weight, discount, horizon, keep_values)
    check_feasible(mdp, dead)
    return solution


def permitted(
    mdp: FiniteMDP,
    table: TransitionTables,
    barred: Bools | None,
    among: FiniteHorizonSolution | None,
    horizon: int,
) -> Iterator[tuple[Bools, Bools]]:
    """What may be done in each tick, from the last to the first.

    Args:
        mdp: the process.
        table: its tables.
        barred: bool `[S, A]`, pairs that may not be taken at any tick; nor may any that risks a state without actions
            before the end of the last tick.
        among: a solution by what matters more; only what is optimal there may be taken.
        horizon: T, ticks.

    Yields:
        The pairs that may be taken, bool `[S, A]` (`table.available` itself where that is all of them), and the states
        that are left without any, bool `[S]`.
    """
    dead = np.zeros(mdp.n_states, dtype=np.bool_)
    free = table.available if barred is None else table.available & ~_checked_barred(mdp, barred)
    for tick in reversed(range(horizon)):
        may = free if among is None else free & among.optimal_at(tick)
        if barred is not None:
            may = may & ~(table.expected_next(dead.astype(np.float64)) > 0)
            dead = ~mdp.ended & ~may.any(axis=1)
        yield may, dead


def check_feasible(mdp: FiniteMDP, dead: Bools) -> None:
    """Raise if an episode may begin in a state that is left without actions.

    Raises:
        InfeasibleError: it may.
    """
    if dead[mdp.start_state[mdp.start_probability > 0]].any():
        raise InfeasibleError("no policy from the start is sure to keep away from what is barred")


# ------------------------------------------------------------------ checks of the arguments


def _checked_weights(mdp: FiniteMDP, weights: npt.ArrayLike) -> Floats:
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(mdp.channels),):
        raise ValueError(f"one weight per channel is needed ({', '.join(mdp.channels)}); got shape {weight.shape}")
    return weight


def _checked_barred(mdp: FiniteMDP, barred: Bools) -> Bools:
    if barred.shape != (mdp.n_states, mdp.n_actions):
        raise ValueError(f"barred needs the shape {(mdp.n_states, mdp.n_actions)}, not {barred.shape}")
    return barred


def check_discount(mdp: FiniteMDP, table: TransitionTables, allowed: Bools, discount: float) -> None:
    """At discount 1 every policy of `allowed` pairs has to end: there may be no end component (de Alfaro 1997).

    Raises:
        ImproperDiscountError: some policy never ends.
        ValueError: no discount.
    """
    check_range(discount)
    if discount < 1:
        return
    inside = allowed.ravel().copy()
    owner = np.repeat(np.arange(mdp.n_states), mdp.n_actions)
    while True:
        # Keep the actions that surely stay within a strongly connected set of states, until nothing changes.
        rows = np.flatnonzero(inside)
        step = table.matrix[rows]
        pairs = np.repeat(owner[rows], np.diff(step.indptr)), step.indices
        graph = sparse.csr_array((np.ones(pairs[0].size), pairs), shape=(mdp.n_states, mdp.n_states))
        component = csgraph.connected_components(graph, connection="strong")[1]
        leaves = np.zeros(inside.size, dtype=np.bool_)
        leaving = component[pairs[0]] != component[pairs[1]]
        leaves[np.repeat(rows, np.diff(step.indptr))[leaving]] = True
        if not leaves.any():
            break
        inside &= ~leaves
    if inside.any():
        count = np.unique(owner[inside]).size
        raise ImproperDiscountError(
            f"at discount 1 an agent can go on for ever within {count} of {mdp.n_states} states"
            f" (state {int(owner[inside][0])} is one); give the stage a horizon, or take a discount below 1"
        )


def allowed_for_ever(mdp: FiniteMDP, table: TransitionTables, barred: Bools | None) -> Bools:
    """The pairs that may be taken for ever: those not barred, less those that risk a state without any."""
    if barred is None:
        return table.available
    allowed = table.available & ~_checked_barred(mdp, barred)
    dead = ~mdp.ended & ~np.any(allowed, axis=1)
    # Backwards from the dead states: a pair that risks one is not allowed; a state that loses its last pair is dead.
    into = sparse.csc_array(table.matrix)
    fresh = np.flatnonzero(dead)
    while fresh.size:
        rows = np.unique(into[:, fresh].indices)
        allowed.reshape(-1)[rows] = False
        touched = np.unique(rows // mdp.n_actions)
        fresh = touched[~dead[touched] & ~allowed[touched].any(axis=1)]
        dead[fresh] = True
    check_feasible(mdp, dead)
    return allowed


def _start_values(mdp: FiniteMDP, start: Floats | None, acting: Bools) -> Floats:
    if start is None:
        return np.zeros(mdp.n_states)
    if start.shape != (mdp.n_states,):
        raise ValueError(f"start needs one value for each of {mdp.n_states} states, not the shape {start.shape}")
    return np.where(acting & np.isfinite(start), start, 0.0)


def _start_policy(mdp: FiniteMDP, start: npt.NDArray[np.integer], allowed: Bools) -> Ints:
    """int32 `[S]`: a policy, made one that may be followed; -1 where nothing may be done."""
    if start.shape != (mdp.n_states,):
        raise ValueError(f"start needs one action for each of {mdp.n_states} states, not the shape {start.shape}")
    usual = allowed.argmax(axis=1)
    known = np.where((start >= 0) & (start < mdp.n_actions), start, usual)
    states = np.arange(mdp.n_states)
    policy = np.where(allowed[states, known], known, usual)
    return np.where(allowed[states, policy], policy, -1).astype(np.int32)


# ------------------------------------------------------------------ steps of the solvers


_MOST_SWEEPS, _MANY = 8, 50
"""Improving sweeps before the policy is evaluated, which costs as much as a few of them: at most so many, and only
while more than one in so many states changes its action."""


def optimise(
    table: TransitionTables, scalar: Floats, discount: float, values: Floats, policy: Ints | None = None
) -> Floats:
    """The best values `[S]`, by modified policy iteration from the policy that is greedy on `values`.

    Gauss-Seidel sweeps improve values and policy until few actions change; then the policy is evaluated exactly. It
    ends where a sweep over exact values finds nothing better. If a `policy` int32 `[S]` is given (-1 where nothing may
    be done), it is evaluated before anything is improved: a best one is then all but confirmed.
    """
    from .sweeps import improve  # Numba, which nobody waits for who solves nothing

    n_states = scalar.shape[0]
    values, improving = values.copy(), policy is None
    policy = np.zeros(n_states, np.int32) if policy is None else policy.copy()
    rewards, slack = scalar[:, :, None], 0.0
    previous: Floats | None = None
    while True:
        for sweep in range(_MOST_SWEEPS if improving else 0):
            if improve(table, scalar, discount, slack, values, policy, sweep % 2 == 0) <= n_states // _MANY:
                break
        improving = True
        values = policy_values(table, policy, rewards, policy >= 0, discount, values[:, None])[:, 0].copy()
        scale = largest(values)
        # Rounding may call a tie a gain; values that no longer rise end it, so nothing can go in circles.
        if previous is not None and not (values > previous + 8 * EPSILON * scale).any():
            return np.maximum(values, previous)
        previous = values.copy()
        # Stricter than the tie tolerance, so that values are more exact than the differences by which ties are judged.
        slack = 0.1 * tie_tolerance(scale, discount)
        if not improve(table, scalar, discount, slack, values, policy, True):
            return previous


def error_bound(table: TransitionTables, scalar: Floats, discount: float, values: Floats, q: Floats) -> float:
    """How far some values lie from the optimum at most, in any state that acts.

    If one Bellman backup changes no value by more than r, the optimum lies within `r * n`, where n is the greatest
    expected (discounted) number of ticks that any policy acts (Puterman 1994, theorem 6.3.1, for a discount below 1:
    then n is at most `1 / (1 - discount)`). The rounding of the backup itself is part of r.

    Args:
        table: the process.
        scalar: float64 `[S, A]`, expected rewards; -inf where an action may not be taken.
        discount: per tick.
        values: float64 `[S]`.
        q: float64 `[S, A]`, their backup.
    """
    best = best_of(q, np.ones(len(q), np.bool_))
    with np.errstate(invalid="ignore"):
        changed = largest(best - values)  # where nobody acts, that is infinite and not looked at
    outcomes = int(np.diff(table.outcomes[0]).max(initial=1))
    rounding = (outcomes + 3) * EPSILON * max(largest(best), largest(values))
    ticks = 1 / (1 - discount) if discount < 1 else 1.0
    if discount == 1:
        # Every policy ends, so the longest one is found like any other optimum; its own rounding is far below 1 tick.
        ticks += largest(optimise(table, np.where(np.isneginf(scalar), -np.inf, 1.0), 1.0, np.zeros(len(q))))
    return (changed + rounding) * ticks


def conclude(
    mdp: FiniteMDP,
    table: TransitionTables,
    scalar: Floats,
    allowed: Bools,
    values: Floats,
    weight: Floats,
    discount: float,
    slack: float = 0.0,
) -> Solution:
    """The solution whose weighted values `[S]` are known to within `slack`: its ties, one policy, its vector values."""
    acting = np.any(allowed, axis=1)
    q = backup(table, scalar, discount, values)
    residual = error_bound(table, scalar, discount, values, q)
    optimal = ties(q, acting, max(tie_tolerance(largest(values), discount), 2 * slack))
    policy = optimal.argmax(axis=1)
    guess = np.zeros((mdp.n_states, len(mdp.channels)))
    vector_values = policy_values(table, policy, table.vector_rewards, acting, discount, guess)
    vector_q = table.vector_rewards + discount * table.expected_next(vector_values)
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


def induct(
    mdp: FiniteMDP,
    table: TransitionTables,
    judge: ActionValues,
    weight: Floats,
    discount: float,
    horizon: int,
    keep_values: bool,
) -> FiniteHorizonSolution:
    """Induction from the last tick to the first.

    `judge` is called once per tick with the vector values `[S, K]` that the policy has from the next tick on, and
    says what the acting self holds each action to be worth, `[S, A]`.
    """
    check_range(discount)
    if horizon < 1:
        raise ValueError(f"a horizon is at least one tick, not {horizon}")
    # Optimal actions are kept as bits, one per action: T * S * A booleans would be the largest array by far.
    states, width = np.arange(mdp.n_states), (mdp.n_actions + 7) // 8
    rewards = table.vector_rewards
    values = np.zeros((horizon + 1 if keep_values else 1, mdp.n_states))
    policy = np.zeros((horizon, mdp.n_states), dtype=np.int8 if mdp.n_actions <= 128 else np.int16)
    packed = np.zeros((horizon, mdp.n_states, width), dtype=np.uint8)
    vectors = np.zeros((mdp.n_states, len(mdp.channels)))
    for tick in reversed(range(horizon)):
        q = judge(vectors)
        acting = ~np.all(np.isneginf(q), axis=1)
        best = best_of(q, acting)
        optimal = ties(q, acting, tie_tolerance(largest(best), discount, horizon - tick))
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
