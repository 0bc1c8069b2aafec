"""Induced MDPs: what one agent faces where the policies of all others are fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Ints, Longs
from ..mdp.enumeration import Enumeration
from ..reference.stated_policy import stated_chances
from ..world.world import ResponseProgram


def induced_by_response(enumeration: Enumeration, response: ResponseProgram) -> Enumeration:
    """The MDP that a `best_response` block describes: the deciding agent's own actions, and the others' as chance.

    An agent that is to do an action does it where it is available and acts at random where it is not; one that acts at
    random takes each available action equally often.

    Args:
        enumeration: of all agents' joint actions.
        response: who decides, and what the others do.
    """
    policies = {
        agent: stated_chances(enumeration.world, enumeration.states, agent, policy)
        for agent, policy in enumerate(response.others)
        if agent != response.agent
    }
    return induced_mdp(enumeration, response.agent, policies)


def induced_mdp(enumeration: Enumeration, agent: int, policies: Mapping[int, Floats]) -> Enumeration:
    """The MDP that one agent faces where each of the others has a policy.

    Args:
        enumeration: of all agents' joint actions.
        agent: who decides.
        policies: of every other agent, float64 `[S, its actions]`: how often it takes each action in a state. Rows of
            ended states are not read.

    Raises:
        ValueError: an agent other than the one that decides has no policy, or one of another shape.
    """
    world, mdp = enumeration.world, enumeration.mdp
    joint = world.joint_actions
    chance = np.ones((mdp.n_states, mdp.n_actions))
    for other, count in enumerate(world.action_counts):
        if other != agent:
            if other not in policies or policies[other].shape != (mdp.n_states, count):
                raise ValueError(f"`{world.agents[other].name}` needs a policy of shape {(mdp.n_states, count)}")
            chance *= policies[other][:, joint[:, other]]
    process, order = marginalise_others(mdp, joint[:, agent], chance, world.agents[agent].actions)
    return replace(enumeration, mdp=process, performance=enumeration.performance[order])


def marginalise_others(mdp: FiniteMDP, own: Ints, chance: Floats, actions: tuple[str, ...]) -> tuple[FiniteMDP, Longs]:
    """Turn a process of joint actions into one agent's own, by averaging over what the others do.

    Args:
        mdp: of J joint actions.
        own: int32 `[J]`, the agent's part of each.
        chance: float64 `[S, J]`, how often the others do their part of it.
        actions: the names of the agent's own actions.

    Returns:
        The process, and int64 `[M']` which of the outcomes of `mdp` each of its outcomes is.
    """
    # Each outcome of a joint action becomes one of the own action in it, weighted by the others' part; then rows are
    # sorted together. The sort is stable, so that results do not depend on the platform.
    pair = np.arange(mdp.n_states)[:, None] * len(actions) + own
    row = mdp.outcome_rows
    probability = mdp.probability * chance.ravel()[row]
    kept = np.flatnonzero(probability > 0)
    order = kept[np.argsort(pair.ravel()[row[kept]], kind="stable")]
    counts = np.bincount(pair.ravel()[row[order]], minlength=mdp.n_states * len(actions))
    process = replace(
        mdp,
        n_actions=len(actions),
        row_start=np.concatenate([[0], np.cumsum(counts)]),
        next_state=mdp.next_state[order],
        probability=probability[order],
        rewards=mdp.rewards[order],
        events=mdp.events[order],
        action_names=actions,
    )
    return process, order


def uniform_policy(actions: Bools) -> Floats:
    """float64 `[S, actions]`: the policy that takes each of some actions, bool `[S, actions]`, equally often."""
    return actions / np.maximum(actions.sum(axis=1, keepdims=True), 1)


def own_available(column: np.ndarray, available: Bools, count: int) -> Bools:
    """bool `[S, count]`: one agent's action mask, from that of the joint actions; `column` is its part of each."""
    return np.stack([available[:, column == action].any(axis=1) for action in range(count)], axis=1)


def constant_policy(action: int, available: Bools) -> Floats:
    """float64 `[S, actions]`: one action; where the mask bool `[S, actions]` forbids it, uniform over the others."""
    return np.where(available[:, action, None], np.eye(available.shape[1])[action], uniform_policy(available))
