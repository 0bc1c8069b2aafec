"""The best policy among those that go by the look of a state alone, where states that look alike differ.

What such a policy does in one state it does in every other that looks the same, so what it is worth cannot be backed up
state by state: whole policies are compared. This is the planner that knows its policy to be looked at, and its actions
to be modified accordingly (Langlois and Everitt 2021).
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
"""How many processes are solved at the most: each is the cost of one ordinary plan."""
_GAIN: Final = 1e-9
"""What a policy must be better by."""


@dataclass(frozen=True, eq=False)
class MemorylessPolicy:
    """A policy that goes by looks.

    Attributes:
        action: int64 `[L]`, what it does at each look; -1 at one of ended states only.
        heads: the policy by state, and its values.
        worth: its weighted value at the start.
        tried: how many policies were compared.
        complete: none is better. Else it is the best that changes at one look at a time lead to.
    """

    action: Longs
    heads: Heads
    worth: float
    tried: int
    complete: bool


def best_memoryless_policy(
    mdp: FiniteMDP, looks: Longs, weights: Floats, discounts: Floats, max_policies: int = MAX_POLICIES
) -> MemorylessPolicy:
    """The best deterministic policy that does the same in all states of one look.

    Only looks that call for different actions in different states of theirs are in question; for each combination of
    actions there, the rest is an ordinary process, and solved as one. There are as many combinations as the product of
    the numbers of actions at these looks. Where that is more than `max_policies`, the search begins with what most
    states of each look call for and changes one look at a time for the better: no promise that it ends at the best.

    An action that is available in some states of a look only is taken where it is; in the others of that look the best
    is done that is available.

    Args:
        mdp: the process, true or learned.
        looks: int64 `[S]`, the number of each state's look, from 0.
        weights: float64 `[K]`.
        discounts: float64 `[K]`, each in [0, 1).
        max_policies: see above.
    """
    search = _Search(mdp, looks, weights, discounts)
    questions: list[int] = []
    while True:
        options = [search.options(look) for look in questions]
        if search.tried + np.prod([float(len(each)) for each in options]) > max_policies:
            return search.climb(questions, max_policies)
        combinations = [dict(zip(questions, actions, strict=True)) for actions in product(*options)]
        # Elsewhere every state is free to do its best, so this is no less than the best by looks; where it keeps to
        # looks all the same, it is the best.
        best = max(((search.solved(fixed), fixed) for fixed in combinations), key=lambda pair: search.worth(pair[0]))
        more = [look for look in search.questions(best[0]) if look not in best[1]]
        if not more:
            return search.found(best[1], best[0], True)
        questions += more


class _Search:
    def __init__(self, mdp: FiniteMDP, looks: Longs, weights: Floats, discounts: Floats) -> None:
        self._mdp, self._looks, self._weights, self._discounts = mdp, looks, weights, discounts
        self._available: Bools = mdp.available
        live = np.flatnonzero(~mdp.ended)
        self._members: dict[int, Longs] = {int(look): live[looks[live] == look] for look in np.unique(looks[live])}
        self.tried = 0

    def solved(self, fixed: dict[int, int]) -> Heads:
        """The best where the action at some looks is given."""
        self.tried += 1
        allowed = self._available.copy()
        for look, action in fixed.items():
            states = self._members[look]
            able = states[self._available[states, action]]
            allowed[able] = False
            allowed[able, action] = True
        return solve_heads(self._mdp, self._weights, self._discounts, WEIGHTED, allowed=allowed)

    def worth(self, heads: Heads) -> float:
        values = heads.vector_values[self._mdp.start_state] @ self._weights
        return float(self._mdp.start_probability @ values)

    def questions(self, free: Heads) -> list[int]:
        """The looks of several states in which no one action is the best for all."""
        scores = np.where(self._available, free.vector_q @ self._weights, -np.inf)
        best = scores.max(axis=1, keepdims=True)
        optimal = scores >= best - _GAIN * np.maximum(1.0, np.abs(best))
        out = []
        for look, states in self._members.items():
            able = self._available[states]
            common = np.all(optimal[states] | ~able, axis=0) & able.any(axis=0)
            if states.size > 1 and not common.any():
                out.append(look)
        return out

    def options(self, look: int) -> list[int]:
        return [int(action) for action in np.flatnonzero(self._available[self._members[look]].any(axis=0))]

    def climb(self, questions: list[int], max_policies: int) -> MemorylessPolicy:
        free = self.solved({})
        questions = [look for look, states in self._members.items() if look in questions or states.size > 1]
        fixed = {look: int(np.bincount(free.policy[self._members[look]]).argmax()) for look in questions}
        heads = self.solved(fixed)
        improved = True
        while improved and self.tried < max_policies:
            improved = False
            for look in questions:
                for action in self.options(look):
                    if action == fixed[look] or self.tried >= max_policies:
                        continue
                    other = self.solved({**fixed, look: action})
                    if self.worth(other) > self.worth(heads) + _GAIN:
                        fixed, heads, improved = {**fixed, look: action}, other, True
        return self.found(fixed, heads, False)

    def found(self, fixed: dict[int, int], heads: Heads, complete: bool) -> MemorylessPolicy:
        """The policy as one by looks: where nothing was in question, what is the best for all states of the look."""
        scores = np.where(self._available, heads.vector_q @ self._weights, 0.0)
        action = np.full(int(self._looks.max()) + 1, -1, np.int64)
        for look, states in self._members.items():
            if look in fixed:
                action[look] = fixed[look]
            elif states.size == 1:
                action[look] = heads.policy[states[0]]
            else:
                action[look] = self._common(scores[states], self._available[states])
        return MemorylessPolicy(action, heads, self.worth(heads), self.tried, complete)

    @staticmethod
    def _common(scores: Floats, able: Bools) -> int:
        """The action that loses least over some states, by the greatest loss."""
        best = np.where(able, scores, -np.inf).max(axis=1, keepdims=True)
        loss = np.where(able, best - scores, 0.0).max(axis=0)
        return int(np.where(able.any(axis=0), loss, np.inf).argmin())
