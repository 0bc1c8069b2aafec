"""Shared by the stored records: checked read-only arrays, version checks, parsing of JSON objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...scenarios.bounded_reading import parse_json
from .stored import MAX_TEXT


def read_object(text: str) -> dict[str, Any]:
    """Parses a JSON object within bounds.

    Raises:
        ValueError: the text is not JSON, its value is not an object, or it is too large or nested too deeply.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a record of {len(text):,} characters; at most {MAX_TEXT:,} are read")
    data = parse_json(text, "a record")
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def check_version(what: str, found: object, known: int) -> None:
    """Checks the version of a stored record.

    Args:
        what: the kind of record, for the message.
        found: the stored version, or None where there is none.
        known: the newest version that this program reads.

    Raises:
        ValueError: `found` is not a version from 1 to `known`.
    """
    if not isinstance(found, int):
        raise ValueError(f"this is not a {what}: it has no version")
    if found > known:
        raise ValueError(f"{what} version {found} is newer than this program reads ({known}): upgrade turncoat")
    if found < 1:
        raise ValueError(f"{what} version {found} never existed")


def check_actions(what: str, actions: Iterable[int], count: int) -> None:
    """Checks that numbers are indices of actions.

    Raises:
        ValueError: one is not.
    """
    wrong = next((action for action in actions if not 0 <= action < count), None)
    if wrong is not None:
        raise ValueError(f"{what}: {wrong} is not one of {count} actions")


def put(record: object, name: str, dtype: npt.DTypeLike, shape: tuple[int | None, ...]) -> None:
    """Replaces a field of a frozen dataclass by a checked, read-only copy as an array.

    Args:
        record: the dataclass instance.
        name: the field.
        dtype: of the array.
        shape: the expected lengths; None allows any length on that axis.

    Raises:
        ValueError: the shape differs, or a number is not finite; the message names the field.
    """
    # A copy, because the caller may go on writing into its own array.
    array = np.array(getattr(record, name), dtype)
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: shape {list(array.shape)}, expected [{wanted}]")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name}: holds a number that is not finite")
    array.flags.writeable = False
    # The dataclass is frozen, which refuses plain assignment.
    object.__setattr__(record, name, array)
