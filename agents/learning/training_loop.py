"""The state and the loop of a `fit` that can be interrupted between two steps and resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..base import Progress

PROGRESS_EVERY: Final = 100
"""Steps between calls of `on_progress`."""


@dataclass(kw_only=True)
class FitState:
    """The state of a `fit` that is under way; subclasses add what an agent's loop needs.

    Attributes:
        steps: how many environment steps the fit is to take; `stop` lowers it.
        done: how many of them have been taken.
    """

    steps: int
    done: int = 0


State = TypeVar("State", bound=FitState)


class StopsAtOnce(Generic[State]):
    """A mixin for agents whose training has nothing left to do once it is stopped; it implements `Stops`.

    Attributes:
        training: the state of the fit under way, or None.
    """

    training: State | None

    def stop(self) -> None:
        """See `Stops.stop`."""
        if self.training is not None:
            self.training.steps = self.training.done


def finish_fit(
    training: State | None,
    step: Callable[[State], None],
    on_progress: Progress | None,
    figures: Callable[[], Mapping[str, float]],
) -> None:
    """Does the remaining steps of a fit.

    Args:
        training: the state of the fit, or None where none is under way.
        step: does one environment step and counts it in `training.done`; it may also change `training.steps`.
        on_progress: see `Resumable`; called every `PROGRESS_EVERY` steps.
        figures: returns the metrics that `on_progress` is given.

    Raises:
        ValueError: no training is under way.
    """
    if training is None:
        raise ValueError("nothing to resume: no training of this agent is under way")
    # `steps` is read anew each time: `step` and, within `on_progress`, `stop` may change it.
    while training.done < training.steps:
        step(training)
        if on_progress is not None and training.done % PROGRESS_EVERY == 0:
            on_progress(training.done, figures())
