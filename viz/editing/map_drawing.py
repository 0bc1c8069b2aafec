"""Draws a map as its glyphs stand in the file, whether or not that is a world: ground, pieces, patrols, faults."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image

from ...envs.world.world import Body, World
from ..drawing.board import BoardDrawing
from ..drawing.canvas import Canvas, text_width, wrapped
from ..drawing.palette import Theme, mix
from ..viewer.edit_view import Cell, EditView, MapGlyph, PatrolView

Room = tuple[float, float, float, float]
"""Left, top, width and height, in points."""
Declared = tuple[tuple[str, tuple[Cell, ...]], ...]
TIP = 12.0
"""Size of the text of a fault at its cell, in points."""


def map_board(view: EditView, room: Room, ratio: float, theme: Theme) -> BoardDrawing:
    """The drawing of the map, centred in its room, with every cell at its full size."""
    return _placed(view.world, view.rows, view.glyphs, view.declared, room, ratio, theme)


@lru_cache(16)
def _placed(
    world: World,
    rows: tuple[str, ...],
    glyphs: tuple[MapGlyph, ...],
    declared: Declared,
    room: Room,
    ratio: float,
    theme: Theme,
) -> BoardDrawing:
    left, top, width, height = room
    drawn = _world(world, rows, glyphs, declared)
    board = BoardDrawing(drawn, 0, width, height, theme, pixel=1 / ratio, whole=True)
    board.left = round((left + (width - board.width) / 2) * ratio) / ratio
    board.top = round((top + (height - board.height) / 2) * ratio) / ratio
    return board


@lru_cache(16)
def _world(world: World, rows: tuple[str, ...], glyphs: tuple[MapGlyph, ...], declared: Declared) -> World:
    """A world with the walls and zones of a map, for drawing alone: its figures are those of the given world."""
    height, width, by_sign = len(rows), len(rows[0]), {each.glyph: each for each in glyphs}
    marked = dict.fromkeys(zone for each in glyphs for zone in each.zones)
    names = tuple(dict.fromkeys((*world.boards.named_zones, *marked, *(name for name, _ in declared))))
    walls, zones = np.zeros((1, height * width + 1), np.bool_), np.zeros((len(names), 1, height * width + 1), np.bool_)
    walls[0, -1] = True
    for row, text in enumerate(rows):
        for column, sign in enumerate(text):
            its = by_sign.get(sign)
            if its is not None:
                walls[0, row * width + column] = its.wall
                for zone in its.zones:
                    zones[names.index(zone), 0, row * width + column] = True
    for name, cells in declared:
        for row, column in cells:
            zones[names.index(name), 0, row * width + column] |= not walls[0, row * width + column]
    boards = replace(
        world.boards,
        height=height,
        width=width,
        walls=walls,
        zones=zones,
        zone_names=names,
        n_named=len(names),
        n_observed=0,
    )
    return replace(world, boards=boards)


def map_ground(view: EditView, room: Room, ratio: float, theme: Theme) -> Image.Image:
    """The picture of the map's floor, walls and zones."""
    return _ground(view.world, view.rows, view.glyphs, view.declared, room[2:], ratio, theme)


@lru_cache(16)
def _ground(
    world: World,
    rows: tuple[str, ...],
    glyphs: tuple[MapGlyph, ...],
    declared: Declared,
    size: tuple[float, float],
    ratio: float,
    theme: Theme,
) -> Image.Image:
    drawn = _world(world, rows, glyphs, declared)
    board = BoardDrawing(drawn, 0, *size, theme, pixel=1 / ratio, whole=True)
    # Cells begin at whole pixels, so nothing here needs to be drawn larger first, which a stroke would wait for.
    canvas = Canvas(board.width, board.height, ratio, theme, finer=1)
    board.ground(canvas)
    return canvas.picture()


def draw_map(canvas: Canvas, view: EditView, board: BoardDrawing) -> None:
    """Draw on the ground what stands on a map: grid, pieces, patrols, cursor, and faults at their cells."""
    theme = canvas.theme
    _grid(canvas, view, board)
    for patrol in view.patrols:
        _patrol(canvas, patrol, view, board)
    for row, text in enumerate(view.rows):
        for column in range(len(text)):
            its, place = view.glyph_at((row, column)), board.centre(row * len(text) + column)
            if its is None:
                canvas.text(*place, text[column], 0.5 * board.cell, theme.performance, "mm", bold=True)
            elif its.body is not None:
                draw_piece(canvas, board, its.body, *place, board.cell)
    line = max(0.06 * board.cell, 2.0)
    for inset, colour in ((0.0, theme.paper), (line / 2, theme.ink if view.on_board else theme.muted)):
        left, top, right, bottom = board.box(*view.cursor)
        canvas.box(left + inset, top + inset, right - inset, bottom - inset, None, 4, colour, line)
    for number, fault in enumerate(view.faults):
        colour = theme.performance if not fault.warning else mix(theme.performance, theme.muted, 0.6)
        board.outline(canvas, frozenset(fault.cells), colour, max(0.07 * board.cell, 2))
        if fault.cells:
            left, top = board.box(*fault.cells[0])[:2]
            canvas.disc(left + 8, top + 8, 7.5, colour)
            canvas.text(left + 8, top + 8, str(number + 1), 10.0, theme.paper, "mm", bold=True)
    if view.pointed is not None:
        _callout(canvas, view, view.pointed, board)


def draw_piece(canvas: Canvas, board: BoardDrawing, name: str, x: float, y: float, size: float) -> None:
    """Draw the figure of an agent or a thing around a point, for a cell of a size in points."""
    body = _body(board.world, name)
    if body is not None:
        board.cast.draw(canvas, body, x, y, size)


def _body(world: World, name: str) -> Body | None:
    return next((body for body in world.bodies if name in (body.group, body.name)), None)


def _grid(canvas: Canvas, view: EditView, board: BoardDrawing) -> None:
    """Draw thin lines between all cells, walls too: each can be painted."""
    colour = f"{canvas.theme.muted}50"
    for row in range(len(view.rows)):
        for column in range(len(view.rows[0])):
            left, top, right, bottom = board.box(row, column)
            canvas.box(right - 0.5, top, right + 0.5, bottom, colour)
            canvas.box(left, bottom - 0.5, right, bottom + 0.5, colour)


def _patrol(canvas: Canvas, patrol: PatrolView, view: EditView, board: BoardDrawing) -> None:
    """Draw a round as a line through its stops, with a dot for each stop and a ring for the first."""
    wide, body = len(view.rows[0]), _body(board.world, patrol.thing)
    stops = [stop for stop in patrol.stops if stop[0] < len(view.rows) and stop[1] < wide]
    if not stops:
        return
    colour = canvas.theme.watcher if body is None else board.cast.colour(body)
    centres = [board.centre(row * wide + column) for row, column in stops]
    closed = [*centres, centres[0]] if patrol.loop else centres
    for start, end in pairwise(closed):
        if start != end:
            canvas.line([start, end], mix(colour, canvas.theme.floor, 0.45), max(0.05 * board.cell, 1.5))
    for place in centres:
        canvas.disc(*place, max(0.1 * board.cell, 3.0), colour, canvas.theme.floor, 1)
    canvas.disc(*centres[0], max(0.17 * board.cell, 5.0), None, colour, 2)


def _callout(canvas: Canvas, view: EditView, number: int, board: BoardDrawing) -> None:
    """Write the text of a fault beside its first cell, where it covers least."""
    fault, theme = view.faults[number], canvas.theme
    left, top, right, bottom = board.box(*fault.cells[0])
    room = min(300.0, max(0.55 * board.width, 170.0), canvas.width - 24)
    lines = [*wrapped(fault.text, TIP, room), *wrapped(fault.cure, TIP, room)]
    told = len(wrapped(fault.text, TIP, room))
    wide = max(text_width(line, TIP) for line in lines) + 18
    tall = 10 + 16 * len(lines)
    x = right + 6 if right + 6 + wide <= board.left + board.width + 8 else max(left - wide - 6, 6)
    y = min(max((top + bottom) / 2 - tall / 2, 4), canvas.height - tall - 4)
    if x < right and x + wide > left:  # there is no room on either side: below the cell, or above it
        x = min(max((left + right - wide) / 2, 6), canvas.width - wide - 6)
        y = bottom + 5 if bottom + 5 + tall < canvas.height - 30 else top - tall - 5
    canvas.box(x, y, x + wide, y + tall, theme.paper, 6, theme.performance, 1.5)
    for index, line in enumerate(lines):
        colour = theme.performance if index < told else theme.ink
        canvas.text(x + 9, y + 13 + 16 * index, line, TIP, colour, "lm")
