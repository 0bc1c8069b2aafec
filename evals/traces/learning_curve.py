"""The learning curve of one training: mean episode return by environment step, recorded from outside the agent."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...envs.base import Floats
from .trace import KnowledgePoints, LearningPoints

POINTS = 50
"""Points of a curve, at most."""
KNOWLEDGE = ("rules", "exceptions", "recent_hit_rate")
"""The figures of an agent that say how its knowledge grows; only one that reports all of them has such a curve."""


class LearningCurve:
    """Records the returns of training episodes; its hooks fit those of a `MonitoredEnv`. It can be pickled."""

    def __init__(self, weights: Floats, steps: int) -> None:
        """For a training of `steps` steps; `weights`: float64 `[K]`, the agent's utility per unit of each channel."""
        # Rounded up, so that there are never more than POINTS.
        self._weights, self._every = weights, max(-(-steps // POINTS), 1)
        self._steps = 0
        self._episode_return: dict[int, float] = {}
        self._returns: list[float] = []
        self._points: list[tuple[int, float]] = []
        self._knowledge: list[tuple[int, int, int, float]] = []

    @property
    def steps(self) -> int:
        """Environment steps so far, over all stages of the curriculum."""
        return self._steps

    @property
    def points(self) -> LearningPoints:
        """(step, mean return of the episodes that ended since the point before); exploration is included."""
        return tuple(self._points)

    @property
    def knowledge(self) -> KnowledgePoints:
        """(step, rules, exceptions to others, share of the last ticks that were predicted right before learning)."""
        return tuple(self._knowledge)

    def on_figures(self, figures: Mapping[str, float]) -> None:
        """The agent reports figures of itself, by name, at the present step."""
        last = self._knowledge[-1][0] if self._knowledge else -1
        if last // self._every == self._steps // self._every or not all(name in figures for name in KNOWLEDGE):
            return
        rules, exceptions, right = (figures[name] for name in KNOWLEDGE)
        if math.isfinite(right):
            self._knowledge.append((self._steps, int(rules), int(exceptions), round(right, 4)))

    def on_progress(self, step: int, mean_return: float | None) -> None:
        """Told by an agent that steps environments of its own: its steps so far, its recent mean return if known."""
        last, self._steps = self._steps, step
        if mean_return is not None:
            self._returns.append(mean_return)
        if last // self._every < step // self._every:
            self._add_point()

    def on_reset(self, lane: int = 0) -> None:
        """An episode begins in a lane; one that was cut off by the reset is not counted."""
        self._episode_return[lane] = 0.0

    def on_step(self, rewards: Floats | None, over: bool, lane: int = 0) -> None:
        """A step of a lane gave float64 `[K]` and may have ended its episode; withheld rewards (None) count as 0."""
        self._steps += 1
        earned = 0.0 if rewards is None else float(rewards @ self._weights)
        self._episode_return[lane] = self._episode_return.get(lane, 0.0) + earned
        if over:
            self._returns.append(self._episode_return[lane])
            self._episode_return[lane] = 0.0
        if self._steps % self._every == 0:
            self._add_point()

    def _add_point(self) -> None:
        if self._returns:
            # Rounded, since the curve is stored as JSON in every trace.
            self._points.append((self._steps, round(sum(self._returns) / len(self._returns), 4)))
            self._returns.clear()
