"""One page of the browser: a title, a table of rows of which one is selected, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

from PIL import Image

from ..drawing.canvas import Canvas, cut, text_width, wrapped
from ..drawing.palette import Theme, mix

Tone: TypeAlias = Literal["", "good", "bad", "undecided", "muted", "heading"]
"""How a row or a cell is coloured; a word says the same."""

TITLE, TEXT, SMALL = 18.0, 13.0, 12.0
"""Sizes of type in points."""
ROW = 24.0
"""Height of a row of a table, in points."""
HEAD, FOOT, MARGIN, GAP = 62.0, 30.0, 16.0, 18.0
"""Heights of the title and of the line at the foot, the margin, and the gap between columns, in points."""

TONES: dict[str, Tone] = {
    "pass": "good",
    "same": "good",
    "fail": "bad",
    "changed": "bad",
    "unreadable": "bad",
    "inconclusive": "undecided",
    "nothing judged": "undecided",
    "nothing compared": "undecided",
    "not applicable": "muted",
}
"""The tone of each word that is a verdict or an outcome."""


@dataclass(frozen=True)
class PageRow:
    """A row of a table.

    Attributes:
        cells: its texts; one cell alone is a line of text over the whole width, broken where it is too long.
        tone: of all its cells; those that are verdicts have their own.
        open: what Enter does on it; None where there is nothing to open, so that it cannot be selected.
        key: by which the same row is found again when the page has changed.
        marked: whether it is marked for a comparison.
    """

    cells: tuple[str, ...]
    tone: Tone = ""
    open: Callable[[], None] | None = field(default=None, compare=False)
    key: str = ""
    marked: bool = False


@dataclass(frozen=True)
class BrowserPage:
    """What is shown.

    Attributes:
        title: in large letters; about: beside it; columns: headings of the table's columns, empty for none.
        rows: of the table; selected: index of the selected row, -1 for none.
        status: the line at the foot; hint: at its right end.
        picture: shown below the rows where it fits, such as the diagram of a sweep.
        keys: (key, what it does) pairs for a panel over everything; empty for none.
    """

    title: str
    about: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[PageRow, ...] = ()
    selected: int = -1
    status: str = ""
    hint: str = ""
    picture: Image.Image | None = field(default=None, compare=False)
    keys: tuple[tuple[str, str], ...] = ()


def draw_page(page: BrowserPage, theme: Theme, width: float, height: float, ratio: float = 1) -> Image.Image:
    """Draw a page; of a table that is longer than the page, the part around the selected row."""
    canvas = Canvas(width, height, ratio, theme, finer=1)
    title = cut(page.title, TITLE, width - 2 * MARGIN, bold=True)
    canvas.text(MARGIN, 32, title, TITLE, bold=True)
    left = MARGIN + text_width(title, TITLE, bold=True) + 16
    canvas.text(left, 32, cut(page.about, SMALL, width - MARGIN - left), SMALL, theme.muted)
    layout = layout_of(page, width, height)
    for x, heading, room in zip(layout.columns, page.columns, layout.widths, strict=True):
        canvas.text(x, HEAD - 6, cut(heading, SMALL, room), SMALL, theme.muted)
    bottom = HEAD
    for index, top, lines in layout.rows:
        row = page.rows[index]
        bottom = top + ROW * len(lines)
        if index == page.selected:
            canvas.box(MARGIN - 8, top, width - MARGIN + 8, bottom, theme.hairline, 5)
        if row.marked:
            canvas.disc(MARGIN - 8, top + ROW / 2, 4, theme.reward)
        for number, line in enumerate(lines):
            _draw_cells(canvas, row, line, layout, top + ROW * number, theme)
    if page.picture is not None:
        _draw_picture(canvas, page.picture, bottom + 10, width, height, ratio)
    canvas.box(0, height - FOOT, width, height, theme.panel)
    hint = page.hint if text_width(page.hint, SMALL) < 0.6 * width else ""
    canvas.text(width - MARGIN, height - 10, hint, SMALL, theme.muted, "rs")
    room = width - 2 * MARGIN - (text_width(hint, SMALL) + 20 if hint else 0)
    canvas.text(MARGIN, height - 10, cut(page.status, TEXT, room), TEXT)
    if page.keys:
        _draw_keys(canvas, page.keys)
    return canvas.picture()


def row_at(page: BrowserPage, width: float, height: float, x: float, y: float) -> int | None:
    """The index of the row under a point that can be opened; None where there is none."""
    for index, top, lines in layout_of(page, width, height).rows:
        if top <= y < top + ROW * len(lines) and 0 <= x < width and page.rows[index].open is not None:
            return index
    return None


@dataclass(frozen=True)
class TableLayout:
    """Where a table stands: the left end and width of each column, and each row shown with its top and its lines."""

    columns: tuple[float, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[int, float, tuple[str, ...]], ...]


@lru_cache(16)
def layout_of(page: BrowserPage, width: float, height: float) -> TableLayout:
    """Lay out a page's table: columns as wide as their texts, the widest shortened where there is too little room."""
    inside = width - 2 * MARGIN
    count = len(page.columns)
    cells = [row.cells for row in page.rows if count and len(row.cells) == count]
    wide = [
        max(text_width(page.columns[k], SMALL), *(text_width(each[k], TEXT, each[k] in TONES) for each in cells))
        for k in range(count)
    ]
    while wide and sum(wide) + GAP * (count - 1) > inside and max(wide) > 40:
        # The widest column gives way until the next one is as wide.
        widest = wide.index(max(wide))
        others = sorted(wide, reverse=True)[1:2] or [0.0]
        over = sum(wide) + GAP * (count - 1) - inside
        wide[widest] = max(wide[widest] - over, min(others[0], wide[widest] - 8), 40.0)
    lefts = tuple(MARGIN + sum(wide[:k]) + GAP * k for k in range(count))
    lines = [tuple(wrapped(row.cells[0], TEXT, inside)) or ("",) if len(row.cells) == 1 else ("",) for row in page.rows]
    return TableLayout(lefts, tuple(wide), tuple(_shown_rows(page, lines, height)))


def _shown_rows(
    page: BrowserPage, lines: list[tuple[str, ...]], height: float
) -> list[tuple[int, float, tuple[str, ...]]]:
    """The rows that fit: from the first one, or as few further down as let the selected one be seen."""
    room = int((height - HEAD - FOOT) / ROW)
    first = 0
    while page.selected >= 0 and sum(len(each) for each in lines[first : page.selected + 1]) > max(room - 1, 1):
        first += 1
    shown, top = [], HEAD
    for index in range(first, len(page.rows)):
        if top + ROW * len(lines[index]) > height - FOOT:
            break
        shown.append((index, top, lines[index]))
        top += ROW * len(lines[index])
    return shown


def _draw_cells(canvas: Canvas, row: PageRow, line: str, layout: TableLayout, top: float, theme: Theme) -> None:
    middle = top + ROW / 2
    if len(row.cells) == 1:
        bold = row.tone == "heading"
        canvas.text(MARGIN, middle, line, TEXT, theme.tone(row.tone), "lm", bold)
        return
    for x, text, room in zip(layout.columns, row.cells, layout.widths, strict=True):
        tone = TONES.get(text, row.tone)
        canvas.text(x, middle, cut(text, TEXT, room, tone != row.tone), TEXT, theme.tone(tone), "lm", tone != row.tone)


def _draw_picture(canvas: Canvas, picture: Image.Image, top: float, width: float, height: float, ratio: float) -> None:
    """Draw a picture in what is left of a page, no larger than it is."""
    room = (width - 2 * MARGIN) * ratio, (height - FOOT - top - 6) * ratio
    share = min(room[0] / picture.width, room[1] / picture.height, 1.0)
    if share * picture.height >= 60:
        size = max(int(picture.width * share), 1), max(int(picture.height * share), 1)
        canvas.paste(
            picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), round(MARGIN * ratio), round(top * ratio)
        )


def _draw_keys(canvas: Canvas, keys: tuple[tuple[str, str], ...]) -> None:
    theme, width, height = canvas.theme, min(canvas.width - 20, 460.0), 52 + 22.0 * len(keys)
    left, top = (canvas.width - width) / 2, max((canvas.height - height) / 2, 4)
    canvas.box(0, 0, canvas.width, canvas.height, f"{theme.paper}B0")
    canvas.box(left, top, left + width, top + height, mix(theme.panel, theme.paper, 0.2), 10, theme.muted, 1)
    canvas.text(left + 20, top + 28, "Keys", 16.0, bold=True)
    for index, (key, text) in enumerate(keys):
        canvas.text(left + 20, top + 54 + 22 * index, key, TEXT, theme.reward, bold=True)
        canvas.text(left + 140, top + 54 + 22 * index, cut(text, TEXT, width - 160), TEXT)
