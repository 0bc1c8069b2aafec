"""Exploration by the novelty of small combinations of features.

The predictions of rules carry no uncertainty about contexts that no rule has tested. So the agent counts which actions
were tried together with any observed field, with any two small features (a counter, the glyph under a thing, whether
two things touch), and with the whole observation. Each kind of combination has a total bonus of one, shared among its
combinations that occur in the imagined MDP, so that kinds with few combinations, which generalise furthest, come first.
Novelty of small combinations is from Lipovetzky and Geffner, "Width and serialization of classical planning problems"
(2012). Stochastic pairs have a further bonus: how much one more try would reduce the uncertainty of their
probabilities.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np

from ...envs.base import Bools, Floats, Longs
from ...scenarios.deferred import sparse
from .features import TickFactors
from .imagined_mdp import ImaginedMDP, state_keys
from .model import RulesModel

MAX_COMBINATIONS: Final = 20_000
"""Kinds with more combinations than this are left out."""
LATER: Final = 0.1
"""Total bonus of a kind that names a cell by its number: what is learned of one cell says little about others."""
SETTLED: Final = 1e-3
"""Value iteration stops once no value changes by more than this share of the largest."""
EVERY: Final = 30
"""Ticks after which the exploration values are computed anew."""


class CombinationNovelty:
    """Explores by planning: values of the best reachable bonus, continued through ends of episodes into the next."""

    def __init__(self, model: RulesModel, discount: float, rng: np.random.Generator) -> None:
        """Counts all ticks already in the model as tried."""
        self._model, self._discount, self._rng = model, discount, rng
        self._factors = [f for f in model.factors_before if f.kind == "now" or model.is_small(f)]
        sizes = [model.geometry.size(f) for f in self._factors]
        small = [i for i, factor in enumerate(self._factors) if model.is_small(factor)]
        kinds = [*((i,) for i in range(len(sizes))), *combinations(small, 2)]
        totals = [int(np.prod([sizes[i] for i in kind])) * model.n_actions for kind in kinds]
        self._kinds = [kind for kind, total in zip(kinds, totals, strict=True) if total <= MAX_COMBINATIONS]
        self._radix = [sizes[kind[-1]] if len(kind) > 1 else 1 for kind in self._kinds]
        small_only = [all(i in small for i in kind) for kind in self._kinds]
        self._weights = np.where(small_only, 1.0, LATER)
        self._totals = np.array([total for total in totals if total <= MAX_COMBINATIONS], np.int64)
        self._first = np.cumsum(self._totals) - self._totals
        self._seen: Bools = np.zeros(int(self._totals.sum()), np.bool_)
        self._worth: Floats = np.zeros(self._seen.size)
        if model.n:
            self._seen[self._codes_of(model.tried_before()).ravel()] = True
        # A whole state has too many values for a bit per combination: the pairs tried are kept as hashes.
        self._done = set(self._keys(model.tried_before()).tolist())
        self._imagined: ImaginedMDP | None = None
        self._age = 0

    def imagine(self, imagined: ImaginedMDP) -> None:
        """Sets the imagined MDP to explore in, and plans."""
        self._imagined, mdp = imagined, imagined.mdp
        sizes = np.diff(mdp.row_start)
        self._pair = np.flatnonzero(sizes > 0)
        states, actions = self._pair // mdp.n_actions, self._pair % mdp.n_actions
        ticks = self._model.ticks(imagined.states[states], actions)
        self._codes = self._codes_of(ticks)
        done = np.fromiter(self._done, np.int64, len(self._done))
        self._whole = np.where(np.isin(self._keys(ticks), done), 0.0, 1.0 / self._pair.size)
        there = np.zeros(self._seen.size, np.bool_)
        there[self._codes.ravel()] = True
        if self._first.size:
            share = self._weights / np.maximum(np.add.reduceat(there, self._first), 1)
            self._worth = np.where(self._seen, 0.0, np.repeat(share, self._totals))
        self._chancy = sizes[self._pair] > 1
        self._tried = imagined.tried.reshape(-1)[self._pair].astype(np.float64)
        shape = (sizes.size, mdp.n_states)
        self._ahead = sparse.csr_array((mdp.probability, mdp.next_state, mdp.row_start), shape=shape)
        starts = imagined.find(np.array(list(self._model.starts), np.int64))
        self._starts = starts[starts >= 0]
        self._plan()

    def choose(self, place: int) -> int:
        """The action that explores best from an imagined state; ties are broken at random."""
        assert self._imagined is not None, "`imagine` comes first"
        n = self._imagined.mdp.n_actions
        first, last = np.searchsorted(self._pair, [place * n, place * n + n])
        self._age += 1
        live = self._bonus(slice(first, last))
        # Bonuses only shrink as pairs are tried, so a plan is stale once the bonus it was made for is gone.
        if self._age >= EVERY or (self._stops[place] and live.max() < self._here[place] * (1 - 1e-9)):
            self._plan()
        score = np.maximum(live, self._go_on[first:last])
        # The relative tolerance makes ties independent of the order of floating-point sums.
        best = np.flatnonzero(score >= score.max() * (1 - 1e-9))
        return int(self._pair[first + best[self._rng.integers(best.size)]] % n)

    def tried(self, place: int, action: int) -> None:
        """Counts an action as tried in an imagined state."""
        assert self._imagined is not None, "`imagine` comes first"
        pair = int(np.searchsorted(self._pair, place * self._imagined.mdp.n_actions + action))
        self._tried[pair] += 1
        self._whole[pair] = 0.0
        self._done.add(int(self._keys(self._model.ticks(self._imagined.states[place][None], np.array([action])))[0]))
        self._seen[self._codes[pair]] = True
        self._worth[self._codes[pair]] = 0.0

    def _bonus(self, pairs: slice) -> Floats:
        """float64 `[pairs]`: the immediate bonus of each pair."""
        # 1 / (1 + n)^2 is about the drop of 1 / (1 + n), the uncertainty of a probability, by one more try.
        chance = self._chancy[pairs] / (1.0 + self._tried[pairs]) ** 2
        return self._worth[self._codes[pairs]].sum(axis=1) + self._whole[pairs] + chance

    def _keys(self, ticks: TickFactors) -> Longs:
        """int64 `[n]`: a hash of the whole state and the action."""
        return state_keys(np.column_stack([ticks.now, ticks.action]), np.zeros(len(ticks), np.bool_))

    def _codes_of(self, ticks: TickFactors) -> Longs:
        """int64 `[n, kinds]`: the code of the combination of each kind that a tick realises."""
        columns = [ticks.column(factor) for factor in self._factors]
        out = np.empty((len(ticks), len(self._kinds)), np.int64)
        for number, kind in enumerate(self._kinds):
            value = columns[kind[0]]
            if len(kind) > 1:
                value = value * self._radix[number] + columns[kind[1]]
            out[:, number] = self._first[number] + value * self._model.n_actions + ticks.action
        return out

    def _plan(self) -> None:
        """Value iteration for the best discounted bonus ahead: a maximum over pairs, not a sum."""
        assert self._imagined is not None
        mdp = self._imagined.mdp
        worth = np.zeros(mdp.n_states * mdp.n_actions)
        worth[self._pair] = self._bonus(slice(0, self._pair.size))
        here: Floats = worth.reshape(-1, mdp.n_actions).max(axis=1)
        ended = np.flatnonzero(self._imagined.ended)
        value, settled = here, False
        while not settled:
            ahead = self._discount * np.asarray(self._ahead @ value).reshape(-1, mdp.n_actions)
            new = np.maximum(here, ahead.max(axis=1))
            if self._starts.size:
                new[ended] = self._discount * value[self._starts].mean()
            settled = bool((new - value).max() <= SETTLED * value.max())
            value = new
        self._go_on = self._discount * np.asarray(self._ahead @ value)[self._pair]
        self._here, self._stops, self._age = here, here >= value, 0
