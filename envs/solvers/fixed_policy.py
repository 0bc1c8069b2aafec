"""A given deterministic policy in the form of a solution: its one action in each state, and its values."""

from __future__ import annotations

import numpy as np

from ..base import FiniteMDP, Floats, Ints
from ..mdp.transition_tables import tables
from .dynamic_programming import FiniteHorizonSolution, Solution
from .policy_evaluation import evaluate


def evaluate_stationary(mdp: FiniteMDP, policy: Ints, weights: Floats, discount: float) -> Solution:
    """A stationary policy with its infinite-horizon values.

    Args:
        mdp: the process.
        policy: int32 `[S]`; entries of ended states are not read.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.

    Returns:
        `optimal` has the policy's action alone, `values` and `q` are weighted sums under it.

    Raises:
        ImproperDiscountError: discount 1, and under the policy some state never reaches an end.
    """
    table = tables(mdp)
    values = evaluate(mdp, policy, discount)
    q = table.vector_rewards + discount * table.expected_next(values)
    live = np.flatnonzero(~mdp.ended)
    optimal = np.zeros(table.available.shape, np.bool_)
    optimal[live, policy[live]] = True
    return Solution(
        values=values @ weights,
        vector_values=values,
        q=np.where(table.available, q @ weights, -np.inf),
        vector_q=np.where(table.available[..., None], q, np.nan),
        optimal=optimal,
        policy=np.where(mdp.ended, 0, policy).astype(np.int32),
        residual=0.0,
        discount=discount,
        weights=weights,
    )


def evaluate_time_dependent(mdp: FiniteMDP, policy: Ints, weights: Floats, discount: float) -> FiniteHorizonSolution:
    """A time-dependent policy with its values over the horizon.

    Args:
        mdp: the process.
        policy: int32 `[T, S]`; entries of ended states are not read.
        weights: float64 `[K]`.
        discount: per tick, 0 to 1.

    Returns:
        One action at every tick in every state; `values` are weighted sums under the policy.
    """
    table, horizon = tables(mdp), len(policy)
    live = np.flatnonzero(~mdp.ended)
    values = np.zeros((horizon + 1, mdp.n_states))
    packed = np.zeros((horizon, mdp.n_states, (mdp.n_actions + 7) // 8), np.uint8)
    vectors = np.zeros((mdp.n_states, weights.size))
    for tick in reversed(range(horizon)):
        q = table.vector_rewards + discount * table.expected_next(vectors)
        vectors = np.zeros_like(vectors)
        vectors[live] = q[live, policy[tick, live]]
        chosen = np.zeros(table.available.shape, np.bool_)
        chosen[live, policy[tick, live]] = True
        packed[tick], values[tick] = np.packbits(chosen, axis=1), vectors @ weights
    kept = policy.astype(np.int16)
    return FiniteHorizonSolution(values, vectors, kept, packed, mdp.n_actions, horizon, discount, weights)
