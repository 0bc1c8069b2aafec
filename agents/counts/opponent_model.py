"""Opponent models: one agent's prediction of the others' joint action, learned from observation or assumed."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...envs.base import Floats

SLIP: Final = 1e-6
"""Relative weight of every joint action but the assumed one, so that it matters only where that one is impossible."""


class OpponentModel:
    """Dirichlet counts of the others' joint actions, conditional on the agent's own state.

    The prior of each state has the weight of one observation and is the distribution of joint actions over all states,
    whose own prior is uniform; so states that were seen rarely borrow from the rest. Within a state old observations
    are discounted, because the others learn and change.
    """

    def __init__(self, n_joint: int, forgetting: float) -> None:
        """A model without observations.

        Args:
            n_joint: how many joint actions the others have.
            forgetting: in [0, 1], the share of its weight that an observation loses with each later one in the same
                state.
        """
        self._keep = 1.0 - forgetting
        self._anywhere: Floats = np.ones(n_joint)
        self._counts: Floats = np.zeros((64, n_joint))

    def record(self, state: int, joint: int) -> None:
        """Learns that in the agent's state `state` the others took the joint action `joint`."""
        # Doubled as needed, so that adding n states copies O(n) rows in total.
        while state >= len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._counts[state] *= self._keep
        self._counts[state, joint] += 1.0
        self._anywhere[joint] += 1.0

    def shares(self, n_states: int) -> Floats:
        """float64 `[n_states, joint actions]`: the predicted probabilities in the first `n_states` states."""
        counts = np.zeros((n_states, self._anywhere.size))
        seen = self._counts[:n_states]
        counts[: len(seen)] = seen
        # The prior; it also gives states beyond the table the distribution over all states.
        counts += self._anywhere / self._anywhere.sum()
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def assumed(actions: tuple[int, ...], joint: int | None) -> Floats:
    """float64 `[joint actions]`: the distribution of others who always take one joint action, or act uniformly.

    Args:
        actions: how many actions each of the others has.
        joint: the number of the joint action, with the last agent's action as the fastest digit; None: uniform.
    """
    shares = np.full(int(np.prod(actions)), 1.0 if joint is None else SLIP)
    if joint is not None:
        shares[joint] = 1.0
    return np.asarray(shares / shares.sum())
