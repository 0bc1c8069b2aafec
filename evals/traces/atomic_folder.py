"""Folders that are written atomically: under a hidden name first, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...scenarios.paths import fault_of_name
from .provenance import RunError

MOST_BYTES: Final = 255
"""In a name, where the system does not say."""


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target to write into; it is renamed to the target when the block ends without error.

    A block that raises leaves nothing; a process that is killed leaves only the hidden folder (`.NAME.PID.part`), which
    nothing reads.

    Raises:
        RunError: the target exists, or cannot be written.
    """
    check_target(target)
    part = target.with_name(hidden_name(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        # Renaming would silently replace an empty folder that another process has made since `check_target`.
        if target.exists():
            raise RunError(f"{target} was made by someone else in the meantime; nothing was written")
        part.rename(target)
    except OSError as fault:
        shutil.rmtree(part, ignore_errors=True)
        raise RunError(f"{target} cannot be written: {fault.strerror or fault}") from fault
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def hidden_name(target: Path) -> str:
    """The name under which this process writes a folder, or a file, before it has its own."""
    return f".{target.name}.{os.getpid()}.part"


def check_target(target: Path) -> None:
    """Check that a folder can be written there, as far as can be told beforehand: better before hours of training.

    Raises:
        RunError: the target exists, lies below something that is no folder or may not be written, or has a name that
            this system does not take.
    """
    if os.name == "nt" and (fault := fault_of_name(target.name)) is not None:
        raise RunError(f"{target} cannot be written: {target.name!r} {fault}; name another folder")
    if os.path.lexists(target):
        raise RunError(f"{target} exists already, and nothing is written over it; give it another name")
    check_place(target, target.absolute().parents)


def check_place(target: Path, folders: Iterable[Path]) -> None:
    """Check that something can be written at a path whose parents may not be there yet.

    Args:
        target: the path, for the message.
        folders: those that are made where they are not there, from the last to the first; the first that exists counts.

    Raises:
        RunError: it is no folder, or may not be written.
    """
    nearest = next((folder for folder in folders if os.path.lexists(folder)), None)
    if nearest is None or not nearest.is_dir():
        raise RunError(f"{target} cannot be written: {nearest or target.anchor} is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RunError(f"{target} cannot be written: {nearest} is read-only")
    names = target.absolute().parts[len(nearest.absolute().parts) :]
    # Under a longer, hidden name it is written first.
    names = (*names[:-1], hidden_name(target)) if names else names
    most = os.pathconf(nearest, "PC_NAME_MAX") if hasattr(os, "pathconf") else MOST_BYTES
    if (longest := max((len(os.fsencode(name)) for name in names), default=0)) > most:
        raise RunError(
            f"{target} cannot be written: its name is {longest - most} bytes too long; give it a shorter one"
        )
