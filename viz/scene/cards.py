"""Draws what is told of an episode: the caption below the board, and the card before and after it."""

from __future__ import annotations

from collections.abc import Sequence

from ...evals.inspection.narration import Card
from ..drawing.canvas import Canvas, fitted, wrapped
from ..drawing.palette import mix

TYPES, LEADING = (13.5, 12.5, 11.5, 10.5, 9.5, 8.5), 3.5
"""Sizes of type of a caption, and the space between its lines, in points."""
SIZES = (14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0)
"""Sizes of type of a card."""
SPARED = 11.0
"""The least size of type to which a card is set smaller to have room for what it need not say."""
WIDEST = 720.0
"""Greatest width of a card, in points."""


def draw_caption(canvas: Canvas, text: str, place: tuple[float, float, float], tall: float) -> None:
    """Write a caption on a band at a left, a top and of a width, in points: a longer one in smaller letters.

    Args:
        canvas: to draw on.
        text: the caption.
        place: left, top and width of the band.
        tall: its greatest height.
    """
    left, top, width = place
    theme = canvas.theme
    size, lines = fitted(text, TYPES, width - 24, lambda size: int((tall - 8) / (size + LEADING)))
    line = size + LEADING
    height = min(10 + line * len(lines), tall)
    canvas.box(left, top, left + width, top + height, theme.panel, 6)
    canvas.box(left, top, left + 4, top + height, theme.reward)
    first = top + (height - line * len(lines)) / 2 + size + 0.5
    for number, text_line in enumerate(lines):
        canvas.text(left + 16, first + line * number, text_line, size, theme.ink)


def draw_card(canvas: Canvas, card: Card, bottom: float = 0.0) -> None:
    """Draw a card over the middle of the scene; what is long has smaller letters.

    Args:
        canvas: to draw on.
        card: what it says.
        bottom: height of what stays free below it, in points, such as the row of buttons.
    """
    theme, whole = canvas.theme, canvas.height - bottom
    width = min(canvas.width - 32, WIDEST)
    title = fitted(card.title, (19.0, 17.0, 15.0, 13.0, 11.0), width - 48, 2, bold=True)
    footer = fitted(card.footer, (13.5, 12.5, 11.5, 10.5, 9.5), width - 48, 2, bold=True)
    head, foot = 24 + (title[0] + 4) * len(title[1]) + 16, (footer[0] + 4) * len(footer[1]) + 18
    room = whole - 12 - head - foot
    size, parts, tall = _set(card.sections, width - 48 - _column(canvas), room)
    heading, sentences = card.spare
    for count in range(len(sentences), 0, -1):
        more = _set((*card.sections, (heading, " ".join(sentences[:count]))), width - 48 - _column(canvas), room)
        if more[2] <= room and more[0] >= min(size, SPARED):
            size, parts, tall = more
            break
    tall += head + foot
    tall = min(tall, whole - 6)
    left, top = (canvas.width - width) / 2, max((whole - tall) / 2, 3)
    canvas.box(0, 0, canvas.width, canvas.height, f"{theme.paper}B8")
    canvas.box(left, top, left + width, top + tall, theme.panel, 12, mix(theme.muted, theme.panel, 0.3), 1)
    for number, line in enumerate(title[1]):
        canvas.text(left + 24, top + 36 + (title[0] + 4) * number, line, title[0], bold=True)
    y = top + head
    for heading, lines in parts:
        if _column(canvas):
            said = fitted(heading, (size - 1, size - 2, 7.0), _column(canvas) - 8, 2)
            for number, line in enumerate(said[1]):
                canvas.text(left + 24, y + size - 2 + (said[0] + 2) * number, line, said[0], theme.muted)
        for line in lines:
            if y + size > top + tall - foot:
                break
            canvas.text(left + 24 + _column(canvas), y + size - 2, line, size, theme.ink)
            y += size + LEADING + 1.5
        y += 0.7 * size
    for number, line in enumerate(reversed(footer[1])):
        canvas.text(left + 24, top + tall - 18 - (footer[0] + 4) * number, line, footer[0], theme.reward, bold=True)


def _set(
    sections: Sequence[tuple[str, str]], width: float, room: float
) -> tuple[float, list[tuple[str, list[str]]], float]:
    """The largest type in which sections have room, their headings with lines, and the height that these take."""
    size, parts, tall = SIZES[0], list[tuple[str, list[str]]](), 0.0
    for size in SIZES:
        parts = [(heading, wrapped(text, size, width)) for heading, text in sections]
        tall = sum((size + LEADING + 1.5) * max(len(lines), 1) + 0.7 * size for _, lines in parts)
        if tall <= room:
            break
    return size, parts, tall


def _column(canvas: Canvas) -> float:
    """Width of the column of headings, in points; a narrow window has no room for it."""
    return 112.0 if canvas.width >= 560 else 0.0
