"""Curves of a training for TensorBoard: its mean return, and whatever figures the agent reports of itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ....scenarios.errors import UsageError, installing
from ...traces.trace import LearningPoints

MAX_POINTS: Final = 1_000
"""Points of a figure, about; what comes more often is thinned out."""
EARNED: Final = "earned"
"""The figure that every agent has: the points of its `LearningCurve`."""


class TensorBoardError(UsageError):
    """TensorBoard's files cannot be written; the message says what to do."""


def require_tensorboard() -> None:
    """Check that its files can be written.

    Raises:
        TensorBoardError: a package is missing.
    """
    if not all(find_spec(name) for name in ("tensorboard", "torch")):
        raise TensorBoardError(f"curves for TensorBoard need tensorboard and torch: {installing('learn')}")


class TensorBoardWriter:
    """Writes the curves of one seed, in a folder of its own."""

    def __init__(self, folder: Path, steps: int, since: int = 0) -> None:
        """Open a folder; points that an earlier process wrote there after step `since` are discarded.

        Raises:
            TensorBoardError: a package is missing, or the folder cannot be written.
        """
        require_tensorboard()
        # Imported here: it imports torch, which takes seconds.
        from torch.utils.tensorboard import SummaryWriter

        try:
            self._writer = SummaryWriter(str(folder), purge_step=since + 1 if since else 0, flush_secs=5)
        except OSError as fault:
            raise TensorBoardError(f"{folder} cannot be written for TensorBoard: {fault.strerror or fault}") from fault
        self._interval, self._next, self._last_point = max(steps // MAX_POINTS, 1), 0, since

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Write what an agent reports of itself after `step` steps, unless the last ones are too recent."""
        if step < self._next:
            return
        self._next = step + self._interval
        for name, value in figures.items():
            if name != EARNED:
                self._writer.add_scalar(name, value, step)

    def learning_curve(self, curve: LearningPoints) -> None:
        """Write the points of a learning curve that are not there yet."""
        for step, value in curve:
            if step > self._last_point:
                self._writer.add_scalar(EARNED, value, step)
                self._last_point = step

    def close(self) -> None:
        """Write what is buffered."""
        self._writer.close()
