"""What an agent earned while it was trained: a learning curve, seen from outside, for any agent."""

from __future__ import annotations

from ...envs.base import Floats
from .trace import Curve

POINTS = 50
"""Of a curve, at most."""


class Earning:
    """Keeps what the episodes of a training earn, from one stage to the next: `begun` and `paid` of a `TappedLane`."""

    def __init__(self, weights: Floats, steps: int) -> None:
        """For a training of so many steps; `weights`: float64 `[K]`, what each channel is worth to the agent."""
        self._weights, self._every = weights, max(-(-steps // POINTS), 1)
        self._steps, self._episode = 0, 0.0
        self._ended: list[float] = []
        self._points: list[tuple[int, float]] = []

    @property
    def steps(self) -> int:
        """So far."""
        return self._steps

    @property
    def curve(self) -> Curve:
        """Of the episodes that have ended; exploration is in it."""
        return tuple(self._points)

    def reached(self, step: int, earned: float | None) -> None:
        """An agent with lanes of its own has come so far, and earned so much in an episode since it last said so."""
        last, self._steps = self._steps, step
        if earned is not None:
            self._ended.append(earned)
        if last // self._every < step // self._every:
            self._mark()

    def begun(self) -> None:
        """An episode begins; one that was under way does not count."""
        self._episode = 0.0

    def paid(self, rewards: Floats | None, over: bool) -> None:
        """A tick paid float64 `[K]` (None, where rewards are withheld, earns nothing), and the episode may be over."""
        self._steps += 1
        self._episode += 0.0 if rewards is None else float(rewards @ self._weights)
        if over:
            self._ended.append(self._episode)
            self._episode = 0.0
        if self._steps % self._every == 0:
            self._mark()

    def _mark(self) -> None:
        if self._ended:
            self._points.append((self._steps, round(sum(self._ended) / len(self._ended), 4)))
            self._ended.clear()
