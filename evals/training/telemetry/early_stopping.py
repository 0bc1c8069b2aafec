"""Training that ends early: when what the agent would earn, were training over, has not risen for some looks.

A look plays episodes of the training stage, aside, by a copy that is not in training, always with the same chance. So
it sees what the agent is paid and nothing else: where a stage shows no rewards, nobody looks, and the hidden
performance is in no lane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ....agents.base import Agent, AgentState, TrainingEnv
from ....envs.base import Floats

LOOKS: Final = 50
"""In a training that runs to its end."""
EPISODES: Final = 10
"""That a look plays where chance matters."""
_ASIDE: Final = 0x91A7E
"""Sets a look's chance apart from that of training."""


@dataclass(frozen=True)
class Plateau:
    """When a training is given up.

    Attributes:
        looks: so many in a row without a gain; there are `LOOKS` in a whole training.
        gain: the share of the best so far, by which a look must be better to count as one.
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


class Levelling:
    """Where one training stands; plain data, so that it is kept with the training."""

    def __init__(self, plateau: Plateau, steps: int) -> None:
        """For a training of so many steps."""
        self._plateau, self._apart = plateau, max(steps // LOOKS, 1)
        self._next = self._apart
        self._best = -math.inf
        self._since = 0

    def due(self, step: int) -> bool:
        """Whether it is time to look."""
        if step < self._next:
            return False
        self._next = (step // self._apart + 1) * self._apart
        return True

    def is_flat(self, earned: float) -> bool:
        """Takes in what a look found, and says whether it has levelled off."""
        if not math.isfinite(self._best) or earned - self._best > self._plateau.gain * abs(self._best):
            self._best, self._since = earned, 0
        else:
            self._since += 1
        return self._since >= self._plateau.looks


def earned_by(agent: Agent, env: TrainingEnv, weights: Floats, episodes: int, seed: int) -> float | None:
    """What an agent earns in an episode, on average; None where no rewards are shown.

    Args:
        agent: not in training, or a copy.
        env: a lane of its own, of a stage whose episodes come to an end.
        weights: float64 `[K]`.
        episodes: how many.
        seed: of the training; chance is another than there, and the same at every look.
    """
    total = 0.0
    observation, mask = env.reset(int(np.random.SeedSequence([seed, _ASIDE]).generate_state(1)[0]))
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
