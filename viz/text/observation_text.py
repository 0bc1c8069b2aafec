"""What one agent observes of a state, as plain text: for readers that act on words instead of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...envs.base import Ints
from ...envs.world.ascii_board import text_board
from ...envs.world.geometry import DIRECTIONS
from ...envs.world.world import AgentProgram, Body, World, observed_name
from .ascii_board import quantities

UNSEEN = "?"
"""The character of a cell beyond the edge of the board, in a window."""


def observation_text(world: World, state: Ints, glyphs: Mapping[str, str], agent: int = 0) -> str:
    """What `envs.reference.observation.observe` tells an agent, in words: nothing that it does not see is said.

    Args:
        world: the stage.
        state: int32 `[F]`.
        glyphs: the characters of the board, see `envs.world.ascii_board.glyphs`.
        agent: the index of the agent.

    Returns:
        The board as far as it is seen, and a line for each other part of the observation (`power 2 of 3`).
    """
    program = world.agents[agent]
    if not world.boards.height:
        return "\n".join(_words(world, state, program, agent))
    shown = state.copy()
    for body in world.bodies:
        if not _visible(world, state, body, program):
            shown[body.cell] = world.boards.nowhere
    hidden_zones = set(world.boards.named_zones) - set(world.zone_names_seen(agent))
    board = text_board(world, shown, {name: glyph for name, glyph in glyphs.items() if name not in hidden_zones})
    if program.window is not None and program.body >= 0:
        board = _square(board, world, int(state[world.bodies[program.body].cell]), program.window)
    return "\n".join([board, *_words(world, state, program, agent)])


def _visible(world: World, state: Ints, body: Body, program: AgentProgram) -> bool:
    """Whether an agent sees where a body is."""
    if program.window is None or program.body < 0:
        return body.cell in program.sees
    own, nowhere = world.bodies[program.body], world.boards.nowhere
    if body is own:
        return True
    here, there = int(state[own.cell]), int(state[body.cell])
    if body.cell not in program.sees or nowhere in (here, there):
        return False
    (row, column), (r, c) = divmod(here, world.boards.width), divmod(there, world.boards.width)
    half = program.window // 2
    return all(-half <= offset < program.window - half for offset in (r - row, c - column))


def _square(board: str, world: World, here: int, side: int) -> str:
    """The part of a board that a window shows."""
    lines, nowhere = board.split("\n"), here == world.boards.nowhere
    row, column = divmod(here, world.boards.width)
    reach = range(-(side // 2), side - side // 2)

    def cell(r: int, c: int) -> str:
        inside = not nowhere and 0 <= r < world.boards.height and 0 <= c < world.boards.width
        return lines[r][c] if inside else UNSEEN

    return "\n".join("".join(cell(row + down, column + right) for right in reach) for down in reach)


def _words(world: World, state: Ints, program: AgentProgram, agent: int) -> Iterator[str]:
    """What is seen and stands on no board: counters, draws, weights, facings, what is carried or gone."""
    of_bodies = {column for body in world.bodies for column in body.fields}
    for quantity in quantities(world, state):
        if quantity.column in program.sees and quantity.column not in of_bodies:
            yield f"{observed_name(quantity.name)} {quantity.text}"
    named = {quantity.column: quantity for quantity in quantities(world, state)}
    for body in world.bodies:
        carried = body.carrier >= 0 and body.carrier in program.sees and int(state[body.carrier])
        visible = _visible(world, state, body, program)
        if carried:
            yield f"{world.agents[int(state[body.carrier]) - 1].name} carries {body.name}"
        elif visible and state[body.cell] == world.boards.nowhere and _was_there(world, state, body):
            yield f"{body.name} gone"
        on_board = visible and state[body.cell] != world.boards.nowhere
        if body.facing >= 0 and body.facing in program.sees and on_board:
            yield f"{body.name} faces {DIRECTIONS[state[body.facing]]}"
        if body.phase >= 0 and body.phase in program.sees and on_board:
            yield f"{body.name} at step {state[body.phase]} of its round"
        known = program.window is None or visible or carried == agent + 1
        yield from (
            f"{observed_name(named[column].name)} {named[column].text}"
            for column in body.fields
            if column in program.sees and column in named and known
        )


def _was_there(world: World, state: Ints, body: Body) -> bool:
    """Whether the episode's layout has the body at all."""
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    return bool(world.boards.starts[layout, body.order] != world.boards.nowhere)
