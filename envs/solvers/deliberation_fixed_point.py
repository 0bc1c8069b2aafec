"""The policy of an agent whose heads deliberate by a rule other than the weighted sum.

Such a rule decides one state at a time, and what each head expects depends on what the rule will choose later. So there
is no optimum to solve for, only a fixed point: a policy that the rule chooses again, given the values of that policy
(see docs/decisions/0009-deliberation.md).

Letters as in `base`: S states, A joint actions, K channels, T ticks.
"""

from __future__ import annotations

import numpy as np

from ..base import Bools, FiniteMDP, Floats
from ..deliberation import DeliberationRule
from ..mdp.transition_tables import tables
from ..time_limit import check_time
from .bellman import SOLVING, largest
from .dynamic_programming import FiniteHorizonSolution, Solution, check_feasible, permitted, policy_iteration
from .modifiable_utility import NoFixedPointError
from .policy_evaluation import check_range
from .vector_values import MAX_ROUNDS, solve_heads


def solve_stationary_deliberation(
    mdp: FiniteMDP, rule: DeliberationRule, weights: Floats, discount: float, barred: Bools | None = None
) -> Solution:
    """The fixed point of a rule: evaluate every head under the present policy, deliberate everywhere, repeat.

    The first policy is the best by the weighted sum; where a rule has several fixed points, the result is the one that
    is reached from there. The heads compare expected discounted returns.

    Args:
        mdp: the process.
        rule: how one action is chosen by K values.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.
        barred: bool `[S, A]`, pairs that may not be taken, nor any that may lead to where nothing else is left.

    Returns:
        Its one policy: `optimal` has one action in each state, `values` and `q` are weighted sums under the policy.

    Raises:
        NoFixedPointError: the policies cycle.
        ImproperDiscountError, InfeasibleError: as `policy_iteration`.
    """
    best = policy_iteration(mdp, weights, discount, barred)
    allowed = ~np.isneginf(best.q)
    heads = solve_heads(mdp, weights, np.full(weights.size, discount), rule, best.policy, allowed)
    if not heads.converged:
        found = f"{heads.cycle} policies go round for ever" if heads.cycle else f"not settled after {MAX_ROUNDS} rounds"
        raise NoFixedPointError(
            f"deliberation by `{rule.name}`: {found}; give the stage a horizon, which always settles it"
        )
    vector_q = np.where(allowed[..., None], heads.vector_q, np.nan)
    q = np.where(allowed, heads.vector_q @ weights, -np.inf)
    live = allowed.any(axis=1)
    optimal = np.zeros(allowed.shape, np.bool_)
    optimal[live, heads.policy[live]] = True
    lost = ~live & ~mdp.ended
    values = heads.vector_values @ weights
    residual = largest(np.where(live, q[np.arange(mdp.n_states), heads.policy] - values, 0.0))
    return Solution(
        values=np.where(lost, -np.inf, values),
        vector_values=np.where(lost[:, None], np.nan, heads.vector_values),
        q=q,
        vector_q=vector_q,
        optimal=optimal,
        policy=heads.policy,
        residual=residual / (1 - discount if discount < 1 else 1.0),
        discount=discount,
        weights=weights,
    )


def solve_finite_horizon_deliberation(
    mdp: FiniteMDP,
    rule: DeliberationRule,
    weights: Floats,
    discount: float,
    horizon: int,
    barred: Bools | None = None,
    among: FiniteHorizonSolution | None = None,
) -> FiniteHorizonSolution:
    """The same with a known number of ticks to go, by backward induction: there is always exactly one such policy.

    Args:
        mdp: the process.
        rule: how one action is chosen by K values.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.
        horizon: T, ticks.
        barred: bool `[S, A]`, pairs that may not be taken.
        among: a solution by what matters more; only what is optimal there may be taken.

    Returns:
        One action at every tick in every state; `values` are weighted sums under that policy.

    Raises:
        InfeasibleError: a start state can't keep away from what is barred.
    """
    check_range(discount)
    table = tables(mdp)
    values = np.zeros((horizon + 1, mdp.n_states))
    policy = np.zeros((horizon, mdp.n_states), np.int8 if mdp.n_actions <= 128 else np.int16)
    packed = np.zeros((horizon, mdp.n_states, (mdp.n_actions + 7) // 8), np.uint8)
    vectors = np.zeros((mdp.n_states, weights.size))
    dead = np.zeros(mdp.n_states, np.bool_)
    choices = permitted(mdp, table, barred, among, horizon)
    for tick, (allowed, dead) in zip(reversed(range(horizon)), choices, strict=True):
        check_time(SOLVING)
        live = np.flatnonzero(allowed.any(axis=1))
        q = table.vector_rewards + discount * table.expected_next(vectors)
        action = rule(q[live], weights, allowed[live]).action
        chosen = np.zeros(allowed.shape, np.bool_)
        chosen[live, action] = True
        vectors = np.zeros_like(vectors)
        vectors[live] = q[live, action]
        policy[tick, live], packed[tick] = action, np.packbits(chosen, axis=1)
        values[tick] = np.where(dead, -np.inf, vectors @ weights)
    check_feasible(mdp, dead)
    vectors[dead] = np.nan
    return FiniteHorizonSolution(values, vectors, policy, packed, mdp.n_actions, horizon, discount, weights)
