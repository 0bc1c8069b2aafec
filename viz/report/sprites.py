"""The figures of a board as drawing orders, so that a browser draws the same shapes as every other picture."""

from __future__ import annotations

from collections.abc import Sequence

from ...envs.world.world import Body
from ..drawing.canvas import Canvas, Point
from ..drawing.figures import BodyFigures

Order = list[object]
"""A shape's name, its numbers in units of a cell's side, and its colours: `#rrggbb`, or null for none."""


class Recorder(Canvas):
    """A canvas that records drawing orders instead of drawing."""

    def __init__(self) -> None:
        """Start without orders."""
        # `finer` stays above 1, for which `BodyFigures.draw` calls the shapes instead of pasting finished pictures.
        super().__init__(1, 1, 1)
        self.orders: list[Order] = []

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: str | None,
        radius: float = 0,
        outline: str | None = None,
        line: float = 0,
    ) -> None:
        """See `Canvas.box`."""
        numbers = (left, top, right - left, bottom - top)
        self.orders.append(["box", *map(_short, numbers), fill, _short(radius), outline, _short(line)])

    def disc(
        self, x: float, y: float, radius: float, fill: str | None, outline: str | None = None, line: float = 0
    ) -> None:
        """See `Canvas.disc`."""
        self.orders.append(["disc", *map(_short, (x, y, radius)), fill, outline, _short(line)])

    def polygon(self, points: Sequence[Point], fill: str) -> None:
        """See `Canvas.polygon`."""
        self.orders.append(["polygon", [_short(number) for point in points for number in point], fill])

    def line(self, points: Sequence[Point], colour: str, width: float, dash: float = 0) -> None:
        """See `Canvas.line`; dashes become a whole line."""
        self.orders.append(["line", [_short(number) for point in points for number in point], colour, _short(width)])


def sprite(cast: BodyFigures, body: Body, look: str | None = None) -> list[Order]:
    """The orders that draw a body around the origin, in a cell of side 1; `look` is a word of `drawn_as`."""
    recorder = Recorder()
    cast.draw(recorder, body, 0.0, 0.0, 1.0, look=look)
    return recorder.orders


def _short(number: float) -> float:
    return round(float(number), 4)
