"""Checkpoints of unfinished trainings: one file each, written atomically, removed once its seed is done."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

from ....agents.learning import snapshot
from ....agents.learning.checkpoint import read_checkpoint, write_checkpoint
from ....agents.learning.snapshot import SnapshotError

KIND: Final = "training"
VERSION: Final = 1


def checkpoint_path(folder: Path, key: str) -> Path:
    """The file of a training, by the key of its trace in the cache."""
    return folder / f"{key}.npz"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state of a training.

    Raises:
        SnapshotError: there is an object in it that is not Turncoat's.
        OSError: it cannot be written.
    """
    data, arrays = snapshot.take(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Uncompressed: it is written often and read once at most.
    write_checkpoint(path, KIND, VERSION, {"left": data}, arrays, compressed=False)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state of a training; None where there is none that can be read, so that it begins anew."""
    try:
        header, arrays = read_checkpoint(path, KIND, VERSION)
        state: dict[str, Any] = snapshot.make(header["left"], arrays)
    except (
        OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, zipfile.BadZipFile, EOFError,
        SnapshotError,
    ):  # fmt: skip
        return None
    return state
