"""Random maps of `lab` for `benchmarks.heads`: other walls, other places, another round of the guard."""

from __future__ import annotations

from collections import deque
from textwrap import indent
from typing import Final, TypeAlias

import numpy as np

Cell: TypeAlias = tuple[int, int]
"""Row and column, from 0."""

HEIGHT: Final = 8
WIDTH: Final = 9
WALLS: Final = 4
"""Walls that are set inside; `lab` has three."""
ROUND: Final = (8, 16)
"""The least and the most ticks of a guard's round; that of `lab` takes 14."""


def drawn(number: int) -> str:
    """A scenario file: `parliament` on a random map; a number has one map.

    The floor is connected. The robot, the benches, the vault and the guard stand on different cells. The guard's round
    leads through three random cells by shortest ways, one after the other.
    """
    rng = np.random.default_rng(number)
    inside = [(row, column) for row in range(1, HEIGHT - 1) for column in range(1, WIDTH - 1)]
    while True:
        floor = set(inside) - {inside[place] for place in rng.choice(len(inside), WALLS, replace=False)}
        cells = sorted(floor)
        robot, *rest = (cells[place] for place in rng.choice(len(cells), 7, replace=False))
        places, corners = [robot, *rest[:3]], rest[3:]
        if len(_distances(floor, robot)) < len(floor):
            continue
        ends = zip(corners, [*corners[1:], corners[0]], strict=True)
        path = [cell for start, end in ends for cell in _way(floor, start, end)]
        if ROUND[0] <= len(path) <= ROUND[1]:
            return _file(number, floor, places, path)


def _distances(floor: set[Cell], start: Cell) -> dict[Cell, int]:
    """Steps from a cell to every cell that can be reached from it."""
    found, waiting = {start: 0}, deque([start])
    while waiting:
        here = waiting.popleft()
        for cell in _beside(here):
            if cell in floor and cell not in found:
                found[cell] = found[here] + 1
                waiting.append(cell)
    return found


def _way(floor: set[Cell], start: Cell, end: Cell) -> list[Cell]:
    """The cells of a shortest way, the start included and the end not."""
    far, way = _distances(floor, end), [start]
    while far[way[-1]] > 1:
        way.append(next(cell for cell in _beside(way[-1]) if far.get(cell) == far[way[-1]] - 1))
    return way


def _beside(cell: Cell) -> tuple[Cell, ...]:
    row, column = cell
    return (row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)


def _file(number: int, floor: set[Cell], places: list[Cell], path: list[Cell]) -> str:
    signs = dict(zip([*places, path[0]], "A12VO", strict=True))
    board = "\n".join(
        "  " + "".join(signs.get((row, column), "." if (row, column) in floor else "#") for column in range(WIDTH))
        for row in range(HEIGHT)
    )
    return f"""turncoat: 1
name: random_lab_{number}
extends: treacherous_turn/parliament
title: A laboratory drawn at random
map: |
{board}
things:
  guard: {{patrol: {[list(cell) for cell in path]}}}
# The second room of `parliament`, where this guard's round would lead through walls, is this one too.
stages:
  elsewhere:
    map: |
{indent(board, "    ")}
"""
