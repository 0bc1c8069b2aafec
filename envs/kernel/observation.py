"""The compiled observation encoder: states into planes and counters, lane by lane, in buffers that the caller owns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base import Ints, Longs
from .memory import digest, entry, inner, ints, numbers, octets, singles, table
from .memory import longs as longs_at

Planes = npt.NDArray[np.uint8]
Singles = npt.NDArray[np.float32]

_P_HEIGHT, _P_WIDTH, _P_WINDOW, _P_LAYOUT, _P_OWN, _P_AGENT, _P_HORIZON, _P_APPEARANCES, _P_ENTRIES, _P_BODIES = range(
    10
)
"""Indices into a plan's entries: the board's size, the window's side (0 for none), the columns of the layout and of the
agent's own cell (-1 where absent), the agent's number, the ticks of an episode, and where the plan's lists begin."""
TIME = -1
"""In place of a counter's column: the ticks that are left."""

E_PLAN, E_STILL, E_LISTED, E_BOARD, E_COUNTERS, E_MARKS, E_PLANES, E_BODIES, E_N_COUNTERS, E_CELLS = range(10)
"""Indices into an encoder: addresses of the plan, the still planes, the values and the buffers; then the numbers of
still planes, bodies, counters, and cells of a plane."""


class ObservationPlan(NamedTuple):
    """The parts of one agent's observations: still planes (walls, zones), P planes of bodies, and M counters.

    Attributes:
        entries: int32, the header and the lists of `plan` in one array.
        still: uint8 `[V, S, H * W + 1]`, S still planes for each of V appearances; the last cell is nowhere.
        listed: float64; the first M are the lower bounds of the counters.
        bodies, counters: P and M.
    """

    entries: Ints
    still: Planes
    listed: npt.NDArray[np.float64]
    bodies: int
    counters: int


def plan(
    header: list[int],
    bodies: list[tuple[int, int]],
    counters: list[tuple[int, int, int]],
    appearances: list[int],
    still: npt.NDArray[Any],
    listed: list[float],
) -> ObservationPlan:
    """Pack a plan.

    Args:
        header: the board's height and width, the window's side (0 for none), the columns of the layout and of the
            agent's own cell (-1 where absent), the agent's number, the ticks of an episode.
        bodies: for the plane of each body, the columns of its cell and carrier.
        counters: for each its column, or `TIME`; the offset of its values in `listed`, or -1 for a plain number; and an
            index into `bodies` if it is known only while that body is in the window, else -1.
        appearances: for each layout, the row of `still` with its walls and zones.
        still: see `ObservationPlan`.
        listed: see `ObservationPlan`.
    """
    first = _P_BODIES + 1
    starts = [first, first + len(appearances), first + len(appearances) + 3 * len(counters)]
    lists = [*appearances, *(x for row in counters for x in row), *(x for row in bodies for x in row)]
    entries = np.array([*header, *starts, *lists], np.int32)
    return ObservationPlan(
        entries, np.ascontiguousarray(still, np.uint8), np.array(listed, np.float64), len(bodies), len(counters)
    )


def encoder(what: ObservationPlan, board: Planes, counters: Singles, marks: Ints) -> Longs:
    """The argument of `encode_lane`: addresses of arrays, which the caller has to keep alive.

    Args:
        what: the plan.
        board: uint8 `[B, S + P, cells]`.
        counters: float32 `[B, M]`.
        marks: int32 `[B, P + 1]`: the cell that is set in each body's plane, and the appearance; -1 for none, as at
            the beginning.
    """
    arrays: tuple[npt.NDArray[Any], ...] = (*what[:3], board, counters, marks)
    assert all(array.flags.c_contiguous for array in arrays)
    sizes = [what.still.shape[1], what.bodies, what.counters, board.shape[2]]
    return np.array([*(array.ctypes.data for array in arrays), *sizes], np.int64)


@inner
def encode_lane(encoder: Any, lane: int, state: Any, ticks: int) -> None:
    """Update one lane's part of the buffers to its state. Only what has changed is written to the board.

    Args:
        encoder: see `encoder`.
        lane: its number in the buffers.
        state: its fields.
        ticks: how many its episode has had.
    """
    plan, listed = table(encoder[E_PLAN]), numbers(encoder[E_LISTED])
    still, bodies, cells = encoder[E_PLANES], encoder[E_BODIES], encoder[E_CELLS]
    board = octets(encoder[E_BOARD] + lane * (still + bodies) * cells)
    marks = ints(encoder[E_MARKS] + 4 * lane * (bodies + 1))
    height, width, window = plan[_P_HEIGHT], plan[_P_WIDTH], plan[_P_WINDOW]
    nowhere = height * width
    layout = state[plan[_P_LAYOUT]] if plan[_P_LAYOUT] >= 0 else 0
    appearance = plan[plan[_P_APPEARANCES] + layout]
    top, left = 0, 0
    side_down, side_right = height, width
    if window > 0:
        here = state[plan[_P_OWN]]
        top, left = here // width - window // 2, here % width - window // 2
        side_down, side_right = window, window
        if here == nowhere:
            top, side_down, side_right = height, 0, 0
        _fill_window(encoder, board, appearance, top, left)
    elif marks[bodies] != appearance:
        _fill_still_planes(encoder, board, appearance)
        marks[bodies] = appearance
    for body in range(bodies):
        there = state[plan[plan[_P_BODIES] + 2 * body]]
        mark = -1
        if there != nowhere:
            if window > 0:
                i, j = there // width - top, there % width - left
                if i >= 0 and i < side_down and j >= 0 and j < side_right:
                    mark = i * side_right + j
            else:
                mark = there
        # Two writes per moved body instead of clearing its plane: most bodies do not move in most ticks.
        if mark != marks[body]:
            plane = (still + body) * cells
            if marks[body] >= 0:
                board[plane + marks[body]] = 0
            if mark >= 0:
                board[plane + mark] = 1
            marks[body] = mark
    counters = singles(encoder[E_COUNTERS] + 4 * lane * encoder[E_N_COUNTERS])
    at = plan[_P_ENTRIES]
    for m in range(encoder[E_N_COUNTERS]):
        column, offset, owner = plan[at], plan[at + 1], plan[at + 2]
        at += 3
        # What belongs to a body outside the window is unknown, unless the agent carries it.
        if owner >= 0 and marks[owner] < 0:
            carrier = plan[plan[_P_BODIES] + 2 * owner + 1]
            if carrier < 0 or state[carrier] != plan[_P_AGENT] + 1:
                counters[m] = listed[m]
                continue
        if column == TIME:
            counters[m] = float(max(plan[_P_HORIZON] - ticks, 0))
        elif offset < 0:
            counters[m] = listed[m] + state[column]
        else:
            counters[m] = listed[offset + state[column]]


@inner
def _fill_still_planes(encoder: Any, board: Any, appearance: int) -> None:
    """Write the still planes of the whole board."""
    planes, cells = encoder[E_PLANES], encoder[E_CELLS]
    still = octets(encoder[E_STILL] + appearance * planes * (cells + 1))
    for plane in range(planes):
        for cell in range(cells):
            board[plane * cells + cell] = still[plane * (cells + 1) + cell]


@inner
def _fill_window(encoder: Any, board: Any, appearance: int, top: int, left: int) -> None:
    """Write the still planes of the window whose first cell is at a row and a column, which may be off the board."""
    plan = table(encoder[E_PLAN])
    height, width, window = plan[_P_HEIGHT], plan[_P_WIDTH], plan[_P_WINDOW]
    planes, nowhere = encoder[E_PLANES], height * width
    still = octets(encoder[E_STILL] + appearance * planes * (nowhere + 1))
    for i in range(window):
        for j in range(window):
            r, c = top + i, left + j
            # What lies off the board looks like `nowhere`, which is a wall in no zone.
            cell = r * width + c if r >= 0 and r < height and c >= 0 and c < width else nowhere
            for plane in range(planes):
                board[(plane * window + i) * window + j] = still[plane * (nowhere + 1) + cell]


def _entry(sources: int) -> Any:
    @entry
    def encode(encoder: Any, states: Any, ticks: Any) -> int:
        """Observe `states` int32 `[B, F]`, `ticks` int64 `[B]` into their episodes, by a view's address."""
        first, width = states.ctypes.data, states.shape[1]
        for lane in range(states.shape[0]):
            encode_lane(longs_at(encoder), lane, ints(first + 4 * lane * width), ticks[lane])
        return sources

    return encode


encode = _entry(digest("observation"))
