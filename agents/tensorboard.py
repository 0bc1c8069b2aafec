"""Training figures for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping

from torch.utils.tensorboard import SummaryWriter

from .base import Progress


def to_tensorboard(folder: str | os.PathLike[str], then: Progress | None = None) -> Progress:
    """A progress callback that writes every figure as a scalar under `folder`, and then calls another."""
    writer = SummaryWriter(os.fspath(folder))

    def on_progress(step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()
        if then is not None:
            then(step, figures)

    return on_progress
