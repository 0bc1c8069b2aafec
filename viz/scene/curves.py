"""Draws cumulative sums as labelled curves, and finds the tick at which two of them part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ...envs.base import Floats, Longs
from ..drawing.canvas import FINER, Canvas, text_width
from ..drawing.palette import LIGHT, Theme, mix

TYPE, SMALL = 13.5, 12.0
"""Sizes of type in points."""
ROW = 18.0
"""Height of a row of names of marks, in points."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One labelled curve: `values` is float64 `[T + 1]`, where entry t is the sum before tick t."""

    name: str
    values: Floats
    colour: str


@dataclass(frozen=True)
class ChartMark:
    """A labelled tick on the time axis of a chart.

    Attributes:
        tick, name: what is written, and where.
        rank: those of a higher rank are left out first where there is no room for all.
    """

    tick: int
    name: str
    rank: int = 0


def parting(first: Floats, second: Floats) -> int | None:
    """The tick in which two sums `[T + 1]` begin to differ, or None if they never do."""
    # The tolerance covers rounding: sums of the same rewards in another order differ in their last digits. Entry t is
    # the sum before tick t, so a difference that shows in entry t came about in tick t - 1.
    apart = np.flatnonzero(np.abs(first - second) > 1e-9)
    return None if apart.size == 0 else max(int(apart[0]) - 1, 0)


def curves(
    lines: Sequence[Curve],
    marks: Sequence[ChartMark] = (),
    *,
    width: float = 1200,
    height: float = 240,
    ratio: float = 2,
) -> Image.Image:
    """Draw curves over the same ticks.

    Args:
        lines: at least one; earlier curves are broader, so that all show where several coincide.
        marks: ticks to name along the top, in order. The tick at which the first two curves part has a ring.
        width: in points.
        height: in points.
        ratio: pixels in a point.
    """
    return Chart(lines, marks, width, height).draw(ratio)


class Chart:
    """A chart of curves with its axes, and the map from ticks to horizontal positions."""

    def __init__(
        self,
        lines: Sequence[Curve],
        marks: Sequence[ChartMark],
        width: float,
        height: float,
        theme: Theme = LIGHT,
        *,
        ticks: int = 0,
        ring: bool = True,
        until: int | None = None,
    ) -> None:
        """Lay out a chart.

        What is told until a tick has its place as in the whole: the axis of ticks and the room for names stay as they
        are while more is told; only the axis of values has the range of what is told.

        Args:
            lines: see `curves`.
            marks: see `curves`.
            width: in points.
            height: in points.
            theme: the colours.
            ticks: the least number of ticks on the axis.
            ring: whether a ring marks the tick at which the first two curves part.
            until: the last tick of which anything is told; None: of all of them.
        """
        self.ring = ring and len(lines) > 1
        self.width, self.height, self.theme = width, height, theme
        self.ticks = max(ticks, *(line.values.size - 1 for line in lines))
        self.lines = lines if until is None else [replace(line, values=line.values[: until + 1]) for line in lines]
        values = np.concatenate([[0.0], *(line.values for line in self.lines)])  # the axis always contains 0
        self.low, self.high = float(values.min()), float(values.max())
        self.levels = _round_numbers(self.low, self.high, most=int(height / 24))
        self.left = max(text_width(text, SMALL) for text in ("tick", *(f"{level:g}" for level in self.levels))) + 14
        # The order matters: the right end depends on the left one, and the rows of the marks' names on both.
        names = max(text_width(self._ending(line), TYPE) for line in (*lines, *self.lines)) + 14
        self.right = min(width - names, *(self._room(mark) for mark in marks), width)
        # 84 points stay for the curves and the axis; of marks whose names would need more rows some are left out.
        room = max(int((height - 84) / ROW), 1)
        self.marks: list[ChartMark] = []
        self.rows: list[int] = []
        for mark in sorted(marks, key=lambda mark: (mark.rank, mark.tick)):
            together = sorted([*self.marks, mark], key=lambda mark: mark.tick)
            rows = self._mark_rows(together)
            if max(rows) < room:
                self.marks, self.rows = together, rows
        self.until = self.ticks + 1 if until is None else until
        self.top, self.bottom = 16 + ROW * (max(self.rows, default=-1) + 1), height - 24

    def draw(self, ratio: float, finer: int = FINER) -> Image.Image:
        """Draw the finished picture: shapes with supersampling, then letters on them at their own size.

        Args:
            ratio: pixels in a point.
            finer: the supersampling factor of the shapes, see `Canvas`.
        """
        shapes = Canvas(self.width, self.height, ratio, self.theme, finer=finer)
        self._rules(shapes)
        for number, line in enumerate(self.lines):
            points = [(self.x(int(tick)), self._y(float(line.values[tick]))) for tick in corners(line.values)]
            shapes.line(points, line.colour, max(5.0 - 2.5 * number, 2.0))
        if self.ring and (tick := parting(self.lines[0].values, self.lines[1].values)) is not None:
            place = (self.x(tick), self._y(float(self.lines[0].values[tick])))
            shapes.disc(*place, 6.5, self.theme.paper, self.theme.ink, 2)
        letters = Canvas(self.width, self.height, ratio, self.theme, finer=1, on=shapes.picture())
        self._number_axes(letters)
        for x, y, mark in self._named_marks():
            letters.text(x + 6, y, mark.name, SMALL)
        self._name_lines(letters)
        return letters.picture()

    def _rules(self, canvas: Canvas) -> None:
        """Draw a line at each level, and a dashed one at each mark."""
        for level in self.levels:
            y = self._y(level)
            colour = self.theme.muted if level == 0 else self.theme.hairline
            canvas.line([(self.left, y), (self.right, y)], colour, 0.75)
        for x, y, _ in self._named_marks():
            canvas.line([(x, y - 11), (x, self.bottom)], self.theme.muted, 0.9, dash=3)

    def _number_axes(self, letters: Canvas) -> None:
        for level in self.levels:
            letters.text(self.left - 8, self._y(level), f"{level:g}", SMALL, self.theme.muted, "rm")
        for tick in _round_numbers(0, self.ticks, int((self.right - self.left) / 30)):
            letters.text(self.x(tick), self.height - 6, f"{tick:g}", SMALL, self.theme.muted, "ms")
        letters.text(self.left - 8, self.height - 6, "tick", SMALL, self.theme.muted, "rs")

    def _named_marks(self) -> list[tuple[float, float, ChartMark]]:
        """Each mark with its horizontal position and the height of its name, in points."""
        placed = zip(self.marks, self.rows, strict=True)
        # What comes about in a tick is seen in the state after it.
        told = [(mark, row) for mark, row in placed if mark.tick < self.until]
        return [(self.x(mark.tick), self.top - 16 - ROW * row, mark) for mark, row in told]

    def _mark_rows(self, marks: Sequence[ChartMark]) -> list[int]:
        """For each mark the lowest row, counted upwards, in which its name crosses no later mark's line or name."""
        # A name extends to the right of its mark, so only later marks can be in its way: the last is placed first.
        rows: list[int] = []
        for number, mark in reversed(list(enumerate(marks))):
            end = self.x(mark.tick) + text_width(mark.name, SMALL) + 10
            later = zip(marks[number + 1 :], rows, strict=True)
            rows.insert(0, max((1 + row for other, row in later if self.x(other.tick) < end), default=0))
        return rows

    def _name_lines(self, letters: Canvas) -> None:
        """Write names at the ends of the curves, moved apart where they would touch."""
        ends = sorted((self._y(float(line.values[-1])), number) for number, line in enumerate(self.lines))
        step = min(TYPE + 5, max((self.bottom - self.top) / max(len(ends) - 1, 1), TYPE - 1))
        places: list[float] = []
        # The first pass moves names down from their neighbours; the second moves them up again from the lower edge.
        for y, _ in ends:
            places.append(max(y, places[-1] + step) if places else y)
        lowest = self.bottom  # below are the numbers of the ticks
        for index in reversed(range(len(places))):
            places[index] = min(places[index], lowest)
            lowest = places[index] - step
        for (_, number), y in zip(ends, places, strict=True):
            line = self.lines[number]
            colour = mix(line.colour, self.theme.ink, 0.2)
            letters.text(self.right + 8, y, self._ending(line), TYPE, colour, "lm")

    def _room(self, mark: ChartMark) -> float:
        """The rightmost position of the last tick for which the name of a mark still ends on the canvas."""
        share = mark.tick / self.ticks if self.ticks else 0.0
        room = self.width - text_width(mark.name, SMALL) - 8 - self.left
        return self.left + room / share if share else self.width

    def _ending(self, line: Curve) -> str:
        return f"{line.name} {line.values[-1]:+g}"

    def x(self, tick: float) -> float:
        """The horizontal position of a tick, in points from the left edge of the chart."""
        return self.left + (self.right - self.left) * tick / max(self.ticks, 1)

    def _y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - self.low) / ((self.high - self.low) or 1.0)


def corners(values: Floats) -> Longs:
    """int64 `[n]`: the indices that suffice to draw a curve: its ends, and where its slope changes."""
    # A second difference within rounding of 0 means that a point lies on the line through its neighbours.
    bends = np.flatnonzero(~np.isclose(np.diff(values, 2), 0.0, atol=1e-9)) + 1
    return np.unique([0, *bends, values.size - 1])


def _round_numbers(low: float, high: float, most: int = 8) -> list[float]:
    """Round numbers between low and high with equal steps: three to eight, or fewer if `most` is smaller."""
    span = (high - low) or 1.0
    power = 10.0 ** np.floor(np.log10(span / 3))
    step = next(power * k for k in (1, 2, 5, 10, 20, 50) if span / (power * k) <= max(min(most, 8) - 1, 1))
    return [float(n) * step for n in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
