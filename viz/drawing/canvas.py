"""A drawing surface measured in points, drawn several times too large and then reduced, so that edges are smooth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from .fonts import Run, runs
from .palette import LIGHT, Theme

FINER = 4
"""Supersampling factor: shapes are drawn this many times too large and then reduced."""

Point = tuple[float, float]


class Canvas:
    """A surface that shapes and text are drawn on. Positions are in points; a point is `ratio` pixels of the picture.

    Colours are `#rrggbb`, or `#rrggbbaa` with an opacity. With `finer` 1 a canvas is fast enough to be drawn sixty
    times a second, but only boxes, discs, text and stamps look smooth on it; lines and polygons are jagged.
    """

    def __init__(
        self,
        width: float,
        height: float,
        ratio: float = 2,
        theme: Theme = LIGHT,
        *,
        background: str | None = "",
        finer: int = FINER,
        on: Image.Image | None = None,
    ) -> None:
        """Create a canvas of `width` by `height` points, filled with the theme's paper colour.

        Args:
            width: in points.
            height: in points.
            ratio: pixels in a point.
            theme: the colours that drawing functions take from the canvas.
            background: a colour in place of the paper; None makes it transparent.
            finer: the supersampling factor.
            on: a picture of exactly the canvas's size in pixels to draw on, for `finer` 1; it is modified.
        """
        self.width, self.height, self.ratio, self.theme, self.finer = width, height, ratio, theme, finer
        self._size = (round(width * ratio), round(height * ratio))
        self._unit = ratio * finer
        if on is not None:
            self._image = on
        elif background is None:
            self._image = Image.new("RGBA", (self._size[0] * finer, self._size[1] * finer), f"{theme.paper}00")
        else:
            size = (self._size[0] * finer, self._size[1] * finer)
            self._image = Image.new("RGB", size, background or theme.paper)
        # In this mode Pillow blends translucent colours into an RGB picture; otherwise it would ignore their opacity.
        self._draw = ImageDraw.Draw(self._image, "RGBA")

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
        """Draw a rectangle with corners rounded by `radius`; its outline lies inside it."""
        if self.finer == 1 and radius:
            at = round(left * self._unit), round(top * self._unit)
            size = round(right * self._unit) - at[0], round(bottom * self._unit) - at[1]
            self._paste(_rounded(*size, fill, radius * self._unit, outline, line * self._unit), *at)
            return
        edges = [float(edge) * self._unit for edge in (left, top, right, bottom)]
        if self.finer == 1:
            # Whole pixels, so that boxes which share an edge neither overlap nor leave a gap.
            edges = [float(round(edge)) for edge in edges]
        x, y = edges[:2]
        corners = (x, y, max(x, edges[2] - 1), max(y, edges[3] - 1))  # the last pixel is filled too
        line_px = round(line * self._unit) if outline else 0
        if radius:
            self._draw.rounded_rectangle(corners, radius * self._unit, fill, outline, line_px)
        else:
            self._draw.rectangle(corners, fill, outline, line_px)

    def disc(
        self, x: float, y: float, radius: float, fill: str | None, outline: str | None = None, line: float = 0
    ) -> None:
        """Draw a disc; its outline lies inside it."""
        if self.finer == 1:
            side = max(round(2 * radius * self._unit), 1)
            round_box = _rounded(side, side, fill, side / 2, outline, line * self._unit)
            self._paste(round_box, round(x * self._unit - side / 2), round(y * self._unit - side / 2))
            return
        self._draw.ellipse(
            [
                (x - radius) * self._unit,
                (y - radius) * self._unit,
                (x + radius) * self._unit,
                (y + radius) * self._unit,
            ],
            fill,
            outline,
            round(line * self._unit) if outline else 0,
        )

    def polygon(self, points: Sequence[Point], fill: str) -> None:
        """Draw a filled polygon."""
        self._draw.polygon(self._scaled(points), fill)

    def line(self, points: Sequence[Point], colour: str, width: float, dash: float = 0) -> None:
        """Draw a line through points, with round joints and ends.

        Args:
            points: in points.
            colour: of the line.
            width: in points.
            dash: length of the dashes and of the gaps, in points; 0 for a solid line.
        """
        for piece in _dashes(points, dash) if dash else (points,):
            self._draw.line(self._scaled(piece), colour, round(width * self._unit), joint="curve")
            if not dash and len(colour) == 7:  # a transparent end would lie twice over its line
                for x, y in (piece[0], piece[-1]):
                    self.disc(x, y, width / 2, colour)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: str | None = None,
        anchor: str = "ls",
        bold: bool = False,
    ) -> None:
        """Write text at a point; `anchor` as in Pillow, by default the left end of the baseline; ink by default."""
        colour = colour or self.theme.ink
        if self.finer == 1:
            # The mask is placed at a whole pixel, so that one cached mask serves the same text at any place.
            mask, (left, top) = _letters(text, size * self._unit, anchor, bold)
            if mask.width and mask.height:
                self._image.paste(colour, (round(x * self._unit) + left, round(y * self._unit) + top), mask)
            return
        _write(self._draw, (x * self._unit, y * self._unit), runs(text, size * self._unit, bold), colour, anchor)

    def block(
        self,
        x: float,
        middle: float,
        said: tuple[float, list[str]],
        colour: str | None = None,
        anchor: str = "lm",
        bold: bool = False,
        leading: float = 2.0,
    ) -> None:
        """Write lines of text around a height.

        Args:
            x: of the lines, by `anchor`.
            middle: the height of their middle.
            said: the size of type and the lines, as `fitted` gives them.
            colour: ink by default.
            anchor: as in `text`, of each line.
            bold: whether the type is.
            leading: space between two lines, in points.
        """
        size, lines = said
        for number, line in enumerate(lines):
            y = middle + (number - (len(lines) - 1) / 2) * (size + leading)
            self.text(x, y, line, size, colour, anchor, bold)

    def stamp(self, picture: Image.Image, x: float, y: float) -> None:
        """Paste a picture with its centre at a point; what lies below shows through where the picture is clear."""
        self._paste(picture, round(x * self._unit - picture.width / 2), round(y * self._unit - picture.height / 2))

    def paste(self, picture: Image.Image, left: int, top: int) -> None:
        """Paste a picture with its upper left corner at a pixel; it replaces what lies below."""
        self._image.paste(picture, (left, top))

    def _paste(self, picture: Image.Image, x: int, y: int) -> None:
        self._image.paste(picture, (x, y), picture if picture.mode == "RGBA" else None)

    def picture(self) -> Image.Image:
        """The drawn picture, reduced to `ratio` pixels in a point."""
        return self._image if self.finer == 1 else self._image.reduce(self.finer)

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._unit, y * self._unit) for x, y in points]


def stamp(
    width: float, height: float, ratio: float, theme: Theme, draw: Callable[[Canvas], None], strength: float = 1.0
) -> Image.Image:
    """Draw a picture for `Canvas.stamp`, clear where nothing is drawn; `strength` scales its opacity, from 0 to 1."""
    canvas = Canvas(width, height, ratio, theme, background=None)
    draw(canvas)
    out = canvas.picture()
    if strength < 1:
        out.putalpha(out.getchannel("A").point(lambda alpha: round(alpha * strength)))
    return out


@lru_cache(20_000)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a text, in points."""
    return sum(font.getlength(part) for part, font in runs(text, size * FINER, bold)) / FINER


def wrapped(text: str, size: float, width: float, bold: bool = False) -> list[str]:
    """Break a text at spaces into lines of at most `width` points; a single longer word stays whole."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size, bold) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def fitted(
    text: str, sizes: Sequence[float], width: float, lines: int | Callable[[float], int] = 1, bold: bool = False
) -> tuple[float, list[str]]:
    """The largest type in which a text has room, and its lines; only what no type has room for is shortened.

    Args:
        text: in one paragraph.
        sizes: of type in points, the largest first.
        width: of a line, in points.
        lines: how many lines there may be, or gives that for a size of type.
        bold: whether the type is.
    """
    size, most, broken = 0.0, 1, list[str]()
    for size in sizes:
        most = max(lines(size) if callable(lines) else lines, 1)
        broken = wrapped(text, size, width, bold)
        if len(broken) <= most and all(text_width(line, size, bold) <= width for line in broken):
            return size, broken
    kept = [*broken[: most - 1], " ".join(broken[most - 1 :])]
    return size, [cut(line, size, width, bold) for line in kept]


def cut(text: str, size: float, width: float, bold: bool = False) -> str:
    """Shorten a text to at most `width` points, with an ellipsis at its end; empty if not even that fits."""
    if text_width(text, size, bold) <= width:
        return text
    keep = len(text)
    while keep and text_width(text[:keep].rstrip() + "…", size, bold) > width:
        keep -= 1
    return text[:keep].rstrip() + "…" if keep else ""


@lru_cache(1_000)
def _rounded(width: int, height: int, fill: str | None, radius: float, outline: str | None, line: float) -> Image.Image:
    """A picture of a box with round corners, for stamping; all lengths are in pixels."""
    colour = fill or outline or "#000000"
    image = Image.new("RGBA", (max(width, 1) * FINER, max(height, 1) * FINER), f"{colour[:7]}00")
    corners = (0, 0, image.width - 1, image.height - 1)
    line_px = round(line * FINER) if outline else 0
    ImageDraw.Draw(image).rounded_rectangle(corners, radius * FINER, fill, outline, line_px)
    return image.reduce(FINER)


@lru_cache(4_000)
def _letters(text: str, size: float, anchor: str, bold: bool) -> tuple[Image.Image, tuple[int, int]]:
    """A text as a mask, and the offset of the mask's upper left corner from the anchor, in pixels."""
    parts = runs(text, size * FINER, bold)
    left, top, right, bottom = _box(parts, anchor)
    # Rounded outwards to whole pixels of the reduced mask, with a pixel to spare, so that no letter is cut off.
    corner = int(np.floor(left / FINER)) - 1, int(np.floor(top / FINER)) - 1
    across, down = int(np.ceil(right / FINER)) - corner[0] + 1, int(np.ceil(bottom / FINER)) - corner[1] + 1
    mask = Image.new("L", (across * FINER, down * FINER), 0)
    _write(ImageDraw.Draw(mask), (-corner[0] * FINER, -corner[1] * FINER), parts, 255, anchor)
    return mask.reduce(FINER), corner


def _placed(parts: tuple[Run, ...], anchor: str) -> list[tuple[float, str, Run]]:
    """Each stretch of a text with its offset from the anchor, and an anchor of its own at its left end."""
    widths = [font.getlength(part) for part, font in parts]
    x = -sum(widths) * {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]]
    out = []
    for run, width in zip(parts, widths, strict=True):
        out.append((x, f"l{anchor[1]}", run))
        x += width
    return out


def _write(draw: ImageDraw.ImageDraw, place: Point, parts: tuple[Run, ...], colour: str | int, anchor: str) -> None:
    """Write the stretches of a text one after another."""
    if len(parts) == 1:  # its font places it, to a fraction of a pixel
        draw.text(place, parts[0][0], colour, parts[0][1], anchor)
        return
    for x, own, (part, font) in _placed(parts, anchor):
        draw.text((place[0] + x, place[1]), part, colour, font, own)


def _box(parts: tuple[Run, ...], anchor: str) -> tuple[float, float, float, float]:
    """The left, top, right and bottom of a text, relative to its anchor, in pixels."""
    if len(parts) == 1:
        return parts[0][1].getbbox(parts[0][0], anchor=anchor)
    boxes = [(x, font.getbbox(part, anchor=own)) for x, own, (part, font) in _placed(parts, anchor)]
    if not boxes:
        return 0.0, 0.0, 0.0, 0.0
    return (
        min(x + box[0] for x, box in boxes),
        min(box[1] for _, box in boxes),
        max(x + box[2] for x, box in boxes),
        max(box[3] for _, box in boxes),
    )


def _dashes(points: Sequence[Point], dash: float) -> list[list[Point]]:
    """The dashes of a dashed line, each as its start and its end."""
    out = []
    for start, end in pairwise(points):
        a, b = np.array(start), np.array(end)
        length = float(np.hypot(*(b - a)))
        # A segment of length 0 has no dash, so nothing is divided by 0.
        for at in np.arange(0, length, 2 * dash):
            ends = (a + (b - a) * share / length for share in (at, min(at + dash, length)))
            out.append([(float(x), float(y)) for x, y in ends])
    return out
