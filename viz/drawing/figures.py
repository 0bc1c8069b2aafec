"""The figures of bodies (robot, guard, item, crate, ...) as simple shapes, each drawn around a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from PIL import Image

from ...envs.world.world import Body, World
from .canvas import Canvas, Point, stamp
from .palette import LIGHT, NIGHT, WHITE, Theme, mix
from .seen_cells import watchers

Gaze = tuple[int, int]
"""Where a figure looks: (row, column) step, `(0, 0)` straight ahead."""

Shape = Callable[[Canvas, float, float, float, str, Gaze], None]
"""Draws a figure on a canvas around the point x, y, for a cell of a size in points, in a colour, with a gaze."""


class BodyFigures:
    """The shape and colour of each body of a world.

    Agents are drawn as robots and watchers as shields with an eye. Of the other bodies, those that move by themselves
    are ghosts, those that can be pushed crates, other solid ones pillars, and the rest gems. Agents differ by colour,
    and so do gems.
    """

    def __init__(self, world: World, theme: Theme = LIGHT) -> None:
        """Choose the shape and the colour of each body of a world."""
        self.theme = theme
        overseers = watchers(world)
        agents = [body.group for body in world.bodies if body.is_agent]
        items = [body.group for body in world.bodies if _kind(body, overseers) == "item"]
        self._colours = _colours(agents, theme.agents) | _colours(items, theme.items)
        self._kinds = {body.name: _kind(body, overseers) for body in world.bodies}
        self._fixed = {"watcher": theme.watcher, "monster": theme.monster, "crate": theme.block, "pillar": theme.wall}
        for body in world.bodies:
            if self._kinds[body.name] in self._fixed and not body.is_agent:
                self._colours[body.group] = self._fixed[self._kinds[body.name]]

    def colour(self, body: Body) -> str:
        """The main colour of a body."""
        return self._colours[body.group]

    def draw(
        self,
        canvas: Canvas,
        body: Body,
        x: float,
        y: float,
        size: float,
        gaze: Gaze = (0, 0),
        look: str | None = None,
    ) -> None:
        """Draw a body around a point, for a cell of `size` points.

        Args:
            canvas: to draw on.
            body: what is drawn.
            x: the point.
            y: the point.
            size: of the cell.
            gaze: where it looks.
            look: one of the words of `drawn_as`, or None for how it always looks.
        """
        if look == "crossed":
            self.draw_gone(canvas, body, x, y, size)
            return
        kind, colour = self._kinds[body.name], self.colour(body)
        if look in _OF_KIND:
            kind = _OF_KIND[look]
            colour = self._fixed.get(kind, colour)
        elif look == "faded":
            colour = mix(colour, self.theme.floor, 0.7)
        # A fast canvas does not smooth polygons and lines, so it gets a cached stamp that was drawn larger.
        if canvas.finer == 1:
            canvas.stamp(_figure(kind, colour, gaze, size, canvas.ratio, canvas.theme, 1.0, look == "marked"), x, y)
        else:
            _draw_figure(kind, canvas, x, y, size, colour, gaze, look == "marked")

    def is_item(self, body: Body) -> bool:
        """Whether a body is a thing that does nothing and is in nobody's way."""
        return self._kinds[body.name] == "item"

    def draw_ghost(self, canvas: Canvas, body: Body, x: float, y: float, size: float, strength: float) -> None:
        """Draw a translucent body, of an opacity `strength` from 0 to 1, on a canvas with `finer` 1."""
        kind, colour = self._kinds[body.name], self.colour(body)
        canvas.stamp(_figure(kind, colour, (0, 0), size, canvas.ratio, canvas.theme, strength), x, y)

    def draw_gone(self, canvas: Canvas, body: Body, x: float, y: float, size: float) -> None:
        """Draw a body that has just left the board: grey and crossed out."""
        if canvas.finer == 1:
            canvas.stamp(_gone(self._kinds[body.name], size, canvas.ratio, canvas.theme), x, y)
        else:
            _draw_gone(self._kinds[body.name], canvas, x, y, size)


@lru_cache(2_000)
def _figure(
    kind: str,
    colour: str,
    gaze: Gaze,
    size: float,
    ratio: float,
    theme: Theme,
    strength: float,
    marked: bool = False,
) -> Image.Image:
    """A picture of a figure, for stamping."""
    middle = 0.6 * size  # no shape reaches 0.6 of a cell from its centre, its rim included

    def draw(canvas: Canvas) -> None:
        _draw_figure(kind, canvas, middle, middle, size, colour, gaze, marked)

    return stamp(2 * middle, 2 * middle, ratio, theme, draw, strength)


def _draw_figure(
    kind: str, canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze, marked: bool
) -> None:
    """A figure, with a ring around it where it is marked."""
    _SHAPES[kind](canvas, x, y, size, colour, gaze)
    if marked:
        canvas.disc(x, y, 0.42 * size, None, canvas.theme.performance, 0.07 * size)


@lru_cache(200)
def _gone(kind: str, size: float, ratio: float, theme: Theme) -> Image.Image:
    middle = 0.6 * size
    return stamp(2 * middle, 2 * middle, ratio, theme, lambda c: _draw_gone(kind, c, middle, middle, size))


def _draw_gone(kind: str, canvas: Canvas, x: float, y: float, size: float) -> None:
    theme = canvas.theme
    _SHAPES[kind](canvas, x, y, size, mix(theme.muted, theme.floor, 0.6), (0, 0))
    reach = 0.3 * size
    for side in (-1, 1):
        canvas.line([(x - reach, y - side * reach), (x + reach, y + side * reach)], theme.muted, 0.06 * size)


def _kind(body: Body, overseers: tuple[Body, ...]) -> str:
    # The order matters: an agent that watches stays a robot, and a watcher that moves stays a shield.
    if body.is_agent:
        return "robot"
    if body in overseers:
        return "watcher"
    if body.motions:
        return "monster"
    return "crate" if body.pushable else "pillar" if body.solid else "item"


def _colours(groups: list[str], colours: tuple[str, ...]) -> dict[str, str]:
    return {group: colours[i % len(colours)] for i, group in enumerate(dict.fromkeys(groups))}


# ------------------------------------------------------------------ shapes, in parts of a cell
# Robot, watcher, monster and item are first painted a little larger in the floor's colour: a rim that keeps them
# apart from zones and from each other.


def _robot(canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze) -> None:
    s = size
    canvas.box(
        x - 0.36 * s, y - 0.27 * s, x + 0.36 * s, y + 0.38 * s, canvas.theme.floor, 0.17 * s
    )  # a rim against the floor
    canvas.line([(x, y - 0.25 * s), (x, y - 0.36 * s)], colour, 0.06 * s)
    canvas.disc(x, y - 0.38 * s, 0.065 * s, colour)
    canvas.box(x - 0.32 * s, y - 0.23 * s, x + 0.32 * s, y + 0.34 * s, colour, 0.14 * s)
    for side in (-1, 1):
        _eye(canvas, x + side * 0.14 * s, y + 0.01 * s, 0.1 * s, gaze)
    canvas.line([(x - 0.1 * s, y + 0.21 * s), (x + 0.1 * s, y + 0.21 * s)], WHITE, 0.05 * s)


def _watcher(canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze) -> None:
    canvas.polygon(_shield(x, y, 1.14 * size), canvas.theme.floor)
    canvas.polygon(_shield(x, y, size), colour)
    centre = y - 0.05 * size
    lid = [(x + 0.21 * size * u, centre + side * 0.13 * size * (1 - u * u)) for side in (-1, 1) for u in _sweep(side)]
    canvas.polygon(lid, WHITE)
    down, right = gaze
    canvas.disc(x + 0.05 * size * right, centre + 0.03 * size * down, 0.075 * size, NIGHT)


def _monster(canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze) -> None:
    for grown, fill in ((0.035 * size, canvas.theme.floor), (0.0, colour)):
        radius, foot = 0.3 * size + grown, y + 0.34 * size + grown
        dome = [(x - radius * np.cos(t), y - 0.04 * size - radius * np.sin(t)) for t in np.linspace(0, np.pi, 40)]
        hem = [(x + radius * (1 - k / 3), foot - (k % 2) * 0.12 * size) for k in range(7)]
        canvas.polygon([*dome, *hem], fill)
    for side in (-1, 1):
        _eye(canvas, x + side * 0.12 * size, y - 0.06 * size, 0.09 * size, gaze)


def _item(canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze) -> None:
    s = size
    for reach, fill in ((0.31 * s, canvas.theme.floor), (0.26 * s, colour)):
        canvas.polygon([(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)], fill)
    canvas.polygon([(x, y - 0.26 * s), (x, y + 0.26 * s), (x - 0.26 * s, y)], mix(colour, WHITE, 0.35))


def _crate(canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze) -> None:
    reach, beam = 0.36 * size, mix(colour, NIGHT, 0.4)
    canvas.box(x - reach, y - reach, x + reach, y + reach, colour, 0.05 * size)
    canvas.line([(x - reach * 0.8, y + reach * 0.8), (x + reach * 0.8, y - reach * 0.8)], beam, 0.08 * size)
    canvas.box(x - reach, y - reach, x + reach, y + reach, None, 0.05 * size, beam, 0.08 * size)


def _pillar(canvas: Canvas, x: float, y: float, size: float, colour: str, gaze: Gaze) -> None:
    canvas.disc(x, y, 0.34 * size, colour)
    canvas.disc(x, y, 0.22 * size, mix(colour, WHITE, 0.3))


_SHAPES: Mapping[str, Shape] = {
    "robot": _robot,
    "watcher": _watcher,
    "monster": _monster,
    "item": _item,
    "crate": _crate,
    "pillar": _pillar,
}


_OF_KIND = {"item": "item", "block": "crate", "monster": "monster", "overseer": "watcher"}
"""The shapes of things, by the words of `drawn_as`."""


def _eye(canvas: Canvas, x: float, y: float, radius: float, gaze: Gaze) -> None:
    down, right = gaze
    canvas.disc(x, y, radius, WHITE)
    canvas.disc(x + 0.4 * radius * right, y + 0.4 * radius * down, 0.52 * radius, NIGHT)


def _sweep(side: int) -> list[float]:
    """Positions from one corner of an eye to the other, from -1 to 1; in the opposite order for the other side."""
    return [float(u) for u in np.linspace(-1, 1, 24) * -side]


def _shield(x: float, y: float, size: float) -> list[Point]:
    """A shield: shoulders that rise to a peak in the middle, sides that curve to a point."""
    half = [(0.0, -0.39), (0.1, -0.34), (0.21, -0.31), (0.32, -0.3), (0.32, 0.02)]
    half += [(0.32 * np.cos(t) ** 0.8, 0.02 + 0.38 * np.sin(t)) for t in np.linspace(0.1, np.pi / 2 - 0.02, 24)]
    right = [(x + size * u, y + size * v) for u, v in half]
    left = [(x - size * u, y + size * v) for u, v in reversed(half)]
    return [*right, (x, y + 0.4 * size), *left]
