"""Checkpoints: one `.npz` file of plain arrays with a JSON header. Reading one never executes anything in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.deliberation import DeliberationRule
from ...envs.world.part_spec import ENUMERATE, PartSpec
from ...scenarios.output_file import whole_file


def write_checkpoint(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    header: dict[str, Any],
    arrays: dict[str, npt.NDArray[Any]],
    compressed: bool = True,
) -> None:
    """Writes a checkpoint atomically: a reader never sees a partial file.

    Args:
        path: the file, replaced if it exists.
        kind: the kind of agent, checked by `read_checkpoint`.
        version: the version of that kind's layout.
        header: values that JSON can hold.
        arrays: by name; none of dtype object.
        compressed: makes the file smaller, and writing it slower.
    """
    text = json.dumps({**header, "kind": kind, "version": version})
    content: dict[str, Any] = {"header": np.frombuffer(text.encode(), np.uint8), **arrays}
    with whole_file(Path(path)) as part, part.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **content)
        file.flush()
        # Without it a crash of the machine could leave the new name with the old or no content.
        os.fsync(file.fileno())


def read_checkpoint(
    path: str | os.PathLike[str], kind: str, version: int
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The header and the arrays that `write_checkpoint` wrote.

    Raises:
        ValueError: not a checkpoint, one of another kind, or of a newer version than `version`.
    """
    # Pickles can execute code when they are loaded; no checkpoint contains any.
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
    """An agent's options as saved in a header, with `deliberation` and `planner` turned back into objects."""
    # Older files hold the deliberation as a bare name, and have no planner: there was only `enumerate`.
    rule, planner = options["deliberation"], options.get("planner")
    parts = {"deliberation": DeliberationRule(rule) if isinstance(rule, str) else DeliberationRule(**rule)}
    return {**options, **parts, "planner": ENUMERATE if planner is None else PartSpec(**planner)}
