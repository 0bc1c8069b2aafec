"""Rendering: a world's board as text in the file's own glyphs or as an RGB array; without a board, its fields."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..base import Ints
from ..kernel.batch_stepper import Stepper
from ..reference.looks import drawn_board
from ..world.world import World

PIXELS = 16
"""Side of a cell in a picture."""
FLOOR, WALL = (247, 247, 244), (74, 84, 98)
COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233), (240, 228, 66))
"""The palette of Okabe and Ito, which is safe for all kinds of colour blindness."""


def frames(
    stepper: Stepper, glyphs: Mapping[str, str], mode: str | None
) -> tuple[str, ...] | tuple[npt.NDArray[np.uint8], ...] | None:
    """The state of each lane as a render mode says: texts, pictures, or None without a mode."""
    lanes = [(stepper.world_of(lane), state) for lane, state in enumerate(stepper.states)] if mode else []
    if mode == "ansi":
        return tuple(text(world, state, glyphs) for world, state in lanes)
    return tuple(pixels(world, state) for world, state in lanes) if mode == "rgb_array" else None


def text(world: World, state: Ints, glyphs: Mapping[str, str]) -> str:
    """A state int32 `[F]` as a board in glyphs or, without a board, its fields."""
    if world.boards.nowhere:
        return drawn_board(world, state, glyphs)
    return "\n".join(f"{field.name} {int(value)}" for field, value in zip(world.fields, state, strict=True))


def pixels(world: World, state: Ints) -> npt.NDArray[np.uint8]:
    """A picture of a state int32 `[F]`: zones tinted, things squares, agents larger ones; blank without a board.

    Returns:
        uint8 `[H * PIXELS, W * PIXELS, 3]`.
    """
    boards = world.boards
    if not boards.nowhere:
        return np.full((PIXELS, PIXELS, 3), FLOOR, np.uint8)
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    cells = np.where(boards.walls[layout, :-1, None], WALL, FLOOR).astype(np.uint8)
    for index, zone in enumerate(boards.named_zones.values()):
        on = zone[layout, :-1]
        cells[on] = cells[on] // 2 + np.array(COLOURS[index % len(COLOURS)], np.uint8) // 2
    picture = cells.reshape(boards.height, boards.width, 3).repeat(PIXELS, 0).repeat(PIXELS, 1)
    groups = list(dict.fromkeys(body.group for body in world.bodies))
    for body in sorted(world.bodies, key=lambda body: body.is_agent):
        if state[body.cell] != boards.nowhere:
            row, column = (int(x) * PIXELS for x in divmod(int(state[body.cell]), boards.width))
            rim = PIXELS // 8 if body.is_agent else PIXELS // 4
            inner = picture[row + rim : row + PIXELS - rim, column + rim : column + PIXELS - rim]
            inner[:] = COLOURS[groups.index(body.group) % len(COLOURS)]
    return picture
