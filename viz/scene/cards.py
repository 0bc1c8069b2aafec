"""Draws what is told of an episode: the caption below the board, and the card before and after it."""

from __future__ import annotations

from ...evals.inspection.narration import Card
from ..drawing.canvas import Canvas, cut, wrapped
from ..drawing.palette import mix

TYPE, LINE = 13.5, 18.0
"""Size of type and distance of lines of a caption, in points."""
WIDEST = 720.0
"""Greatest width of a card, in points."""


def draw_caption(canvas: Canvas, text: str, place: tuple[float, float, float]) -> None:
    """Write a caption in two lines at most, on a band at a left, a top and of a width, in points."""
    left, top, width = place
    theme = canvas.theme
    lines = wrapped(text, TYPE, width - 32)
    if len(lines) > 2:
        lines = [lines[0], cut(" ".join(lines[1:]), TYPE, width - 32)]
    height = 10 + LINE * len(lines)
    canvas.box(left, top, left + width, top + height, theme.panel, 6)
    canvas.box(left, top, left + 4, top + height, theme.reward)
    for number, line in enumerate(lines):
        canvas.text(left + 16, top + 19 + LINE * number, line, TYPE, theme.ink)


def draw_card(canvas: Canvas, card: Card) -> None:
    """Draw a card over the middle of the scene; in a small window its letters are smaller."""
    theme = canvas.theme
    width = min(canvas.width - 32, WIDEST)
    size, parts = 14.0, []
    for size in (14.0, 13.0, 12.0, 11.0, 10.0):
        parts = [(heading, wrapped(text, size, width - 48 - _column(canvas))) for heading, text in card.sections]
        tall = 92 + sum((size + 5) * max(len(lines), 1) + 10 for _, lines in parts)
        if tall <= canvas.height - 16:
            break
    tall = min(tall, canvas.height - 8)
    left, top = (canvas.width - width) / 2, max((canvas.height - tall) / 2, 4)
    canvas.box(0, 0, canvas.width, canvas.height, f"{theme.paper}B8")
    canvas.box(left, top, left + width, top + tall, theme.panel, 12, mix(theme.muted, theme.panel, 0.3), 1)
    canvas.text(left + 24, top + 36, cut(card.title, 19.0, width - 48, bold=True), 19.0, bold=True)
    y = top + 62
    for heading, lines in parts:
        if _column(canvas):
            canvas.text(left + 24, y + size - 2, cut(heading, size - 1, _column(canvas) - 8), size - 1, theme.muted)
        for line in lines:
            if y + size > top + tall - 36:
                break
            canvas.text(left + 24 + _column(canvas), y + size - 2, line, size, theme.ink)
            y += size + 5
        y += 10
    canvas.text(
        left + 24, top + tall - 18, cut(card.footer, 13.5, width - 48, bold=True), 13.5, theme.reward, bold=True
    )


def _column(canvas: Canvas) -> float:
    """Width of the column of headings, in points; a narrow window has no room for it."""
    return 112.0 if canvas.width >= 560 else 0.0
