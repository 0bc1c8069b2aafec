"""The compiled part of observing: states into planes and counters, lane by lane, into buffers that the caller owns."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numba import njit

from ..base import Ints

_compiled = njit(cache=os.environ.get("TURNCOAT_KERNEL_CACHE", "1") != "0", nogil=True)

HEIGHT, WIDTH, WINDOW, LAYOUT, OWN, AGENT, BODIES, ENTRIES, LOOKS = range(9)
"""Entries of a plan: the board's size, the window's side (0 for none), the columns of the layout and of the agent's own
cell (-1 where absent), the agent's number, and where its lists begin."""


def plan(header: list[int], bodies: list[tuple[int, int]], entries: list[tuple[int, int, int]], looks: Ints) -> Ints:
    """All that says what is to be filled in, in one array, since every array costs a call some time.

    Args:
        header: `HEIGHT` to `AGENT`.
        bodies: for each plane that moves, the columns of the body's cell and carrier.
        entries: for each counter its column; where its values are in `listed`, or -1 for a plain number; whose it is:
            an index into `bodies` if it is known only while that body is seen, else -1.
        looks: int32 `[L]`, which row of `base` a layout shows.
    """
    first = LOOKS + 1
    starts = [first, first + 2 * len(bodies), first + 2 * len(bodies) + 3 * len(entries)]
    lists = [x for row in bodies for x in row] + [x for row in entries for x in row]
    return np.concatenate([np.array([*header, *starts, *lists], np.int32), looks])


@_compiled
def fill(states: Any, plan: Any, base: Any, listed: Any, board: Any, counters: Any, marks: Any) -> None:
    """Bring the buffers up to the states. Only what has changed since the last call is written to `board`.

    Args:
        states: int32 `[B, F]`.
        plan: int32, see `plan`.
        base: uint8 `[looks, S, H * W + 1]`, the planes that stand still; the last cell is nowhere.
        listed: float32; the first M are the least values of the counters.
        board: uint8 `[B, S + P, cells]`, for P bodies.
        counters: float32 `[B, M]`.
        marks: int32 `[B, P + 1]`: the cell set in each body's plane, and the look; -1 for none (as at the beginning).
    """
    height, width, window = plan[HEIGHT], plan[WIDTH], plan[WINDOW]
    nowhere, still, count = height * width, base.shape[1], marks.shape[1] - 1
    for lane in range(states.shape[0]):
        state = states[lane]
        look = plan[plan[LOOKS] + state[plan[LAYOUT]]] if plan[LAYOUT] >= 0 else plan[plan[LOOKS]]
        top, left = 0, 0
        side_down, side_right = height, width
        if window > 0:
            here = state[plan[OWN]]
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
            there = state[plan[plan[BODIES] + 2 * body]]
            if there != nowhere:
                i, j = there // width - top, there % width - left
                if i >= 0 and i < side_down and j >= 0 and j < side_right:
                    board[lane, still + body, i * side_right + j] = 1
                    marks[lane, body] = i * side_right + j
        at = plan[ENTRIES]
        for m in range(counters.shape[1]):
            column, offset, owner = plan[at], plan[at + 1], plan[at + 2]
            at += 3
            known = owner < 0 or marks[lane, owner] >= 0
            if not known:
                carrier = plan[plan[BODIES] + 2 * owner + 1]
                known = carrier >= 0 and state[carrier] == plan[AGENT] + 1
            if not known:
                counters[lane, m] = listed[m]
            elif offset < 0:
                counters[lane, m] = listed[m] + state[column]
            else:
                counters[lane, m] = listed[offset + state[column]]
