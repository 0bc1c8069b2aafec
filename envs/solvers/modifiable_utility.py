"""Optimal policies of agents whose weights can be edited, by how they judge what follows an edit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import repeat
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...scenarios.errors import WorldError
from ..base import Bools, FiniteMDP, Floats, Longs
from ..mdp.transition_tables import TransitionTables, tables
from ..time_limit import check_time
from .bellman import SOLVING, backup, best_of, largest, tie_tolerance, ties
from .dynamic_programming import (
    ActionValues,
    FiniteHorizonSolution,
    Solution,
    allowed_for_ever,
    check_discount,
    check_feasible,
    conclude,
    induct,
    optimise,
    permitted,
    policy_iteration,
)
from .policy_evaluation import policy_values


class NoFixedPointError(WorldError):
    """Ever longer horizons lead to no policy that an agent with changing values keeps to while foreseeing itself.

    Often there is none; there may also be one that is the limit of no horizons.
    """


def solve_with_changing_weights(
    mdp: FiniteMDP,
    weights: npt.ArrayLike,
    discount: float,
    judges_by: Literal["current", "ignoring", "future"],
    horizon: int | None = None,
    barred: Bools | None = None,
    among: FiniteHorizonSolution | None = None,
) -> Solution | FiniteHorizonSolution:
    """Solve for an agent whose weights are part of the state, so that an effect can edit them.

    Which weights judge what follows an edit (Everitt, Hutter, Kumar and Krakovna 2021, "Reward tampering problems and
    solutions in reinforcement learning"):

    - `current`: the present weights, foreseeing that the agent will later act on its later ones. The result is a policy
      from which no present self gains by deviating once while the later ones keep to it, found as the limit of ever
      longer horizons; `optimal` holds the actions that tie for the acting self, given that later selves follow
      `policy`.
    - `ignoring`: the present weights, as if no edit came. `values` and `q` are what the agent believes,
      `vector_values` the true values of its policy.
    - `future`: whichever weights are held when a reward comes (those of the state in which the action is taken).

    Args:
        mdp: the process.
        weights: float64 `[S, K]`, what the agent weighs channels by in each state.
        discount: per tick, 0 to 1.
        judges_by: see above.
        horizon: ticks to go, if they are known.
        barred: bool `[S, A]`, pairs that no self may take; see `policy_iteration` and `backward_induction`.
        among: with a horizon, a solution by what matters more; only what is optimal there may be taken.

    Returns:
        A `FiniteHorizonSolution` if `horizon` is given, else a `Solution`.

    Raises:
        NoFixedPointError: `current` did not settle; a horizon always settles it.
        ImproperDiscountError: discount 1 without a horizon, and some policy never ends.
        InfeasibleError: a start state can't keep away from what is barred.
        ValueError: a shape, the discount, the horizon or `judges_by` is wrong.
    """
    table = tables(mdp)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (mdp.n_states, len(mdp.channels)):
        raise ValueError(f"weights per state are needed, {(mdp.n_states, len(mdp.channels))}; got {weight.shape}")
    if judges_by not in ("current", "ignoring", "future"):
        raise ValueError(f"judges_by is current, ignoring or future, not {judges_by!r}")
    if horizon is not None:
        choices = _Choices(mdp, permitted(mdp, table, barred, among, horizon))
        judge = _action_values(table, weight, discount, judges_by, choices)
        solution = induct(mdp, table, judge, weight, discount, horizon, keep_values=True)
        check_feasible(mdp, choices.dead)
        return solution
    allowed = allowed_for_ever(mdp, table, barred)
    check_discount(mdp, table, allowed, discount)
    if judges_by == "current":
        return _self_consistent(mdp, table, weight, discount, allowed)
    if judges_by == "ignoring":
        return _ignoring_edits(mdp, table, weight, discount, allowed)
    scalar = np.where(allowed, _weighted(table.vector_rewards, weight), -np.inf)
    values = optimise(table, scalar, discount, np.zeros(mdp.n_states))
    return conclude(mdp, table, scalar, allowed, values, weight, discount)


class _Choices:
    """What may be done in the tick that is being judged, as `permitted` says it from the last tick to the first.

    Attributes:
        blocked: float64 `[S, A]`, -inf where a pair may not be taken, else 0.
        acting, dead: bool `[S]`, the states with a choice, and those left without any before the end.
    """

    def __init__(self, mdp: FiniteMDP, ticks: Iterator[tuple[Bools, Bools]]) -> None:
        self._ticks = ticks
        self.blocked = np.zeros((mdp.n_states, mdp.n_actions))
        self.acting = self.dead = np.zeros(mdp.n_states, np.bool_)

    @staticmethod
    def always(mdp: FiniteMDP, allowed: Bools) -> _Choices:
        """The same in every tick."""
        return _Choices(mdp, repeat((allowed, ~mdp.ended & ~allowed.any(axis=1))))

    def next(self) -> None:
        """Go to the tick before."""
        may, self.dead = next(self._ticks)
        self.blocked, self.acting = np.where(may, 0.0, -np.inf), np.any(may, axis=1)


def _action_values(
    table: TransitionTables, weight: Floats, discount: float, judges_by: str, choices: _Choices
) -> ActionValues:
    n_states = table.ended.size
    if judges_by == "current":

        def presently(vectors: Floats) -> Floats:
            choices.next()
            return _weighted(_vector_q(table, vectors, discount), weight) + choices.blocked

        return presently
    if judges_by == "future":
        held = [_weighted(table.vector_rewards, weight)]
        kind = np.zeros(n_states, dtype=np.int64)
    else:
        distinct, kind = _distinct(weight)
        held = [table.vector_rewards @ each for each in distinct]
    # `induct` passes the values of the policy that is followed; these selves plan by their own, kept between ticks.
    beliefs = [np.zeros(n_states) for _ in held]

    def judge(_: Floats) -> Floats:
        choices.next()
        merged = np.empty(table.available.shape)
        for i, scalar in enumerate(held):
            q = backup(table, scalar + choices.blocked, discount, beliefs[i])
            beliefs[i] = best_of(q, choices.acting)
            merged[kind == i] = q[kind == i]
        return merged

    return judge


def _weighted(vectors: Floats, weight: Floats) -> Floats:
    """`[S, A]` from `[S, A, K]` and weights per state `[S, K]`."""
    return (vectors @ weight[:, :, None])[:, :, 0]


def _distinct(weight: Floats) -> tuple[Floats, Longs]:
    """The different weight vectors, and which of them each state holds."""
    distinct, kind = np.unique(weight, axis=0, return_inverse=True)
    return distinct, kind.reshape(-1)


def _vector_q(table: TransitionTables, vectors: Floats, discount: float) -> Floats:
    return table.vector_rewards + discount * table.expected_next(vectors)


def _ignoring_edits(
    mdp: FiniteMDP, table: TransitionTables, weight: Floats, discount: float, allowed: Bools
) -> Solution:
    acting = np.any(allowed, axis=1)
    values, q = np.zeros(mdp.n_states), np.full(table.available.shape, -np.inf)
    optimal = np.zeros(table.available.shape, dtype=np.bool_)
    residual, start = 0.0, None
    distinct, kind = _distinct(weight)
    for i, each in enumerate(distinct):
        believed = policy_iteration(mdp, each, discount, ~allowed, start)
        mine, start = kind == i, believed.policy
        values[mine], q[mine], optimal[mine] = believed.values[mine], believed.q[mine], believed.optimal[mine]
        residual = max(residual, believed.residual)
    policy = optimal.argmax(axis=1)
    guess = np.zeros((mdp.n_states, len(mdp.channels)))
    vectors = policy_values(table, policy, table.vector_rewards, acting, discount, guess)
    return _changing_solution(table, weight, discount, values, vectors, q, optimal, residual)


def _self_consistent(
    mdp: FiniteMDP, table: TransitionTables, weight: Floats, discount: float, allowed: Bools
) -> Solution:
    """Lengthen the horizon until the first tick's policy no longer changes, then check that it is a fixed point."""
    acting: Bools = np.any(allowed, axis=1)
    states = np.arange(mdp.n_states)
    judge = _action_values(table, weight, discount, "current", _Choices.always(mdp, allowed))

    def q_and_ties(vectors: Floats) -> tuple[Floats, Bools]:
        q = judge(vectors)
        return q, ties(q, acting, tie_tolerance(largest(best_of(q, acting)), discount))

    vectors = np.zeros((mdp.n_states, len(mdp.channels)))
    policy: Longs
    policy, unchanged, patience = np.full(mdp.n_states, -1), 0, 8
    # After so many sweeps what lies beyond the horizon weighs less than 1e-17; at discount 1 no path is longer than S.
    sweeps = 100 + (mdp.n_states if discount == 1 else math.ceil(math.log(1e-17) / math.log(max(discount, 1e-3))))
    for _ in range(sweeps):
        check_time(SOLVING)
        _, optimal = q_and_ties(vectors)
        chosen = optimal.argmax(axis=1)
        unchanged = unchanged + 1 if (chosen == policy).all() else 0
        policy = chosen
        if unchanged >= patience:
            exact = policy_values(table, policy, table.vector_rewards, acting, discount, vectors)
            q, optimal = q_and_ties(exact)
            if (optimal.argmax(axis=1) == policy).all():
                gain = best_of(q, acting) - np.where(acting, q[states, policy], 0.0)
                residual = largest(gain) / (1 - discount if discount < 1 else 1.0)
                values = (weight * exact).sum(axis=1)
                return _changing_solution(table, weight, discount, values, exact, q, optimal, residual)
            patience *= 2  # it was stable for a while only; waiting longer each time keeps evaluations rare
        vectors = _vector_q(table, vectors, discount)[states, policy]
        vectors[~acting] = 0.0
    raise NoFixedPointError(
        f"after {sweeps} sweeps the selves of different weights still give way to one another;"
        " give the stage a horizon, which always settles it"
    )


def _changing_solution(
    table: TransitionTables,
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
    lost = ~optimal.any(axis=1) & ~table.ended
    values, vectors = np.where(lost, -np.inf, values), np.where(lost[:, None], np.nan, vectors)
    return Solution(values, vectors, q, vector_q, optimal, policy, residual, discount, weight)
