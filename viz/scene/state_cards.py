"""Draws a world without a board: one card for each field, with a bar for bounded numbers."""

from __future__ import annotations

from ..drawing.canvas import Canvas, cut
from ..drawing.palette import mix
from ..text.ascii_board import FieldQuantity, quantities
from ..text.episode_text import plain
from ..viewer.frame import Frame

HEIGHT, GAP = 58.0, 10.0
"""Height of a card, and the gap between two, in points."""
WIDEST, NARROWEST = 400.0, 230.0
"""Greatest width of a card, and the least width at which two stand side by side, in points."""
INSET = 14.0
LOW = 46.0
"""Height below which a card has its name and its value in one line, in points."""

Room = tuple[float, float, float, float]


def draw_cards(canvas: Canvas, frame: Frame, room: Room) -> None:
    """Draw a state's fields as cards; those that the last tick changed have a coloured rim."""
    left, top, width, height = room
    fields = quantities(frame.world, frame.state)
    columns = 2 if width >= 2 * NARROWEST + GAP and len(fields) > 3 else 1
    each = min((width - GAP * (columns - 1)) / columns, WIDEST)
    begin = left + (width - each * columns - GAP * (columns - 1)) / 2
    # The number of rows is rounded up; an episode that has ended needs one more for the reason.
    rows = -(-len(fields) // columns) + bool(frame.state[frame.world.ended])
    tall = min(HEIGHT, (height - GAP * rows) / max(rows, 1))
    before = frame.states[-2] if len(frame.states) > 1 else frame.state
    for number, field in enumerate(fields):
        row, column = divmod(number, columns)
        place = begin + column * (each + GAP), top + GAP + row * (tall + GAP)
        _card(canvas, field, place, (each, tall), bool(before[field.column] != frame.state[field.column]))
    if frame.state[frame.world.ended]:
        why = plain(frame.world.reasons[frame.state[frame.world.ended] - 1])
        y = top + GAP + (rows - 1) * (tall + GAP) + tall / 2
        canvas.text(
            begin, y, cut(f"ended: {why}", 16.0, width, bold=True), 16.0, canvas.theme.performance, "lm", bold=True
        )


def _card(
    canvas: Canvas, field: FieldQuantity, place: tuple[float, float], size: tuple[float, float], changed: bool
) -> None:
    theme, (left, top), (width, height) = canvas.theme, place, size
    rim = theme.reward if changed else theme.hairline
    canvas.box(left, top, left + width, top + height, theme.panel, 8, rim, 1.5)
    y = middle = top + 0.5 * height
    name, value = plain(field.name), field.text
    if height >= LOW:
        y = top + 0.66 * height
        canvas.text(left + INSET, top + 0.3 * height, cut(name, 12.5, width - 2 * INSET), 12.5, theme.muted, "lm")
        canvas.text(left + INSET, y, cut(value, 17.0, 0.5 * width, bold=True), 17.0, theme.ink, "lm", bold=True)
    else:
        type_ = min(12.5, 0.6 * height)
        canvas.text(left + INSET, middle, cut(name, type_, 0.3 * width), type_, theme.muted, "lm")
        canvas.text(
            left + 0.36 * width, middle, cut(value, type_, 0.3 * width, bold=True), type_, theme.ink, "lm", bold=True
        )
    if field.share is not None:
        x, right = left + (0.52 if height >= LOW else 0.68) * width, left + width - INSET
        canvas.box(x, y - 4, right, y + 4, mix(theme.hairline, theme.panel, 0.3), 4)
        if field.share > 0:  # a bar narrower than its two round ends, of 4 points each, cannot be drawn
            canvas.box(x, y - 4, max(x + (right - x) * field.share, x + 8), y + 4, theme.reward, 4)
