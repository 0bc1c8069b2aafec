"""Report files: whether they can be written is checked before the run, which begins by removing older ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...scenarios.output_file import is_stream, write_text_whole
from ..traces.provenance import RunError


def check_files(paths: Sequence[Path]) -> None:
    """Check that files can be written there, as far as can be told beforehand. Existing ones will be replaced.

    Raises:
        RunError: one is a folder, lies in no folder or a read-only one, is a device that takes nothing, or two are the
            same file.
    """
    seen: list[str] = []
    for path in paths:
        if path.is_dir():
            raise RunError(f"{path} is a folder; name a file")
        if is_stream(path):
            if not os.access(path, os.W_OK):
                raise RunError(f"{path} cannot be written; name another file")
            continue
        real = os.path.realpath(path)  # a link stays, and what it leads to is written
        folder = Path(real).parent
        if not folder.is_dir():
            raise RunError(f"{path} cannot be written: there is no folder {folder}; make it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RunError(f"{path} cannot be written: {folder} is read-only")
        if real in seen:
            raise RunError(f"{path} is named for two reports; name another for one of them")
        seen.append(real)


def remove_old(paths: Sequence[Path]) -> None:
    """Remove the reports of an earlier run, which would pass for those of a run that ends before it writes its own.

    Raises:
        RunError: one cannot be removed.
    """
    for path in paths:
        if not is_stream(path):
            try:
                Path(os.path.realpath(path)).unlink(missing_ok=True)
            except OSError as fault:
                raise RunError(f"the old {path} cannot be removed: {fault.strerror or fault}") from fault


def write_whole(path: Path, text: str) -> None:
    """Write a file as `whole_file` does; an existing one is replaced.

    Raises:
        RunError: it cannot be written.
    """
    try:
        write_text_whole(path, text)
    except OSError as fault:
        raise RunError(f"{path} cannot be written: {fault.strerror or fault}") from fault
