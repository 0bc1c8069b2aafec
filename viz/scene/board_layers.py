"""Draws one board of a scene with its overlays: the present state, an imagined one, or an edit under way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...envs.base import Ints
from ...evals.inspection.mind import UNKNOWN, unexpected_fields
from ..drawing.board import BoardDrawing
from ..drawing.canvas import Canvas
from ..drawing.palette import mix
from ..viewer.frame import Frame
from .overlays import (
    draw_doubt,
    draw_expected,
    draw_names,
    draw_plan,
    draw_policy,
    draw_values,
    expected_elsewhere,
    name_expected,
)


def draw_board(canvas: Canvas, frame: Frame, board: BoardDrawing) -> None:
    """Draw what stands on a board, and the overlays that are on."""
    # A search may have states that cannot be put on a board; `imagined` is then empty, and the present is drawn.
    if frame.node and frame.mind is not None and frame.node < len(frame.mind.imagined):
        _draw_imagined(canvas, frame, board)
        return
    if frame.shows("value"):
        draw_values(canvas, board, frame)
    if frame.shows("sight"):
        # A shade would change the colours of the values, which stand for numbers.
        board.sights(canvas, frame.state, shade=not frame.shows("value"))
    if frame.shows("policy"):
        draw_policy(canvas, board, frame)
    path = frame.trail
    # An agent may have the hue of the values it stands on.
    board.ways(canvas, path, cased=frame.shows("value"))
    if frame.shows("plan"):
        draw_plan(canvas, board, frame)
    if frame.shows("doubt"):
        draw_doubt(canvas, board, frame)
    board.bodies(canvas, path)
    if frame.shows("plan"):
        draw_expected(canvas, board, frame)
    if frame.shows("foreseen"):
        _draw_missed(canvas, frame, board)
    if frame.shows("names"):
        draw_names(canvas, board, frame)
    if frame.shows("plan"):
        name_expected(canvas, board, frame)
    if frame.held is not None:
        _draw_held(canvas, frame, board)


def imagined_states(frame: Frame) -> Ints:
    """int32 `[n, F]`: the imagined states from the root to the selected node of the search.

    Fields that the agent does not observe keep their present value.
    """
    mind = frame.mind
    assert mind is not None
    assert mind.search is not None
    states = mind.imagined[mind.search.path_to(frame.node)]
    return np.where(states == UNKNOWN, frame.state, states).astype(np.int32)


def _draw_imagined(canvas: Canvas, frame: Frame, board: BoardDrawing) -> None:
    """Draw the imagined state in place of the present one, with a coloured border that marks it as imagined."""
    path = imagined_states(frame)
    there = replace(frame, states=path, value_map=None, held=None)
    if frame.shows("sight"):
        board.sights(canvas, path[-1])
    board.ways(canvas, path)
    board.bodies(canvas, path)
    if frame.shows("names"):
        draw_names(canvas, board, there)
    colour, line = canvas.theme.reward, 3.0
    right, bottom = board.left + board.width, board.top + board.height
    canvas.box(board.left, board.top, right, board.top + line, colour)
    canvas.box(board.left, bottom - line, right, bottom, colour)
    canvas.box(board.left, board.top, board.left + line, bottom, colour)
    canvas.box(right - line, board.top, right, bottom, colour)


def _draw_missed(canvas: Canvas, frame: Frame, board: BoardDrawing) -> None:
    """Mark each body that is not where the agent foresaw it: a frame around its cell, a ghost where it was expected."""
    if frame.before is None:
        return
    theme, nowhere = canvas.theme, frame.world.boards.nowhere
    wrong = set(unexpected_fields(frame.before, frame.state))
    marked = [body for body, _ in expected_elsewhere(frame)] if frame.shows("plan") else []
    for body in frame.world.bodies:
        if body.cell not in wrong:
            continue
        expected, came = int(frame.before.ahead[0][body.cell]), int(frame.state[body.cell])
        if came != nowhere:
            cells = frozenset([divmod(came, board.walls.shape[1])])
            board.outline(canvas, cells, theme.performance, 0.07 * board.cell)
        if body not in marked and 0 <= expected < nowhere:  # `UNKNOWN` is negative
            cells = frozenset([divmod(expected, board.walls.shape[1])])
            board.outline(canvas, cells, mix(theme.muted, theme.floor, 0.2), 0.04 * board.cell)
            board.cast.draw_ghost(canvas, body, *board.centre(expected), 0.85 * board.cell, 0.5)


def _draw_held(canvas: Canvas, frame: Frame, board: BoardDrawing) -> None:
    """Draw the body that the mouse drags, over the cell where it would be put; a wall takes no body."""
    assert frame.held is not None
    name, cell = frame.held
    body = frame.world.bodies[frame.world.body_index[name]]
    row, column = divmod(cell, board.walls.shape[1])
    free = not board.walls[row, column]
    colour = canvas.theme.reward if free else canvas.theme.muted
    board.outline(canvas, frozenset([(row, column)]), colour, 0.06 * board.cell)
    if free:
        board.cast.draw_ghost(canvas, body, *board.centre(cell), board.cell, 0.6)
