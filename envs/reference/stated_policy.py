"""What agents do whose policies a file states: an action, chance, or a choice between these by the state."""

from __future__ import annotations

import numpy as np

from ..base import Floats, Ints
from ..world.randomness import categorical, uniform
from ..world.world import StatedChoice, World
from .action_mask import available
from .expressions import context_between_ticks, evaluate_bool

AT_RANDOM = -1
"""Stands for each available action, equally often."""
OTHERS = 1 << 30
"""The random stream of agents that act at random and of mixed strategies; a world numbers its own draws from 0."""


def stated_actions(world: World, states: Ints, policy: int | StatedChoice) -> Ints:
    """int32 `[B]`: the action that a policy states in the states int32 `[B, F]`, `AT_RANDOM` for chance."""
    if isinstance(policy, int):
        return np.full(len(states), policy, np.int32)
    holds = evaluate_bool(policy.condition, context_between_ticks(world, states))
    then, otherwise = (stated_actions(world, states, part) for part in (policy.then, policy.otherwise))
    return np.where(holds, then, otherwise).astype(np.int32)


def stated_chances(world: World, states: Ints, agent: int, policy: int | StatedChoice) -> Floats:
    """float64 `[B, its actions]`: how often an agent does what; an action that is not available is as chance."""
    mask = available(world, states, agent)
    wanted = stated_actions(world, states, policy)
    uniform = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
    there = (wanted >= 0) & mask[np.arange(len(states)), np.maximum(wanted, 0)]
    return np.where(there[:, None], np.eye(mask.shape[1])[np.maximum(wanted, 0)], uniform)


def joint_action(world: World, action: int, state: Ints, seed: int, lane: int, clock: int) -> Ints:
    """int32 `[1, N]`: what all agents do in a state int32 `[1, F]`, given the action of those that decide.

    Where the others follow stated policies, the action is that of the one who responds; else it is a joint action.

    Args:
        world: of the state.
        action: see above.
        state: the present one.
        seed: of the random numbers of those that act at random.
        lane: whose random numbers.
        clock: resets and ticks that the lane has had.
    """
    response = world.response
    if response is None:
        return world.joint_actions[action][None]
    joint = np.empty((1, len(world.agents)), np.int32)
    for agent, stated in enumerate(response.others):
        if agent == response.agent:
            joint[0, agent] = action
            continue
        mask, fixed = available(world, state, agent), int(stated_actions(world, state, stated)[0])
        if fixed >= 0 and mask[0, fixed]:
            joint[0, agent] = fixed
        else:
            quantile = uniform(seed, np.array([lane]), np.array([clock]), OTHERS + agent)
            joint[0, agent] = categorical(mask / mask.sum(axis=1, keepdims=True), quantile)[0]
    return joint
