"""A still picture of a state, and a row of several: pure functions of a world and its states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from PIL import Image

from ..envs.base import Ints
from ..envs.geometry import DIRECTIONS, STEPS
from ..envs.world import Body, World
from . import palette
from .board import describe
from .canvas import Canvas, text_width, wrapped
from .figures import Cast, Gaze
from .sight import seen_cells, watchers

TITLE, TEXT, SMALL = 16.0, 13.5, 12.0
"""Sizes of type in points."""
RIM = 0.4
"""How thick a closed outer wall is drawn, in cells."""
TALLEST = 1.3
"""How high a board may be, in its width; one that would be higher is drawn narrower."""
SPECK = 1.0
"""No type is smaller, in points."""
GAP = 22.0
"""Between the panels of a filmstrip, in points."""

Cells = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Caption:
    """What stands around a picture.

    Attributes:
        title: above it; events: labels beside the title.
        text: a line or two below it; figures: (name, value) pairs below that.
        notes: small print at the foot; None for what `describe` says of the state.
    """

    title: str = ""
    events: tuple[str, ...] = ()
    text: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] | None = None


def picture(
    world: World,
    state: Ints,
    caption: Caption | None = None,
    *,
    path: Ints | None = None,
    width: float = 360,
    ratio: float = 2,
) -> Image.Image:
    """A picture of one state.

    Args:
        world: compiled.
        state: int32 `[F]`.
        caption: what stands around it.
        path: int32 `[T, F]`, the states that led here, this one last: the agents' ways are drawn, and who went missing
            in the last tick is crossed out.
        width: in points; the height follows.
        ratio: pixels in a point.
    """
    return filmstrip(world, state[None], (caption or Caption(),), paths=(path,), width=width, ratio=ratio)


def filmstrip(
    world: World,
    states: Ints,
    captions: Sequence[Caption],
    *,
    paths: Sequence[Ints | None] | None = None,
    width: float = 1200,
    ratio: float = 2,
) -> Image.Image:
    """Several states of one world side by side.

    Args:
        world: compiled.
        states: int32 `[P, F]`.
        captions: P.
        paths: P, see `picture`.
        width: of the whole, in points.
        ratio: pixels in a point.

    Raises:
        ValueError: the panels do not fit into the width.
    """
    each = (width - GAP * (len(states) - 1)) / len(states)
    if each < 1:
        raise ValueError(f"{len(states)} panels do not fit into {width:g} points")
    ways = paths or (None,) * len(states)
    panels = [_Panel(world, *panel, each) for panel in zip(states, captions, ways, strict=True)]
    head = max(panel.head for panel in panels)
    foot = max(panel.foot for panel in panels)
    drawn = [panel.draw(head, foot, ratio) for panel in panels]
    strip = Image.new("RGB", (round(width * ratio), drawn[0].height), palette.PAPER)
    for number, panel in enumerate(drawn):
        strip.paste(panel, (round(number * (each + GAP) * ratio), 0))
    return strip


class _Panel:
    """One state with its caption, `width` points wide; `head` and `foot` are the heights that the caption needs."""

    def __init__(self, world: World, state: Ints, caption: Caption, path: Ints | None, width: float) -> None:
        self.world, self.state, self.caption, self.width = world, state, caption, width
        self.path = state[None] if path is None else path
        self.board = _Board(world, state, width) if world.boards.height else None
        self.text = wrapped(caption.text, TEXT, width)
        notes = describe(world, state) if caption.notes is None else caption.notes
        self.notes = _joined(notes, SMALL, width)
        self.head = TITLE + 11 if caption.title or caption.events else 0.0
        self.foot = 8.0 * bool(self.text or self.notes or caption.figures) + 17 * len(self.text)
        self.foot += (40 if caption.figures else 0) + 15 * len(self.notes)

    def draw(self, head: float, foot: float, ratio: float) -> Image.Image:
        height = self.board.height if self.board else 0.0
        canvas = Canvas(self.width, head + height + foot, ratio)
        if self.caption.title or self.caption.events:
            self._draw_head(canvas)
        if self.board:
            self.board.draw(canvas, head, self.path)
        self._draw_foot(canvas, head + height)
        return canvas.picture()

    def _draw_head(self, canvas: Canvas) -> None:
        canvas.text(0, TITLE, self.caption.title, TITLE, bold=True)
        right = self.width
        for event in reversed(self.caption.events):
            left = right - text_width(event, SMALL) - 16
            canvas.box(left, 0, right, TITLE + 4, palette.INK, (TITLE + 4) / 2)
            canvas.text((left + right) / 2, TITLE - 2, event, SMALL, palette.PAPER, "ms")
            right = left - 5

    def _draw_foot(self, canvas: Canvas, top: float) -> None:
        y = top + 8
        for line in self.text:
            canvas.text(0, y + 13, line, TEXT)
            y += 17
        if self.caption.figures:
            share = self.width / len(self.caption.figures)
            for number, (name, value) in enumerate(self.caption.figures):
                canvas.text(number * share, y + 14, name, SMALL, palette.MUTED)
                canvas.text(number * share, y + 31, value, TITLE, bold=True)
            y += 40
        for line in self.notes:
            canvas.text(0, y + 11, line, SMALL, palette.MUTED)
            y += 15


class _Board:
    """The board of one state, at most `width` points wide."""

    def __init__(self, world: World, state: Ints, width: float) -> None:
        boards = world.boards
        self.world, self.state = world, state
        self.layout = int(state[world.layout]) if world.layout >= 0 else 0
        self.walls = boards.walls[self.layout, :-1].reshape(boards.height, boards.width)
        rim = np.ones_like(self.walls)
        rim[1:-1, 1:-1] = False
        self.rim = RIM if self.walls[rim].all() else 1.0
        across, down = (side - 2 + 2 * self.rim for side in (boards.width, boards.height))
        self.cell = min(width / across, TALLEST * width / down)
        self.lefts, self.tops = self._edges(boards.width), self._edges(boards.height)
        self.height = self.tops[-1]
        self.cast = Cast(world)

    def _edges(self, count: int) -> list[float]:
        sizes = [self.rim, *[1.0] * (count - 2), self.rim][:count]
        return [0.0, *(float(edge) for edge in np.cumsum(sizes) * self.cell)]

    def draw(self, canvas: Canvas, top: float, path: Ints) -> None:
        """Draw it `top` points below the upper edge."""
        self.canvas, self.top = canvas, top
        self._floor()
        labels = self._zones()
        self._sights()
        self._inner_walls()
        for place, text, size, colour in labels:
            canvas.text(*place, text, size, colour, "mm")
        self._ways(path)
        self._bodies(path)

    # -------------------------------------------------------------- ground

    def _floor(self) -> None:
        self.canvas.box(0, self.top, self.lefts[-1], self.top + self.height, palette.WALL, 0.12 * self.cell)
        for row, column in zip(*np.nonzero(~self.walls), strict=True):
            self.canvas.box(*self._box(row, column), palette.FLOOR)
        for row, column in zip(*np.nonzero(~self.walls), strict=True):
            left, top, right, bottom = self._box(row, column)
            if column + 1 < self.walls.shape[1] and not self.walls[row, column + 1]:
                self.canvas.box(right - 0.4, top, right + 0.4, bottom, palette.GRID)
            if row + 1 < self.walls.shape[0] and not self.walls[row + 1, column]:
                self.canvas.box(left, bottom - 0.4, right, bottom + 0.4, palette.GRID)

    def _zones(self) -> list[tuple[tuple[float, float], str, float, str]]:
        """Tint every zone, the largest first; returns where their names go, the smallest zone choosing first."""
        zones = {
            name: self._cells(self.world.boards.zones[z, self.layout]) for name, z in self.world.zone_index.items()
        }
        stems = list(dict.fromkeys(_stem(name) for name in zones))
        taken: list[tuple[float, float, float, float]] = []
        ordered = sorted((name for name in zones if zones[name]), key=lambda name: -len(zones[name]))
        for name in ordered:
            hue = palette.ZONES[stems.index(_stem(name)) % len(palette.ZONES)]
            strength = 0.38 if 6 * len(zones[name]) < (~self.walls).sum() else 0.16
            for row, column in zones[name]:
                self.canvas.box(*self._box(row, column), palette.mix(palette.FLOOR, hue, strength))
            self._outline(zones[name], palette.mix(hue, palette.INK, 0.15), 0.05 * self.cell)
        return [self._label(name.replace("_", " "), zones[name], taken) for name in reversed(ordered)]

    def _label(
        self, name: str, cells: Cells, taken: list[tuple[float, float, float, float]]
    ) -> tuple[tuple[float, float], str, float, str]:
        """Where the name of a zone goes: on walls beside it if they have room, else on the zone itself."""
        size = min(SMALL, 0.34 * self.cell)
        wide, high = text_width(name, size) + 4, size + 1
        left, top, right, bottom = self._span(cells)
        x, y = (left + right) / 2, (top + bottom) / 2
        aside = 0.5 * min(self.rim * self.cell, 1.6 * high)
        spread = (x, (left + x) / 2, (x + right) / 2)
        for place in (
            *((across, bottom + aside) for across in spread),
            *((across, top - aside) for across in spread),
            (right + wide / 2 + 2, y),
            (left - wide / 2 - 2, y),
        ):
            spot = (place[0] - wide / 2, place[1] - high / 2, place[0] + wide / 2, place[1] + high / 2)
            if self._walled(spot) and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                return place, name, size, palette.ON_WALL
        fitting = max(size * min(1.0, (right - left - 4) / wide), SPECK)
        return (x, top + 0.75 * fitting), name, fitting, palette.INK

    def _walled(self, spot: tuple[float, float, float, float]) -> bool:
        """Whether a rectangle lies on walls alone."""
        left, top, right, bottom = spot
        if left < 0 or top < self.top or right > self.lefts[-1] or bottom > self.top + self.height:
            return False
        columns = range(_index(self.lefts, left), _index(self.lefts, right) + 1)
        rows = range(_index(self.tops, top - self.top), _index(self.tops, bottom - self.top) + 1)
        return all(self.walls[row, column] for row in rows for column in columns)

    def _sights(self) -> None:
        """Shade what each watcher sees, cell by cell as the engine has it."""
        for body in watchers(self.world):
            cells = self._cells(seen_cells(self.world, self.state, body)) - self._cells(self.walls.ravel())
            colour = self.cast.colour(body)
            for row, column in cells:
                self.canvas.box(*self._box(row, column), f"{colour}2E")
            self._outline(cells, palette.mix(colour, palette.FLOOR, 0.35), 0.035 * self.cell)

    def _inner_walls(self) -> None:
        """Walls again, over the outlines, so that these end at them."""
        for row, column in zip(*np.nonzero(self.walls), strict=True):
            if 0 < row < self.walls.shape[0] - 1 and 0 < column < self.walls.shape[1] - 1:
                self.canvas.box(*self._box(row, column), palette.WALL)

    def _outline(self, cells: Cells, colour: str, width: float) -> None:
        """A line along the inside of a region's border."""
        for row, column in cells:
            left, top, right, bottom = self._box(row, column)
            if (row - 1, column) not in cells:
                self.canvas.box(left, top, right, top + width, colour)
            if (row + 1, column) not in cells:
                self.canvas.box(left, bottom - width, right, bottom, colour)
            if (row, column - 1) not in cells:
                self.canvas.box(left, top, left + width, bottom, colour)
            if (row, column + 1) not in cells:
                self.canvas.box(right - width, top, right, bottom, colour)

    # -------------------------------------------------------------- ways and bodies

    def _ways(self, path: Ints) -> None:
        """The way of each agent as a thin line that begins with a dot; a jump breaks it."""
        for body in self.world.bodies:
            if not body.is_agent:
                continue
            colour = palette.mix(self.cast.colour(body), palette.FLOOR, 0.3)
            walked = [int(cell) for cell in path[:, body.cell] if cell != self.world.boards.nowhere]
            for here, there in pairwise(walked):
                if here != there and there in self.world.boards.neighbours[here]:
                    self.canvas.line([self._centre(here), self._centre(there)], colour, 0.075 * self.cell)
            if len(set(walked)) > 1:
                self.canvas.disc(*self._centre(walked[0]), 0.11 * self.cell, colour)

    def _bodies(self, path: Ints) -> None:
        """Those that share a cell stand smaller, side by side; what has just gone is crossed out."""
        nowhere = self.world.boards.nowhere
        before = path[-2] if len(path) > 1 else self.state
        for body in self.world.bodies:
            carried = body.carrier >= 0 and self.state[body.carrier]
            if self.state[body.cell] == nowhere and before[body.cell] != nowhere and not carried:
                self.cast.draw_gone(self.canvas, body, *self._centre(int(before[body.cell])), self.cell)
        for cell in np.unique(self.state[[body.cell for body in self.world.bodies]]):
            if cell != nowhere:
                here = [body for body in self.world.bodies if self.state[body.cell] == cell]
                self._crowd(sorted(here, key=lambda body: (body.is_agent, body.order)), int(cell), path)

    def _crowd(self, here: list[Body], cell: int, path: Ints) -> None:
        x, y = self._centre(cell)
        side = int(np.ceil(np.sqrt(len(here))))
        size = self.cell if side == 1 else 1.15 * self.cell / side
        apart = 0.9 * self.cell / side
        for number, body in enumerate(here):
            at = x + (number % side - (side - 1) / 2) * apart, y + (number // side - (side - 1) / 2) * apart
            self.cast.draw(self.canvas, body, *at, size, self._gaze(body, path))
            self._load(body, *at, size)

    def _load(self, carrier: Body, x: float, y: float, size: float) -> None:
        """What an agent carries, at its upper right."""
        names = [program.name for program in self.world.agents]
        for body in self.world.bodies:
            if carrier.is_agent and body.carrier >= 0 and self.state[body.carrier] == 1 + names.index(carrier.name):
                self.cast.draw(self.canvas, body, x + 0.3 * size, y - 0.28 * size, 0.6 * size)

    def _gaze(self, body: Body, path: Ints) -> Gaze:
        """Where a body faces or, if it cannot, where it last stepped."""
        if body.facing >= 0:
            return STEPS[DIRECTIONS[self.state[body.facing]]]
        if len(path) > 1 and self.world.boards.nowhere not in path[-2:, body.cell]:
            (r0, c0), (r1, c1) = (divmod(int(cell), self.walls.shape[1]) for cell in path[-2:, body.cell])
            return int(np.sign(r1 - r0)), int(np.sign(c1 - c0))
        return 0, 0

    # -------------------------------------------------------------- places

    def _cells(self, mask: np.ndarray) -> Cells:
        """The cells of a flat mask as (row, column) pairs."""
        width = self.walls.shape[1]
        return frozenset(divmod(int(cell), width) for cell in np.flatnonzero(mask[: self.walls.size]))

    def _box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a cell, in points."""
        return (
            self.lefts[column],
            self.top + self.tops[row],
            self.lefts[column + 1],
            self.top + self.tops[row + 1],
        )

    def _centre(self, cell: int) -> tuple[float, float]:
        left, top, right, bottom = self._box(*divmod(cell, self.walls.shape[1]))
        return (left + right) / 2, (top + bottom) / 2

    def _span(self, cells: Cells) -> tuple[float, float, float, float]:
        boxes = np.array([self._box(row, column) for row, column in cells])
        left, top = boxes[:, :2].min(axis=0)
        right, bottom = boxes[:, 2:].max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def _joined(words: Sequence[str], size: float, width: float) -> list[str]:
    """Short phrases as lines, with dots between those that share one."""

    def add(lines: list[str], word: str) -> list[str]:
        longer = f"{lines[-1]} · {word}" if lines else ""
        return [*lines[:-1], longer] if lines and text_width(longer, size) <= width else [*lines, word]

    return reduce(add, words, [])


def _stem(zone: str) -> str:
    """The name without a number at its end: such zones are alike and share a colour."""
    return zone.rstrip("0123456789").rstrip("_")


def _index(edges: list[float], at: float) -> int:
    return min(int(np.searchsorted(edges, at, side="right")) - 1, len(edges) - 2)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
