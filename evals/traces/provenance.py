"""What a result was made with: library versions, Turncoat's commit, a hash of its code, and cache keys of these."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from ...scenarios.errors import UsageError

LIBRARIES = (
    "turncoat", "numpy", "scipy", "polars", "numba", "torch", "gymnasium", "pettingzoo", "stable-baselines3",
    "sb3-contrib", "optuna", "lark", "pydantic", "ruamel.yaml",
)  # fmt: skip
"""Libraries that can change a result; their versions are recorded where they are installed.

Those that the rooms import and that only carry, show or start something are named in the test of this list.
"""
CACHE_VERSION = 1
"""Part of every key: no cache of another version is read."""


class RunError(UsageError):
    """A run's folder that cannot be written or read; the message says why."""


def utc_now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def library_versions() -> dict[str, str]:
    """The versions of `LIBRARIES`, by name, as far as they are installed."""
    versions = {name: _version(name) for name in LIBRARIES}
    return {name: version for name, version in versions.items() if version is not None}


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def git_commit() -> str | None:
    """The commit that Turncoat runs from, with `-dirty` if files were changed; None where it is installed."""
    root = Path(__file__).resolve().parents[2]
    # Without this, git would find the repository that an installed Turncoat may lie in.
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


@cache
def code_hash() -> str:
    """SHA-256, in hexadecimal, of the code that can change a result: in a checkout it changes without a new version.

    `viz` and the front end in `turncoat/` only show results, so they are left out.
    """
    rooms = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for room in ("agents", "envs", "evals", "scenarios"):
        for path in sorted((rooms / room).rglob("*")):
            if path.suffix in (".py", ".lark"):
                # The zero bytes keep a file's name, its content and the next name apart.
                digest.update(f"{path.relative_to(rooms).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def cache_key(parts: Mapping[str, object]) -> str:
    """SHA-256, in hexadecimal, of what a trace depends on: `parts`, Turncoat's own code and the libraries."""
    whole = {"cache": CACHE_VERSION, "code": code_hash(), "libraries": library_versions(), **parts}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
