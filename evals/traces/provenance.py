"""What a result was made with: versions, Turncoat's code and commit. Folders that are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from ...scenarios.errors import UsageError

LIBRARIES = ("turncoat", "numpy", "scipy", "polars", "numba", "torch", "gymnasium", "stable-baselines3")
"""Whose versions are recorded, where installed: those that can change a result."""


class RunError(UsageError):
    """A run's folder that cannot be written or read; the message says why."""


def utc_now() -> str:
    """The time, as the manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def library_versions() -> dict[str, str]:
    """The versions of what can change a result, by name, as far as it is installed."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_commit() -> str | None:
    """The commit that Turncoat runs from, with `-dirty` if files were changed; None outside a checkout of its own."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target to write into; it takes the target's name once the block has ended well.

    A block that raises leaves nothing; a process that is killed leaves only the hidden folder (`.NAME.PID.part`), which
    nothing reads.

    Raises:
        RunError: the target exists, or cannot be written.
    """
    check_target(target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        if target.exists():
            raise RunError(f"{target} was made by someone else in the meantime; nothing was written")
        part.rename(target)
    except OSError as fault:
        shutil.rmtree(part, ignore_errors=True)
        raise RunError(f"{target} cannot be written: {fault.strerror or fault}") from fault
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def check_target(target: Path) -> None:
    """Whether a run can be written there, as far as can be told beforehand: it is better known before the work.

    Raises:
        RunError: the target exists, or lies below something that is no folder or may not be written.
    """
    if target.exists() or target.is_symlink():
        raise RunError(f"{target} exists already, and a run is never written over another; name a new folder")
    nearest = next((folder for folder in target.absolute().parents if folder.exists()), None)
    if nearest is None or not nearest.is_dir():
        raise RunError(f"{target} cannot be written: {nearest or target.anchor} is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RunError(f"{target} cannot be written: {nearest} is read-only")


CACHE_VERSION = 1
"""Part of every key: another version finds nothing of this one's."""


def cache_key(parts: Mapping[str, object]) -> str:
    """SHA-256, in hexadecimal, of whatever a trace depends on, Turncoat's own code and the libraries among it."""
    whole = {"cache": CACHE_VERSION, "code": code_hash(), "libraries": library_versions(), **parts}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


@cache
def code_hash() -> str:
    """SHA-256 of Turncoat's own code below the door: in a checkout it changes without a new version."""
    rooms = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for room in ("agents", "envs", "evals", "scenarios"):
        for path in sorted((rooms / room).rglob("*")):
            if path.suffix in (".py", ".lark"):
                digest.update(f"{path.relative_to(rooms).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
