"""A patrol through another cell: one of its stops is dragged there, and the steps to it are found again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

Stop: TypeAlias = tuple[int, int]
"""Row and column of a cell."""


NEAR = 3
"""How many stops back a new way may meet the old one and be the same way: what lies between is dropped."""


def rerouted(
    stops: Sequence[Stop], at: int, cell: Stop, loop: bool, free: Callable[[Stop], bool]
) -> tuple[Stop, ...] | None:
    """A patrol with one stop moved to a cell, and shortest ways over free cells to the stops before and after it.

    It behaves like a string: what is drawn out can be let in again.

    Args:
        stops: cells, each beside the one before or the same.
        at: the index of the stop.
        cell: where it goes.
        loop: whether the first stop follows the last.
        free: whether a patrol may go through a cell.

    Returns:
        The stops; None if there is no way.
    """
    if cell == stops[at]:
        return tuple(stops)
    if not free(cell):
        return None
    turn = (at - len(stops) // 2) % len(stops) if loop else 0  # in a round, each stop can be the middle one
    whole, here = [*stops[turn:], *stops[:turn]], (at - turn) % len(stops)
    left = _joined(whole[:here], cell, free)
    right = _joined(whole[:here:-1], cell, free)
    if left is None or right is None:
        return None
    found = [*left, cell, *reversed(right)]
    begin = cell if at == 0 else stops[0]
    first = found.index(begin) if loop and begin in found else 0
    return (*found[first:], *found[:first])


def _joined(head: list[Stop], cell: Stop, free: Callable[[Stop], bool]) -> list[Stop] | None:
    """The stops before a cell, and the way from the last of them to it, without the cell itself."""
    if not head:
        return []
    way = _way(head[-1], cell, free)
    if way is None:
        return None
    out = list(head)
    for step in way[1:] or [cell]:
        back = out[-NEAR:]
        if step in back:
            del out[len(out) - back[::-1].index(step) :]
        else:
            out.append(step)
    return out[:-1]


def _way(start: Stop, goal: Stop, free: Callable[[Stop], bool]) -> list[Stop] | None:
    """The cells of a shortest way, both ends included; None if there is none."""
    if not free(goal):
        return None
    came: dict[Stop, Stop | None] = {start: None}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here == goal:
            way: list[Stop] = []
            step: Stop | None = here
            while step is not None:
                way.append(step)
                step = came[step]
            return way[::-1]
        row, column = here
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if near not in came and free(near):
                came[near] = here
                waiting.append(near)
    return None
