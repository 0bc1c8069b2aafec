"""The scene of the editor: a pure function from a frame to a picture, and what lies under a point of it."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from ..drawing.buttons import BAR, draw_buttons, draw_tip
from ..drawing.canvas import Canvas, cut, text_width, wrapped
from ..drawing.palette import mix
from ..scene.panels import GAP, LINE, SMALL, TEXT, PanelColumn, draw_keys
from ..scene.scene import FOOT, MARGIN, draw_foot
from ..scene.what_if_panels import draw_menu, menu_at
from ..viewer.edit_view import Cell, EditTool, EditView
from ..viewer.frame import Frame
from .map_drawing import Room, draw_map, draw_piece, map_board, map_ground

BOX, STEP = 36.0, 40.0
"""Side of the box of a tool, and from one box to the next, in points."""


@dataclass(frozen=True)
class EditorLayout:
    """The rectangle of each part, in points.

    Attributes:
        head: height of the title; board: room of the map; foot: height of buttons and status together.
        side: left and width of the column of panels, which begins below the title.
        tray: left, top and width of the tools.
    """

    head: float
    board: Room
    foot: float
    side: tuple[float, float]
    tray: tuple[float, float, float]


def editor_layout(frame: Frame, width: float, height: float) -> EditorLayout:
    """Lay out the editor. In a narrow window the tools stand below the map, and there are no sliders."""
    assert frame.editing is not None
    head = 48.0 if height >= 300 else 26.0
    foot = FOOT + (BAR if frame.buttons and height >= 300 else 0.0)
    side = min(max(0.3 * width, 260.0), 430.0) if width >= 600 else 0.0
    room = height - head - foot - 10
    if side:
        board = (MARGIN, head, width - 2 * MARGIN - side - MARGIN, room)
        left = width - MARGIN - side
        return EditorLayout(head, board, foot, (left, side), (left, head + 22, side))
    tray = _tray_height(len(frame.editing.tools), width - 2 * MARGIN)
    left = max(room - tray, 40.0)
    board = (MARGIN, head, width - 2 * MARGIN, left)
    return EditorLayout(head, board, foot, (width, 0.0), (MARGIN, head + left + 6, width - 2 * MARGIN))


def draw_editor(frame: Frame, width: float = 1280, height: float = 800, ratio: float = 1) -> Image.Image:
    """Draw the editor of a frame; sizes as for `scene.draw`."""
    view = frame.editing
    assert view is not None
    parts = editor_layout(frame, width, height)
    canvas = Canvas(width, height, ratio, frame.theme, finer=1)
    _draw_head(canvas, frame, view, parts)
    board = None
    if view.rows:
        board = map_board(view, parts.board, ratio, frame.theme)
        ground = map_ground(view, parts.board, ratio, frame.theme)
        canvas.paste(ground, round(board.left * ratio), round(board.top * ratio))
    if parts.side[1]:
        _draw_side(canvas, frame, view, parts, height)
    else:
        _draw_tray(canvas, view, parts)
    if board is not None:
        draw_map(canvas, view, board)  # after the panels, over which the text of a fault may reach
    draw_foot(canvas, frame)
    if parts.foot > FOOT:
        draw_buttons(canvas, frame.buttons, frame.pointed, height - parts.foot)
    _draw_tip(canvas, frame, view, parts)
    if frame.keys:
        draw_keys(canvas, frame)
    return canvas.picture()


def map_cell_at(frame: Frame, width: float, height: float, x: float, y: float) -> Cell | None:
    """The cell of the map under a point; None beside it."""
    view = frame.editing
    if view is None or not view.rows:
        return None
    found = map_board(view, editor_layout(frame, width, height).board, 1.0, frame.theme).cell_at(x, y)
    return None if found is None else divmod(found, len(view.rows[0]))


def tool_at(frame: Frame, width: float, height: float, x: float, y: float) -> int | None:
    """The index of the tool under a point; None if there is none."""
    view = frame.editing
    if view is None:
        return None
    left, top, wide = editor_layout(frame, width, height).tray
    for index in range(len(view.tools)):
        across, down = _tool_place(index, wide)
        if left + across <= x < left + across + BOX and top + down <= y < top + down + BOX:
            return index
    return None


def editor_slider_at(
    frame: Frame, width: float, height: float, x: float, y: float, row: int | None = None
) -> tuple[int, int] | None:
    """The row of the sliders under a point and the index of the value there, as `menu_at`."""
    view = frame.editing
    parts = editor_layout(frame, width, height)
    if view is None or not parts.side[1]:
        return None
    return menu_at(view.menu, *parts.side, _menu_top(view, parts), x, y, row)


# ------------------------------------------------------------------ parts


def _draw_head(canvas: Canvas, frame: Frame, view: EditView, parts: EditorLayout) -> None:
    theme, base = canvas.theme, parts.head - 18
    title = cut(f"Editing {view.file}", 18.0, canvas.width - 2 * MARGIN, bold=True)
    canvas.text(MARGIN, base, title, 18.0, bold=True)
    left = MARGIN + text_width(title, 18.0, bold=True) + 14
    state = ("not saved" if view.changed else "saved") + (f" · {view.about}" if view.about else "")
    colour = theme.performance if view.changed else theme.muted
    canvas.text(left, base, cut(state, 12.5, canvas.width - MARGIN - left), 12.5, colour)
    about = left + text_width(state, 12.5) + 14
    if about < canvas.width - 200:
        canvas.text(about, base, cut(frame.title, 12.5, canvas.width - MARGIN - about), 12.5, theme.muted)


def _draw_side(canvas: Canvas, frame: Frame, view: EditView, parts: EditorLayout, height: float) -> None:
    column = PanelColumn(canvas, *parts.side, parts.head, height - parts.foot - 6)
    chosen = view.tools[view.tool].name if view.tools else ""
    if view.tools:
        column.heading("Tools", chosen)
        _draw_tray(canvas, view, parts)
    column.top = _menu_top(view, parts)
    if view.menu.rows:
        draw_menu(column, view.menu, "Params and weights")
    _draw_said(column, view)
    _draw_faults(column, view)
    for text in view.refused:
        lines = wrapped(f"Not here: {text}." if text == view.refused[0] else f"{text}.", SMALL, column.width)
        for line in lines if column.fits(LINE * len(lines)) else ():
            column.line(line, column.theme.muted, SMALL)


def _draw_said(column: PanelColumn, view: EditView) -> None:
    """Write what the edits came to; while that is worked out, the last answer stays in a paler colour."""
    if not column.fits(21 + LINE):
        return
    column.heading("What comes of it", "checking and solving ..." if view.busy else "")
    colour = mix(column.theme.ink, column.theme.paper, 0.55) if view.busy else column.theme.ink
    wrong = any(not fault.warning for fault in view.faults)
    said = view.said
    if not said and not view.busy:
        said = ("it cannot be solved before its faults are mended",) if wrong else ("nothing is known of it",)
    for text in said:
        for line in wrapped(text, TEXT, column.width):
            if column.fits(LINE):
                column.line(line, colour)
    column.top += GAP - 6


def _draw_faults(column: PanelColumn, view: EditView) -> None:
    """List the faults with their cures, in the order of the file; those with a cell have its number."""
    theme = column.theme
    if not view.faults or not column.fits(21 + LINE):
        return
    wrong = sum(not fault.warning for fault in view.faults)
    count = f"{wrong} fault{'' if wrong == 1 else 's'}" if wrong else "To know"
    column.heading(count, f"and {len(view.faults) - wrong} to know" if 0 < wrong < len(view.faults) else "")
    for number, fault in enumerate(view.faults):
        sign = f"{number + 1}  " if fault.cells else ""
        lines = wrapped(f"{sign}{fault.text}", TEXT, column.width)
        cure = wrapped(fault.cure, SMALL, column.width)
        if not column.fits(LINE * len(lines)):
            column.line("...", theme.muted)
            return
        for line in lines:
            column.line(line, theme.ink if fault.warning else theme.performance)
        for line in cure if column.fits(LINE * len(cure)) else ():
            column.line(line, theme.muted, SMALL)
        column.top += 4


def _draw_tray(canvas: Canvas, view: EditView, parts: EditorLayout) -> None:
    left, top, wide = parts.tray
    for index, tool in enumerate(view.tools):
        across, down = _tool_place(index, wide)
        _draw_tool(canvas, view, tool, left + across, top + down, index)


def _draw_tool(canvas: Canvas, view: EditView, tool: EditTool, left: float, top: float, index: int) -> None:
    """Draw the box of a tool: what it paints as the map shows it, its number, and its glyph in the file."""
    theme, chosen = canvas.theme, index == view.tool
    board = map_board(view, (0.0, 0.0, 100.0, 100.0), 1.0, theme)
    glyph, x, y = tool.glyph, left + BOX / 2, top + BOX / 2
    fill = theme.wall if glyph is not None and glyph.wall else theme.floor
    if glyph is not None and glyph.zones:
        hues = theme.zone_hues(list(board.world.boards.named_zones))
        fill = mix(fill, hues[glyph.zones[0]], 0.38)
    rim = (theme.reward, 3) if chosen else (theme.hairline, 1)
    canvas.box(left, top, left + BOX, top + BOX, fill, 5, *rim)
    if tool.kind == "move":
        _arrows(canvas, x, y)
    elif tool.kind == "patrol":
        for dx, dy in ((-9, 6), (9, 6), (9, -8)):
            canvas.disc(x + dx, y + dy, 3.5, theme.watcher)
        canvas.box(x - 9, y + 5, x + 9, y + 7, theme.watcher)
        canvas.box(x + 8, y - 8, x + 10, y + 6, theme.watcher)
    elif glyph is not None and glyph.body is not None:
        draw_piece(canvas, board, glyph.body, x - 2, y + 2, BOX - 8)
    elif glyph is not None and not glyph.wall:
        canvas.text(x, y, glyph.glyph, 15.0, theme.ink, "mm")
    if index < 10:
        ink = theme.on_wall if glyph is not None and glyph.wall else theme.muted
        canvas.text(left + BOX - 4, top + 11, str(index), 9.0, ink, "rs")


def _draw_tip(canvas: Canvas, frame: Frame, view: EditView, parts: EditorLayout) -> None:
    """Write what the tool is that the mouse points at."""
    if frame.pointed.startswith("tool "):
        index = int(frame.pointed.removeprefix("tool "))
        if index < len(view.tools):
            tool, (left, top, wide) = view.tools[index], parts.tray
            across, down = _tool_place(index, wide)
            glyph = f"{tool.name}, `{tool.glyph.glyph}` in the file" if tool.glyph is not None else tool.name
            number = f" · {index}" if index < 10 else ""
            draw_tip(canvas, f"{glyph}{number}", left + across + BOX / 2, top + down)


def _arrows(canvas: Canvas, x: float, y: float) -> None:
    """Draw the sign for moving: a cross with four heads."""
    ink = canvas.theme.ink
    canvas.box(x - 10, y - 1, x + 10, y + 1, ink)
    canvas.box(x - 1, y - 10, x + 1, y + 10, ink)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        tip = x + 13 * dx, y + 13 * dy
        across = 4 * dy, 4 * dx
        base = x + 8 * dx, y + 8 * dy
        canvas.polygon(
            [tip, (base[0] + across[0], base[1] + across[1]), (base[0] - across[0], base[1] - across[1])], ink
        )


def _tool_place(index: int, wide: float) -> tuple[float, float]:
    """Where the box of a tool stands in the tray, in points from its corner."""
    across = max(int((wide + STEP - BOX) // STEP), 1)
    return (index % across) * STEP, (index // across) * STEP


def _tray_height(count: int, wide: float) -> float:
    return (_tool_place(count - 1, wide)[1] + STEP + 6) if count else 0.0


def _menu_top(view: EditView, parts: EditorLayout) -> float:
    return parts.head + (22 + _tray_height(len(view.tools), parts.side[1]) if view.tools else 0.0)
