"""The scene: a pure function from a frame to a picture. The window, films and tests all use it.

What does not change from tick to tick (the ground, the curves) is drawn once with supersampling and cached; figures,
letters and round boxes are cached stamps. A frame is then a copy of the ground with boxes and stamps on it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from PIL import Image

from ...envs.world.world import World
from ...evals.traces.whole_life import WholeLife
from ..drawing.board import BoardDrawing, layout_of
from ..drawing.buttons import BAR, draw_buttons, draw_tip
from ..drawing.canvas import Canvas, fitted, text_width
from ..drawing.palette import Theme, mix
from ..viewer.frame import Frame
from .board_layers import draw_board
from .cards import draw_caption, draw_card
from .choice_diagram import draw_diagram
from .curves import Chart
from .learning_panel import draw_learning
from .panels import PanelColumn, draw_choice, draw_keys, draw_legend, draw_log, draw_rules, draw_sums
from .return_curves import ReturnCurves, chart_of
from .search_tree import draw_search, node_at
from .what_if_panels import ROW, draw_answered_menu, draw_missed, draw_notice, draw_verdict, menu_at, rows_at

MARGIN = 16.0
"""Margin at the edges of the scene, in points."""
FOOT, SLIDER = 26.0, 26.0
"""Heights of the status line and of the timeline, in points."""
CAPTION, NARROW = 50.0, 560.0
"""Height of the caption below the board, in points: two lines and a margin; and the width below which two captions
beside each other need twice that."""
SMALL = 540.0
"""Height of a scene, in points, below which curves have no room beside two boards."""
COMPARED, SECOND, TALL = 60.0, 140.0, 400.0
"""Height that is kept for the sums of two episodes, and for the choice in the second, if a column is so tall."""
LABEL = 42.0
"""Height of the label over each of two boards, in points."""

Room = tuple[float, float, float, float]
"""Left, top, width and height, in points."""


@dataclass(frozen=True)
class SceneLayout:
    """The rectangle of each part of a scene, in points. A part that does not fit has size zero.

    Attributes:
        width, height: of the whole scene.
        head: height of the title.
        board: left, top, width and height of the room for the board.
        side: left and width of the panels.
        chart: top and height of the curves; slider: top of the timeline.
        second: as `board`, for a second board or a search tree; None if there is neither.
        told: left, top and width of the caption, which stands below the board; None without one.
        bar: height of the row of buttons, between the timeline and the status line.
    """

    width: float
    height: float
    head: float
    board: Room
    side: tuple[float, float]
    chart: tuple[float, float]
    slider: float
    second: Room | None = None
    told: tuple[float, float, float] | None = None
    bar: float = 0.0


def layout(
    width: float,
    height: float,
    curves: bool = True,
    panels: bool = True,
    two: float = 0.0,
    told: bool = False,
    buttons: bool = False,
) -> SceneLayout:
    """Lay out a scene.

    Args:
        width: in points.
        height: in points.
        curves: whether there are curves to show.
        panels: whether there are panels to show.
        two: height of the label over each of two boards, in points; 0 for a single board.
        told: whether there is room for a caption below the board.
        buttons: whether there is a row of buttons below the timeline.
    """
    # In a small window the board matters most: title, curves and panels are left out below a least size of the scene.
    head = 48.0 if height >= 300 else 0.0
    chart = min(max(0.22 * height, 110.0), 230.0) if curves and height >= 430 else 0.0
    side = min(max(0.3 * width, 260.0), 430.0) if panels and width >= 640 else 0.0
    bar = BAR if buttons and height >= 300 else 0.0
    slider = height - FOOT - SLIDER - bar
    top = head or 6.0
    board_width = width - 2 * MARGIN - (side + MARGIN if side else 0)
    caption = CAPTION * (2 if two and board_width < NARROW else 1) if told and height >= 300 else 0.0
    board = (MARGIN, top, max(board_width, 20.0), max(slider - chart - top - 8 - caption, 20.0))
    whole = SceneLayout(
        width,
        height,
        head,
        board,
        (width - MARGIN - side, side),
        (slider - chart, chart),
        slider,
        told=(MARGIN, slider - chart - caption, board_width) if caption else None,
        bar=bar,
    )
    return _halved(whole, two) if two else whole


def _halved(whole: SceneLayout, label: float) -> SceneLayout:
    """Split the layout for two boards: side by side, or stacked in a tall window."""
    left, top, width, height = whole.board
    if width >= height:
        half = (width - MARGIN) / 2
        rooms = ((left, top + label, half, height - label), (left + half + MARGIN, top + label, half, height - label))
    else:
        half = height / 2 - label
        rooms = ((left, top + label, width, half), (left, top + label + half + label, width, half))
    return replace(whole, board=rooms[0], second=rooms[1])


def layout_for(frame: Frame, width: float, height: float) -> SceneLayout:
    """The layout of a frame's scene, without room for curves or panels that the frame does not show."""
    curves = frame.shows("curves") and frame.episode is not None and (frame.other is None or height >= SMALL)
    two = LABEL if frame.other is not None or frame.shows("tree") else 0.0
    panels = bool(frame.overlays & {"bars", "log", "foreseen"}) or frame.menu is not None
    rest = (panels, two, frame.caption is not None, bool(frame.buttons))
    return layout(width, height, curves, *rest)


def draw(frame: Frame, width: float = 1280, height: float = 800, ratio: float = 1) -> Image.Image:
    """Draw a frame.

    Args:
        frame: the content of the picture.
        width: in points.
        height: in points.
        ratio: pixels in a point.
    """
    parts = layout_for(frame, width, height)
    ground = _ground(frame, parts, ratio)
    canvas = Canvas(width, height, ratio, frame.theme, finer=1, on=ground.copy())
    _draw_chart(canvas, frame, parts)
    if parts.head:
        _draw_head(canvas, frame)
    for part, room in _panes(frame, parts):
        if _board_is_known(part):
            _draw_pane(canvas, part, _board(part, room, ratio), ground)
        elif not part.world.boards.height:
            draw_diagram(canvas, part, room)
        if parts.second is not None:
            _draw_label(canvas, part, room)  # after the board, whose rim reaches up to it
    if frame.shows("tree") and frame.other is None and parts.second is not None:
        _draw_search(canvas, frame, parts.second)
    if parts.side[1]:
        _draw_side(canvas, frame, parts)
    if parts.told is not None:
        _draw_captions(canvas, frame, parts.told, parts.chart[0] - parts.told[1] - 4)
    _draw_timeline(canvas, frame, parts)
    draw_foot(canvas, frame)
    if frame.notice:
        draw_notice(canvas, frame)
    if frame.card is not None:
        draw_card(canvas, frame.card, FOOT + (parts.bar or 0.0))
    if parts.bar:
        draw_buttons(canvas, frame.buttons, frame.pointed, height - FOOT - BAR)
    _draw_hint(canvas, frame, parts)
    if frame.keys:
        draw_keys(canvas, frame)
    return canvas.picture()


def tick_at(frame: Frame, width: float, height: float, x: float, y: float) -> int | None:
    """The tick under a point of the timeline or of the curves; None elsewhere."""
    parts = layout_for(frame, width, height)
    if frame.episode is None or not parts.chart[0] <= y <= parts.slider + SLIDER:
        return None
    left, right = _axis(frame, parts)
    share = (x - left) / (right - left)
    return int(np.clip(round(share * frame.length), 0, frame.length))


def cell_at(frame: Frame, width: float, height: float, x: float, y: float) -> tuple[Frame, int] | None:
    """The frame of the board under a point, and the cell there; None beside the boards."""
    for part, room in _panes(frame, layout_for(frame, width, height)):
        cell = _board(part, room, 1.0).cell_at(x, y) if part.world.boards.height else None
        if cell is not None:
            return part, cell
    return None


def searched_at(frame: Frame, width: float, height: float, x: float, y: float) -> int | None:
    """The node of the search tree under a point; None if there is none."""
    parts = layout_for(frame, width, height)
    if frame.mind is None or parts.second is None or frame.other is not None:
        return None
    return node_at(frame.mind, _search_room(parts.second), x, y)


def slider_at(
    frame: Frame, width: float, height: float, x: float, y: float, row: int | None = None
) -> tuple[int, int] | None:
    """The row of the menu under a point and the index of the value there, see `menu_at`; None without a menu."""
    parts = layout_for(frame, width, height)
    if frame.menu is None or not parts.side[1]:
        return None
    return menu_at(frame.menu, parts.side[0], parts.side[1], parts.head, x, y, row, answered=True)


def setting_at(frame: Frame, width: float, height: float, x: float, y: float) -> str | None:
    """The name of the setting whose row of the menu is under a point; None beside the menu."""
    parts = layout_for(frame, width, height)
    (left, wide), top = parts.side, parts.head
    if frame.menu is None or not left <= x <= left + wide or not wide:
        return None
    return next((name for name, begin in rows_at(frame.menu, top).items() if begin <= y < begin + ROW), None)


def _draw_hint(canvas: Canvas, frame: Frame, parts: SceneLayout) -> None:
    """Write what the row of the menu means that the mouse is over, above it: it need not be chosen for that."""
    if frame.menu is None or not parts.side[1]:
        return
    shown, (left, width) = rows_at(frame.menu, parts.head), parts.side
    row = next((each for each in frame.menu.rows if f"setting {each.name}" == frame.pointed), None)
    if row is not None and row.about and row.name in shown:
        draw_tip(canvas, row.about, left + width / 2, shown[row.name])


# ------------------------------------------------------------------ what is kept


def _panes(frame: Frame, parts: SceneLayout) -> list[tuple[Frame, Room]]:
    """Each frame that is shown, with the room for its board."""
    if frame.other is None or parts.second is None:
        return [(frame, parts.board)]
    return [(frame, parts.board), (frame.other, parts.second)]


def _board_is_known(frame: Frame) -> bool:
    """Whether there is a board to draw: of several none is, before it is known on which the episode plays."""
    boards = frame.world.boards
    return bool(boards.height) and (frame.episode is not None or len(boards.walls) == 1)


def _board(frame: Frame, room: Room, ratio: float) -> BoardDrawing:
    return _placed_board(frame.world, layout_of(frame.world, frame.state), room, ratio, frame.theme)


@lru_cache(64)
def _placed_board(world: World, number: int, room: Room, ratio: float, theme: Theme) -> BoardDrawing:
    """The board centred in its room, with cells on whole pixels: drawn without smoothing, their edges stay sharp."""
    left, top, width, height = room
    board = BoardDrawing(world, number, width, height, theme, pixel=1 / ratio)
    board.left = round((left + (width - board.width) / 2) * ratio) / ratio
    board.top = round((top + (height - board.height) / 2) * ratio) / ratio
    return board


def _ground(frame: Frame, parts: SceneLayout, ratio: float) -> Image.Image:
    """The picture that every frame starts from: paper with the boards' floor, zones and walls."""
    boards = tuple(
        (_look(part.world, layout_of(part.world, part.state)), room)
        for part, room in _panes(frame, parts)
        if _board_is_known(part)
    )
    return _kept_ground(boards, (round(parts.width * ratio), round(parts.height * ratio)), ratio, frame.theme)


@dataclass(frozen=True)
class _Look:
    """One layout of a world as a cache key: two with the same board are equal, so an edited world is not redrawn."""

    key: tuple[object, ...]
    number: int
    world: World = field(compare=False)


@lru_cache(64)
def _look(world: World, number: int) -> _Look:
    boards = world.boards
    walls, zones = boards.walls[number].tobytes(), boards.zones[: boards.n_named, number].tobytes()
    return _Look((boards.height, boards.width, walls, zones, tuple(boards.named_zones)), number, world)


@lru_cache(24)
def _kept_ground(
    boards: tuple[tuple[_Look, Room], ...], size: tuple[int, int], ratio: float, theme: Theme
) -> Image.Image:
    image = Image.new("RGB", size, theme.paper)
    for look, room in boards:
        board = _placed_board(look.world, look.number, room, ratio, theme)
        image.paste(_board_ground(look, room[2:], ratio, theme), (round(board.left * ratio), round(board.top * ratio)))
    return image


@lru_cache(24)
def _board_ground(look: _Look, size: tuple[float, float], ratio: float, theme: Theme) -> Image.Image:
    board = BoardDrawing(look.world, look.number, *size, theme, pixel=1 / ratio)
    canvas = Canvas(board.width, board.height, ratio, theme)
    board.ground(canvas)
    return canvas.picture()


def _sums(frame: Frame) -> ReturnCurves | None:
    frames = [each for each in (frame, frame.other) if each is not None and each.episode is not None]
    if not frames:
        return None
    return ReturnCurves(tuple(each.episode for each in frames if each.episode), tuple(each.short for each in frames))


def _axis(frame: Frame, parts: SceneLayout, ratio: float = 1.0) -> tuple[float, float]:
    """The left and right end of the timeline; the same as those of the curves, if there are any."""
    drawn = _chart(frame, parts, ratio)
    if drawn is not None:
        return MARGIN + drawn[0].x(0), MARGIN + drawn[0].x(frame.length)
    return MARGIN + 8, parts.width - MARGIN - 8


def _chart(frame: Frame, parts: SceneLayout, ratio: float) -> tuple[Chart, Image.Image] | None:
    """The curves and their picture; None if there is no room for them or no episode yet."""
    sums = _sums(frame)
    if sums is None or not parts.chart[1]:
        return None
    until = None if frame.told >= frame.length else frame.told
    return chart_of(sums, parts.width - 2 * MARGIN, parts.chart[1], ratio, frame.theme, until)


@dataclass(frozen=True)
class _Pane:
    """What is drawn on one board, as a cache key: two with an equal `key` look alike, and the picture is reused."""

    # The cache keeps the frame alive with its key, so the identities (`id`) in the key are not given to other objects.
    key: tuple[object, ...]
    frame: Frame = field(compare=False)
    board: BoardDrawing = field(compare=False)
    ground: Image.Image = field(compare=False)


def _draw_pane(canvas: Canvas, frame: Frame, board: BoardDrawing, ground: Image.Image) -> None:
    """Draw a board with its overlays; the picture is cached, as one of two boards often stays the same."""
    ratio, rim = canvas.ratio, 8.0  # room for what reaches beyond the board, such as names in its first and last rows
    # Even corners: a shift by whole pairs of pixels moves no place that is rounded.
    left, top = (max(round((edge - rim) * ratio) // 2 * 2, 0) for edge in (board.left, board.top))
    right = min(round((board.left + board.width + rim) * ratio), ground.width)
    bottom = min(round((board.top + board.height + rim) * ratio), ground.height)
    path = frame.trail
    key = (
        id(frame.world), path.tobytes(), id(frame.mind), id(frame.value_map), id(frame.before), frame.overlays,
        frame.head, frame.agent, frame.node, frame.held, frame.outcome, frame.theme.name,
        ratio, board.cell, left, top, right, bottom,
    )  # fmt: skip
    canvas.paste(_drawn_pane(_Pane(key, frame, board, ground), ratio, (left, top, right, bottom)), left, top)


@lru_cache(8)
def _drawn_pane(pane: _Pane, ratio: float, box: tuple[int, int, int, int]) -> Image.Image:
    left, top, right, bottom = box
    board = copy.copy(pane.board)  # the original is shared by the cache of `_placed_board`
    board.left, board.top = board.left - left / ratio, board.top - top / ratio
    width, height = (right - left) / ratio, (bottom - top) / ratio
    canvas = Canvas(width, height, ratio, pane.frame.theme, finer=1, on=pane.ground.crop(box))
    draw_board(canvas, pane.frame, board)
    return canvas.picture()


# ------------------------------------------------------------------ what changes


def _draw_chart(canvas: Canvas, frame: Frame, parts: SceneLayout) -> None:
    """Draw the curves, and a line at the present tick that does not cross their names and numbers."""
    drawn = _chart(frame, parts, canvas.ratio)
    if drawn is None:
        return
    (chart, picture), top = drawn, parts.chart[0]
    canvas.paste(picture, round(MARGIN * canvas.ratio), round(top * canvas.ratio))
    x = MARGIN + chart.x(frame.now)
    canvas.box(x - 0.5, top + chart.top, x + 0.5, top + chart.bottom, mix(frame.theme.muted, frame.theme.paper, 0.2))


def _draw_head(canvas: Canvas, frame: Frame) -> None:
    theme = frame.theme
    count = f"tick {frame.now}" + (f" of {frame.length}" if frame.episode is not None else "")
    room = canvas.width - 2 * MARGIN - text_width(count, 18.0, bold=True) - 24
    left = MARGIN + text_width(frame.title, 18.0, bold=True) + 16
    if left + text_width(frame.about, 12.5) <= MARGIN + room:
        canvas.text(MARGIN, 30, frame.title, 18.0, bold=True)
        canvas.text(left, 30, frame.about, 12.5, theme.muted)
    else:  # below each other
        size, title = fitted(frame.title, (18.0, 16.0, 14.0, 12.0, 10.0), room, bold=True)
        canvas.text(MARGIN, 22, title[0], size, bold=True)
        size, about = fitted(frame.about, (12.0, 11.0, 10.0, 9.0, 8.0), room)
        canvas.text(MARGIN, 39, about[0], size, theme.muted)
    canvas.text(canvas.width - MARGIN, 31, count, 18.0, theme.ink, "rs", bold=True)


def _draw_label(canvas: Canvas, frame: Frame, room: Room) -> None:
    """Write over one of two boards what it shows, and what happens there in this tick."""
    (left, top), theme = room[:2], canvas.theme
    if frame.world.boards.height:
        board = _board(frame, room, canvas.ratio)
        left, top = board.left, board.top
    width = room[0] + room[2] - left
    label, action_text = (frame.label or "the present"), frame.action_text
    if frame.node and frame.mind is not None and frame.mind.search is not None:
        ahead = len(frame.mind.search.path_to(frame.node)) - 1
        seen = frame.node < len(frame.mind.imagined)
        label, action_text = (
            f"imagined, {ahead} tick{'s' if ahead > 1 else ''} ahead",
            "" if seen else "it cannot be put on a board",
        )
    # Three lines have room in all, four in the smallest type.
    size, lines = fitted(
        label,
        (14.0, 12.5, 11.0, 10.0, 9.0, 8.5),
        width,
        lambda size: 1 if size > 11 else 2 if size > 9 else 3,
        bold=True,
    )
    first, step = ((16.0, 0.0), (9.0, 12.0), (6.0, 10.0))[len(lines) - 1]
    for number, line in enumerate(lines):
        canvas.text(left, top - LABEL + first + step * number, line, size, bold=True)
    if action_text:
        sizes, most = ((12.0, 11.0, 10.0, 9.0, 8.0), 3 - len(lines)) if len(lines) < 3 else ((9.0, 8.0, 7.0), 1)
        size, told = fitted(action_text, sizes, width, lambda size: 1 if size > 10 else most)
        low = 38 if len(lines) > 2 else 33 if len(told) == 1 else 28
        for number, line in enumerate(told):
            canvas.text(left, top - LABEL + low + 11 * number, line, size, theme.muted)


def _draw_search(canvas: Canvas, frame: Frame, room: Room) -> None:
    if frame.mind is not None:
        draw_search(canvas, frame.mind, frame.node, _search_room(room))


def _search_room(room: Room) -> Room:
    """The room of a search tree, which includes the height of the label that a second board would have."""
    return room[0], room[1] - LABEL, room[2], room[3] + LABEL


def _draw_side(canvas: Canvas, frame: Frame, parts: SceneLayout) -> None:
    bottom = (parts.chart[0] if parts.chart[1] else parts.slider) - 6
    column = PanelColumn(canvas, *parts.side, parts.head, bottom)
    if frame.learning is not None:
        draw_learning(column, frame.learning)
    if frame.menu is not None:
        draw_answered_menu(column, frame.menu, frame.verdict[0] if frame.verdict else "")
        draw_verdict(column, frame)
    compared = frame.other is not None and frame.menu is None
    for part in (frame,) if frame.other is None else (frame, frame.other):
        # Beside the menu there is room for one choice: the one under the edit, once it is known.
        if frame.shows("bars") and (frame.menu is None or part is not frame or frame.other is None):
            # Of two, what both came to has room too, and the choice in the second before all actions of the first.
            second = SECOND if part is frame and column.bottom - parts.head >= TALL else 0.0
            kept = COMPARED + second if compared else 0.0
            column.bottom -= kept
            draw_choice(column, part, brief=compared)
            column.bottom += kept
    draw_missed(column, frame)
    if frame.shows("bars") and frame.menu is None and frame.other is None:
        draw_rules(column, frame)
    draw_sums(column, (frame,) if frame.other is None or frame.menu is not None else (frame, frame.other))
    draw_legend(column, frame)
    if frame.shows("log") and frame.menu is None:
        draw_log(column, frame)


def _draw_captions(canvas: Canvas, frame: Frame, place: tuple[float, float, float], tall: float) -> None:
    """Write what is told, at most so tall; of two boards beside each other."""
    left, top, width = place
    if frame.other is None or frame.other.caption is None:
        told = [(frame.caption, place)]
    else:
        half = (width - MARGIN) / 2
        told = [(frame.caption, (left, top, half)), (frame.other.caption, (left + half + MARGIN, top, half))]
    for caption, room in told:
        if caption:
            draw_caption(canvas, caption, room, tall)


def _draw_timeline(canvas: Canvas, frame: Frame, parts: SceneLayout) -> None:
    """Draw a line with a mark for each tick so far that had an event, and a knob at the present tick.

    A mark stands where the curves' marks stand: at the tick in which it happens, as the log counts. In a life a thin
    line stands where each of its episodes begins.
    """
    theme, episode = frame.theme, frame.episode
    left, right = _axis(frame, parts, canvas.ratio)
    y = parts.slider + SLIDER / 2
    canvas.box(left, y - 1.5, right, y + 1.5, theme.hairline)
    if episode is None:
        return
    step = (right - left) / max(frame.length, 1)
    for first in [span.first for span in episode.spans] if isinstance(episode, WholeLife) else []:
        canvas.box(
            left + first * step - 0.5, y - 9, left + first * step + 0.5, y + 9, mix(theme.muted, theme.paper, 0.3)
        )
    for tick, events in enumerate(episode.events):
        if events and tick < frame.told:
            x = left + tick * step
            canvas.box(x - 0.75, y - 6, x + 0.75, y + 6, mix(theme.performance, theme.paper, 0.25))
    x = left + frame.now * step
    canvas.box(left, y - 1.5, x, y + 1.5, theme.reward)
    canvas.disc(x, y, 7, theme.reward, theme.paper, 2)


def draw_foot(canvas: Canvas, frame: Frame) -> None:
    """Draw the status line at the foot of a scene, with a hint at its right end where there is room."""
    theme, top = frame.theme, canvas.height - FOOT
    canvas.box(0, top, canvas.width, canvas.height, theme.panel)
    hint = frame.hint if text_width(frame.hint, 12.0) < 0.4 * canvas.width else ""
    room = canvas.width - 2 * MARGIN - (text_width(hint, 12.0) + 20 if hint else 0)
    if text_width(frame.status, 8.5) > room:
        hint, room = "", canvas.width - 2 * MARGIN
    if frame.status:
        size, lines = fitted(frame.status, (12.5, 11.5, 10.5, 9.5, 8.5), room, lambda size: 1 if size > 10 else 2)
        for number, line in enumerate(lines):
            canvas.text(MARGIN, top + (17 if len(lines) == 1 else 11 + 11 * number), line, size)
    canvas.text(canvas.width - MARGIN, top + 17, hint, 12.0, theme.muted, "rs")
