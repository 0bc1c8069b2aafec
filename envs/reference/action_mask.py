"""The action mask: which actions an agent can take in a state."""

from __future__ import annotations

import numpy as np

from ..base import Bools, Ints, Longs
from ..world.world import World
from .expressions import context_between_ticks, evaluate_bool


def available(world: World, states: Ints, agent: int = 0) -> Bools:
    """bool `[B, actions]`: the agent's action mask in each state int32 `[B, F]`."""
    program = world.agents[agent]
    out = np.ones((states.shape[0], len(program.actions)), np.bool_)
    if any(guard is not None for guard in program.guards):
        context = context_between_ticks(world, states)
        for action, guard in enumerate(program.guards):
            if guard is not None:
                out[:, action] = evaluate_bool(guard, context)
    return out


def random_actions(world: World, states: Ints, rng: np.random.Generator) -> Ints:
    """int32 `[B, N]`: an available action for each agent in each state; the first where there is none."""
    chosen: list[Longs] = []
    for agent in range(len(world.agents)):
        mask = available(world, states, agent)
        chosen.append((rng.random(mask.shape) * mask).argmax(axis=1))
    return np.stack(chosen, axis=1).astype(np.int32)
