"""Draws a board: its cells, walls, zones and bodies. Every picture uses this drawing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...envs.base import Bools, Ints
from ...envs.reference.looks import looks
from ...envs.world.geometry import DIRECTIONS, STEPS
from ...envs.world.world import Body, World
from .canvas import Canvas, text_width
from .figures import BodyFigures, Gaze
from .palette import LIGHT, Theme, mix
from .seen_cells import seen_cells, watchers

SMALL = 12.0
"""Size of the names of zones, in points."""
RIM = 0.4
"""Drawn thickness of the outermost rows and columns, in cells, where all of them are walls."""
SPECK = 1.0
"""The smallest size of type, in points; Pillow refuses a font of size 0."""

Cells = frozenset[tuple[int, int]]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in points."""
ZoneLabel = tuple[tuple[float, float], str, float, str]
"""The place, text, size and colour of a zone's name."""


class BoardDrawing:
    """Draws one layout of a world, scaled to fit into a given size.

    Attributes:
        cell: the side of a cell, in points.
        left, top: the position of the board on the canvas, in points.
        width, height: of the whole board, in points.
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
        whole: bool = False,
    ) -> None:
        """Fit the board into `width` by `height` points. The world must have a board.

        Args:
            world: the compiled world.
            layout: index of the layout.
            width: the greatest width, in points.
            height: the greatest height, in points.
            theme: the colours.
            left: the left edge on the canvas, in points.
            top: the upper edge on the canvas, in points.
            pixel: cells begin and end at multiples of this many points; anywhere if 0.
            whole: whether the outermost rows and columns have their full size, even if all of them are walls.
        """
        boards = world.boards
        self.world, self.layout, self.theme, self.left, self.top = world, layout, theme, left, top
        # The last entry of each row of the table stands for nowhere, which is no cell of the board.
        self.walls = boards.walls[layout, :-1].reshape(boards.height, boards.width)
        border = np.ones_like(self.walls)
        border[1:-1, 1:-1] = False
        rim = RIM if self.walls[border].all() and not whole else 1.0
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
        # A board of a single row or column has one rim, not two: the slice drops the second.
        sizes = [self.rim, *[self.cell] * (count - 2), self.rim][:count]
        return [0.0, *(float(edge) for edge in np.cumsum(sizes))]

    def draw(self, canvas: Canvas, path: Ints) -> None:
        """Draw the whole board in the last state of a path.

        Args:
            canvas: to draw on.
            path: int32 `[T, F]`, consecutive states; the last is drawn, and those before it give the agents' ways.
        """
        self.floor(canvas)
        labels = self._zones(canvas)
        self.sights(canvas, path[-1])
        self._inner_walls(canvas)
        # Names may stand on inner walls, so they are written after these.
        for place, text, size, colour in labels:
            canvas.text(*place, text, size, colour, "mm")
        self.ways(canvas, path)
        self.bodies(canvas, path)

    def ground(self, canvas: Canvas) -> None:
        """Draw what does not depend on the state: floor, zones with their names, and walls."""
        self.floor(canvas)
        labels = self._zones(canvas)
        self._inner_walls(canvas)
        for place, text, size, colour in labels:
            canvas.text(*place, text, size, colour, "mm")

    # -------------------------------------------------------------- ground

    def floor(self, canvas: Canvas) -> None:
        """Draw the walls, the floor, and thin lines between floor cells."""
        theme = self.theme
        right, bottom = self.left + self.width, self.top + self.height
        canvas.box(self.left, self.top, right, bottom, theme.wall, 0.12 * self.cell)
        for row, column in zip(*np.nonzero(~self.walls), strict=True):
            canvas.box(*self.box(row, column), theme.floor)
        # A grid line lies half on either cell, so a cell that was filled after it would cover half of the line.
        for row, column in zip(*np.nonzero(~self.walls), strict=True):
            left, top, right, bottom = self.box(row, column)
            if column + 1 < self.walls.shape[1] and not self.walls[row, column + 1]:
                canvas.box(right - 0.4, top, right + 0.4, bottom, theme.grid)
            if row + 1 < self.walls.shape[0] and not self.walls[row + 1, column]:
                canvas.box(left, bottom - 0.4, right, bottom + 0.4, theme.grid)

    def _zones(self, canvas: Canvas) -> list[ZoneLabel]:
        """Tint every zone and return the place, text, size and colour of each zone's name.

        The largest zone is tinted first, so that smaller ones stay visible on it. Places for names are given to the
        smallest zone first.
        """
        theme, world = self.theme, self.world
        zones = {name: self.cells(zone[self.layout]) for name, zone in world.boards.named_zones.items()}
        hues = theme.zone_hues(list(zones))
        taken: list[Box] = []
        # Of two of one size that in one piece is tinted first: the scattered one lies in it.
        ordered = sorted(
            (name for name in zones if zones[name]), key=lambda name: (-len(zones[name]), len(_pieces(zones[name])))
        )
        tints: dict[tuple[int, int], str] = {}  # a cell of several zones has something of each hue
        for name in ordered:
            hue = hues[name]
            # A zone of few cells gets a strong tint to be noticed; on a large one that would drown what stands there.
            strength = 0.38 if 6 * len(zones[name]) < (~self.walls).sum() else 0.16
            for cell in zones[name]:
                tints[cell] = mix(tints.get(cell, theme.floor), hue, strength)
                canvas.box(*self.box(*cell), tints[cell])
            self.outline(canvas, zones[name], mix(hue, theme.ink, 0.15), 0.05 * self.cell)
        parts = {name: [self._span(part) for part in _pieces(zones[name])] for name in reversed(ordered)}
        labels = [self._label(name.replace("_", " "), its, taken) for name, its in parts.items()]
        # Once each zone has its name, the other parts of those in several get it too, where walls beside have room.
        further = [(name.replace("_", " "), part) for name, its in parts.items() for part in its[1:]]
        found = [self._on_walls(name, [part], taken) for name, part in further]
        return labels + [each for each in found if each is not None]

    def _label(self, name: str, parts: list[Box], taken: list[Box]) -> ZoneLabel:
        """A zone's name: on walls beside one of its parts if they have room, else on the largest part itself."""
        found = self._on_walls(name, parts, taken)
        if found is not None:
            return found
        size = min(SMALL, 0.34 * self.cell)
        left, top, right, _ = parts[0]
        fitting = max(size * min(1.0, (right - left - 4) / (text_width(name, size) + 4)), SPECK)
        return ((left + right) / 2, top + 0.75 * fitting), name, fitting, self.theme.ink

    def _on_walls(self, name: str, parts: list[Box], taken: list[Box]) -> ZoneLabel | None:
        """A zone's name on walls beside the first of some parts that has room there."""
        size = min(SMALL, 0.34 * self.cell)
        wide, high = text_width(name, size) + 4, size + 1
        for place in (place for part in parts for place in self._beside(part, wide, high)):
            spot = (place[0] - wide / 2, place[1] - high / 2, place[0] + wide / 2, place[1] + high / 2)
            if self._walled(spot) and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                return place, name, size, self.theme.on_wall
        return None

    def _beside(self, part: Box, wide: float, high: float) -> list[tuple[float, float]]:
        """Candidate centres for a name of `wide` by `high` points around a part of a zone, the best first."""
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
        """Shade (or, without `shade`, only outline) the cells that each watcher sees in a state int32 `[F]`."""
        for body in watchers(self.world):
            cells = self.cells(seen_cells(self.world, state, body)) - self.cells(self.walls.ravel())
            colour = self.cast.colour(body)
            for row, column in cells if shade else ():
                # 2E is an opacity of 18 %: zones show through, and so do the views of several watchers.
                canvas.box(*self.box(row, column), f"{colour}2E")
            self.outline(canvas, cells, mix(colour, self.theme.floor, 0.35), 0.035 * self.cell)

    def _inner_walls(self, canvas: Canvas) -> None:
        """Draw the inner walls again, over the outlines of what is seen, so that the outlines end at walls.

        Walls that belong to a zone, such as doors, have its hue.
        """
        for row, column in zip(*np.nonzero(self.walls), strict=True):
            if 0 < row < self.walls.shape[0] - 1 and 0 < column < self.walls.shape[1] - 1:
                canvas.box(*self.box(row, column), self.theme.wall)
        zones = self.world.boards.named_zones
        hues = self.theme.zone_hues(list(zones))
        for name, zone in zones.items():
            for row, column in self.cells(zone[self.layout] & self.world.boards.walls[self.layout]):
                canvas.box(*self.box(row, column), mix(self.theme.wall, hues[name], 0.5))

    def outline(self, canvas: Canvas, cells: Cells, colour: str, width: float) -> None:
        """Draw a line along the inside of a region's border, `width` points wide."""
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

    def ways(self, canvas: Canvas, path: Ints, cased: bool = False) -> None:
        """Draw the way of each agent as a thin line that begins with a dot; a jump interrupts the line.

        With `cased` it has a pale rim, by which it shows on any colour.
        """
        for body in self.world.bodies:
            if not body.is_agent:
                continue
            colour = mix(self.cast.colour(body), self.theme.floor, 0.3)
            walked = [int(cell) for cell in path[:, body.cell] if cell != self.world.boards.nowhere]
            # Only steps to a neighbour are joined: the line of a jump (`reset map`, say) would cross walls.
            steps = [(a, b) for a, b in pairwise(walked) if a != b and b in self.world.boards.neighbours[a]]
            strokes = ((self.theme.floor, 0.05), (colour, 0.0)) if cased else ((colour, 0.0),)
            for hue, more in strokes:
                for here, there in steps:
                    canvas.line([self.centre(here), self.centre(there)], hue, (0.075 + more) * self.cell)
                if len(set(walked)) > 1:
                    canvas.disc(*self.centre(walked[0]), (0.11 + more / 2) * self.cell, hue)

    def bodies(self, canvas: Canvas, path: Ints) -> None:
        """Draw the bodies of the last state; those that left the board in the last tick are crossed out."""
        nowhere, state = self.world.boards.nowhere, path[-1]
        before = path[-2] if len(path) > 1 else state
        for body in self.world.bodies:
            # What has been picked up is drawn with its carrier, so it is not marked as gone.
            carried = body.carrier >= 0 and state[body.carrier]
            if state[body.cell] == nowhere and before[body.cell] != nowhere and not carried:
                self.cast.draw_gone(canvas, body, *self.centre(int(before[body.cell])), self.cell)
        now = looks(self.world, state)
        for body, x, y, size in self.standing(state):
            self.cast.draw(canvas, body, x, y, size, self._gaze(body, path), now.get(body.name))
            self._load(canvas, state, body, x, y, size)

    def standing(self, state: Ints) -> list[tuple[Body, float, float, float]]:
        """Each body on the board with the centre of its figure and the cell size it is drawn for, in points.

        Bodies that share a cell are drawn smaller, in a square grid. Agents come last in a cell. An item that an agent
        has reached when the episode is over is covered by it: it was what the agent came for.
        """
        over = bool(state[self.world.ended])
        placed: list[tuple[Body, float, float, float]] = []
        for cell in np.unique(state[[body.cell for body in self.world.bodies]]):
            if cell == self.world.boards.nowhere:
                continue
            here = [body for body in self.world.bodies if state[body.cell] == cell]
            if over and any(body.is_agent for body in here):
                here = [body for body in here if body.is_agent or not self.cast.is_item(body)]
            here.sort(key=lambda body: (body.is_agent, body.order))
            x, y = self.centre(int(cell))
            side = int(np.ceil(np.sqrt(len(here))))
            # A figure leaves a margin in its cell, so figures 15 % larger than their part of the cell hardly overlap.
            size = self.cell if side == 1 else 1.15 * self.cell / side
            apart = 0.9 * self.cell / side
            for number, body in enumerate(here):
                at = x + (number % side - (side - 1) / 2) * apart, y + (number // side - (side - 1) / 2) * apart
                placed.append((body, *at, size))
        return placed

    def _load(self, canvas: Canvas, state: Ints, carrier: Body, x: float, y: float, size: float) -> None:
        """Draw what an agent carries, at its upper right."""
        names = [program.name for program in self.world.agents]
        # The carrier column holds 0 for nobody, else 1 plus the agent's index.
        for body in self.world.bodies:
            if carrier.is_agent and body.carrier >= 0 and state[body.carrier] == 1 + names.index(carrier.name):
                self.cast.draw(canvas, body, x + 0.3 * size, y - 0.28 * size, 0.6 * size)

    def _gaze(self, body: Body, path: Ints) -> Gaze:
        """The direction in which a body faces or, if it has no facing, in which it last moved."""
        if body.facing >= 0:
            return STEPS[DIRECTIONS[path[-1, body.facing]]]
        if len(path) > 1 and self.world.boards.nowhere not in path[-2:, body.cell]:
            (r0, c0), (r1, c1) = (divmod(int(cell), self.walls.shape[1]) for cell in path[-2:, body.cell])
            return int(np.sign(r1 - r0)), int(np.sign(c1 - c0))
        return 0, 0

    # -------------------------------------------------------------- places

    def cells(self, mask: Bools) -> Cells:
        """The cells of a flat mask bool `[H * W]` or `[H * W + 1]` as (row, column) pairs."""
        width = self.walls.shape[1]
        return frozenset(divmod(int(cell), width) for cell in np.flatnonzero(mask[: self.walls.size]))

    def box(self, row: int, column: int) -> Box:
        """The rectangle of a cell on the canvas, in points."""
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
        """The cell under a point of the canvas; None beside the board."""
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
    """The index of the layout of a state int32 `[F]`; 0 in a world with a single layout."""
    return int(state[world.layout]) if world.layout >= 0 else 0


def _pieces(cells: Cells) -> list[Cells]:
    """The connected parts of a region, the largest first; of equally large ones, the uppermost first."""
    left, pieces = set(cells), []
    while left:
        piece: set[tuple[int, int]] = set()
        # `STEPS` includes staying in place, which does no harm: the cell is no longer in `left` when it comes up again.
        waiting = [min(left)]
        while waiting:
            row, column = waiting.pop()
            if (row, column) in left:
                left.remove((row, column))
                piece.add((row, column))
                waiting += [(row + down, column + right) for down, right in STEPS.values()]
        pieces.append(frozenset(piece))
    return sorted(pieces, key=lambda piece: (-len(piece), min(piece)))


def _index(edges: list[float], at: float) -> int:
    # The far edge itself counts as part of the last cell.
    return min(int(np.searchsorted(edges, at, side="right")) - 1, len(edges) - 2)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
