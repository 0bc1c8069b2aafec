"""Where compiled functions are kept between processes. No fault there stops a program: it compiles again instead."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import warnings
from collections.abc import Callable, Mapping
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
    # Numba would also take what `.numba_config.yaml` of the folder that one is in says. That may be a stranger's, and
    # what is kept is run.
    named = {name: os.environ.get(f"NUMBA_{name}", "") for name in _WHERE if hasattr(config, name)}
    if not (_enabled(dispatcher, named) or _enabled_in(_temporary_folder(), dispatcher, named)):
        warnings.warn(
            "no folder can be written to keep compiled code in, so every start takes some ten seconds more; "
            "NUMBA_CACHE_DIR names one",
            UserWarning,
            stacklevel=1,
        )
        return
    dispatcher._cache = _ForgivingCache(dispatcher._cache)


MOST_KEPT = 200
"""Files of `kept` in a folder; what was not used for longest goes first."""


def kept(dispatcher: Any, key: bytes, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, from the folder in which Numba keeps what it compiled of a function, or made and left there.

    What was cut short or changed there is made anew. Where nothing can be kept, it is made by every process.

    Args:
        dispatcher: what `numba.njit` made.
        key: of all that the result depends on.
        make: makes it.
    """
    folder = dispatcher.stats.cache_path
    if folder is None:
        return make()
    path = Path(folder) / f"{_PREFIX}{hashlib.sha256(key).hexdigest()[:32]}"
    try:
        whole = path.read_bytes()
        os.utime(path)
    except OSError:
        whole = b""
    proof, found = whole[:_PROOF], whole[_PROOF:]
    if found and hashlib.sha256(found).digest() == proof:
        return found
    made = make()
    _write(path, hashlib.sha256(made).digest() + made)
    return made


_PREFIX = "turncoat-"
_PROOF = hashlib.sha256().digest_size


def _write(path: Path, whole: bytes) -> None:
    """Write a file whole or not at all, and drop the oldest beyond `MOST_KEPT`; what cannot be written is not kept."""
    try:
        handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(whole)
        os.replace(name, path)
        files = sorted(path.parent.glob(f"{_PREFIX}*"), key=lambda one: one.stat().st_mtime)
        for old in files[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return


_WHERE = ("CACHE_DIR", "CACHE_LOCATOR_CLASSES")
"""Numba's settings of where things are kept; the second is not in every release."""


def _enabled(dispatcher: Any, settings: Mapping[str, str]) -> bool:
    before = {name: getattr(config, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(config, name, value)
        dispatcher.enable_caching()
    except (RuntimeError, OSError):  # Numba's words for: no folder can be written
        return False
    finally:
        for name, value in before.items():
            setattr(config, name, value)  # other functions of the program are none of ours
    return True


def _enabled_in(folder: Path | None, dispatcher: Any, settings: Mapping[str, str]) -> bool:
    return folder is not None and _enabled(dispatcher, {**settings, "CACHE_DIR": str(folder)})


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
    """Numba's cache of one function, which raises where its files are damaged or cannot be written.

    Numba numbers the files of a function's signatures by what its index holds. Two processes that compile it at once
    for different ones take the same number, and the index may then name code that takes arguments of other types.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """What was compiled for a signature; None where that is not there, cannot be read or is of another one."""
        try:
            found = self._cache.load_overload(signature, context)
            if found is None or tuple(found.signature.args) == tuple(signature):
                return found
        except Exception:  # a pickle that was cut raises nearly anything
            pass
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
