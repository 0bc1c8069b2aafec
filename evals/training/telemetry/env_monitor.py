"""A training environment that others listen to: a clock, a learning curve, somebody who looks at the agent."""

from __future__ import annotations

from collections.abc import Callable

from ....agents.base import TrainingEnv
from ....envs.base import Bools, Floats, Longs


def _nothing(*_: object) -> None:
    """Nobody listens."""


class TappedLane:
    """A lane over another one that tells what happens there and changes nothing; see `agents.base.TrainingEnv`."""

    def __init__(
        self,
        lane: TrainingEnv,
        before: Callable[[], None] = _nothing,
        after: Callable[[Floats | None, bool], None] = _nothing,
        begun: Callable[[], None] = _nothing,
    ) -> None:
        """Over `lane`.

        Args:
            lane: where everything happens.
            before: called before each step; what it raises ends the training.
            after: called after each with what was paid, float64 `[K]` (None where that is withheld), and whether the
                episode is over (ended or truncated).
            begun: called before each reset.
        """
        self._lane, self._before, self._after, self._begun = lane, before, after, begun

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
        """The action that the last step really took."""
        return self._lane.executed

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begin an episode."""
        self._begun()
        return self._lane.reset(seed)

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One tick."""
        self._before()
        told = self._lane.step(action)
        self._after(told[1], told[2] or told[3])
        return told
