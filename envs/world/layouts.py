"""Procedural generation of boards: a finite table of layouts from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...scenarios.errors import WorldError
from ...scenarios.language.expressions.constants import constant
from ...scenarios.language.expressions.parser import parse_expression
from ...scenarios.language.names.boards import Board
from ...scenarios.language.schema.document import Generate
from .randomness import uniform

CellAt = tuple[int, int]


class PlacementError(WorldError):
    """A generated board has no room for something; the message names it and the board."""


@dataclass(frozen=True)
class Placement:
    """One line of `generate.place`: what (an agent, or `count` of a thing) goes where."""

    name: str
    is_agent: bool
    count: int
    where: str


class _Stream:
    """A random stream for one layout, the same on every platform and for any number of layouts."""

    def __init__(self, seed: int, layout: int) -> None:
        self._seed, self._layout, self._block = seed, layout, 0
        self._numbers: Iterator[float] = iter(())

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound - 1`."""
        number = next(self._numbers, None)
        if number is None:
            # Philox is vectorised: a block of numbers costs little more than one.
            lane = np.full(512, self._layout, np.int64)
            clock = np.arange(self._block * 512, (self._block + 1) * 512, dtype=np.int64)
            self._numbers = iter(uniform(self._seed, lane, clock, 0).tolist())
            self._block += 1
            number = next(self._numbers)
        return int(number * bound)

    def choice(self, items: Sequence[CellAt]) -> CellAt:
        """One of the items."""
        return items[self.below(len(items))]


def generate(
    spec: Generate, base: Board | None, places: Sequence[Placement], params: Mapping[str, object]
) -> tuple[Board, ...]:
    """The table of boards of a stage, `spec.count` long.

    Args:
        spec: the file's `generate` block.
        base: the drawn map: the whole board for `board: map`, else its zones and bodies where the new board has floor.
        places: what to put where, in order; each on a floor cell of its own.
        params: values for `corner(k)`.

    Raises:
        PlacementError: too few free cells for something, or it is drawn where the board has a wall.
    """
    return tuple(_one(spec, base, places, params, _Stream(spec.seed, layout)) for layout in range(spec.count))


def _one(
    spec: Generate, base: Board | None, places: Sequence[Placement], params: Mapping[str, object], stream: _Stream
) -> Board:
    height, width = spec.size or ((base.height, base.width) if base else (9, 9))
    if spec.board == "map":
        assert base is not None
        height, width, walls = base.height, base.width, base.walls
    else:
        floor = {"maze": _maze, "rooms": _rooms, "open": _open}[spec.board](height, width, stream)
        walls = frozenset((r, c) for r in range(height) for c in range(width)) - floor
    inside = {(r, c) for r in range(height) for c in range(width)} - walls
    # On the drawn map zones are as drawn, and may be walls.
    held = inside if spec.board != "map" else inside | walls
    zones = {name: tuple(c for c in cells if c in held) for name, cells in base.zones.items()} if base else {}
    agents = dict(base.agents) if base else {}
    things = dict(base.things) if base else {}
    placed = {place.name for place in places}
    for name, cell in [*agents.items(), *((name, cell) for name, cells in things.items() for cell in cells)]:
        if name not in placed and cell not in inside:
            raise PlacementError(
                f"`{name}` is drawn at {list(cell)}, which is a wall of a generated board; name it under `place`"
            )
    barred = walls.union(agents.values(), *things.values())
    for place in places:
        cells: list[CellAt] = []
        room = [cell for cell in _where(place.where, height, width, zones, params) if cell not in barred]
        for _ in range(place.count):
            if not room:
                raise PlacementError(f"no free cell is left for `{place.name}` at {place.where}")
            cells.append(stream.choice(room))
            room.remove(cells[-1])
        barred |= set(cells)
        if place.is_agent:
            agents[place.name] = cells[0]
        else:
            things[place.name] = tuple(cells)
    fields = {at: its for at, its in base.fields.items() if at[0] not in placed} if base else {}
    return Board(height, width, walls, zones, agents, things, fields)


def _where(
    text: str, height: int, width: int, zones: Mapping[str, Sequence[CellAt]], params: Mapping[str, object]
) -> list[CellAt]:
    """The cells that `anywhere`, `corner(k)` or a zone's name stand for, in reading order."""
    inside = [(r, c) for r in range(1, height - 1) for c in range(1, width - 1)]
    if text == "anywhere":
        return inside
    if text.startswith("corner("):
        side = constant(parse_expression(text.removeprefix("corner(").removesuffix(")")), params)
        return [(r, c) for r, c in inside if r <= side and c <= side]
    return list(zones[text])


def _maze(height: int, width: int, stream: _Stream) -> frozenset[CellAt]:
    """A perfect maze on the odd cells by depth-first carving (one path joins any two cells)."""
    start = (1, 1)
    floor, stack = {start}, [start]
    while stack:
        r, c = stack[-1]
        ways = [
            (dr, dc)
            for dr, dc in ((-2, 0), (2, 0), (0, -2), (0, 2))
            if 0 < r + dr < height - 1 and 0 < c + dc < width - 1 and (r + dr, c + dc) not in floor
        ]
        if not ways:
            stack.pop()
            continue
        dr, dc = stream.choice(ways)
        floor |= {(r + dr // 2, c + dc // 2), (r + dr, c + dc)}
        stack.append((r + dr, c + dc))
    return frozenset(floor)


def _rooms(height: int, width: int, stream: _Stream) -> frozenset[CellAt]:
    """Four rooms, with one door in each of the four walls between them."""
    across, down = height // 2, width // 2
    floor = {(r, c) for r, c in _open(height, width, stream) if r != across and c != down}
    for rows in (range(1, across), range(across + 1, height - 1)):
        floor.add((rows[stream.below(len(rows))], down))
    for columns in (range(1, down), range(down + 1, width - 1)):
        floor.add((across, columns[stream.below(len(columns))]))
    return frozenset(floor)


def _open(height: int, width: int, stream: _Stream) -> frozenset[CellAt]:
    """One empty room."""
    return frozenset((r, c) for r in range(1, height - 1) for c in range(1, width - 1))
