"""Report files, written atomically; whether they can be written is checked before the run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..traces.provenance import RunError


def check_files(paths: Sequence[Path]) -> None:
    """Check that files can be written there, as far as can be told beforehand. Existing ones will be replaced.

    Raises:
        RunError: one is a folder, lies in no folder or a read-only one, or two are the same.
    """
    for number, path in enumerate(paths):
        folder = path.absolute().parent
        if path.is_dir():
            raise RunError(f"{path} is a folder; name a file")
        if not folder.is_dir():
            raise RunError(f"{path} cannot be written: there is no folder {folder}; make it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RunError(f"{path} cannot be written: {folder} is read-only")
        if path.absolute() in [other.absolute() for other in paths[:number]]:
            raise RunError(f"{path} is named for two reports; name another for one of them")


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically; an existing one is replaced.

    Raises:
        RunError: it cannot be written.
    """
    # Beside the target, for a rename is atomic only within a file system.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        os.replace(part, path)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise RunError(f"{path} cannot be written: {fault.strerror or fault}") from fault
