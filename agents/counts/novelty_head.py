"""The novelty head: a value of its own, with its own discount, for trying what was tried too little.

Its reward is one for reaching an available pair that is still new; nothing is paid where an episode has ended, because
nothing can be tried there. Its values come from planning on the learned model, through the ends of episodes into the
next start: a detour by way of an end is worth what it leads to, no more.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from ...envs.base import Bools, Floats
from .model import CountsModel

DOUBT: Final = 0.05
"""A pair that always came out the same is known once the chance that it hides another outcome is below this."""
MAX_DOUBLINGS: Final = 30
"""How often the tries that make a pair known may double: never reached by any budget."""


class NoveltyHead:
    """Plans where to try something new, and replans only when a plan is used up or takes twice as long as it should."""

    def __init__(
        self, model: CountsModel, discount: float, n_known: int, n_chance: int, rng: np.random.Generator
    ) -> None:
        """See `CountsOptions` for `n_known` and `n_chance`."""
        self._model = model
        self._discount = discount
        self._n_known = n_known
        self._n_chance = n_chance
        self._rng = rng
        self._value: Floats = np.zeros(0)
        self._target: Bools = np.zeros(0, np.bool_)
        self._doublings = 0
        self._settled = False
        self._version = -1
        self._patience = 0

    def choose(self, state: int) -> int:
        """The action that explores best from a state that has not ended."""
        new = np.flatnonzero(self._new(state))
        if new.size:
            return int(new[self._rng.integers(new.size)])
        if not self._plan_holds(state):
            self._plan(state)
        if self._value[state] <= 0:
            return self._least_tried(state)
        ahead = self._look_ahead(state)
        best = np.flatnonzero(ahead >= ahead.max() * (1 - 1e-9))
        return int(best[self._rng.integers(best.size)])

    def _needed(self) -> int:
        """Tries after which a pair that always came out the same is known.

        A pair of which one in two tries would differ has hidden it for n tries with probability 2^(1 - n), and the
        share of chance among the pairs tried twice says how likely that is to begin with. In a world without chance
        one try is enough; where every pair has chance it takes six.
        """
        share = self._model.chance_share
        more = math.ceil(math.log2(share / DOUBT)) if share > DOUBT else 0
        return min(self._n_known + more, self._n_chance) << self._doublings

    def _new(self, states: int | slice) -> Bools:
        model = self._model
        needed = np.where(model.outcomes[states] > 1, self._n_chance << self._doublings, self._needed())
        new: Bools = model.available[states] & (model.tries[states] < needed)
        return new

    def _plan_holds(self, state: int) -> bool:
        self._patience -= 1
        if state >= self._value.size:
            return False
        if self._value[state] > 0:
            return self._patience > 0 and not self._target[state]
        return self._settled and self._version == self._model.version

    def _plan(self, state: int) -> None:
        """Plans again. Where nothing new is left, not even in a new episode, a world with chance gets more tries."""
        starts, _ = self._model.starts()
        self._sweep(state)
        while self._model.chance_share and not (self._value[state] > 0 or self._value[starts].any()):
            if self._doublings == MAX_DOUBLINGS:
                break
            self._doublings += 1
            self._sweep(state)
        if self._value[state] > 0:
            self._patience = 2 + int(2 * math.log(self._value[state]) / math.log(self._discount))

    def _sweep(self, state: int) -> None:
        """Value iteration from below until this state's value is settled, which is soon if something new is near.

        From below, every iterate is a promise that its greedy policy keeps, so stopping early is safe.
        """
        model, n = self._model, self._model.n_states
        target: Bools = np.any(self._new(slice(n)), axis=1)
        ended = np.flatnonzero(model.ended[:n])
        starts, share = model.starts()
        follows = np.ascontiguousarray(model.follows[:n].T)
        follows[follows < 0] = n  # beyond the states, where the value stays 0
        pair, next_state, frequency = model.chances()
        rows, row = np.unique(pair, return_inverse=True)
        chances = csr_array((frequency, (row, next_state)), shape=(rows.size, n + 1))
        place = (rows % model.n_actions) * n + rows // model.n_actions
        ahead = np.empty((model.n_actions, n))
        value = np.zeros(n + 1)
        value[:n][target] = 1.0
        while True:
            np.take(value, follows, out=ahead, mode="clip")
            if rows.size:
                ahead.reshape(-1)[place] = np.asarray(chances @ value)
            new = np.zeros(n + 1)
            np.multiply(ahead.max(axis=0), self._discount, out=new[:n])
            new[ended] = self._discount * (share @ value[starts])
            new[:n][target] = 1.0
            gain = float(new[state] - value[state])
            self._settled = bool((new - value).max() <= 1e-9)
            value = new
            if self._settled or (value[state] > 0 and gain <= 1e-3 * value[state]):
                break
        self._value, self._target = value[:n], target
        self._version = model.version

    def _look_ahead(self, state: int) -> Floats:
        """float64 `[A]`: the expected novelty value after each action; minus one where nothing is known."""
        model = self._model
        follows = model.follows[state]
        ahead = np.where((follows >= 0) & (follows < self._value.size), self._value[follows % self._value.size], 0.0)
        for action in np.flatnonzero(model.outcomes[state] > 1).tolist():
            ahead[action] = sum(
                share * self._value[next_state]
                for next_state, share in model.shares(state, action)
                if next_state < self._value.size
            )
        ahead[~model.available[state]] = -1.0
        return ahead

    def _least_tried(self, state: int) -> int:
        tries = np.where(self._model.available[state], self._model.tries[state], np.iinfo(np.int64).max)
        least = np.flatnonzero(tries == tries.min())
        return int(least[self._rng.integers(least.size)])
