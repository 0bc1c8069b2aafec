"""The novelty head: a value function with its own reward and discount, which directs exploration in training.

Its reward is 1 for reaching a state with an available action that was not tried often enough yet. Its values come from
value iteration on the learned model, in which the end of an episode leads on to the start of the next one. So ending an
episode has no value of its own, but that of what can be reached from the start states.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats
from ...scenarios.deferred import sparse
from .model import CountsModel

DOUBT: Final = 0.05
"""A pair with one outcome so far is known once the probability that it has another one is at most this."""
MAX_DOUBLINGS: Final = 30
"""How often the required number of tries may double; large enough that no training ever reaches it."""


class NoveltyHead:
    """Chooses exploring actions by values that it plans on the model.

    It plans anew only when it has reached a state that was a target, or when that takes more than about twice as long
    as the plan predicted: planning at every tick would dominate the training's time.
    """

    def __init__(
        self, model: CountsModel, discount: float, n_known: int, n_chance: int, rng: np.random.Generator
    ) -> None:
        """Makes a novelty head.

        Args:
            model: the world model, which the caller keeps up to date.
            discount: in (0, 1).
            n_known: see `CountsOptions`.
            n_chance: see `CountsOptions`.
            rng: for ties.
        """
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
        """The exploring action in a state that has not ended.

        In this order: a random one of the actions that are still new here; the action of the highest novelty value, if
        something new can be reached; the action that was tried the least here.
        """
        new = np.flatnonzero(self._new(state))
        if new.size:
            return int(new[self._rng.integers(new.size)])
        if not self._plan_holds(state):
            self._plan(state)
        if self._value[state] <= 0:
            return self._least_tried(state)
        ahead = self._look_ahead(state)
        # With a tolerance, so that values that differ by rounding alone count as ties.
        best = np.flatnonzero(ahead >= ahead.max() * (1 - 1e-9))
        return int(best[self._rng.integers(best.size)])

    def knows(self, state: int) -> bool:
        """Whether no available action is new in a state."""
        return not self._new(state).any()

    def _needed(self) -> int:
        """The number of tries after which a pair with a single outcome so far counts as known.

        A pair with two equally likely outcomes shows the same one in all of n tries with probability 2^(1 - n). The
        share of stochastic pairs among those tried at least twice estimates the prior probability that a pair is
        stochastic. In a deterministic world one try is enough; where every pair is stochastic it takes six (with
        `n_known` 1), before any doublings.
        """
        share = self._model.chance_share
        more = math.ceil(math.log2(share / DOUBT)) if share > DOUBT else 0
        return min(self._n_known + more, self._n_chance) << self._doublings

    def _new(self, states: int | slice) -> Bools:
        """bool `[A]` for one state, `[S, A]` for a slice: the available pairs that are not known yet."""
        model = self._model
        needed = np.where(model.outcomes[states] > 1, self._n_chance << self._doublings, self._needed())
        new: Bools = model.available[states] & (model.tries[states] < needed)
        return new

    def _plan_holds(self, state: int) -> bool:
        """Whether the values planned last can still be followed from this state."""
        self._patience -= 1
        # A state that is newer than the plan has no value.
        if state >= self._value.size:
            return False
        if self._value[state] > 0:
            return self._patience > 0 and not self._target[state]
        # No novelty within reach: that remains so until the model changes, if the values had converged.
        return self._settled and self._version == self._model.version

    def _plan(self, state: int) -> None:
        """Plans anew.

        Where nothing new can be reached, not even in the next episode, the required tries are doubled until something
        can; in a world that appears deterministic they are not, because further tries would show nothing new.
        """
        starts, _ = self._model.starts()
        self._sweep(state)
        while self._model.chance_share and not (self._value[state] > 0 or self._value[starts].any()):
            if self._doublings == MAX_DOUBLINGS:
                break
            self._doublings += 1
            self._sweep(state)
        if self._value[state] > 0:
            # A target that is d ticks away has the value discount^d, so the logarithms give d; twice that is allowed.
            self._patience = 2 + int(2 * math.log(self._value[state]) / math.log(self._discount))

    def _sweep(self, state: int) -> None:
        """Value iteration from zero until the value of this state has settled, which is soon if a target is near.

        Iterates increase towards the optimal values, and each is a lower bound on the value of its greedy policy, so
        stopping early is safe.
        """
        model, n = self._model, self._model.n_states
        target: Bools = np.any(self._new(slice(n)), axis=1)
        ended = np.flatnonzero(model.ended[:n])
        starts, share = model.starts()
        # Transposed to one row per action, so that `np.take` writes contiguous rows: this is the training's hot loop.
        follows = np.ascontiguousarray(model.follows[:n].T)
        follows[follows < 0] = n  # beyond the states, where the value stays 0
        # The few pairs with several outcomes are averaged by one sparse product; all others are plain look-ups.
        pair, next_state, frequency = model.chances()
        rows, row = np.unique(pair, return_inverse=True)
        chances = sparse.csr_array((frequency, (row, next_state)), shape=(rows.size, n + 1))
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
            # A thousandth is enough to explore by; only where nothing is in reach must the values have converged, since
            # `_plan_holds` then relies on it.
            if self._settled or (value[state] > 0 and gain <= 1e-3 * value[state]):
                break
        self._value, self._target = value[:n], target
        self._version = model.version

    def _look_ahead(self, state: int) -> Floats:
        """float64 `[A]`: the expected novelty value after each action; -1 where the action is not available."""
        model = self._model
        # Next states that are newer than the plan have no value yet and count as 0; the modulo keeps them in range.
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
        """A random one of the available actions that were tried the least in a state."""
        tries = np.where(self._model.available[state], self._model.tries[state], np.iinfo(np.int64).max)
        least = np.flatnonzero(tries == tries.min())
        return int(least[self._rng.integers(least.size)])
