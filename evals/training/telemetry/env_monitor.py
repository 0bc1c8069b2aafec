"""A wrapper of a training environment that reports every step and reset to callbacks."""

from __future__ import annotations

from collections.abc import Callable

from ....agents.base import SpawningEnv, TrainingEnv
from ....envs.base import Bools, Floats, Longs


def _ignore(*_: object) -> None:
    """The default callback."""


class MonitoredEnv:
    """A `TrainingEnv` that passes everything through to another one, unchanged, and calls back around each call."""

    def __init__(
        self,
        lane: TrainingEnv,
        before_step: Callable[[], None] = _ignore,
        after_step: Callable[[Floats | None, bool, int], None] = _ignore,
        before_reset: Callable[[int], None] = _ignore,
        number: int = 0,
    ) -> None:
        """Wrap `lane`.

        Args:
            lane: the environment.
            before_step: called before each step; what it raises ends the training.
            after_step: called after each step with its rewards, float64 `[K]` (None where rewards are withheld),
                whether the episode is over (terminated or truncated), and the number of the lane.
            before_reset: called before each reset with the number of the lane.
            number: of the lane: 0 of the first, others of those spawned from it.
        """
        self._number, self._spawned = number, 0
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
        self._before_reset(self._number)
        return self._lane.reset(seed)

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One step; see `TrainingEnv`."""
        self._before_step()
        result = self._lane.step(action)
        _, rewards, terminated, truncated, _ = result
        self._after_step(rewards, terminated or truncated, self._number)
        return result

    def spawn(self) -> MonitoredEnv | None:
        """See `agents.base.SpawningEnv`; None if the wrapped environment cannot be spawned."""
        if not isinstance(self._lane, SpawningEnv) or (lane := self._lane.spawn()) is None:
            return None
        self._spawned += 1
        return MonitoredEnv(lane, self._before_step, self._after_step, self._before_reset, self._spawned)
