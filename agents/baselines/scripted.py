"""Agents with a fixed, known policy: one that always takes the same action, and one that acts uniformly at random."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.multi_agent.best_response import constant_policy, uniform_policy
from ..base import AgentState, Progress, TrainingEnv


@runtime_checkable
class KnownPolicy(Protocol):
    """An agent whose action probabilities are known, so that they need not be estimated from its behaviour."""

    def chances(self, available: Bools) -> Floats:
        """float64 `[S, A]`: the probability of each action, given the available ones, bool `[S, A]`."""
        ...


class ConstantAgent:
    """Always takes one given action; where that is not available, a uniformly random available one."""

    def __init__(self, action: int) -> None:
        """Makes the agent that takes the action of this index."""
        self._action, self._else = action, RandomAgent()

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; there is nothing to learn."""
        self._else.fit(env, steps, seed)

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        otherwise, _ = self._else.act(observation, None, mask)
        return np.where(mask[:, self._action], self._action, otherwise).astype(np.int32), None

    def chances(self, available: Bools) -> Floats:
        """See `KnownPolicy.chances`."""
        return constant_policy(self._action, available)


class RandomAgent:
    """Takes a uniformly random available action: the baseline that any learning agent should exceed."""

    def __init__(self, seed: int = 0) -> None:
        """Makes the agent with a random generator of its own, which `fit` seeds anew."""
        self._rng = np.random.default_rng(seed)

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; there is nothing to learn."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        # The available action with the largest of independent uniform numbers is a uniformly random one.
        return np.where(mask, self._rng.random(mask.shape), -1.0).argmax(axis=1).astype(np.int32), None

    def chances(self, available: Bools) -> Floats:
        """See `KnownPolicy.chances`."""
        return uniform_policy(available)
