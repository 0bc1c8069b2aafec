"""Vector values of a finite model: K heads, each with its own discount, under the policy that is really followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..envs.base import FiniteMDP, Floats, Ints
from ..envs.policies import evaluate
from ..envs.tables import tables
from .deliberation import Deliberation

MAX_ROUNDS: Final = 200


@dataclass(frozen=True, eq=False)
class Heads:
    """A policy and its K value functions.

    Attributes:
        policy: int32 `[S]`; 0 in ended states.
        vector_values: float64 `[S, K]`, each channel's value under the policy.
        vector_q: float64 `[S, A, K]`, the same after a first action; zero where an action is not available.
        converged: deliberation on these values chooses the policy again. Always so for weighted heads that share one
            discount; other rules, and heads of different discounts, may cycle.
    """

    policy: Ints
    vector_values: Floats
    vector_q: Floats
    converged: bool


def check_heads(
    channels: Sequence[str], weights: Sequence[float] | Floats, discount: float | Sequence[float] | Floats
) -> tuple[Floats, Floats]:
    """Weights and discounts of K heads as float64 `[K]`; one discount may stand for all.

    Raises:
        ValueError: shapes don't fit, or a discount is not within [0, 1).
    """
    weighing = np.asarray(weights, np.float64)
    discounts = np.broadcast_to(np.asarray(discount, np.float64), (len(channels),)).copy()
    if weighing.shape != (len(channels),):
        raise ValueError(f"weights: {weighing.size} for {len(channels)} channels")
    if (discounts < 0).any() or (discounts >= 1).any():
        raise ValueError(f"discount: {discounts.tolist()} is not within [0, 1)")
    return weighing, discounts


def solve_heads(
    mdp: FiniteMDP, weights: Floats, discounts: Floats, deliberate: Deliberation, first: Ints | None = None
) -> Heads:
    """Policy iteration on vectors: evaluate every head, let the deliberation choose, until it chooses the same.

    An action that is among the best is kept, so ties don't cycle.

    Args:
        mdp: the model.
        weights: float64 `[K]`.
        discounts: float64 `[K]`, each in [0, 1).
        deliberate: the rule that makes one choice of K values.
        first: int32 `[S]`, a policy to start from; entries that are not available are replaced.
    """
    table = tables(mdp)
    live = np.flatnonzero(table.available.any(axis=1))
    available = table.available[live]
    policy = np.zeros(mdp.n_states, np.int32)
    policy[live] = available.argmax(axis=1)
    if first is not None:
        kept = live[(first[live] >= 0) & table.available[live, first[live]]]
        policy[kept] = first[kept]
    for _ in range(MAX_ROUNDS):
        values = np.empty((mdp.n_states, discounts.size))
        for discount in np.unique(discounts):
            same = discounts == discount
            values[:, same] = evaluate(mdp, policy, float(discount))[:, same]
        q = np.where(table.available[..., None], table.vector_rewards + table.ahead(values) * discounts, 0.0)
        choice = deliberate(q[live], weights, available)
        better = ~choice.ties[np.arange(live.size), policy[live]]
        if not better.any():
            return Heads(policy, values, q, True)
        policy = policy.copy()
        policy[live[better]] = choice.action[better]
    return Heads(policy, values, q, False)
