"""Where compiled functions are kept between processes. No fault there stops a program: it compiles again instead."""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from pathlib import Path
from typing import Any

from numba.core import config as _config

config: Any = _config  # its names come from the environment, so that type checkers know none of them


def keep_on_disk(dispatcher: Any) -> None:
    """Have Numba keep what it compiles of a function: beside the source, in the user's cache or in a temporary folder.

    Where none of them can be written, every process compiles for itself, and a warning says so. What is there and
    cannot be read (cut short by a full disk or a kill) is compiled and written anew.

    Args:
        dispatcher: what `numba.njit` made, without `cache=True`.
    """
    if not (_enabled(dispatcher) or _enabled_in(_temporary_folder(), dispatcher)):
        warnings.warn(
            "no folder can be written to keep compiled code in, so every start takes some ten seconds more; "
            "NUMBA_CACHE_DIR names one",
            UserWarning,
            stacklevel=1,
        )
        return
    dispatcher._cache = _ForgivingCache(dispatcher._cache)


def _enabled(dispatcher: Any) -> bool:
    try:
        dispatcher.enable_caching()
    except (RuntimeError, OSError):  # Numba's words for: no folder can be written
        return False
    return True


def _enabled_in(folder: Path | None, dispatcher: Any) -> bool:
    if folder is None:
        return False
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        return _enabled(dispatcher)
    finally:
        config.CACHE_DIR = before  # other functions of the program are none of ours


def _temporary_folder() -> Path | None:
    """A folder below the system's temporary one that only this user can write; None where there cannot be one.

    What is kept is run, so that a folder that somebody else has made, or may write to, is not used.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    try:
        folder = Path(tempfile.gettempdir()) / f"turncoat-compiled-{'' if user is None else user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = user is None or (found.st_uid == user and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return folder if stat.S_ISDIR(found.st_mode) and private else None


class _ForgivingCache:
    """Numba's cache of one function, which raises where its files are damaged or cannot be written."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """What was compiled for a signature; None where that is not there or cannot be read."""
        try:
            return self._cache.load_overload(signature, context)
        except Exception:  # a pickle that was cut raises nearly anything
            self._discard()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled for a signature, if that is possible."""
        try:
            self._cache.save_overload(signature, compiled)
        except Exception as fault:
            warnings.warn(
                f"compiled code cannot be kept in {self._cache.cache_path} ({fault}), so every start takes some ten "
                "seconds more; NUMBA_CACHE_DIR names another folder",
                UserWarning,
                stacklevel=1,
            )

    def _discard(self) -> None:
        try:
            self._cache.flush()
        except Exception:
            return  # it cannot be written: `save_overload` says so
