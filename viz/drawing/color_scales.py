"""Colour scales for values, and the colour bar with the least and the greatest value beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from ...envs.base import Floats
from .canvas import Canvas, stamp
from .palette import Theme, mix, spread

SMALL = 11.5
"""Size of the numbers, in points."""
FAINT = 0.1
"""Share of the way from the zero colour at which the weakest colour lies: no value looks like a cell without one."""


@dataclass(frozen=True)
class Scale:
    """A map from values in `low` to `high` to colours. Where both signs occur, zero has the middle colour."""

    low: float
    high: float
    theme: Theme

    def colour(self, value: float) -> str:
        """The colour of a value."""
        theme = self.theme
        if self.low < 0 < self.high:
            # Both sides share one unit, so that values of equal magnitude have equally strong colours.
            most = max(-self.low, self.high)
            end = theme.above if value >= 0 else theme.below
            return spread((theme.zero, end), FAINT + (1 - FAINT) * abs(value) / most)
        if self.low == self.high == 0:
            return spread((theme.zero, theme.above), FAINT)
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 1.0
        if self.high <= 0:
            return spread((theme.below, theme.zero), (1 - FAINT) * share)
        return spread((theme.zero, theme.above), FAINT + (1 - FAINT) * share)

    def ink(self, value: float) -> str:
        """The colour of letters on a value's colour."""
        colour = self.colour(value)
        # Brightness as the eye weighs red, green and blue (the luma weights of ITU-R BT.601).
        light = sum(int(colour[i : i + 2], 16) * part for i, part in ((1, 0.299), (3, 0.587), (5, 0.114)))
        return "#14181D" if light > 140 else "#FFFFFF"


def scale_of(values: Floats, theme: Theme) -> Scale:
    """The scale from the least to the greatest finite value; from 0 to 0 if there is none."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Scale(0.0, 0.0, theme)
    return Scale(float(known.min()), float(known.max()), theme)


def number(value: float) -> str:
    """Format a value with three significant digits; from 1,000 to 10 million as a whole number without an exponent."""
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e7 else text


def draw_bar(canvas: Canvas, scale: Scale, left: float, top: float, width: float) -> None:
    """Draw the scale as a bar, 9 points high, with its ends (and zero, if it lies between) written below."""
    canvas.stamp(_bar(scale, round(width), canvas.ratio), left + width / 2, top + 4.5)
    canvas.text(left, top + 21, number(scale.low), SMALL, canvas.theme.muted)
    if scale.high > scale.low:
        canvas.text(left + width, top + 21, number(scale.high), SMALL, canvas.theme.muted, "rs")
    if scale.low < 0 < scale.high:
        at = -scale.low / (scale.high - scale.low)
        if 0.15 < at < 0.85:  # nearer to an end the 0 would run into the number there
            canvas.text(left + width * at, top + 21, "0", SMALL, canvas.theme.muted, "ms")


@lru_cache(200)
def _bar(scale: Scale, width: int, ratio: float) -> Image.Image:
    def draw(canvas: Canvas) -> None:
        steps = max(width // 2, 1)
        for step in range(steps):
            value = scale.low + (scale.high - scale.low) * (step + 0.5) / steps
            canvas.box(width * step / steps, 0, width * (step + 1) / steps, 9, scale.colour(value))
        canvas.box(0, 0, width, 9, None, 0, mix(scale.theme.muted, scale.theme.paper, 0.5), 0.5)

    return stamp(width, 9, ratio, scale.theme, draw)
