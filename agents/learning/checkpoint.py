"""Checkpoints: one `.npz` of plain arrays with a JSON header; nothing in such a file is ever run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.deliberation import DeliberationRule
from ...envs.world.agent_parts import ENUMERATE, PartSpec


def write_checkpoint(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    header: dict[str, Any],
    arrays: dict[str, npt.NDArray[Any]],
    compressed: bool = True,
) -> None:
    """Writes all or nothing: a reader never meets half a file.

    Args:
        path: the file, replaced if it exists.
        kind: what is saved.
        version: of that kind's layout.
        header: plain values for JSON.
        arrays: by name, none of them of objects.
        compressed: smaller, and slower to write.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    text = json.dumps({**header, "kind": kind, "version": version})
    content: dict[str, Any] = {"header": np.frombuffer(text.encode(), np.uint8), **arrays}
    try:
        with part.open("wb") as file:
            (np.savez_compressed if compressed else np.savez)(file, **content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def read_checkpoint(
    path: str | os.PathLike[str], kind: str, version: int
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The header and the arrays that `write_checkpoint` wrote.

    Raises:
        ValueError: no checkpoint, one of another kind, or of a newer version than `version`.
    """
    with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as content:
        arrays = dict(content)
    if "header" not in arrays:
        raise ValueError(f"{path} is no checkpoint: it has no header")
    header = json.loads(arrays.pop("header").tobytes())
    if header["kind"] != kind:
        raise ValueError(f"{path} holds a checkpoint of {header['kind']!r}, not of {kind!r}")
    if header["version"] > version:
        raise ValueError(
            f"{path} has version {header['version']}, newer than this program reads ({version}): upgrade turncoat"
        )
    return header, arrays


def parts_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """An agent's options as they were saved, with its deliberation and its planner as what they are."""
    rule, planner = options["deliberation"], options.get("planner")
    parts = {"deliberation": DeliberationRule(rule) if isinstance(rule, str) else DeliberationRule(**rule)}
    return {**options, **parts, "planner": ENUMERATE if planner is None else PartSpec(**planner)}
