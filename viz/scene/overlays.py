"""Draws what lies over a board: values, best actions, the plan with its expected future, uncertainty, names."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image

from ...envs.world.geometry import STEPS
from ...envs.world.world import Body
from ...evals.inspection.mind import UNKNOWN, Mind
from ..drawing.board import BoardDrawing
from ..drawing.canvas import Canvas, Point, stamp, text_width
from ..drawing.color_scales import Scale, number, scale_of
from ..drawing.palette import Theme, mix
from ..text.episode_text import plain
from ..viewer.frame import Frame

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in points."""

GHOSTS = (0.5, 0.42, 0.34, 0.28, 0.22)
"""Opacities of the ghosts, the nearest future first."""


def draw_values(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Colour each cell by its value for the agent; hatch cells that the agent cannot reach."""
    if frame.value_map is None:
        return
    values = frame.value_map.of(frame.head)
    scale = scale_of(values, frame.theme)
    for row, column in zip(*np.nonzero(~board.walls), strict=True):
        left, top, right, bottom = board.box(row, column)
        value = float(values[row * board.walls.shape[1] + column])
        if np.isnan(value):
            canvas.stamp(_hatch(right - left, canvas.ratio, frame.theme), (left + right) / 2, (top + bottom) / 2)
        else:
            inset = 0.06 * (right - left)
            canvas.box(left + inset, top + inset, right - inset, bottom - inset, scale.colour(value))
            _figure(canvas, scale, value, left + inset, top + inset, right - left)


def _figure(canvas: Canvas, scale: Scale, value: float, left: float, top: float, cell: float) -> None:
    """Write the value itself, where the cell has room for legible digits."""
    size = min(0.18 * cell, 11.0)
    if size >= 7.0:
        canvas.text(left + 0.05 * cell, top + 0.04 * cell + 0.8 * size, number(value), size, scale.ink(value))


def draw_policy(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Draw arrows along the best moves from each cell, a dot where staying is best, a ring for any other action."""
    value_map, boards = frame.value_map, board.world.boards
    if value_map is None:
        return
    reach, steps = 0.37 * board.cell, list(STEPS.values())
    names = board.world.agents[frame.agent].actions
    for cell in np.flatnonzero(value_map.best.any(axis=1)):
        x, y = board.centre(int(cell))
        best = np.flatnonzero(value_map.best[cell])
        bumps = boards.walls[board.layout, boards.neighbours[cell, value_map.moves[best]]]
        for action in best if bumps.all() else best[~bumps]:  # to walk into a wall is to stay
            down, right = steps[value_map.moves[action]]
            if (down, right) != (0, 0):
                arrow = _arrow(round(board.cell, 2), (down, right), canvas.ratio, canvas.theme)
                canvas.stamp(arrow, x + right * reach, y + down * reach)
            elif names[action] == "stay":
                canvas.disc(x, y, 0.06 * board.cell, canvas.theme.ink)
            else:
                canvas.disc(x, y, 0.13 * board.cell, None, canvas.theme.ink, 0.035 * board.cell)


def draw_plan(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Draw the agent's planned path, its planned actions, and the predicted positions of moving bodies."""
    mind = frame.mind
    if mind is None or len(mind.ahead) == 0:
        return
    for body in reversed(board.world.bodies):
        if body.is_agent:
            _draw_way(canvas, board, frame, mind, body)
    _draw_ghosts(canvas, board, frame, mind)


def _draw_way(canvas: Canvas, board: BoardDrawing, frame: Frame, mind: Mind, body: Body) -> None:
    nowhere = board.world.boards.nowhere
    cells = [int(frame.state[body.cell]), *(int(cell) for cell in mind.ahead[:, body.cell])]
    colour = mix(board.cast.colour(body), canvas.theme.ink, 0.25)
    seen: set[tuple[int, int]] = set()  # a stretch that is walked back and forth is dotted once
    for here, there in pairwise(cells):
        if UNKNOWN in (here, there) or nowhere in (here, there) or here == there or (here, there) in seen:
            continue
        seen |= {(here, there), (there, here)}
        if there in board.world.boards.neighbours[here]:
            _dots(canvas, board.centre(here), board.centre(there), board.cell, colour)
    # With several agents it is not certain that an action of the plan is that of the agent in this cell.
    for (here, there), action in zip(pairwise(cells), mind.ahead_actions, strict=True):
        if here == there and 0 <= here < nowhere and action not in STEPS and len(board.world.agents) == 1:
            _tag(canvas, board, here, plain(action))


def _dots(canvas: Canvas, start: Point, end: Point, cell: float, colour: str) -> None:
    """Draw a dotted line from one cell to the next."""
    for share in (0.25, 0.5, 0.75, 1.0):
        x, y = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
        canvas.disc(x, y, 0.06 * cell, canvas.theme.floor)
        canvas.disc(x, y, 0.042 * cell, colour)


def _tag(canvas: Canvas, board: BoardDrawing, cell: int, text: str) -> None:
    """Write a word on a rounded box at the upper edge of a cell, moved sideways to stay on the board."""
    theme, size = canvas.theme, min(11.0, 0.24 * board.cell)
    if size < 6:
        return
    x, y = board.centre(cell)
    half, y = text_width(text, size) / 2 + 0.5 * size, y - 0.5 * board.cell
    x = min(max(x, board.left + half), board.left + board.width - half)
    canvas.box(x - half, y - 0.75 * size, x + half, y + 0.75 * size, theme.ink, 0.75 * size)
    canvas.text(x, y, text, size, theme.paper, "mm")


def _draw_ghosts(canvas: Canvas, board: BoardDrawing, frame: Frame, mind: Mind) -> None:
    """Draw the predicted positions of bodies at a few ticks of the plan, fainter for later ticks."""
    every = max(round(len(mind.ahead) / len(GHOSTS)), 1)
    marked = [body for body, _ in expected_elsewhere(frame)]
    # The farthest future is drawn first, so that nearer ghosts, which are stronger, cover it.
    for index in reversed(range(len(GHOSTS))):
        moment = min((index + 1) * every, len(mind.ahead)) - 1
        # Beyond the end of a short plan its last state would be repeated; the first ghost is always drawn.
        if index and moment < (index + 1) * every - 1:
            continue
        for body in board.world.bodies:
            cell = int(mind.ahead[moment, body.cell])
            if body not in marked and 0 <= cell < board.world.boards.nowhere and cell != frame.state[body.cell]:
                x, y = board.centre(cell)
                share = 1.0 if body.is_agent else 0.6
                board.cast.draw_ghost(canvas, body, x, y, 0.85 * board.cell, round(GHOSTS[index] * share, 3))


def expected_elsewhere(frame: Frame) -> list[tuple[Body, int]]:
    """What nothing moves and a learned model expects in another cell than it is in, each with that cell."""
    mind = frame.mind if frame.mind is not None and len(frame.mind.ahead) else frame.before
    if not frame.learned or mind is None or len(mind.ahead) == 0:
        return []
    still = [each for each in frame.world.bodies if not (each.is_agent or each.motions or each.pushable)]
    nowhere = frame.world.boards.nowhere
    cells = [(body, int(mind.ahead[0][body.cell])) for body in still if body.carrier < 0]
    return [(body, cell) for body, cell in cells if 0 <= cell < nowhere and cell != frame.state[body.cell]]


def draw_expected(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Draw a dashed outline where a learned model expects what is elsewhere: no ghost, which is what will come.

    What stands there does not hide it: the outline then runs along the rim of the cell.
    """
    taken = {int(frame.state[body.cell]) for body in frame.world.bodies}
    for body, cell in expected_elsewhere(frame):
        (x, y), reach = board.centre(cell), 0.44 * board.cell
        colour, wide = mix(board.cast.colour(body), canvas.theme.ink, 0.45), max(0.045 * board.cell, 1.0)
        corners = [(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y), (x, y - reach)]
        mark, size = (x, y), 0.34 * board.cell
        if cell in taken:
            ends = [(x - reach, y - reach), (x + reach, y - reach), (x + reach, y + reach), (x - reach, y + reach)]
            corners, mark, size = [*ends, ends[0]], (x + 0.3 * board.cell, y - 0.22 * board.cell), 0.26 * board.cell
            canvas.disc(*mark, 0.13 * board.cell, canvas.theme.floor)
        canvas.line(corners, colour, wide, dash=0.1 * board.cell)
        canvas.text(*mark, "?", size, colour, "mm", bold=True)


def name_expected(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Write on each such outline whose it is, at the upper edge of its cell."""
    size = min(11.0, 0.22 * board.cell)
    for body, cell in expected_elsewhere(frame) if size >= 5 else ():
        x, y = board.centre(cell)
        below = (x - board.cell / 2, y, x + board.cell / 2, y + board.cell)  # where the name of who stands there is
        _name(canvas, board, [f"{plain(body.name)} expected here"], (x, y), size, [below])


def draw_doubt(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Draw the agent's uncertainty about each move on the cell that the move leads to."""
    mind, program = frame.mind, frame.world.agents[frame.agent]
    # A mind that decides for several agents at once has joint actions, which lead to no single cell.
    if mind is None or program.body < 0 or mind.actions != program.actions:
        return
    here = int(frame.state[frame.world.bodies[program.body].cell])
    if here == board.world.boards.nowhere:
        return
    size = min(11.0, 0.22 * board.cell)
    for action, doubt in enumerate(mind.uncertainty):
        cell = int(board.world.boards.neighbours[here, program.moves[action]])
        stays = cell in (here, board.world.boards.nowhere) or board.walls.flat[cell]
        if doubt > 0 and not stays and size >= 6:
            x, y = board.centre(cell)
            canvas.disc(x, y, 0.3 * board.cell, mix(canvas.theme.paper, canvas.theme.performance, float(doubt) * 0.8))
            canvas.text(x, y, f"{doubt:.0%}", size, canvas.theme.ink, "mm")


def draw_names(canvas: Canvas, board: BoardDrawing, frame: Frame) -> None:
    """Write the name of each body below it."""
    size = min(11.0, 0.22 * board.cell)
    if size < 5:
        return
    named: dict[int, list[str]] = {}
    for body, _, _, _ in board.standing(frame.state):
        named.setdefault(int(frame.state[body.cell]), []).append(plain(body.name))
    taken: list[Box] = []
    for cell, names in named.items():
        _name(canvas, board, names, board.centre(cell), size, taken)


def _name(canvas: Canvas, board: BoardDrawing, names: list[str], centre: Point, size: float, taken: list[Box]) -> None:
    """Write what stands in a cell on a pale ground below it, or above it where the room below is taken by others.

    Several names stand below each other; all are moved sideways to stay on the board.
    """
    line = 1.3 * size
    half, tall = max(text_width(each, size) for each in names) / 2 + 3, line * len(names)
    x = min(max(centre[0], board.left + half), board.left + board.width - half)
    middle = centre[1] + 0.47 * board.cell
    boxes = [
        (x - half, y - tall / 2, x + half, y + tall / 2)
        for y in (middle - (tall - line) / 2, centre[1] - 0.47 * board.cell + (tall - line) / 2)
    ]
    box = next((each for each in boxes if not any(_overlap(each, other) for other in taken)), boxes[0])
    taken.append(box)
    canvas.box(*box, canvas.theme.paper, 0.4 * size)
    for row, each in enumerate(names):
        canvas.text(x, box[1] + line * (row + 0.5), each, size, canvas.theme.ink, "mm")


def _overlap(one: Box, other: Box) -> bool:
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])


@lru_cache(200)
def _arrow(cell: float, way: tuple[int, int], ratio: float, theme: Theme) -> Image.Image:
    """A picture of a small arrowhead; its rim makes it show on the colour of any value."""
    side = 0.3 * cell
    (down, right), middle = way, side / 2

    def head(reach: float) -> list[Point]:
        tip = middle + right * reach, middle + down * reach
        back = middle - right * reach * 0.7, middle - down * reach * 0.7
        return [
            tip,
            (back[0] - down * reach, back[1] + right * reach),
            (back[0] + down * reach, back[1] - right * reach),
        ]

    def draw(canvas: Canvas) -> None:
        canvas.polygon(head(0.47 * side), theme.floor)
        canvas.polygon(head(0.33 * side), theme.ink)

    return stamp(side, side, ratio, theme, draw)


@lru_cache(50)
def _hatch(side: float, ratio: float, theme: Theme) -> Image.Image:
    """A picture of thin oblique lines that fills a cell."""

    def draw(canvas: Canvas) -> None:
        gap = max(side / 5, 3.0)
        for start in np.arange(-side, side, gap):
            canvas.line([(float(start), side), (float(start) + side, 0.0)], mix(theme.muted, theme.floor, 0.55), 0.8)

    return stamp(side, side, ratio, theme, draw)
