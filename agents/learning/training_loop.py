"""The loop of a training that can be left between two ticks, and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from ..base import Progress

PROGRESS_EVERY: Final = 100
"""Steps between calls of `on_progress`."""


class UnderWay(Protocol):
    """How far a training has come.

    Attributes:
        steps: to do; done: of them.
    """

    steps: int
    done: int


Its = TypeVar("Its", bound=UnderWay)


def go_on(
    training: Its | None,
    tick: Callable[[Its], None],
    on_progress: Progress | None,
    figures: Callable[[], Mapping[str, float]],
) -> None:
    """Does what is left of a training.

    Args:
        training: where it stands, or None where there is none.
        tick: one step, which is counted in `training.done`; it may also change how many there are to do.
        on_progress: see `Resumable`; called every `PROGRESS_EVERY` steps.
        figures: what it is told then.

    Raises:
        ValueError: no training is under way.
    """
    if training is None:
        raise ValueError("nothing to resume: no training of this agent is under way")
    while training.done < training.steps:
        tick(training)
        if on_progress is not None and training.done % PROGRESS_EVERY == 0:
            on_progress(training.done, figures())
