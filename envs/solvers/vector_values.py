"""Policies that a deliberation chooses, and their vector values: K value heads, each with its own discount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Ints
from ..deliberation import Deliberation
from ..mdp.transition_tables import tables
from ..time_limit import check_time
from .bellman import SOLVING
from .policy_evaluation import Policy, evaluate

MAX_ROUNDS: Final = 200
"""Rounds of policy iteration before it is given up: where it converges it needs few, and a cycle is noticed earlier."""


@dataclass(frozen=True, eq=False)
class Heads:
    """A policy and its K value functions.

    Attributes:
        policy: int32 `[S]`; 0 in ended states.
        vector_values: float64 `[S, K]`, each channel's value under the policy.
        vector_q: float64 `[S, A, K]`, the same after a first action; zero where an action is not available.
        converged: deliberation on these values chooses the policy again. Always so for weighted heads that share one
            discount; other rules, and heads of different discounts, may cycle.
        cycle: how many policies alternate for ever; 0 where it converged or the rounds ran out first.
    """

    policy: Ints
    vector_values: Floats
    vector_q: Floats
    converged: bool
    cycle: int = 0


def solve_heads(
    mdp: FiniteMDP,
    weights: Floats,
    discounts: Floats,
    deliberate: Deliberation,
    first: Ints | None = None,
    allowed: Bools | None = None,
) -> Heads:
    """Policy iteration on vector values: evaluate every head, let the deliberation choose, until the policy repeats.

    Args:
        mdp: the model.
        weights: float64 `[K]`.
        discounts: float64 `[K]`, each in [0, 1).
        deliberate: the rule that makes one choice of K values.
        first: int32 `[S]`, a policy to start from; entries that may not be taken are replaced.
        allowed: bool `[S, A]`, available actions that may be taken, at least one in every state that has any; by
            default all.
    """
    table = tables(mdp)
    may = table.available if allowed is None else allowed
    live = np.flatnonzero(may.any(axis=1))
    available = may[live]
    policy = np.zeros(mdp.n_states, np.int32)
    policy[~mdp.ended] = table.available[~mdp.ended].argmax(axis=1)
    policy[live] = available.argmax(axis=1)
    if first is not None:
        kept = live[(first[live] >= 0) & may[live, first[live]]]
        policy[kept] = first[kept]
    met: dict[bytes, int] = {}
    for number in range(MAX_ROUNDS):
        check_time(SOLVING)
        met[policy.tobytes()] = number
        values = evaluate_heads(mdp, policy, discounts)
        q = np.where(table.available[..., None], table.vector_rewards + table.expected_next(values) * discounts, 0.0)
        choice = deliberate(q[live], weights, available)
        # An action that ties with the best is kept: else policies of equal value could alternate for ever.
        better = ~choice.ties[np.arange(live.size), policy[live]]
        if not better.any():
            return Heads(policy, values, q, True)
        next_policy = policy.copy()
        next_policy[live[better]] = choice.action[better]
        if (seen := met.get(next_policy.tobytes())) is not None:
            return Heads(policy, values, q, False, number + 1 - seen)
        policy = next_policy
    return Heads(policy, values, q, False)


def evaluate_heads(mdp: FiniteMDP, policy: Policy, discounts: Floats) -> Floats:
    """The infinite-horizon values of a policy for heads that each have their own discount.

    Args:
        mdp: the model.
        policy: see `evaluate`.
        discounts: float64 `[K]`, each in [0, 1].

    Returns:
        float64 `[S, K]`.

    Raises:
        ImproperDiscountError: discount 1, and under the policy some state never reaches an end.
    """
    values = np.empty((mdp.n_states, discounts.size))
    # One linear system for each discount solves all channels at once, so heads that share one share the work.
    for discount in np.unique(discounts):
        same = discounts == discount
        values[:, same] = evaluate(mdp, policy, float(discount))[:, same]
    return values


def sweep_heads(mdp: FiniteMDP, weights: Floats, discounts: Floats, deliberate: Deliberation, sweeps: int) -> Heads:
    """Value iteration on vector values, stopped after a number of sweeps from zero.

    The heads then hold the return of `sweeps` ticks, each tick deliberating on what the later ones will do, and nothing
    of what comes after them.

    Args:
        mdp: the model.
        weights: float64 `[K]`.
        discounts: float64 `[K]`, each in [0, 1].
        deliberate: the rule that makes one choice of K values.
        sweeps: at least 0.

    Returns:
        Heads that did not converge; their `policy` is what was chosen in the last sweep, and `vector_q` belongs to it.
    """
    table = tables(mdp)
    live = np.flatnonzero(table.available.any(axis=1))
    available = table.available[live]
    policy = np.zeros(mdp.n_states, np.int32)
    policy[live] = available.argmax(axis=1)
    values = np.zeros((mdp.n_states, discounts.size))
    q = np.zeros((mdp.n_states, mdp.n_actions, discounts.size))
    for _ in range(sweeps):
        check_time(SOLVING)
        q = np.where(table.available[..., None], table.vector_rewards + table.expected_next(values) * discounts, 0.0)
        policy[live] = deliberate(q[live], weights, available).action
        values[live] = q[live, policy[live]]
    return Heads(policy, values, q, False)
