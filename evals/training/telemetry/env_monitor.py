"""A wrapper of a training environment that reports every step and reset to callbacks."""

from __future__ import annotations

from collections.abc import Callable

from ....agents.base import TrainingEnv
from ....envs.base import Bools, Floats, Longs


def _ignore(*_: object) -> None:
    """The default callback."""


class MonitoredEnv:
    """A `TrainingEnv` that passes everything through to another one, unchanged, and calls back around each call."""

    def __init__(
        self,
        lane: TrainingEnv,
        before_step: Callable[[], None] = _ignore,
        after_step: Callable[[Floats | None, bool], None] = _ignore,
        before_reset: Callable[[], None] = _ignore,
    ) -> None:
        """Wrap `lane`.

        Args:
            lane: the environment.
            before_step: called before each step; what it raises ends the training.
            after_step: called after each step with its rewards, float64 `[K]` (None where rewards are withheld), and
                whether the episode is over (terminated or truncated).
            before_reset: called before each reset.
        """
        self._lane, self._before_step, self._after_step, self._before_reset = (
            lane,
            before_step,
            after_step,
            before_reset,
        )

    @property
    def n_actions(self) -> int:
        """A."""
        return self._lane.n_actions

    @property
    def channels(self) -> tuple[str, ...]:
        """K names."""
        return self._lane.channels

    @property
    def executed(self) -> int:
        """The action that was executed in the last step."""
        return self._lane.executed

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begin an episode; see `TrainingEnv`."""
        self._before_reset()
        return self._lane.reset(seed)

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One step; see `TrainingEnv`."""
        self._before_step()
        result = self._lane.step(action)
        _, rewards, terminated, truncated, _ = result
        self._after_step(rewards, terminated or truncated)
        return result
