"""Helpers shared by agents that act on observations: tick counts, transitions lane by lane, a check of environments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ..base import AgentState, TrainingEnv


class LastDecision(NamedTuple):
    """The decision of lane 0 in the last `Agent.act`, which a thought is about.

    Attributes:
        observation: int64 `[O]`, what was seen, or what the agent makes of it.
        step: ticks since the episode began; action: what was chosen; mask: bool `[A]`, what was available.
    """

    observation: Longs
    step: int
    action: int
    mask: Bools

    @classmethod
    def of(cls, observation: Longs, steps: Longs, actions: Ints, mask: Bools) -> LastDecision:
        """Of all lanes the first, copied."""
        return cls(np.array(observation[0], np.int64), int(steps[0]), int(actions[0]), mask[0].copy())


class Transition(NamedTuple):
    """One tick of one lane, as `OnlineLearner.observe` tells it.

    Attributes:
        observation: int64 `[O]`, before; action: what was executed; rewards: float64 `[K]`, or None where withheld.
        next_observation: int64 `[O]`, after; ended: the episode is over there; mask: bool `[A]`, available then.
    """

    observation: Longs
    action: int
    rewards: Floats | None
    next_observation: Longs
    ended: bool
    mask: Bools


def steps_of(state: AgentState, lanes: int) -> Longs:
    """int64 `[B]`: ticks since each lane's episode began, for an agent whose state is just that."""
    return np.zeros(lanes, np.int64) if state is None else np.asarray(state, np.int64)


def each_transition(
    observation: Longs, action: Ints, rewards: Floats | None, next_observation: Longs, ended: Bools, mask: Bools
) -> Iterator[Transition]:
    """The arguments of `OnlineLearner.observe` as one transition per lane."""
    for lane in range(len(action)):
        pay = None if rewards is None else rewards[lane]
        yield Transition(
            observation[lane], int(action[lane]), pay, next_observation[lane], bool(ended[lane]), mask[lane]
        )


def check_env(env: TrainingEnv, channels: Sequence[str], n_actions: int) -> None:
    """Refuse an environment that an agent was not made for.

    Raises:
        ValueError: it has other channels or actions than the agent.
    """
    if tuple(env.channels) != tuple(channels) or env.n_actions != n_actions:
        raise ValueError(
            f"the environment has channels {tuple(env.channels)} and {env.n_actions} actions,"
            f" the agent {tuple(channels)} and {n_actions}"
        )
