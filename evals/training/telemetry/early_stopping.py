"""Early stopping: training ends when the mean return of the agent has not risen for some evaluations ("looks").

A look plays episodes of the training stage in an environment of its own, with a copy of the agent that is not in
training, always with the same random numbers. It sees only rewards: where a stage withholds them there is no early
stopping, and the hidden performance is never looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ....agents.base import Agent, AgentState, TrainingEnv
from ....envs.base import Floats

LOOKS: Final = 50
"""Evaluations in a training that runs to its end."""
EPISODES: Final = 10
"""Episodes of a look where chance matters."""
_STREAM: Final = 0x91A7E
"""Keeps the random numbers of looks apart from those of training."""


@dataclass(frozen=True)
class Plateau:
    """When a training stops early.

    Attributes:
        looks: looks in a row without a gain; there are `LOOKS` in a whole training.
        gain: by which share of the best return so far a look must exceed it to count as a gain.
    """

    looks: int = 10
    gain: float = 0.01

    def __post_init__(self) -> None:
        if self.looks < 1 or not 0 <= self.gain < math.inf:
            raise ValueError(f"a plateau is of at least 1 look and a gain from 0 up, not {self.looks} and {self.gain}")

    @classmethod
    def parse(cls, text: str) -> Plateau:
        """`10`, or `10:0.01` with the gain.

        Raises:
            ValueError: it is not of that form.
        """
        looks, colon, gain = text.partition(":")
        try:
            return cls(int(looks), float(gain)) if colon else cls(int(looks))
        except ValueError as fault:
            why = str(fault) if str(fault).startswith("a plateau") else "write LOOKS or LOOKS:GAIN, as in 10:0.01"
            raise ValueError(f"`{text}` is no plateau: {why}") from None


class PlateauDetector:
    """Decides when one training stops early. It holds plain data only, so that checkpoints can store it."""

    def __init__(self, plateau: Plateau, steps: int) -> None:
        """For a training of `steps` steps."""
        self._plateau, self._interval = plateau, max(steps // LOOKS, 1)
        self._next = self._interval
        self._best = -math.inf
        self._without_gain = 0

    def is_due(self, step: int) -> bool:
        """Whether it is time for a look; each is due once."""
        if step < self._next:
            return False
        # The next multiple of the interval after `step`: agents report in jumps, which may pass several of them.
        self._next = (step // self._interval + 1) * self._interval
        return True

    def has_plateaued(self, mean_return: float) -> bool:
        """Take in the result of a look; whether training should stop."""
        # The absolute value, since returns may be negative; the first look always counts as a gain.
        if not math.isfinite(self._best) or mean_return - self._best > self._plateau.gain * abs(self._best):
            self._best, self._without_gain = mean_return, 0
        else:
            self._without_gain += 1
        return self._without_gain >= self._plateau.looks


def mean_return(agent: Agent, env: TrainingEnv, weights: Floats, episodes: int, seed: int) -> float | None:
    """The mean return of an agent over some episodes, undiscounted; None where rewards are withheld.

    Args:
        agent: not in training, or a copy.
        env: an environment of its own, of a stage whose episodes end.
        weights: float64 `[K]`.
        episodes: how many.
        seed: of the training; its random numbers are others than there, and the same at every look.
    """
    total = 0.0
    observation, mask = env.reset(int(np.random.SeedSequence([seed, _STREAM]).generate_state(1)[0]))
    for number in range(episodes):
        if number:
            observation, mask = env.reset()
        memory: AgentState = None
        over = False
        while not over:
            actions, memory = agent.act(observation[None], memory, mask[None])
            observation, rewards, ended, truncated, mask = env.step(int(actions[0]))
            if rewards is None:
                return None
            total += float(rewards @ weights)
            over = ended or truncated
    return total / episodes
