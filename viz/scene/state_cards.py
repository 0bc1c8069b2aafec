"""Draws the state of a world without a board: a card for each field, with what it means and a picture of its value."""

from __future__ import annotations

from ..drawing.canvas import Canvas, cut, wrapped
from ..drawing.palette import mix
from ..text.ascii_board import FieldQuantity, quantities
from ..text.episode_text import plain
from ..viewer.frame import Frame

HEIGHT, GAP = 62.0, 10.0
"""Height of a card, and the gap between two, in points."""
WIDEST, NARROWEST = 400.0, 230.0
"""Greatest width of a card, and the least width at which two stand side by side, in points."""
INSET = 14.0
LOW = 46.0
"""Height below which a card has its name and its value in one line, in points."""

Room = tuple[float, float, float, float]


def draw_cards(canvas: Canvas, frame: Frame, room: Room, one_column: bool = False) -> None:
    """Draw a state's fields as cards; those that the last tick changed have a coloured rim."""
    left, top, width, height = room
    fields = quantities(frame.world, frame.state)
    columns = 2 if not one_column and width >= 2 * NARROWEST + GAP and len(fields) > 3 else 1
    each = min((width - GAP * (columns - 1)) / columns, WIDEST)
    begin = left + (width - each * columns - GAP * (columns - 1)) / 2
    # The number of rows is rounded up; an episode that has ended needs one more for the reason.
    rows = -(-len(fields) // columns) + bool(frame.state[frame.world.ended])
    tall = min(HEIGHT, (height - GAP * rows) / max(rows, 1))
    before = frame.states[-2] if len(frame.states) > 1 else frame.state
    if one_column:  # beside a diagram, whose middle is that of the room
        top += max((height - rows * (tall + GAP)) / 2 - GAP, 0.0)
    for place, field in enumerate(fields):
        row, column = divmod(place, columns)
        corner = begin + column * (each + GAP), top + GAP + row * (tall + GAP)
        changed = bool(before[field.column] != frame.state[field.column])
        _card(canvas, frame.meaning(field.name), field, corner, (each, tall), changed)
    if frame.state[frame.world.ended]:
        why = plain(frame.world.reasons[frame.state[frame.world.ended] - 1])
        y = top + GAP + (rows - 1) * (tall + GAP) + tall / 2
        text = cut(f"the end: {why}", 16.0, width, bold=True)
        canvas.text(begin, y, text, 16.0, canvas.theme.performance, "lm", bold=True)


def _card(
    canvas: Canvas,
    meaning: str,
    field: FieldQuantity,
    place: tuple[float, float],
    size: tuple[float, float],
    changed: bool,
) -> None:
    theme, (left, top), (width, height) = canvas.theme, place, size
    rim = theme.reward if changed else theme.hairline
    canvas.box(left, top, left + width, top + height, theme.panel, 8, rim, 1.5)
    value = plain(field.text)
    if height >= LOW:
        lines = wrapped(meaning, 12.0, width - 2 * INSET)
        # Low cards have the name and the value as far apart as there is room.
        y = top + 0.69 * height
        canvas.text(left + INSET, top + 0.28 * height, cut(lines[0], 12.0, width - 2 * INSET), 12.0, theme.muted, "lm")
        x = _picture(canvas, field, left + INSET, y)
        canvas.text(x, y, cut(value, 16.0, 0.5 * width, bold=True), 16.0, theme.ink, "lm", bold=True)
        bar = left + 0.55 * width
    else:
        type_, y = min(12.5, 0.6 * height), top + 0.5 * height
        canvas.text(left + INSET, y, cut(meaning, type_, 0.42 * width), type_, theme.muted, "lm")
        text = cut(value, type_, 0.26 * width, bold=True)
        canvas.text(left + 0.48 * width, y, text, type_, theme.ink, "lm", bold=True)
        bar = left + 0.74 * width
    if field.share is not None:
        right = left + width - INSET
        canvas.box(bar, y - 4, right, y + 4, mix(theme.hairline, theme.panel, 0.3), 4)
        if field.share > 0:  # a bar narrower than its two round ends, of 4 points each, cannot be drawn
            canvas.box(bar, y - 4, max(bar + (right - bar) * field.share, bar + 8), y + 4, theme.reward, 4)


def _picture(canvas: Canvas, field: FieldQuantity, x: float, y: float) -> float:
    """Draw a switch before the value of a flag, and return where the value begins."""
    if field.text not in ("yes", "no"):
        return x
    theme, on = canvas.theme, field.text == "yes"
    canvas.box(x, y - 8, x + 30, y + 8, theme.reward if on else mix(theme.muted, theme.panel, 0.5), 8)
    canvas.disc(x + (22 if on else 8), y, 6, theme.paper)
    return x + 40
