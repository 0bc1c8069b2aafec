"""Behaviour policy of a rules agent in training: it alternates between testing its plan and seeking novelty."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from ...envs.base import Bools, Longs
from .novelty_head import CombinationNovelty
from .planning import RulesPlanner

PAUSE: Final = 10
"""Minimal ticks between two tests of the plan within an episode, after the rules have changed."""
CHANCY: Final = 4
"""How often a stochastic transition on the plan is tried before its probabilities are trusted."""
ENOUGH: Final = 30
"""Untried pairs on the plan that turned out as predicted, after which the plan is trusted."""
FAR: Final = 200
"""Maximal steps of the plan that are searched for an untried pair."""


class Explorer:
    """The behaviour policy in training.

    A plan made on a learned model exploits the model's optimistic errors. So whenever the rules have changed and an
    episode begins, the plan is followed as long as it leads to a pair of state and action that was never tried. A plan
    without such a pair is not tested again until the rules change. In all other ticks it chooses by
    `CombinationNovelty`. In the closing phase it follows the plan alone, so that the final plan has been tested.
    """

    def __init__(self, planner: RulesPlanner, novelty_discount: float, rng: np.random.Generator) -> None:
        """Counts all ticks already in the planner's model as tried."""
        self._planner = planner
        self._novelty = CombinationNovelty(planner.model, novelty_discount, rng)
        self._rng = rng
        ticks = planner.model.tried_before()
        rows = zip(ticks.now, ticks.action.tolist(), strict=True)
        self._done = Counter((state.tobytes(), action) for state, action in rows)
        self._version = -1
        self._testing = self._promising = False
        self._since = PAUSE
        self._closing = False
        self._held = 0

    def close(self) -> None:
        """Begins the closing phase: from now on only the plan is followed."""
        self._closing = True

    def begin(self) -> None:
        """An episode begins."""
        self._testing, self._promising = self._promising, False

    def choose(self, state: Longs, mask: Bools) -> int:
        """The action to take in a state int64 `[O + 1]`."""
        if not self._planner.ready:
            action = int(self._rng.choice(np.flatnonzero(mask)))
        else:
            action = self._choose(int(self._planner.find(state[None])[0]))
        self._done[state.tobytes(), action] += 1
        return action

    def _choose(self, place: int) -> int:
        self._since += 1
        if self._version != self._planner.version:
            self._novelty.imagine(self._planner.imagined)
            self._version, self._promising, self._held = self._planner.version, True, 0
            if self._since >= PAUSE:
                self._testing, self._since = True, 0
        action = self._test(place) if self._testing else None
        if action is None:
            self._testing = False
            action = int(self._planner.heads.policy[place]) if self._closing else self._novelty.choose(place)
        self._novelty.tried(place, action)
        return action

    def _test(self, place: int) -> int | None:
        """The plan's action if an untried pair lies ahead on the plan's likeliest path; else None."""
        imagined, policy = self._planner.imagined, self._planner.heads.policy
        met: set[int] = set()
        here = place
        while self._held < ENOUGH and here not in met and not imagined.mdp.ended[here] and len(met) < FAR:
            met.add(here)
            action = int(policy[here])
            outcomes = imagined.outcomes(here, action)
            # One try settles a deterministic transition.
            enough = 1 if outcomes.stop - outcomes.start == 1 else CHANCY
            if self._done[imagined.states[here].tobytes(), action] < enough:
                if here == place:
                    self._promising, self._held = True, self._held + 1
                return int(policy[place])
            likeliest = outcomes.start + int(imagined.mdp.probability[outcomes].argmax())
            here = int(imagined.mdp.next_state[likeliest])
        return None
