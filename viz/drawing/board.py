"""Draws a board: its cells, walls, zones and bodies. Every picture uses this drawing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...envs.base import Bools, Ints
from ...envs.world.geometry import DIRECTIONS, STEPS
from ...envs.world.world import Body, World
from .canvas import Canvas, text_width
from .figures import BodyFigures, Gaze
from .palette import LIGHT, Theme, mix
from .seen_cells import seen_cells, watchers

SMALL = 12.0
"""Size of the names of zones, in points."""
RIM = 0.4
"""How thick a closed outer wall is drawn, in cells."""
SPECK = 1.0
"""No type is smaller, in points."""

Cells = frozenset[tuple[int, int]]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in points."""


class BoardDrawing:
    """The drawing of one layout of a world, scaled to the size that it is given.

    Attributes:
        cell: the side of a cell, in points.
        left, top: where the board lies on the canvas that it is drawn on.
        width, height: of the whole, in points.
        walls: bool `[H, W]`.
    """

    def __init__(
        self,
        world: World,
        layout: int,
        width: float,
        height: float,
        theme: Theme = LIGHT,
        *,
        left: float = 0.0,
        top: float = 0.0,
        pixel: float = 0.0,
    ) -> None:
        """For a world that has a board.

        Args:
            world: compiled.
            layout: which board.
            width: at most, in points.
            height: at most, in points.
            theme: of its colours.
            left: where it begins.
            top: where it begins.
            pixel: cells begin and end at multiples of this many points; anywhere if 0.
        """
        boards = world.boards
        self.world, self.layout, self.theme, self.left, self.top = world, layout, theme, left, top
        self.walls = boards.walls[layout, :-1].reshape(boards.height, boards.width)
        border = np.ones_like(self.walls)
        border[1:-1, 1:-1] = False
        rim = RIM if self.walls[border].all() else 1.0
        across, down = (side - 2 + 2 * rim for side in (boards.width, boards.height))
        self.cell = min(width / across, height / down)
        self.rim = rim * self.cell
        if pixel:
            self.cell = max(self.cell // pixel, 1) * pixel
            self.rim = max(rim * self.cell // pixel, 1) * pixel
        self._lefts, self._tops = self._edges(boards.width), self._edges(boards.height)
        self.width, self.height = self._lefts[-1], self._tops[-1]
        self.cast = BodyFigures(world, theme)

    def _edges(self, count: int) -> list[float]:
        sizes = [self.rim, *[self.cell] * (count - 2), self.rim][:count]
        return [0.0, *(float(edge) for edge in np.cumsum(sizes))]

    def draw(self, canvas: Canvas, path: Ints) -> None:
        """Draw all of it.

        Args:
            canvas: to draw on.
            path: int32 `[T, F]`, the states that led to the last of them, which is the one that is drawn.
        """
        self.floor(canvas)
        labels = self._zones(canvas)
        self.sights(canvas, path[-1])
        self._inner_walls(canvas)
        for place, text, size, colour in labels:
            canvas.text(*place, text, size, colour, "mm")
        self.ways(canvas, path)
        self.bodies(canvas, path)

    def ground(self, canvas: Canvas) -> None:
        """Draw what no state changes: floor, zones with their names, and walls."""
        self.floor(canvas)
        labels = self._zones(canvas)
        self._inner_walls(canvas)
        for place, text, size, colour in labels:
            canvas.text(*place, text, size, colour, "mm")

    # -------------------------------------------------------------- ground

    def floor(self, canvas: Canvas) -> None:
        """Draw walls and the floor."""
        theme = self.theme
        right, bottom = self.left + self.width, self.top + self.height
        canvas.box(self.left, self.top, right, bottom, theme.wall, 0.12 * self.cell)
        for row, column in zip(*np.nonzero(~self.walls), strict=True):
            canvas.box(*self.box(row, column), theme.floor)
        for row, column in zip(*np.nonzero(~self.walls), strict=True):
            left, top, right, bottom = self.box(row, column)
            if column + 1 < self.walls.shape[1] and not self.walls[row, column + 1]:
                canvas.box(right - 0.4, top, right + 0.4, bottom, theme.grid)
            if row + 1 < self.walls.shape[0] and not self.walls[row + 1, column]:
                canvas.box(left, bottom - 0.4, right, bottom + 0.4, theme.grid)

    def _zones(self, canvas: Canvas) -> list[tuple[tuple[float, float], str, float, str]]:
        """Tint every zone, the largest first; returns where their names go, the smallest zone choosing first."""
        theme, world = self.theme, self.world
        zones = {name: self.cells(world.boards.zones[z, self.layout]) for name, z in world.zone_index.items()}
        stems = list(dict.fromkeys(_stem(name) for name in zones))
        taken: list[Box] = []
        ordered = sorted((name for name in zones if zones[name]), key=lambda name: -len(zones[name]))
        for name in ordered:
            hue = theme.zones[stems.index(_stem(name)) % len(theme.zones)]
            strength = 0.38 if 6 * len(zones[name]) < (~self.walls).sum() else 0.16
            for row, column in zones[name]:
                canvas.box(*self.box(row, column), mix(theme.floor, hue, strength))
            self.outline(canvas, zones[name], mix(hue, theme.ink, 0.15), 0.05 * self.cell)
        return [self._label(name.replace("_", " "), zones[name], taken) for name in reversed(ordered)]

    def _label(self, name: str, cells: Cells, taken: list[Box]) -> tuple[tuple[float, float], str, float, str]:
        """Where the name of a zone goes: on walls beside a part of it if they have room, else on a part itself."""
        size = min(SMALL, 0.34 * self.cell)
        wide, high = text_width(name, size) + 4, size + 1
        parts = [self._span(part) for part in _pieces(cells)]
        for place in (place for part in parts for place in self._beside(part, wide, high)):
            spot = (place[0] - wide / 2, place[1] - high / 2, place[0] + wide / 2, place[1] + high / 2)
            if self._walled(spot) and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                return place, name, size, self.theme.on_wall
        left, top, right, _ = parts[0]
        fitting = max(size * min(1.0, (right - left - 4) / wide), SPECK)
        return ((left + right) / 2, top + 0.75 * fitting), name, fitting, self.theme.ink

    def _beside(self, part: Box, wide: float, high: float) -> list[tuple[float, float]]:
        """Where a name of a size may stand around a part of a zone, the best place first."""
        left, top, right, bottom = part
        x, y = (left + right) / 2, (top + bottom) / 2
        aside = 0.5 * min(self.rim, 1.6 * high)
        spread = (x, (left + x) / 2, (x + right) / 2)
        return [
            *((across, bottom + aside) for across in spread),
            *((across, top - aside) for across in spread),
            (right + wide / 2 + 2, y),
            (left - wide / 2 - 2, y),
        ]

    def _walled(self, spot: Box) -> bool:
        """Whether a rectangle lies on walls alone."""
        left, right = spot[0] - self.left, spot[2] - self.left
        top, bottom = spot[1] - self.top, spot[3] - self.top
        if left < 0 or top < 0 or right > self.width or bottom > self.height:
            return False
        columns = range(_index(self._lefts, left), _index(self._lefts, right) + 1)
        rows = range(_index(self._tops, top), _index(self._tops, bottom) + 1)
        return all(self.walls[row, column] for row in rows for column in columns)

    def sights(self, canvas: Canvas, state: Ints, shade: bool = True) -> None:
        """Shade (or only outline) what each watcher sees in a state int32 `[F]`, cell by cell as the engine has it."""
        for body in watchers(self.world):
            cells = self.cells(seen_cells(self.world, state, body)) - self.cells(self.walls.ravel())
            colour = self.cast.colour(body)
            for row, column in cells if shade else ():
                canvas.box(*self.box(row, column), f"{colour}2E")
            self.outline(canvas, cells, mix(colour, self.theme.floor, 0.35), 0.035 * self.cell)

    def _inner_walls(self, canvas: Canvas) -> None:
        """Walls again, over the outlines, so that these end at them."""
        for row, column in zip(*np.nonzero(self.walls), strict=True):
            if 0 < row < self.walls.shape[0] - 1 and 0 < column < self.walls.shape[1] - 1:
                canvas.box(*self.box(row, column), self.theme.wall)

    def outline(self, canvas: Canvas, cells: Cells, colour: str, width: float) -> None:
        """A line along the inside of a region's border."""
        for row, column in cells:
            left, top, right, bottom = self.box(row, column)
            if (row - 1, column) not in cells:
                canvas.box(left, top, right, top + width, colour)
            if (row + 1, column) not in cells:
                canvas.box(left, bottom - width, right, bottom, colour)
            if (row, column - 1) not in cells:
                canvas.box(left, top, left + width, bottom, colour)
            if (row, column + 1) not in cells:
                canvas.box(right - width, top, right, bottom, colour)

    # -------------------------------------------------------------- ways and bodies

    def ways(self, canvas: Canvas, path: Ints) -> None:
        """The way of each agent as a thin line that begins with a dot; a jump breaks it."""
        for body in self.world.bodies:
            if not body.is_agent:
                continue
            colour = mix(self.cast.colour(body), self.theme.floor, 0.3)
            walked = [int(cell) for cell in path[:, body.cell] if cell != self.world.boards.nowhere]
            for here, there in pairwise(walked):
                if here != there and there in self.world.boards.neighbours[here]:
                    canvas.line([self.centre(here), self.centre(there)], colour, 0.075 * self.cell)
            if len(set(walked)) > 1:
                canvas.disc(*self.centre(walked[0]), 0.11 * self.cell, colour)

    def bodies(self, canvas: Canvas, path: Ints) -> None:
        """Those that share a cell stand smaller, side by side; what has just gone is crossed out."""
        nowhere, state = self.world.boards.nowhere, path[-1]
        before = path[-2] if len(path) > 1 else state
        for body in self.world.bodies:
            carried = body.carrier >= 0 and state[body.carrier]
            if state[body.cell] == nowhere and before[body.cell] != nowhere and not carried:
                self.cast.draw_gone(canvas, body, *self.centre(int(before[body.cell])), self.cell)
        for body, x, y, size in self.standing(state):
            self.cast.draw(canvas, body, x, y, size, self._gaze(body, path))
            self._load(canvas, state, body, x, y, size)

    def standing(self, state: Ints) -> list[tuple[Body, float, float, float]]:
        """Each body that is on the board, where its figure's centre lies and for what size of cell it is drawn."""
        placed: list[tuple[Body, float, float, float]] = []
        for cell in np.unique(state[[body.cell for body in self.world.bodies]]):
            if cell == self.world.boards.nowhere:
                continue
            here = [body for body in self.world.bodies if state[body.cell] == cell]
            here.sort(key=lambda body: (body.is_agent, body.order))
            x, y = self.centre(int(cell))
            side = int(np.ceil(np.sqrt(len(here))))
            size = self.cell if side == 1 else 1.15 * self.cell / side
            apart = 0.9 * self.cell / side
            for number, body in enumerate(here):
                at = x + (number % side - (side - 1) / 2) * apart, y + (number // side - (side - 1) / 2) * apart
                placed.append((body, *at, size))
        return placed

    def _load(self, canvas: Canvas, state: Ints, carrier: Body, x: float, y: float, size: float) -> None:
        """What an agent carries, at its upper right."""
        names = [program.name for program in self.world.agents]
        for body in self.world.bodies:
            if carrier.is_agent and body.carrier >= 0 and state[body.carrier] == 1 + names.index(carrier.name):
                self.cast.draw(canvas, body, x + 0.3 * size, y - 0.28 * size, 0.6 * size)

    def _gaze(self, body: Body, path: Ints) -> Gaze:
        """Where a body faces or, if it cannot, where it last stepped."""
        if body.facing >= 0:
            return STEPS[DIRECTIONS[path[-1, body.facing]]]
        if len(path) > 1 and self.world.boards.nowhere not in path[-2:, body.cell]:
            (r0, c0), (r1, c1) = (divmod(int(cell), self.walls.shape[1]) for cell in path[-2:, body.cell])
            return int(np.sign(r1 - r0)), int(np.sign(c1 - c0))
        return 0, 0

    # -------------------------------------------------------------- places

    def cells(self, mask: Bools) -> Cells:
        """The cells of a flat mask as (row, column) pairs."""
        width = self.walls.shape[1]
        return frozenset(divmod(int(cell), width) for cell in np.flatnonzero(mask[: self.walls.size]))

    def box(self, row: int, column: int) -> Box:
        """Where a cell lies, in points."""
        return (
            self.left + self._lefts[column],
            self.top + self._tops[row],
            self.left + self._lefts[column + 1],
            self.top + self._tops[row + 1],
        )

    def centre(self, cell: int) -> tuple[float, float]:
        """The middle of a cell, in points."""
        left, top, right, bottom = self.box(*divmod(cell, self.walls.shape[1]))
        return (left + right) / 2, (top + bottom) / 2

    def cell_at(self, x: float, y: float) -> int | None:
        """The cell under a point; None beside the board."""
        column = int(np.searchsorted(self._lefts, x - self.left, side="right")) - 1
        row = int(np.searchsorted(self._tops, y - self.top, side="right")) - 1
        if 0 <= row < self.walls.shape[0] and 0 <= column < self.walls.shape[1]:
            return row * self.walls.shape[1] + column
        return None

    def _span(self, cells: Cells) -> Box:
        boxes = np.array([self.box(row, column) for row, column in cells])
        left, top = boxes[:, :2].min(axis=0)
        right, bottom = boxes[:, 2:].max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def layout_of(world: World, state: Ints) -> int:
    """Which layout a state int32 `[F]` has."""
    return int(state[world.layout]) if world.layout >= 0 else 0


def _pieces(cells: Cells) -> list[Cells]:
    """The parts of a region that hang together, the largest and, of these, the uppermost first."""
    left, pieces = set(cells), []
    while left:
        piece: set[tuple[int, int]] = set()
        waiting = [min(left)]
        while waiting:
            row, column = waiting.pop()
            if (row, column) in left:
                left.remove((row, column))
                piece.add((row, column))
                waiting += [(row + down, column + right) for down, right in STEPS.values()]
        pieces.append(frozenset(piece))
    return sorted(pieces, key=lambda piece: (-len(piece), min(piece)))


def _stem(zone: str) -> str:
    """The name without a number at its end: such zones are alike and share a colour."""
    return zone.rstrip("0123456789").rstrip("_")


def _index(edges: list[float], at: float) -> int:
    return min(int(np.searchsorted(edges, at, side="right")) - 1, len(edges) - 2)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
