"""The best deterministic memoryless policy: one action for each observation, where several states share one.

Such a policy does the same in all states that share an observation, so its value cannot be backed up state by state:
whole policies are compared. It serves the planner that knows that its policy is inspected and its actions are modified
accordingly (Langlois and Everitt 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Longs
from ..deliberation import WEIGHTED
from .vector_values import Heads, solve_heads

MAX_POLICIES: Final = 4_096
"""How many processes are solved at most; each costs as much as one ordinary plan."""
_GAIN: Final = 1e-9
"""The least difference of value that counts as an improvement."""


@dataclass(frozen=True, eq=False)
class MemorylessPolicy:
    """A deterministic policy over observations.

    Attributes:
        action: int64 `[Z]`, the action at each of Z observations; -1 at an observation of ended states only.
        heads: the policy by state, and its values.
        value: its weighted value at the start.
        evaluated: how many policies were compared.
        complete: whether the search was exhaustive, so that no memoryless policy is better. If not, it is a local
            optimum: no change of the action at one observation improves it, or `max_policies` was reached.
    """

    action: Longs
    heads: Heads
    value: float
    evaluated: int
    complete: bool


def best_memoryless_policy(
    mdp: FiniteMDP, observations: Longs, weights: Floats, discounts: Floats, max_policies: int = MAX_POLICIES
) -> MemorylessPolicy:
    """The best deterministic policy that takes the same action in all states that share an observation.

    Only observations whose states have no optimal action in common are ambiguous. For each combination of actions at
    these, the rest is an ordinary process and is solved as one. There are as many combinations as the product of the
    numbers of actions at the ambiguous observations. Where that exceeds `max_policies`, local search starts from the
    action that most states of each observation prefer and changes one observation at a time; it may end in a local
    optimum.

    An action that is available in only some states of an observation is taken in those; in its other states the best
    available action is taken.

    Args:
        mdp: the process, true or learned.
        observations: int64 `[S]`, the index of each state's observation, from 0.
        weights: float64 `[K]`.
        discounts: float64 `[K]`, each in [0, 1).
        max_policies: see above.
    """
    search = _Search(mdp, observations, weights, discounts)
    ambiguous: list[int] = []
    while True:
        options = [search.options(observation) for observation in ambiguous]
        if search.evaluated + np.prod([float(len(each)) for each in options]) > max_policies:
            return search.climb(ambiguous, max_policies)
        combinations = [dict(zip(ambiguous, actions, strict=True)) for actions in product(*options)]
        # At all other observations each state is free to choose on its own, so this value is an upper bound on that
        # of any memoryless policy. Where the solution happens to be memoryless, the bound is met.
        best = max(((search.solve(fixed), fixed) for fixed in combinations), key=lambda pair: search.value(pair[0]))
        more = [observation for observation in search.ambiguous(best[0]) if observation not in best[1]]
        if not more:
            return search.policy(best[1], best[0], True)
        ambiguous += more


class _Search:
    """Solves the process with the actions at some observations fixed, and counts how often."""

    def __init__(self, mdp: FiniteMDP, observations: Longs, weights: Floats, discounts: Floats) -> None:
        self._mdp, self._observations, self._weights, self._discounts = mdp, observations, weights, discounts
        self._available: Bools = mdp.available
        live = np.flatnonzero(~mdp.ended)
        self._members: dict[int, Longs] = {
            int(each): live[observations[live] == each] for each in np.unique(observations[live])
        }
        self.evaluated = 0

    def solve(self, fixed: dict[int, int]) -> Heads:
        """The optimum where the action at some observations is given."""
        self.evaluated += 1
        allowed = self._available.copy()
        for observation, action in fixed.items():
            states = self._members[observation]
            able = states[self._available[states, action]]
            allowed[able] = False
            allowed[able, action] = True
        return solve_heads(self._mdp, self._weights, self._discounts, WEIGHTED, allowed=allowed)

    def value(self, heads: Heads) -> float:
        """The weighted value at the start."""
        values = heads.vector_values[self._mdp.start_state] @ self._weights
        return float(self._mdp.start_probability @ values)

    def ambiguous(self, free: Heads) -> list[int]:
        """The observations whose states have no optimal action in common."""
        scores = np.where(self._available, free.vector_q @ self._weights, -np.inf)
        best = scores.max(axis=1, keepdims=True)
        optimal = scores >= best - _GAIN * np.maximum(1.0, np.abs(best))
        out = []
        for observation, states in self._members.items():
            available = self._available[states]
            common = np.all(optimal[states] | ~available, axis=0) & available.any(axis=0)
            if states.size > 1 and not common.any():
                out.append(observation)
        return out

    def options(self, observation: int) -> list[int]:
        """The actions that are available in some state of an observation."""
        return [int(action) for action in np.flatnonzero(self._available[self._members[observation]].any(axis=0))]

    def climb(self, ambiguous: list[int], max_policies: int) -> MemorylessPolicy:
        """Local search: change the action at one observation at a time, as long as that improves the value."""
        free = self.solve({})
        # Fixing one observation can make another ambiguous, so every observation of several states is searched.
        searched = [each for each, states in self._members.items() if each in ambiguous or states.size > 1]
        fixed = {each: int(np.bincount(free.policy[self._members[each]]).argmax()) for each in searched}
        heads = self.solve(fixed)
        improved = True
        while improved and self.evaluated < max_policies:
            improved = False
            for observation in searched:
                for action in self.options(observation):
                    if action == fixed[observation] or self.evaluated >= max_policies:
                        continue
                    other = self.solve({**fixed, observation: action})
                    if self.value(other) > self.value(heads) + _GAIN:
                        fixed, heads, improved = {**fixed, observation: action}, other, True
        return self.policy(fixed, heads, False)

    def policy(self, fixed: dict[int, int], heads: Heads, complete: bool) -> MemorylessPolicy:
        """The policy over observations; where none was fixed, the action that is best for all states that share it."""
        scores = np.where(self._available, heads.vector_q @ self._weights, 0.0)
        action = np.full(int(self._observations.max()) + 1, -1, np.int64)
        for observation, states in self._members.items():
            if observation in fixed:
                action[observation] = fixed[observation]
            elif states.size == 1:
                action[observation] = heads.policy[states[0]]
            else:
                action[observation] = self._common(scores[states], self._available[states])
        return MemorylessPolicy(action, heads, self.value(heads), self.evaluated, complete)

    @staticmethod
    def _common(scores: Floats, available: Bools) -> int:
        """The action whose greatest loss over some states is the least."""
        best = np.where(available, scores, -np.inf).max(axis=1, keepdims=True)
        loss = np.where(available, best - scores, 0.0).max(axis=0)
        return int(np.where(available.any(axis=0), loss, np.inf).argmin())
