"""Relations between paths and names for files, which hold on every system: Windows has drives and reserved names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{i}" for port in ("com", "lpt") for i in "123456789¹²³"}
)
"""Names that Windows keeps for devices, whatever ending follows them and in any case."""

_FORBIDDEN = frozenset('<>:"|?*\\/')


def below(path: str | os.PathLike[str], folder: str | os.PathLike[str], kind: type[PurePath] = Path) -> str | None:
    """A path from a folder on, with slashes (`.` for the folder itself); None if it is not below it.

    Both must be real (`os.path.realpath`). Unlike `os.path.commonpath` and `relpath`, it takes paths on two drives, and
    on Windows it ignores case.

    Args:
        path: the path.
        folder: the folder.
        kind: the class of paths, which says whose rules hold.
    """
    one, other = kind(path), kind(folder)
    return one.relative_to(other).as_posix() if one.is_relative_to(other) else None


def fault_of_name(name: str) -> str | None:
    """Why Windows has no file or folder of a name, as the end of a sentence; None if it has."""
    if name.partition(".")[0].rstrip(" ").lower() in RESERVED:
        return "is the name of a device on Windows"
    if name.endswith((".", " ")):
        return "ends with a dot or a space, which Windows drops"
    wrong = next((character for character in name if character in _FORBIDDEN or ord(character) < 32), None)
    return None if wrong is None else f"has {wrong!r}, which no name has on Windows"


def portable(name: str) -> str:
    """A name for a file or folder that every system takes, which is the name itself if that is one."""
    kept = "".join("-" if character in _FORBIDDEN or ord(character) < 32 else character for character in name)
    kept = kept.rstrip(". ") or "-"
    return f"_{kept}" if kept.partition(".")[0].rstrip(" ").lower() in RESERVED else kept


def as_text(word: str) -> str:
    """A word in which there may be a path, as a text that every file takes: bytes that are no UTF-8 are escaped.

    Python has such bytes of names and arguments as halves of characters, which UTF-8 and JSON have no place for.
    """
    try:
        raw = os.fsencode(word)
    except UnicodeEncodeError:  # the locale has fewer characters than the word
        raw = word.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")


def as_texts(data: Any) -> Any:
    """Data for JSON in which each text is as `as_text` makes it, so that it can be read again."""
    match data:
        case str():
            return as_text(data)
        case Mapping():
            return {as_texts(key): as_texts(value) for key, value in data.items()}
        case list() | tuple():
            return [as_texts(value) for value in data]
    return data
