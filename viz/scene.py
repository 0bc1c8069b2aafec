"""The scene: a pure function from a frame to a picture, with no window; window, video and tests all use it.

What no tick changes (the ground, the curves) is drawn once, four times too large, and kept; figures, letters and round
boxes are stamps that are kept too. A frame is then a copy of the ground with boxes and stamps on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from ..envs.world import World
from ..evals.episodes import Episode, so_far
from .board import describe
from .canvas import Canvas, cut, text_width
from .curves import Chart, Curve, Mark, parting
from .drawn_board import Board, layout_of
from .frame import Frame
from .overlays import draw_doubt, draw_names, draw_plan, draw_policy, draw_values
from .palette import Theme, mix
from .panels import Column, draw_choice, draw_keys, draw_legend, draw_log, draw_sums, head_colour
from .words import plain

MARGIN = 16.0
"""Around everything, in points."""
RECENT = 12
"""How many ticks of the way that an agent came are drawn."""
FOOT, SLIDER = 26.0, 26.0
"""Heights of the status line and of the timeline, in points."""
MARKS = 6
"""Most events that are named over the curves."""


@dataclass(frozen=True)
class Layout:
    """Where each part of a scene lies, in points; a part that a small picture has no room for has no size.

    Attributes:
        width, height: of the whole.
        head: height of the title.
        board: left, top, width and height of the room for the board.
        side: left and width of the panels.
        chart: top and height of the curves; slider: top of the timeline.
    """

    width: float
    height: float
    head: float
    board: tuple[float, float, float, float]
    side: tuple[float, float]
    chart: tuple[float, float]
    slider: float


def layout(width: float, height: float, curves: bool = True, panels: bool = True) -> Layout:
    """The parts of a scene of this size."""
    head = 48.0 if height >= 300 else 0.0
    chart = min(max(0.22 * height, 110.0), 230.0) if curves and height >= 430 else 0.0
    side = min(max(0.3 * width, 260.0), 430.0) if panels and width >= 640 else 0.0
    slider = height - FOOT - SLIDER
    top = head or 6.0
    board_width = width - 2 * MARGIN - (side + MARGIN if side else 0)
    board = (MARGIN, top, max(board_width, 20.0), max(slider - chart - top - 8, 20.0))
    return Layout(width, height, head, board, (width - MARGIN - side, side), (slider - chart, chart), slider)


def layout_for(frame: Frame, width: float, height: float) -> Layout:
    """The parts of a frame's scene: without the curves or the panels where these are not shown."""
    curves = frame.shows("curves") and frame.episode is not None
    return layout(width, height, curves, frame.shows("bars") or frame.shows("log"))


def draw(frame: Frame, width: float = 1280, height: float = 800, ratio: float = 1) -> Image.Image:
    """The picture of a frame.

    Args:
        frame: what it shows.
        width: in points.
        height: in points.
        ratio: pixels in a point.
    """
    parts = layout_for(frame, width, height)
    canvas = Canvas(width, height, ratio, frame.theme, finer=1, on=_ground(frame, parts, ratio).copy())
    if parts.head:
        _draw_head(canvas, frame)
    if frame.world.boards.height:
        _draw_board(canvas, frame, parts)
    else:
        _draw_words(canvas, frame, parts)
    if parts.side[1]:
        _draw_side(canvas, frame, parts)
    _draw_timeline(canvas, frame, parts)
    _draw_foot(canvas, frame)
    if frame.keys:
        draw_keys(canvas, frame)
    return canvas.picture()


def tick_at(frame: Frame, width: float, height: float, x: float, y: float) -> int | None:
    """The tick that lies under a point of the timeline or of the curves; None elsewhere."""
    parts = layout_for(frame, width, height)
    if frame.episode is None or not parts.chart[0] <= y <= parts.slider + SLIDER:
        return None
    left, right = _axis(frame, parts)
    share = (x - left) / (right - left)
    return int(np.clip(round(share * frame.episode.length), 0, frame.episode.length))


# ------------------------------------------------------------------ what is kept


def _board(frame: Frame, parts: Layout, ratio: float) -> Board:
    return _placed_board(frame.world, layout_of(frame.world, frame.state), parts, ratio, frame.theme)


@lru_cache(64)
def _placed_board(world: World, number: int, parts: Layout, ratio: float, theme: Theme) -> Board:
    """The board in the middle of its room, its cells on whole pixels."""
    left, top, width, height = parts.board
    board = Board(world, number, width, height, theme, pixel=1 / ratio)
    board.left = round((left + (width - board.width) / 2) * ratio) / ratio
    board.top = round((top + (height - board.height) / 2) * ratio) / ratio
    return board


def _ground(frame: Frame, parts: Layout, ratio: float) -> Image.Image:
    """Everything that stays the same through an episode, without the letters that change."""
    number = layout_of(frame.world, frame.state) if frame.world.boards.height else -1
    episode = frame.episode if parts.chart[1] else None
    return _kept_ground(frame.world, number, episode, parts, ratio, frame.theme)


@lru_cache(24)
def _kept_ground(
    world: World, number: int, episode: Episode | None, parts: Layout, ratio: float, theme: Theme
) -> Image.Image:
    image = Image.new("RGB", (round(parts.width * ratio), round(parts.height * ratio)), theme.paper)
    if number >= 0:
        board = _placed_board(world, number, parts, ratio, theme)
        alone = Board(world, number, parts.board[2], parts.board[3], theme, pixel=1 / ratio)
        canvas = Canvas(board.width, board.height, ratio, theme)
        alone.ground(canvas)
        image.paste(canvas.picture(), (round(board.left * ratio), round(board.top * ratio)))
    if episode is not None:
        _, picture = _chart(episode, parts, ratio, theme)
        image.paste(picture, (round(MARGIN * ratio), round(parts.chart[0] * ratio)))
    return image


@lru_cache(24)
def _chart(episode: Episode, parts: Layout, ratio: float, theme: Theme) -> tuple[Chart, Image.Image]:
    """The curves of an episode: hidden performance, weighted reward and, if there are several, each channel."""
    lines = [
        Curve("hidden performance", so_far(episode.performance), theme.performance),
        Curve("weighted reward", so_far(episode.weighted()), theme.reward),
    ]
    channels = episode.world.channels
    if 1 < len(channels) <= 4:
        sums = so_far(episode.rewards)
        lines += [Curve(plain(name), sums[:, k], head_colour(theme, k)) for k, name in enumerate(channels)]
    canvas = Canvas(parts.width - 2 * MARGIN, parts.chart[1], ratio, theme)
    chart = Chart(lines, _marks(episode, lines), canvas)
    return chart, chart.draw()


def _marks(episode: Episode, lines: list[Curve]) -> list[Mark]:
    """The first time of each event, where the sums part, and the end."""
    named: dict[int, list[str]] = {}
    for event in dict.fromkeys(event for events in episode.events for event in events):
        named.setdefault(episode.ticks(event)[0], []).append(plain(event))
    part = parting(lines[0].values, lines[1].values)
    if part is not None:
        named.setdefault(part, []).append("they part")
    if episode.ended is not None:
        named.setdefault(episode.length, []).append(plain(episode.ended))
    return [Mark(tick, ", ".join(named[tick])) for tick in sorted(named)][:MARKS]


def _axis(frame: Frame, parts: Layout, ratio: float = 1.0) -> tuple[float, float]:
    """Where the timeline begins and ends: below the curves, if there are any."""
    if frame.episode is not None and parts.chart[1]:
        chart, _ = _chart(frame.episode, parts, ratio, frame.theme)
        return MARGIN + chart.x(0), MARGIN + chart.x(frame.episode.length)
    return MARGIN + 8, parts.width - MARGIN - 8


# ------------------------------------------------------------------ what changes


def _draw_head(canvas: Canvas, frame: Frame) -> None:
    theme = frame.theme
    count = f"tick {frame.tick}" + (f" of {frame.episode.length}" if frame.episode is not None else "")
    room = canvas.width - 2 * MARGIN - text_width(count, 20.0) - 24
    title = cut(frame.title, 18.0, room)
    canvas.text(MARGIN, 30, title, 18.0, bold=True)
    left = MARGIN + text_width(title, 18.0) + 16
    canvas.text(left, 30, cut(frame.about, 12.5, room + MARGIN - left), 12.5, theme.muted)
    canvas.text(canvas.width - MARGIN, 31, count, 18.0, theme.ink, "rs", bold=True)


def _draw_board(canvas: Canvas, frame: Frame, parts: Layout) -> None:
    board = _board(frame, parts, canvas.ratio)
    if frame.shows("value"):
        draw_values(canvas, board, frame)
    if frame.shows("sight"):
        board.sights(canvas, frame.state, shade=not frame.shows("value"))
    if frame.shows("policy"):
        draw_policy(canvas, board, frame)
    path = frame.states[-RECENT:]
    board.ways(canvas, path)
    if frame.shows("plan"):
        draw_plan(canvas, board, frame)
    if frame.shows("doubt"):
        draw_doubt(canvas, board, frame)
    board.bodies(canvas, path)
    if frame.shows("names"):
        draw_names(canvas, board, frame)


def _draw_words(canvas: Canvas, frame: Frame, parts: Layout) -> None:
    """A world without a board: its counters."""
    left, top, width, _ = parts.board
    for number, text in enumerate(describe(frame.world, frame.state)):
        canvas.text(left, top + 30 + 28 * number, cut(text, 20.0, width), 20.0)


def _draw_side(canvas: Canvas, frame: Frame, parts: Layout) -> None:
    bottom = (parts.chart[0] if parts.chart[1] else parts.slider) - 6
    column = Column(canvas, *parts.side, parts.head, bottom)
    if frame.shows("bars"):
        draw_choice(column, frame)
    draw_sums(column, frame)
    draw_legend(column, frame)
    if frame.shows("log"):
        draw_log(column, frame)


def _draw_timeline(canvas: Canvas, frame: Frame, parts: Layout) -> None:
    """A line with a mark for each tick that brought an event, and a knob at the present one."""
    theme, episode = frame.theme, frame.episode
    left, right = _axis(frame, parts, canvas.ratio)
    y = parts.slider + SLIDER / 2
    canvas.box(left, y - 1.5, right, y + 1.5, theme.hairline)
    if episode is None:
        return
    step = (right - left) / max(episode.length, 1)
    for tick, events in enumerate(episode.events):
        if events:
            x = left + (tick + 1) * step
            canvas.box(x - 0.75, y - 6, x + 0.75, y + 6, mix(theme.performance, theme.paper, 0.25))
    x = left + frame.tick * step
    canvas.box(left, y - 1.5, x, y + 1.5, theme.reward)
    if parts.chart[1]:
        canvas.box(x - 0.5, parts.chart[0] + 8, x + 0.5, y, mix(theme.muted, theme.paper, 0.2))
    canvas.disc(x, y, 7, theme.reward, theme.paper, 2)


def _draw_foot(canvas: Canvas, frame: Frame) -> None:
    theme, top = frame.theme, canvas.height - FOOT
    canvas.box(0, top, canvas.width, canvas.height, theme.panel)
    hint = frame.hint if text_width(frame.hint, 12.0) < 0.4 * canvas.width else ""
    room = canvas.width - 2 * MARGIN - (text_width(hint, 12.0) + 20 if hint else 0)
    canvas.text(MARGIN, top + 17, cut(frame.status, 12.5, room), 12.5)
    canvas.text(canvas.width - MARGIN, top + 17, hint, 12.0, theme.muted, "rs")
