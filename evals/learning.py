"""How fast an agent learns: the exact value, in the true world, of what it would do by now."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..agents.base import Agent, Trainable, TrainingEnv
from ..envs.base import Bools, FiniteMDP, Floats, Longs
from ..envs.enumerating import Enumeration
from ..envs.observing import observe
from ..envs.policies import evaluate, evaluate_horizon


class Learning(Agent, Trainable, Protocol):
    """An agent that can be trained."""


def policy_of(agent: Agent, truth: Enumeration) -> Longs:
    """int64 `[S]`: what an agent does in the states that it comes to; elsewhere the first action that is available.

    The agent must choose by the observation alone.
    """
    mdp, looks = truth.mdp, observe(truth.world, truth.states)
    policy = mdp.available.argmax(axis=1).astype(np.int64)
    met = np.zeros(mdp.n_states, np.bool_)
    front = np.unique(mdp.start_state[~mdp.ended[mdp.start_state]]).astype(np.int64)
    while front.size:
        met[front] = True
        policy[front], _ = agent.act(looks[front], None, mdp.available[front])
        front = _following(mdp, front, policy)
        front = front[~met[front] & ~mdp.ended[front]]
    return policy


def worth(agent: Agent, truth: Enumeration, weights: Floats, discount: float) -> float:
    """The exact value at the start of what an agent does, over the stage's horizon where it has one.

    Args:
        agent: chooses by the observation alone.
        truth: the world with a single agent.
        weights: float64 `[K]`.
        discount: per tick.
    """
    mdp, policy = truth.mdp, policy_of(agent, truth)
    if truth.world.horizon is None:
        values = evaluate(mdp, policy, discount)
    else:
        values = evaluate_horizon(mdp, policy, discount, truth.world.horizon)
    return float(mdp.start_probability @ (values @ weights)[mdp.start_state])


def learning_curve(
    agent: Learning, env: TrainingEnv, steps: int, seed: int, every: int, truth: Enumeration
) -> dict[int, float]:
    """Trains an agent, and looks every so many steps at a copy of it, which changes nothing in its training.

    Args:
        agent: to be trained.
        env: one lane of the training stage.
        steps: of training.
        seed: of the agent and of chance.
        every: steps between two looks.
        truth: the world in which it is judged.

    Returns:
        `worth` by steps, `steps` itself included.
    """
    program = truth.world.agents[0]
    watched = _Watched(env, agent, every, lambda now: worth(now, truth, program.weights, program.discount))
    agent.fit(watched, steps, seed)
    return {**watched.curve, steps: watched.look(copy.deepcopy(agent))}


class _Watched:
    """An environment that looks at the agent now and then."""

    def __init__(self, env: TrainingEnv, agent: Agent, every: int, look: Callable[[Agent], float]) -> None:
        self._env, self._agent, self._every = env, agent, every
        self.look = look
        self.curve: dict[int, float] = {}
        self._steps = 0

    @property
    def n_actions(self) -> int:
        return self._env.n_actions

    @property
    def channels(self) -> tuple[str, ...]:
        return self._env.channels

    @property
    def executed(self) -> int:
        return self._env.executed

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        return self._env.reset(seed)

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        if self._steps and self._steps % self._every == 0:
            self.curve[self._steps] = self.look(copy.deepcopy(self._agent))
        self._steps += 1
        return self._env.step(action)


def _following(mdp: FiniteMDP, states: Longs, policy: Longs) -> Longs:
    """The states that a policy leads to in one tick."""
    rows = states * mdp.n_actions + policy[states]
    counts = mdp.row_start[rows + 1] - mdp.row_start[rows]
    places = np.repeat(mdp.row_start[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return np.unique(mdp.next_state[places]).astype(np.int64)
