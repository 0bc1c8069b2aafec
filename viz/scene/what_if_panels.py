"""Draws the what-if panels: the menu of edits, the verdict on an edit, and predictions that failed."""

from __future__ import annotations

from ...evals.inspection.mind import UNKNOWN, unexpected_fields
from ..drawing.canvas import Canvas, fitted, text_width, wrapped
from ..drawing.palette import mix
from ..text.episode_text import plain, stored
from ..viewer.frame import Frame
from ..viewer.what_if_menu import Menu, MenuRow
from .panels import GAP, LINE, SMALL, SMALLER, TEXT, PanelColumn

ROW = 22.0
"""Height of a row of the menu, in points."""
HEADING = 21.0
"""Height of the title above it, in points."""
ROWS = 6
"""Rows of the menu of a counterfactual that are shown at once, so that what came of it has the room."""
ANSWER = 2 * LINE + 6.0
"""Height of what is said above that menu, in points."""
VALUES = 66.0
"""Width of the column of values, with what parts it from the sliders, in points."""


def draw_menu(column: PanelColumn, menu: Menu, title: str) -> None:
    """Draw a slider for each row, with a tick at the scenario's own value."""
    column.heading(title, "working it out ..." if menu.busy else "")
    _draw_rows(column, menu, None)


def draw_answered_menu(column: PanelColumn, menu: Menu, answer: str) -> None:
    """Draw the menu of a counterfactual: what comes of it first, then some of the sliders."""
    column.heading("What if", "working it out ..." if menu.busy else "")
    size, lines = fitted(answer, (TEXT, *SMALLER), column.width, 2)
    for number, line in enumerate(lines):
        column.canvas.text(column.left, column.top + 12 + LINE * number, line, size, column.theme.ink)
    column.top += ANSWER
    _draw_rows(column, menu, ROWS)


def _draw_rows(column: PanelColumn, menu: Menu, most: int | None) -> None:
    left, right = _track(menu, column.left, column.width)
    canvas, theme = column.canvas, column.theme
    first, last = _page(menu, most)
    for index, row in enumerate(menu.rows[first:last], first):
        top, middle = column.top, column.top + ROW / 2
        if index == menu.row:
            canvas.box(column.left - 6, top, column.left + column.width + 6, top + ROW, theme.hairline, 4)
        colour = theme.performance if row.changed else theme.ink
        called = fitted(row.title, (TEXT, *SMALLER), left - column.left - 8, _lines, row.changed)
        canvas.block(column.left, middle, called, theme.ink, bold=row.changed, leading=0.5)
        canvas.box(left, middle - 1.5, right, middle + 1.5, mix(theme.muted, theme.paper, 0.5))
        before = _x(row, row.before, left, right)
        canvas.box(before - 1, middle - 6, before + 1, middle + 6, theme.muted)
        canvas.disc(_x(row, row.at, left, right), middle, 6, theme.performance if row.changed else theme.reward)
        value, ink = fitted(row.said, (TEXT, *SMALLER), VALUES - 12, _lines, row.changed), mix(colour, theme.ink, 0.3)
        canvas.block(column.left + column.width, middle, value, ink, "rm", row.changed, 0.5)
        column.top += ROW
    if last - first < len(menu.rows):
        column.line(f"{first + 1} to {last} of {len(menu.rows)}: up and down show the others", theme.muted, SMALL)
    about = menu.rows[menu.row].about if 0 <= menu.row < len(menu.rows) else ""  # in the editor none may be chosen
    if about and column.fits(LINE):
        column.line(about, theme.muted, SMALL)
    column.top += GAP - 4


def _page(menu: Menu, most: int | None) -> tuple[int, int]:
    """The first row of the menu that is shown, and the one after the last."""
    if most is None or len(menu.rows) <= most:
        return 0, len(menu.rows)
    first = min(max(menu.row, 0) // most * most, len(menu.rows) - most)  # the last page is whole too
    return first, first + most


def menu_at(
    menu: Menu,
    left: float,
    width: float,
    top: float,
    x: float,
    y: float,
    row: int | None = None,
    answered: bool = False,
) -> tuple[int, int] | None:
    """The row of a menu and the index of the value under a point; None beside the sliders.

    If `row` is given, the answer is for this row wherever the point is: a drag may leave its slider. Whether it is
    the menu of a counterfactual, `answered` says.
    """
    first, last = _page(menu, ROWS if answered else None)
    above = HEADING + (ANSWER if answered else 0.0)
    index = first + int((y - top - above) // ROW) if row is None else row
    begin, end = _track(menu, left, width)
    # At an end of the slider half of the knob, which has a radius of 6 points, lies beyond the track.
    if row is None and not (first <= index < last and begin - 8 <= x <= end + 8):
        return None
    if not 0 <= index < len(menu.rows):
        return None
    steps = len(menu.rows[index].values) - 1
    return index, round(min(max((x - begin) / (end - begin), 0.0), 1.0) * steps)


def rows_at(menu: Menu, top: float) -> dict[str, float]:
    """The names of the rows of the menu of a counterfactual that are shown, and the upper edge of each, in points."""
    first, last = _page(menu, ROWS)
    begin = top + HEADING + ANSWER
    return {row.name: begin + ROW * place for place, row in enumerate(menu.rows[first:last])}


def _lines(size: float) -> int:
    """How many lines of a size of type a row has room for."""
    return 2 if 2 * size + 2 <= ROW else 1


def _track(menu: Menu, left: float, width: float) -> tuple[float, float]:
    names = max((text_width(row.title, TEXT, bold=True) for row in menu.rows), default=0.0)  # one that changed is bold
    return left + min(names + 20, 0.45 * width), left + width - VALUES


def _x(row: MenuRow, at: int, left: float, right: float) -> float:
    return left + (right - left) * at / max(len(row.values) - 1, 1)


def draw_verdict(column: PanelColumn, frame: Frame) -> None:
    """Write the rest of the verdict on an edit: the outcome without it and with it; stop where room ends."""
    for text in frame.verdict[1:]:
        lines = wrapped(text, TEXT, column.width)
        if not column.fits(LINE * len(lines)):
            return
        for line in lines:
            column.line(line, column.theme.muted)
        column.top += 3
    column.top += GAP - 6


def draw_missed(column: PanelColumn, frame: Frame) -> None:
    """List the fields in which the present state differs from the agent's prediction, as far as there is room."""
    if not frame.shows("foreseen") or frame.menu is not None or not column.fits(21 + LINE):
        return
    column.heading("foreseen")
    theme, before = column.theme, frame.before
    # A plan whose observations are no fields of the state (a window on the board, say) has an empty `ahead`.
    if before is None or len(before.ahead) == 0:
        none = "Nothing was foreseen for this tick, or nothing of it was recorded."
        column.line(none if frame.tick else "What it foresaw of the tick before: nothing yet.", theme.muted, SMALL)
    elif not (wrong := unexpected_fields(before, frame.state)):
        known = int((before.ahead[0] != UNKNOWN).sum())
        column.line(f"All {known} fields that it sees came as it foresaw them.", theme.muted, SMALL)
    else:
        for index in wrong:
            if not column.fits(LINE):
                break
            name = plain(frame.world.fields[index].name.removesuffix(".cell"))
            expected, came = (stored(frame.world, index, int(state[index])) for state in (before.ahead[0], frame.state))
            column.line(f"{name}: it expected {expected}; it is {came}", theme.performance, SMALL)
    column.top += GAP - 4


def draw_notice(canvas: Canvas, frame: Frame) -> None:
    """Draw what is wrong with the scenario file, on a panel over the upper part of the scene."""
    theme, left, width = frame.theme, 16.0, canvas.width - 32.0
    bold = wrapped(frame.notice[0], TEXT, width - 32, bold=True)
    lines = [*bold, *(part for text in frame.notice[1:] for part in wrapped(text, TEXT, width - 32))]
    height = 18 + LINE * len(lines)
    canvas.box(left, 54, left + width, 54 + height, theme.panel, 8, theme.performance, 2)
    for number, line in enumerate(lines):
        y = 54 + 22 + LINE * number
        canvas.text(
            left + 16, y, line, TEXT, theme.performance if number < len(bold) else theme.ink, bold=number < len(bold)
        )
