"""The observation function: rows of integers, from which an agent has to learn everything else.

Without a window, an agent observes the observed fields of the state themselves. With a window it observes the square of
cells around itself (walls, zones), where in that square each other body is, and the observed counters and draws; it
observes neither its own position nor anything of a body outside the square, unless it carries it.
"""

from __future__ import annotations

import numpy as np

from ..base import Ints, Longs
from ..row_ids import row_ids
from ..world.world import Body, World


def observe(world: World, states: Ints, agent: int = 0) -> Longs:
    """int64 `[B, O]`: the observation of each state int32 `[B, F]`; O is the same for every state of a world."""
    program = world.agents[agent]
    if program.window is None or program.body < 0:
        seen = states[:, list(program.sees)].astype(np.int64)
        if world.layout in program.sees:
            column = program.sees.index(world.layout)
            seen[:, column] = program.visible_layout[states[:, world.layout]]
        return seen
    return _window(world, states, agent)


def observation_ids(world: World, states: Ints, agent: int = 0) -> Longs:
    """int64 `[B]`: an index of each state's observation; equal for states that the agent cannot tell apart."""
    seen = observe(world, states, agent)
    return row_ids(list(seen.T)) if seen.shape[1] else np.zeros(len(states), np.int64)


def _window(world: World, states: Ints, agent: int) -> Longs:
    program = world.agents[agent]
    boards, side = world.boards, program.window
    assert side is not None
    body = world.bodies[program.body]
    lanes = states.shape[0]
    here = states[:, body.cell]
    layout = states[:, world.layout] if world.layout >= 0 else np.zeros(lanes, np.int32)
    rows, columns = np.divmod(here, boards.width)
    zones, parts = world.zones_seen(agent), []
    for down in range(-(side // 2), side - side // 2):
        for right in range(-(side // 2), side - side // 2):
            r, c = rows + down, columns + right
            inside = (r >= 0) & (r < boards.height) & (c >= 0) & (c < boards.width) & (here != boards.nowhere)
            cell = np.where(inside, r * boards.width + c, boards.nowhere)
            parts.append(boards.walls[layout, cell].astype(np.int64))
            parts.extend(zone[layout, cell].astype(np.int64) for zone in zones)
    owned = {column for other in world.bodies for column in _columns(other)} - set(_columns(body)[1:])
    for other in world.bodies:
        if other is not body and other.cell in program.sees:
            parts.extend(_other(world, states, other, agent))
    plain = [c for c in program.sees if c not in owned and c not in (world.layout, body.cell)]
    parts.extend(states[:, c].astype(np.int64) for c in plain)
    return np.stack(parts, axis=1)


def _columns(body: Body) -> list[int]:
    """The body's columns in the state, its cell first."""
    return [body.cell, *(c for c in (body.facing, body.phase, body.carrier, *body.fields) if c >= 0)]


def _other(world: World, states: Ints, other: Body, agent: int) -> list[Longs]:
    """Where another body is in the window (0 if outside), then its other columns, known if it is inside or carried."""
    program, nowhere = world.agents[agent], world.boards.nowhere
    side = program.window
    assert side is not None
    here, there = states[:, world.bodies[program.body].cell], states[:, other.cell]
    (rows, columns), (r, c) = np.divmod(here, world.boards.width), np.divmod(there, world.boards.width)
    down, right = r - rows + side // 2, c - columns + side // 2
    visible = (here != nowhere) & (there != nowhere)
    visible &= (down >= 0) & (down < side) & (right >= 0) & (right < side)
    out = [np.where(visible, 1 + down * side + right, 0).astype(np.int64)]
    # Values are shifted by one, so that 0 stands for unknown.
    known = visible if other.carrier < 0 else visible | (states[:, other.carrier] == agent + 1)
    for column in _columns(other)[1:]:
        if column in program.sees:
            out.append(np.where(known, states[:, column] + 1, 0).astype(np.int64))
    return out
