"""Directed exploration on an imagined table: a value function for information, separate from the task's."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ...envs.base import Floats, Longs
from .imagined_mdp import ImaginedTable
from .replay_buffer import pair_key

FAMILIAR = 0.02
"""The bonus of an untried pair on which all ensemble members agree."""


class Frontier:
    """Exploration values: the discounted bonus of the best pair of state and action that was not tried enough.

    The bonus of a pair is the disagreement of the ensemble about it. The value of a state is a maximum over pairs:
    a sum would keep the agent in a region of many small bonuses. Values continue through ends of episodes into the next
    episode.
    """

    def __init__(self, table: ImaginedTable, tries: dict[bytes, int], needed: int, discount: float) -> None:
        """For a table; `tries` counts by `pair_key`; a pair is known after `needed` tries."""
        self._table, self._discount = table, discount
        size, actions = table.uncertainty.shape
        done = np.zeros((size, actions), np.int64)
        for number in np.flatnonzero(~table.over).tolist():
            done[number] = [tries.get(pair_key(table.states[number], action), 0) for action in range(actions)]
        available = (np.diff(table.row_start) > 0).reshape(size, actions)
        self._available = available
        self._left: Longs = np.where(available, np.maximum(needed - done, 0), 0)
        self._worth: Floats = np.where(available, np.maximum(table.uncertainty, FAMILIAR), 0.0)
        chance = table.shares.mean(axis=1)
        self._matrix = csr_array((chance, table.next_state, table.row_start), shape=(size * actions, size))
        self._value: Floats = np.zeros(size)
        self._stale = False
        self._sweep()

    def choose(self, state: int, rng: np.random.Generator) -> int | None:
        """The action that explores best; None if no unknown pair can be reached."""
        left = self._worth[state] * (self._left[state] > 0)
        ahead = self._ahead(state)
        if self._stale and left.max() < ahead.max():  # bonuses only vanish, so old values are upper bounds
            self._sweep()
            ahead = self._ahead(state)
        q = np.where(self._available[state], np.maximum(left, ahead), -1.0)
        if q.max() <= 0:
            return None
        # The relative tolerance makes ties independent of the order of floating-point sums.
        best = np.flatnonzero(q >= q.max() * (1 - 1e-9))
        action = int(best[rng.integers(best.size)])
        if self._left[state, action]:
            self._left[state, action] -= 1
            self._stale = True
        return action

    def _ahead(self, state: int) -> Floats:
        """float64 `[A]`: the discounted value after each action."""
        actions = self._available.shape[1]
        return self._discount * np.asarray(self._matrix[state * actions : (state + 1) * actions] @ self._value)

    def _sweep(self) -> None:
        """Value iteration to a small tolerance."""
        table, size = self._table, len(self._table.states)
        worth = np.where(self._left > 0, self._worth, 0.0)
        value = worth.max(axis=1)
        over, starts, share = table.over, table.start_state, table.start_probability
        while True:
            ahead = np.asarray(self._matrix @ value).reshape(size, -1).max(axis=1)
            ahead[over] = share @ value[starts]
            updated = np.maximum(value, self._discount * ahead)
            gain = float((updated - value).max())
            value = updated
            # The smallest bonus is FAMILIAR: smaller changes cannot reorder anything that matters.
            if gain <= 1e-3 * FAMILIAR:
                break
        self._value, self._stale = value, False
