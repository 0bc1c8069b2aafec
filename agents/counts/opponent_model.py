"""Predictions of the other agents' next joint action, learned from observing them or assumed."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...envs.base import Floats

SLIP: Final = 1e-6
"""Weight of every other action beside one that is assumed: it counts only where the assumed one cannot be taken."""


class OpponentModel:
    """Dirichlet counts of what all others do together, given what the agent itself sees.

    A state seen seldom borrows from all the others: its prior is one look at what they do anywhere, which in turn
    begins even. Others learn as well, so what they did long ago counts less and less.
    """

    def __init__(self, n_joint: int, forgetting: float) -> None:
        """Knows nothing.

        Args:
            n_joint: how many joint actions the others have.
            forgetting: by how much an earlier look weighs less after each later one at the same state.
        """
        self._keep = 1.0 - forgetting
        self._anywhere: Floats = np.ones(n_joint)
        self._counts: Floats = np.zeros((64, n_joint))

    def record(self, state: int, joint: int) -> None:
        """Learns that in the agent's state number `state` the others did `joint`."""
        while state >= len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._counts[state] *= self._keep
        self._counts[state, joint] += 1.0
        self._anywhere[joint] += 1.0

    def shares(self, n_states: int) -> Floats:
        """float64 `[n_states, joint actions]`: how likely each is."""
        counts = np.zeros((n_states, self._anywhere.size))
        seen = self._counts[:n_states]
        counts[: len(seen)] = seen
        counts += self._anywhere / self._anywhere.sum()
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def assumed(actions: tuple[int, ...], joint: int | None) -> Floats:
    """float64 `[joint actions]`: what others are taken to do who always take one joint action, or (None) any.

    Args:
        actions: how many actions each of the others has.
        joint: the number of the joint action, the last agent's changing fastest.
    """
    shares = np.full(int(np.prod(actions)), 1.0 if joint is None else SLIP)
    if joint is not None:
        shares[joint] = 1.0
    return np.asarray(shares / shares.sum())
