"""What the stored records share: checked, read-only arrays, versions, JSON objects."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt


def read_object(text: str) -> dict[str, Any]:
    """Parses JSON.

    Raises:
        ValueError: not JSON, or not an object.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def check_version(what: str, found: object, known: int) -> None:
    """Refuses versions that this program can't read.

    Raises:
        ValueError: no version, or one that is newer than `known`.
    """
    if not isinstance(found, int):
        raise ValueError(f"this is not a {what}: it has no version")
    if found > known:
        raise ValueError(f"{what} version {found} is newer than this program reads ({known}): upgrade turncoat")
    if found < 1:
        raise ValueError(f"{what} version {found} never existed")


def put(record: object, name: str, dtype: npt.DTypeLike, shape: tuple[int | None, ...]) -> None:
    """Replaces a field by a checked, read-only array; None in `shape` allows any length on that axis.

    Raises:
        ValueError: another shape, or a number that is not finite; the message names the field.
    """
    array = np.array(getattr(record, name), dtype)
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: shape {list(array.shape)}, expected [{wanted}]")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name}: holds a number that is not finite")
    array.flags.writeable = False
    object.__setattr__(record, name, array)
