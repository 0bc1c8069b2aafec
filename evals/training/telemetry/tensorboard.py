"""Curves of a training for TensorBoard: what it earns, and whatever figures the agent reports of itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ....scenarios.errors import UsageError
from ...traces.trace import Curve

MOST: Final = 1_000
"""Points of a figure, about: more are left out as they come."""
EARNED: Final = "earned"
"""The figure that every agent has: what an episode earned on average since the point before (see `progress`)."""


class TensorBoardError(UsageError):
    """TensorBoard's files cannot be written; the message says what to do."""


def need_tensorboard() -> None:
    """Whether its files can be written.

    Raises:
        TensorBoardError: a package is missing.
    """
    if not all(find_spec(name) for name in ("tensorboard", "torch")):
        raise TensorBoardError("curves for TensorBoard need tensorboard and torch: pip install 'turncoat[learn]'")


class Board:
    """The curves of one seed, in a folder of its own."""

    def __init__(self, folder: Path, steps: int, since: int = 0) -> None:
        """Open a folder; what stands there of a training after step `since` counts no more.

        Raises:
            TensorBoardError: a package is missing, or the folder cannot be written.
        """
        need_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        try:
            self._writer = SummaryWriter(str(folder), purge_step=since + 1 if since else 0, flush_secs=5)
        except OSError as fault:
            raise TensorBoardError(f"{folder} cannot be written for TensorBoard: {fault.strerror or fault}") from fault
        self._apart, self._next, self._earned = max(steps // MOST, 1), 0, since

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """What an agent says of itself after so many steps."""
        if step < self._next:
            return
        self._next = step + self._apart
        for name, value in figures.items():
            if name != EARNED:
                self._writer.add_scalar(name, value, step)

    def earned(self, curve: Curve) -> None:
        """The points of a learning curve that are not there yet."""
        for step, value in curve:
            if step > self._earned:
                self._writer.add_scalar(EARNED, value, step)
                self._earned = step

    def close(self) -> None:
        """Write what is waiting."""
        self._writer.close()
