"""Ticks of a world in which chance has no part: looked up in its enumeration, which has worked all of them out."""

from __future__ import annotations

import numpy as np

from ...envs.base import Ints
from ...envs.mdp.enumeration import Enumeration
from ...envs.reference.step import TickResult
from ...envs.world.world import World
from ...scenarios.language.expressions.syntax import PutAt


def is_certain(world: World) -> bool:
    """Whether what comes of an action is certain in every state, and is done as it was chosen."""
    rules = (*world.rules, *world.end_rules)
    effects = [effect for rule in rules for effect in (*rule.effects, *rule.otherwise)]
    return not (
        world.overrides
        or world.tick_draws
        or any(rule.chance is not None for rule in rules)
        or any(isinstance(effect, PutAt) and effect.random for effect in effects)
        or any(motion.way == "wander" for body in world.bodies for motion in body.motions)
    )


class CertainSteps:
    """The ticks of an enumerated world of one agent for which `is_certain` holds."""

    def __init__(self, enumeration: Enumeration) -> None:
        self._mdp, self._performance = enumeration.mdp, enumeration.performance
        self._states = np.ascontiguousarray(enumeration.states, np.int32)
        self._number = {row.tobytes(): number for number, row in enumerate(self._states)}

    def __call__(self, states: Ints, actions: Ints) -> TickResult:
        """What `reference.step` makes of reachable states int32 `[B, F]` and available actions int32 `[B, 1]`."""
        mdp = self._mdp
        here = np.array([self._number[row.tobytes()] for row in np.ascontiguousarray(states, np.int32)])
        over = mdp.ended[here]
        row = here * mdp.n_actions + np.where(over, 0, actions[:, 0])
        outcome = np.where(over, 0, mdp.row_start[row])
        if (mdp.row_start[row + 1] - mdp.row_start[row] != ~over).any():
            raise ValueError("an action is not available, or what comes of it is not certain")
        after = np.where(over, here, mdp.next_state[outcome])
        return TickResult(
            states=self._states[after],
            source=np.arange(here.size),
            probability=np.ones(here.size),
            executed=np.where(over[:, None], -1, actions).astype(np.int32),
            rewards=np.where(over[:, None], 0.0, mdp.rewards[outcome]),
            performance=np.where(over, 0.0, self._performance[outcome]),
            events=np.where(over, np.uint64(0), mdp.events[outcome]),
            ended=mdp.ended[after],
            fired=frozenset(),
        )
