"""What agents do whose policies a file states: an action, chance, or a choice between these by the state."""

from __future__ import annotations

import numpy as np

from ..base import Floats, Ints
from ..world.world import StatedChoice, World
from .action_mask import available
from .expressions import context_between_ticks, evaluate_bool

AT_RANDOM = -1
"""Stands for each available action, equally often."""


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
