"""Checkpoints of unfinished trainings: one file each, written atomically, removed once its seed is done."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any, Final

from ....agents.learning import snapshot
from ....agents.learning.checkpoint import MAX_ARRAYS, read_checkpoint, write_checkpoint
from ....agents.learning.snapshot import SnapshotError
from ....scenarios.bounded_reading import UnreadableFileError
from ....scenarios.language.faults.faults import safe

_LOG: Final = logging.getLogger(__name__)

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
    if sum(array.nbytes for array in arrays.values()) > MAX_ARRAYS:
        raise SnapshotError("more arrays than are read again")
    # Uncompressed: it is written often and read once at most.
    write_checkpoint(path, KIND, VERSION, {"left": data, "key": path.stem}, arrays, compressed=False)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state of a training; None where there is none that can be read, so that it begins anew.

    A file that cannot be read, or is that of another training, is set aside (see `set_aside`).
    """
    if not os.path.lexists(path):
        return None
    try:
        header, arrays = read_checkpoint(path, KIND, VERSION)
        if header["key"] != path.stem:
            raise UnreadableFileError("it is of another training")
        state: dict[str, Any] = snapshot.make(header["left"], arrays)
    except FileNotFoundError:  # another run has finished this training in the meantime
        return None
    # Restoring an object graph calls upon many classes, and a damaged one makes them raise whatever they can.
    except Exception as fault:
        set_aside(path, fault)
        return None
    return state


def set_aside(path: Path, why: object) -> None:
    """Rename a file of the cache that cannot be used to `NAME.unreadable`, and log it; what it held is made anew."""
    aside = path.with_name(f"{path.name}.unreadable")
    try:
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside, ignore_errors=True)
        os.replace(path, aside)
    except OSError:  # a read-only cache, say: it is passed over all the same
        aside = path
    reason = safe(" ".join(str(why).split()))[:300]
    _LOG.warning("%s cannot be used (%s); it was set aside, and is made anew", safe(str(aside)), reason)
