"""Number the distinct rows of a table, without sorting rows as wholes, which NumPy does slowly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_MOST = 1 << 62
"""Keys stay below it, so that they fit int64."""


def row_ids(columns: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.int64]:
    """Number rows by their content, in lexicographic order from 0: what `np.unique` over rows gives as its inverse.

    Args:
        columns: at least one, each `[B]`, of integers, truths or floats.

    Returns:
        int64 `[B]`.
    """
    keys, size = _codes(columns[0])
    for column in columns[1:]:
        codes, values = _codes(column)
        if size * values >= _MOST:
            keys, size = _dense(keys, size)
        keys, size = keys * values + codes, size * values
    return _dense(keys, size)[0]


def row_places(rows: npt.NDArray[np.generic], wanted: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """int64 `[n]`: which of some different rows `[S, F]` each of others `[n, F]` of the same type is; -1: none."""
    known = {row.tobytes(): number for number, row in enumerate(np.ascontiguousarray(rows))}
    return np.array([known.get(row.tobytes(), -1) for row in np.ascontiguousarray(wanted)], np.int64)


def _codes(column: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], int]:
    """A column as numbers from 0 in the same order, and how many there may be."""
    if not column.size:
        return np.zeros(0, np.int64), 1
    if np.issubdtype(column.dtype, np.floating):
        values, codes = np.unique(column, return_inverse=True)
        return codes.reshape(-1).astype(np.int64), values.size
    # Python numbers: the difference may be more than the dtype holds.
    low, high = int(column.min()), int(column.max())
    if high - low >= 1 << 31:
        values, codes = np.unique(column, return_inverse=True)
        return codes.reshape(-1).astype(np.int64), values.size
    return column.astype(np.int64) - low, high - low + 1


def _dense(keys: npt.NDArray[np.int64], size: int) -> tuple[npt.NDArray[np.int64], int]:
    """Keys below `size` as numbers from 0 without gaps, in the same order, and how many there are."""
    if size <= 8 * keys.size + 1024:
        present = np.zeros(size, np.bool_)
        present[keys] = True
        numbers = np.cumsum(present) - 1
        return numbers[keys], int(numbers[-1]) + 1
    values, numbers = np.unique(keys, return_inverse=True)
    return numbers.reshape(-1), values.size
