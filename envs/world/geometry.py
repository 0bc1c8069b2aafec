"""Distances, lines of sight and directions on a board of H x W cells.

A cell is one integer, `row * W + column`; the number `H * W` stands for nowhere.
"""

from __future__ import annotations

import numpy as np

from ...scenarios.deferred import csgraph, sparse
from ..base import Bools, Ints

STEPS = {"stay": (0, 0), "up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
"""The moves that an agent may have, with their (row, column) offsets. `DIRECTIONS` are those that set a facing."""
DIRECTIONS = ("up", "down", "left", "right")
FAR = 32_767
"""Walking distance between cells that no path joins."""


def neighbours(height: int, width: int) -> Ints:
    """int32 `[C + 1, 5]`: the cell that each of `STEPS` leads to; nowhere beyond the rim and from nowhere."""
    nowhere = height * width
    table = np.full((nowhere + 1, len(STEPS)), nowhere, np.int32)
    rows, columns = np.divmod(np.arange(nowhere), width)
    for k, (down, right) in enumerate(STEPS.values()):
        r, c = rows + down, columns + right
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        table[:nowhere, k] = np.where(inside, r * width + c, nowhere)
    return table


def chebyshev(a: Ints, b: Ints, width: int) -> Ints:
    """The larger of the row and the column distance between cells."""
    (r0, c0), (r1, c1) = np.divmod(a, width), np.divmod(b, width)
    return np.maximum(np.abs(r0 - r1), np.abs(c0 - c1)).astype(np.int32)


def walking_distances(walls: Bools, height: int, width: int) -> Ints:
    """int32 `[L, C, C]`: steps of the shortest path between cells that goes round walls; `FAR` where there is none."""
    cells = height * width
    towards = neighbours(height, width)[:cells, 1:]
    tables = np.full((walls.shape[0], cells, cells), FAR, np.int32)
    for layout, blocked in enumerate(walls):
        start, step = np.nonzero(~blocked[:cells, None] & ~blocked[towards])
        graph = sparse.coo_array((np.ones(start.size), (start, towards[start, step])), shape=(cells, cells)).tocsr()
        # Unweighted, so this is one breadth-first search per cell, in compiled code.
        steps = csgraph.dijkstra(graph, unweighted=True)
        tables[layout] = np.where(np.isfinite(steps), steps, FAR)
    return tables


def spread(mask: Bools, reach: int, height: int, width: int, adjacent: bool) -> Bools:
    """bool `[..., C + 1]`: cells within Chebyshev `reach` of the mask, or the same and 4-adjacent if `adjacent`."""
    cells = height * width
    board = mask[..., :cells].reshape(*mask.shape[:-1], height, width)
    if adjacent:
        offsets = list(STEPS.values())
    else:
        offsets = [(r, c) for r in range(-reach, reach + 1) for c in range(-reach, reach + 1)]
    out = np.zeros_like(board)
    for down, right in offsets:
        if abs(down) < height and abs(right) < width:
            out[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] |= board[
                ..., max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
            ]
    return np.concatenate([out.reshape(*mask.shape[:-1], cells), np.zeros((*mask.shape[:-1], 1), np.bool_)], axis=-1)
