"""Shared by agents that act on single observations: the tick counter as state, and batches split into transitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...envs.base import Bools, Floats, Ints, Longs
from ..base import AgentState, TrainingEnv


class LastDecision(NamedTuple):
    """The decision of lane 0 in the last `Agent.act`, kept so that `Thinker.thought` can explain it.

    Attributes:
        observation: int64 `[O]`, the observation, or the agent's own encoding of it.
        step: ticks since the episode began.
        action: the chosen action.
        mask: bool `[A]`, the available actions.
    """

    observation: Longs
    step: int
    action: int
    mask: Bools

    @classmethod
    def of(cls, observation: Longs, steps: Longs, actions: Ints, mask: Bools) -> LastDecision:
        """The decision of the first of B lanes, given `[B, O]`, `[B]`, `[B]` and `[B, A]`."""
        # Copies, because a runner may reuse its arrays for the next tick.
        return cls(np.array(observation[0], np.int64), int(steps[0]), int(actions[0]), mask[0].copy())


class Transition(NamedTuple):
    """One transition of one lane; see `OnlineLearner.observe`.

    Attributes:
        observation: int64 `[O]`, before the tick.
        action: the action that was executed.
        rewards: float64 `[K]`, or None where they are withheld.
        next_observation: int64 `[O]`, the observation after the tick.
        ended: whether the tick ended the episode.
        mask: bool `[A]`, the actions available after the tick.
    """

    observation: Longs
    action: int
    rewards: Floats | None
    next_observation: Longs
    ended: bool
    mask: Bools


def steps_of(state: AgentState, lanes: int) -> Longs:
    """int64 `[B]`: ticks since each lane's episode began, for an agent whose `AgentState` is that count."""
    return np.zeros(lanes, np.int64) if state is None else np.asarray(state, np.int64)


def each_transition(
    observation: Longs, action: Ints, rewards: Floats | None, next_observation: Longs, ended: Bools, mask: Bools
) -> Iterator[Transition]:
    """Splits the arguments of `OnlineLearner.observe` into one transition per lane, in the order of the lanes."""
    for lane in range(len(action)):
        pay = None if rewards is None else rewards[lane]
        yield Transition(
            observation[lane], int(action[lane]), pay, next_observation[lane], bool(ended[lane]), mask[lane]
        )


def check_env(env: TrainingEnv, channels: Sequence[str], n_actions: int) -> None:
    """Checks that an environment has the reward channels and the number of actions that an agent was made for.

    Raises:
        ValueError: the channels or the number of actions differ.
    """
    if tuple(env.channels) != tuple(channels) or env.n_actions != n_actions:
        raise ValueError(
            f"the environment has channels {tuple(env.channels)} and {env.n_actions} actions,"
            f" the agent {tuple(channels)} and {n_actions}"
        )
