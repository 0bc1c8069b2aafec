"""Draws the state of a world without a board: a card for each field, with what it means and a picture of its value."""

from __future__ import annotations

from ..drawing.canvas import Canvas, fitted, text_width, wrapped
from ..drawing.palette import mix
from ..text.ascii_board import FieldQuantity, quantities
from ..text.episode_text import plain
from ..viewer.frame import Frame

HEIGHT, GAP = 84.0, 10.0
"""Greatest height of a card, and the gap between two, in points."""
WIDEST, NARROWEST = 400.0, 230.0
"""Greatest width of a card, and the least width at which two stand side by side, in points."""
INSET = 14.0
LOW = 46.0
"""Height below which a card has its name and its value in one line, in points."""
NAMES = (13.0, 12.0, 11.0, 10.0, 9.0, 8.0)
"""Sizes of type of what a field means: the largest in which it has room."""
LEAST_BAR = 36.0
"""The least length of the bar of a value that is counted, in points."""

Room = tuple[float, float, float, float]


def draw_cards(canvas: Canvas, frame: Frame, room: Room, one_column: bool = False) -> None:
    """Draw a state's fields as cards; those that the last tick changed have a coloured rim.

    While it is told what came of a tick, a word that it changed stands after what it was in that tick.
    """
    left, top, width, height = room
    fields = quantities(frame.world, frame.state)
    columns = 2 if not one_column and width >= 2 * NARROWEST + GAP and len(fields) > 3 else 1
    each = min((width - GAP * (columns - 1)) / columns, WIDEST)
    begin = left + (width - each * columns - GAP * (columns - 1)) / 2
    # The number of rows is rounded up; an episode that has ended needs one more for the reason.
    rows = -(-len(fields) // columns) + bool(frame.state[frame.world.ended])
    gap = GAP if height > 40 * rows else 4.0
    tall = min(HEIGHT, (height - gap * rows) / max(rows, 1))
    before = quantities(frame.world, frame.states[-2] if len(frame.states) > 1 else frame.state)
    if one_column:  # beside a diagram, whose middle is that of the room
        top += max((height - rows * (tall + gap)) / 2 - gap, 0.0)
    for place, (field, was) in enumerate(zip(fields, before, strict=True)):
        row, column = divmod(place, columns)
        corner = begin + column * (each + GAP), top + gap + row * (tall + gap)
        _card(canvas, frame.meaning(field.name), field, corner, (each, tall), was, frame.outcome)
    if frame.state[frame.world.ended]:
        why = plain(frame.world.reasons[frame.state[frame.world.ended] - 1])
        y = top + gap + (rows - 1) * (tall + gap) + tall / 2
        said = fitted(f"the end: {why}", (16.0, 14.0, *NAMES), width, lambda size: int(tall / (size + 3)), bold=True)
        canvas.block(begin, y, said, canvas.theme.performance, bold=True)


def _card(
    canvas: Canvas,
    meaning: str,
    field: FieldQuantity,
    place: tuple[float, float],
    size: tuple[float, float],
    was: FieldQuantity,
    outcome: bool,
) -> None:
    theme, (left, top), (width, height) = canvas.theme, place, size
    changed = was.text != field.text
    rim = theme.reward if changed else theme.hairline
    canvas.box(left, top, left + width, top + height, theme.panel, 8, rim, 1.5)
    inset = INSET if width >= NARROWEST else INSET / 2
    value, inner = plain(field.text), width - 2 * inset
    told = changed and outcome and field.share is None
    if told:
        value = f"{plain(was.text)} \N{RIGHTWARDS ARROW} {value}"
    if height >= LOW:
        # Low cards have the name and the value as far apart as there is room.
        size_, lines = fitted(meaning, NAMES, inner, lambda size: int((height - 30) / (size + 2)))
        y = top + height - (0.31 * height if len(lines) == 1 else 17.0)
        middle = top + 0.28 * height if len(lines) == 1 else top + (height - 28) / 2 + 2
        canvas.block(left + inset, middle, (size_, lines), theme.muted)
        x = _picture(canvas, was if told else field, left + inset, y)
        room = inner - (x - left - inset) - (0.4 * width if field.share is not None else 0)
        said = fitted(value, (18.0, 16.0, 14.0, 12.0, 10.0, 9.0), room, bold=True)
        bar = max(left + 0.55 * width, x + text_width(said[1][0], said[0], bold=True) + 12)
    else:
        y = top + 0.5 * height
        sizes = [size for size in (12.5, *NAMES[1:]) if size <= max(0.6 * height, NAMES[-1])]
        said, room, counted = fitted(value, sizes, 0.5 * inner, bold=True), 0.0, 0.0
        # Where the name has no room beside them, there is no bar, and then a smaller value.
        for counted, most in (
            (LEAST_BAR + 10, sizes) if field.share is not None else (0.0, sizes),
            (0.0, sizes),
            (0.0, sizes[-2:]),
        ):
            said = fitted(value, most, 0.5 * (inner - counted), bold=True)
            room = inner - counted - text_width(said[1][0], said[0], bold=True) - 10
            if _has_room(meaning, sizes[-1], room, height):
                break
        name = fitted(meaning, sizes, room, lambda size: int(height / (size + 2)))
        canvas.block(left + inset, y, name, theme.muted)
        x, bar = left + inset + room + 10, left + width - inset - counted + 10
    canvas.text(x, y, said[1][0], said[0], theme.ink, "lm", bold=True)
    if field.share is not None and bar < left + width - inset:
        right = left + width - inset
        canvas.box(bar, y - 4, right, y + 4, mix(theme.hairline, theme.panel, 0.3), 4)
        if field.share > 0:  # a bar narrower than its two round ends, of 4 points each, cannot be drawn
            canvas.box(bar, y - 4, max(bar + (right - bar) * field.share, bar + 8), y + 4, theme.reward, 4)


def _has_room(text: str, size: float, width: float, height: float) -> bool:
    """Whether a text has room in letters of a size, in as many lines as a height has."""
    lines = wrapped(text, size, width)
    return len(lines) <= int(height / (size + 2)) and all(text_width(line, size) <= width for line in lines)


def _picture(canvas: Canvas, field: FieldQuantity, x: float, y: float) -> float:
    """Draw a switch before the value of a flag, and return where the value begins."""
    if field.text not in ("yes", "no"):
        return x
    theme, on = canvas.theme, field.text == "yes"
    canvas.box(x, y - 8, x + 30, y + 8, theme.reward if on else mix(theme.muted, theme.panel, 0.5), 8)
    canvas.disc(x + (22 if on else 8), y, 6, theme.paper)
    return x + 40
