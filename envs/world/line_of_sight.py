"""Lines of sight on a board: which cells a straight line crosses, and whether a wall stands on it."""

from __future__ import annotations

import numpy as np

from ..base import Bools, Ints
from .geometry import chebyshev


def between(seer: Ints, seen: Ints, step: int | Ints, width: int) -> Ints:
    """The cell `step` cells along the line from seer to seen, for int32 arrays of cells.

    A Bresenham line: at each step along the longer side the other coordinate is rounded to the nearest cell, a half
    towards the seer. Only meaningful for `0 < step <` their Chebyshev distance.
    """
    (r0, c0), (r1, c1) = np.divmod(seer, width), np.divmod(seen, width)
    down, right = r1 - r0, c1 - c0
    length = np.maximum(np.maximum(np.abs(down), np.abs(right)), 1)

    def along(distance: np.ndarray) -> np.ndarray:
        return np.sign(distance) * ((2 * step * np.abs(distance) + length - 1) // (2 * length))

    return ((r0 + along(down)) * width + c0 + along(right)).astype(np.int32)


def clear_lines(walls: Bools, height: int, width: int) -> Bools:
    """bool `[L, C, C]`: no wall stands on the line from the first cell to the second, both ends excluded."""
    cells = height * width
    seer, seen = (grid.ravel().astype(np.int32) for grid in np.indices((cells, cells)))
    far = chebyshev(seer, seen, width)
    clear = np.ones((walls.shape[0], cells * cells), np.bool_)
    for step in range(1, max(height, width) - 1):
        pairs = np.flatnonzero(far > step)
        clear[:, pairs] &= ~walls[:, between(seer[pairs], seen[pairs], step, width)]
    return clear.reshape(walls.shape[0], cells, cells)
