"""One agent's own decision process where the policies of the others are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .base import Bools, Floats
from .enumerating import Enumeration
from .world import Response


def respond(enumeration: Enumeration, response: Response) -> Enumeration:
    """What the deciding agent faces: its own actions, and the others' as chance.

    An agent that is to do one action always does it where it is available and acts at random where it is not; one that
    acts at random takes each available action equally often.

    Args:
        enumeration: of all agents' joint actions.
        response: who decides, and what the others do.
    """
    world, mdp = enumeration.world, enumeration.mdp
    joint = world.joint_actions
    chance = np.ones((mdp.n_states, mdp.n_actions))
    for agent, action in enumerate(response.others):
        if agent != response.agent:
            able = _available_to(joint[:, agent], mdp.available, world.action_counts[agent])
            chance *= _policy(able, action)[:, joint[:, agent]]
    own = world.action_counts[response.agent]
    pair = np.arange(mdp.n_states)[:, None] * own + joint[:, response.agent]
    row = np.repeat(np.arange(chance.size), np.diff(mdp.row_start))
    probability = mdp.probability * chance.ravel()[row]
    kept = np.flatnonzero(probability > 0)
    order = kept[np.argsort(pair.ravel()[row[kept]], kind="stable")]
    counts = np.bincount(pair.ravel()[row[order]], minlength=mdp.n_states * own)
    process = replace(
        mdp,
        n_actions=own,
        row_start=np.concatenate([[0], np.cumsum(counts)]),
        next_state=mdp.next_state[order],
        probability=probability[order],
        rewards=mdp.rewards[order],
        events=mdp.events[order],
        action_names=world.agents[response.agent].actions,
    )
    return replace(enumeration, mdp=process, performance=enumeration.performance[order])


def _available_to(column: np.ndarray, available: Bools, count: int) -> Bools:
    """bool `[S, count]`: what one agent can do, from the joint actions that are there."""
    return np.stack([available[:, column == action].any(axis=1) for action in range(count)], axis=1)


def _policy(able: Bools, action: int) -> Floats:
    """float64 `[S, actions]`: how often each action is taken; `action` -1 is a random one."""
    random = able / np.maximum(able.sum(axis=1, keepdims=True), 1)
    if action < 0:
        return random
    always = np.eye(able.shape[1])[action]
    return np.where(able[:, action, None], always, random)
