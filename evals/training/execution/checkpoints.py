"""Trainings that were left under way: a file for each, there whole or not at all, gone once its seed is done."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

from ....agents.learning import snapshot
from ....agents.learning.checkpoint import read_checkpoint, write_checkpoint
from ....agents.learning.snapshot import SnapshotError

KIND: Final = "training"
VERSION: Final = 1


def checkpoint_of(folder: Path, key: str) -> Path:
    """The file of a training, by the key of its trace in the cache."""
    return folder / f"{key}.npz"


def keep(path: Path, left: dict[str, Any]) -> None:
    """Write a training as it stands.

    Raises:
        SnapshotError: there is something in it that is not Turncoat's.
        OSError: it cannot be written.
    """
    data, arrays = snapshot.take(left)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(path, KIND, VERSION, {"left": data}, arrays, compressed=False)


def find(path: Path) -> dict[str, Any] | None:
    """A training that was left; None where there is none that can be read."""
    try:
        header, arrays = read_checkpoint(path, KIND, VERSION)
        left: dict[str, Any] = snapshot.make(header["left"], arrays)
    except (
        OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, zipfile.BadZipFile, EOFError,
        SnapshotError,
    ):  # fmt: skip
        return None
    return left
