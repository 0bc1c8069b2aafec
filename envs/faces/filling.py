"""The compiled part of observing: states into planes and counters, lane by lane, into buffers that the caller owns."""

from __future__ import annotations

import os
from typing import Any

from numba import njit

_compiled = njit(cache=os.environ.get("TURNCOAT_KERNEL_CACHE", "1") != "0", nogil=True)

HEIGHT, WIDTH, WINDOW, LAYOUT, OWN, AGENT = range(6)
"""Entries of `frame`: the board's, the side of the window (0 for none), and columns of the state (-1 where absent)."""


@_compiled
def fill(
    states: Any, frame: Any, looks: Any, base: Any, bodies: Any, entries: Any, listed: Any,
    board: Any, counters: Any, marks: Any,
) -> None:  # fmt: skip
    """Bring the buffers up to the states. Only what has changed since the last call is written to `board`.

    Args:
        states: int32 `[B, F]`.
        frame: int32 `[6]`, see `HEIGHT`.
        looks: int32 `[L]`, which row of `base` a layout shows.
        base: uint8 `[looks, S, H * W + 1]`, the planes that stand still; the last cell is nowhere.
        bodies: int32 `[P, 2]`, the columns of each body's cell and carrier.
        entries: int32 `[M, 3]`: column; where its values are in `listed`, or -1 for a plain number; whose it is (an
            index into `bodies` if it is known only while that body is seen, else -1).
        listed: float32; the first M are the least values.
        board: uint8 `[B, S + P, cells]`, counters: float32 `[B, M]`.
        marks: int32 `[B, P + 1]`: the cell set in each body's plane, and the look; -1 for none (as at the beginning).
    """
    height, width, window = frame[HEIGHT], frame[WIDTH], frame[WINDOW]
    nowhere, still, count = height * width, base.shape[1], bodies.shape[0]
    for lane in range(states.shape[0]):
        state = states[lane]
        look = looks[state[frame[LAYOUT]]] if frame[LAYOUT] >= 0 else looks[0]
        top, left = 0, 0
        side_down, side_right = height, width
        if window > 0:
            here = state[frame[OWN]]
            top, left = here // width - window // 2, here % width - window // 2
            side_down, side_right = window, window
            for i in range(window):
                for j in range(window):
                    r, c = top + i, left + j
                    inside = here != nowhere and r >= 0 and r < height and c >= 0 and c < width
                    cell = r * width + c if inside else nowhere
                    for plane in range(still):
                        board[lane, plane, i * window + j] = base[look, plane, cell]
            if here == nowhere:
                side_down, side_right = 0, 0
        elif marks[lane, count] != look:
            for plane in range(still):
                for cell in range(nowhere):
                    board[lane, plane, cell] = base[look, plane, cell]
            marks[lane, count] = look
        for body in range(count):
            if marks[lane, body] >= 0:
                board[lane, still + body, marks[lane, body]] = 0
                marks[lane, body] = -1
            there = state[bodies[body, 0]]
            if there != nowhere:
                i, j = there // width - top, there % width - left
                if i >= 0 and i < side_down and j >= 0 and j < side_right:
                    board[lane, still + body, i * side_right + j] = 1
                    marks[lane, body] = i * side_right + j
        for m in range(entries.shape[0]):
            column, offset, owner = entries[m, 0], entries[m, 1], entries[m, 2]
            known = owner < 0 or marks[lane, owner] >= 0
            if not known and bodies[owner, 1] >= 0:
                known = state[bodies[owner, 1]] == frame[AGENT] + 1
            if not known:
                counters[lane, m] = listed[m]
            elif offset < 0:
                counters[lane, m] = listed[m] + state[column]
            else:
                counters[lane, m] = listed[offset + state[column]]
