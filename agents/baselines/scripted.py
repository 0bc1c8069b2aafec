"""Agents with a fixed policy that is known beforehand: one constant action, or uniformly random actions."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.multi_agent.best_response import constant_policy, uniform_policy
from ..base import AgentState, Progress, TrainingEnv


@runtime_checkable
class Stated(Protocol):
    """An agent that exposes its action probabilities, so that they need not be estimated."""

    def chances(self, available: Bools) -> Floats:
        """float64 `[S, A]`: how often it takes each action where those of bool `[S, A]` are available."""
        ...


class StatedAgent:
    """Always takes one action where that is available, and elsewhere any other with equal chance."""

    def __init__(self, action: int) -> None:
        """For the index of an action."""
        self._action, self._else = action, RandomAgent()

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; there is nothing to learn."""
        self._else.fit(env, steps, seed)

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        otherwise, _ = self._else.act(observation, None, mask)
        return np.where(mask[:, self._action], self._action, otherwise).astype(np.int32), None

    def chances(self, available: Bools) -> Floats:
        """See `Stated.chances`."""
        return constant_policy(self._action, available)


class RandomAgent:
    """Takes any available action with equal chance: what learning has to beat."""

    def __init__(self, seed: int = 0) -> None:
        """With chance of its own; `fit` begins it anew."""
        self._rng = np.random.default_rng(seed)

    def fit(self, env: TrainingEnv, steps: int, seed: int, on_progress: Progress | None = None) -> None:
        """See `Trainable.fit`; there is nothing to learn."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        return np.where(mask, self._rng.random(mask.shape), -1.0).argmax(axis=1).astype(np.int32), None

    def chances(self, available: Bools) -> Floats:
        """See `Stated.chances`."""
        return uniform_policy(available)
