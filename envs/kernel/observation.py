"""The compiled part of observing: states into planes and counters, lane by lane, into buffers that the caller owns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base import Ints, Longs
from .memory import digest, entry, inner, ints, numbers, octets, singles, table
from .memory import longs as longs_at

Planes = npt.NDArray[np.uint8]
Singles = npt.NDArray[np.float32]

_P_HEIGHT, _P_WIDTH, _P_WINDOW, _P_LAYOUT, _P_OWN, _P_AGENT, _P_HORIZON, _P_LOOKS, _P_ENTRIES, _P_BODIES = range(10)
"""Where a plan says the board's size, the window's side (0 for none), the columns of the layout and of the agent's own
cell (-1 where absent), the agent's number, the ticks of an episode, and where its lists begin."""
TIME = -1
"""In place of a counter's column: the ticks that are left."""

_V_PLAN, _V_STILL, _V_LISTED, _V_BOARD, _V_COUNTERS, _V_MARKS, _V_PLANES, _V_BODIES, _V_EACH, _V_CELLS = range(10)
"""What a view holds: addresses of the plan, the planes that stand still, the lists and the buffers; then numbers of
still planes, bodies, counters, and cells of a plane."""


class ObservationPlan(NamedTuple):
    """What one agent's observations are made of.

    Attributes:
        entries: int32, all that says what is to be filled in, see `plan`.
        still: uint8 `[looks, S, H * W + 1]`, the planes that stand still; the last cell is nowhere.
        listed: float64; the first M are the least values of the counters.
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
    looks: list[int],
    still: npt.NDArray[Any],
    listed: list[float],
) -> ObservationPlan:
    """A plan.

    Args:
        header: the board's height and width, the window's side (0 for none), the columns of the layout and of the
            agent's own cell (-1 where absent), the agent's number, the ticks of an episode.
        bodies: for each plane that moves, the columns of the body's cell and carrier.
        counters: for each its column, or `TIME`; where its values are in `listed`, or -1 for a plain number; whose it
            is: an index into `bodies` if it is known only while that body is seen, else -1.
        looks: which row of `still` a layout shows.
        still: see `ObservationPlan`.
        listed: see `ObservationPlan`.
    """
    first = _P_BODIES + 1
    starts = [first, first + len(looks), first + len(looks) + 3 * len(counters)]
    lists = [*looks, *(x for row in counters for x in row), *(x for row in bodies for x in row)]
    entries = np.array([*header, *starts, *lists], np.int32)
    return ObservationPlan(
        entries, np.ascontiguousarray(still, np.uint8), np.array(listed, np.float64), len(bodies), len(counters)
    )


def encoder(what: ObservationPlan, board: Planes, counters: Singles, marks: Ints) -> Longs:
    """What `encode_lane` is given: where things are, of which the caller has to keep hold.

    Args:
        what: to fill in.
        board: uint8 `[B, S + P, cells]`.
        counters: float32 `[B, M]`.
        marks: int32 `[B, P + 1]`: the cell set in each body's plane, and the look; -1 for none (as at the beginning).
    """
    arrays: tuple[npt.NDArray[Any], ...] = (*what[:3], board, counters, marks)
    assert all(array.flags.c_contiguous for array in arrays)
    sizes = [what.still.shape[1], what.bodies, what.counters, board.shape[2]]
    return np.array([*(array.ctypes.data for array in arrays), *sizes], np.int64)


@inner
def encode_lane(encoder: Any, lane: int, state: Any, ticks: int) -> None:
    """Bring one lane's part of the buffers up to its state. Only what has changed is written to the board.

    Args:
        encoder: see `encoder`.
        lane: its number in the buffers.
        state: its fields.
        ticks: how many its episode has had.
    """
    plan, listed = table(encoder[_V_PLAN]), numbers(encoder[_V_LISTED])
    still, bodies, cells = encoder[_V_PLANES], encoder[_V_BODIES], encoder[_V_CELLS]
    board = octets(encoder[_V_BOARD] + lane * (still + bodies) * cells)
    marks = ints(encoder[_V_MARKS] + 4 * lane * (bodies + 1))
    height, width, window = plan[_P_HEIGHT], plan[_P_WIDTH], plan[_P_WINDOW]
    nowhere = height * width
    layout = state[plan[_P_LAYOUT]] if plan[_P_LAYOUT] >= 0 else 0
    look = plan[plan[_P_LOOKS] + layout]
    top, left = 0, 0
    side_down, side_right = height, width
    if window > 0:
        here = state[plan[_P_OWN]]
        top, left = here // width - window // 2, here % width - window // 2
        side_down, side_right = window, window
        if here == nowhere:
            top, side_down, side_right = height, 0, 0
        _look_through(encoder, board, look, top, left)
    elif marks[bodies] != look:
        _look_over(encoder, board, look)
        marks[bodies] = look
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
        if mark != marks[body]:
            plane = (still + body) * cells
            if marks[body] >= 0:
                board[plane + marks[body]] = 0
            if mark >= 0:
                board[plane + mark] = 1
            marks[body] = mark
    counters = singles(encoder[_V_COUNTERS] + 4 * lane * encoder[_V_EACH])
    at = plan[_P_ENTRIES]
    for m in range(encoder[_V_EACH]):
        column, offset, owner = plan[at], plan[at + 1], plan[at + 2]
        at += 3
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
def _look_over(encoder: Any, board: Any, look: int) -> None:
    """The planes that stand still, of the whole board."""
    planes, cells = encoder[_V_PLANES], encoder[_V_CELLS]
    still = octets(encoder[_V_STILL] + look * planes * (cells + 1))
    for plane in range(planes):
        for cell in range(cells):
            board[plane * cells + cell] = still[plane * (cells + 1) + cell]


@inner
def _look_through(encoder: Any, board: Any, look: int, top: int, left: int) -> None:
    """The planes that stand still, of the window whose first cell is at a row and a column."""
    plan = table(encoder[_V_PLAN])
    height, width, window = plan[_P_HEIGHT], plan[_P_WIDTH], plan[_P_WINDOW]
    planes, nowhere = encoder[_V_PLANES], height * width
    still = octets(encoder[_V_STILL] + look * planes * (nowhere + 1))
    for i in range(window):
        for j in range(window):
            r, c = top + i, left + j
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
