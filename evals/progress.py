"""What an agent earned while it was trained: a learning curve, seen from outside, for any agent."""

from __future__ import annotations

from ..agents.base import TrainingEnv
from ..envs.base import Bools, Floats, Longs

POINTS = 50
"""Of a curve, at most."""

Curve = tuple[tuple[int, float], ...]
"""Steps so far, and what an episode earned on average since the point before."""


class Earning:
    """A training environment that keeps what the episodes in it earn; it changes nothing."""

    _env: TrainingEnv

    def __init__(self, weights: Floats, steps: int) -> None:
        """For a training of so many steps; `weights`: float64 `[K]`, what each channel is worth to the agent."""
        self._weights, self._every = weights, max(-(-steps // POINTS), 1)
        self._steps, self._episode = 0, 0.0
        self._ended: list[float] = []
        self._points: list[tuple[int, float]] = []

    def on(self, env: TrainingEnv) -> Earning:
        """The same curve, from now on in another environment (of the agent's next stage, say)."""
        self._env, self._episode = env, 0.0
        return self

    @property
    def curve(self) -> Curve:
        """Of the episodes that have ended; exploration is in it."""
        return tuple(self._points)

    @property
    def n_actions(self) -> int:
        """See `TrainingEnv`."""
        return self._env.n_actions

    @property
    def channels(self) -> tuple[str, ...]:
        """See `TrainingEnv`."""
        return self._env.channels

    @property
    def executed(self) -> int:
        """See `TrainingEnv`."""
        return self._env.executed

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """See `TrainingEnv`."""
        self._episode = 0.0
        return self._env.reset(seed)

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """See `TrainingEnv`; where rewards are withheld nothing is earned."""
        observation, rewards, ended, truncated, able = self._env.step(action)
        self._steps += 1
        self._episode += 0.0 if rewards is None else float(rewards @ self._weights)
        if ended or truncated:
            self._ended.append(self._episode)
            self._episode = 0.0
        if self._steps % self._every == 0 and self._ended:
            self._points.append((self._steps, round(sum(self._ended) / len(self._ended), 4)))
            self._ended.clear()
        return observation, rewards, ended, truncated, able
