"""A board as text, in the glyphs of its scenario file, and the rest of the state in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...envs.base import Field, Ints
from ...envs.reference.step import reset
from ...envs.world.geometry import DIRECTIONS
from ...envs.world.randomness import GivenDraws
from ...envs.world.world import Body, StateColumn, World
from ...scenarios.language.names.symbols import legend_agent, legend_thing, legend_zones
from ...scenarios.language.schema.document import Document, LegendEntry

_SPARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789*+=%@&?"


def first_state(world: World) -> Ints:
    """int32 `[F]`: the state in which an episode starts when every draw takes its likeliest outcome."""
    states = reset(world, GivenDraws({})).states
    return np.asarray(states[0])


def glyphs(document: Document) -> Mapping[str, str]:
    """The character of agents, things and zones by name, and of `wall` and `floor`.

    The characters are those of the legend. Where an entry puts several things on one cell, its character stands for the
    uppermost that has none yet. An agent or a thing without one gets a free letter, of its own name if possible; a zone
    without one is not drawn.
    """
    table: dict[str, str] = {}
    # Entries with the fewest names come first, so that one that names a single thing decides before a shared one.
    for glyph, entry in sorted(document.legend.items(), key=lambda item: len(_named(item[1], document))):
        names = [name for name in _named(entry, document) if name not in table]
        if names:
            table[names[0]] = glyph
    taken = {*document.legend, *table.values()}
    for name, wanted in (
        ("wall", "#"),
        ("floor", "."),
        *((agent, agent.upper()) for agent in document.agents),
        *((thing, thing.lower()) for thing in document.things),
    ):
        if name not in table:
            # `?` may stand for several names: it is what remains when every other character is taken.
            table[name] = next(letter for letter in wanted + _SPARE + "?" if letter not in taken or letter == "?")
            taken.add(table[name])
    return table


def text_board(world: World, state: Ints, glyphs: Mapping[str, str]) -> str:
    """The board of a state int32 `[F]`, one line for each row; for a world without a board, the lines of `describe`.

    Agents cover things, things cover zones, smaller zones cover larger ones, and zones cover floor and walls.
    """
    boards = world.boards
    if boards.height == 0:
        return "\n".join(describe(world, state))
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    cells = [glyphs["wall"] if wall else glyphs["floor"] for wall in boards.walls[layout, :-1]]
    zones = {name: cells[layout, :-1].nonzero()[0] for name, cells in boards.named_zones.items()}
    for name in sorted(zones, key=lambda name: -zones[name].size):
        for cell in zones[name] if name in glyphs else ():
            cells[cell] = glyphs[name]
    # A cell shows the last character that is written to it, so the uppermost body comes last.
    for body in sorted(world.bodies, key=lambda body: (body.is_agent, body.solid, -body.order)):
        if state[body.cell] != boards.nowhere:
            cells[state[body.cell]] = glyphs[body.group]
    rows = (cells[first : first + boards.width] for first in range(0, len(cells), boards.width))
    return "\n".join("".join(row) for row in rows)


def describe(world: World, state: Ints) -> list[str]:
    """The parts of a state int32 `[F]` that a board does not show, each in a few words.

    These are the layout where there are several, the clock, draws, what is carried or gone, where bodies face, fields,
    counters, weights that are part of the state, and the end: `power 2 of 3`, `next_job bench_2`, `ended shut down`.
    """
    return list(_words(world, state))


@dataclass(frozen=True)
class FieldQuantity:
    """A state field that is not a position: its name, its value in words, and its place between its bounds.

    Attributes:
        share: the place of the value between its bounds, from 0 to 1; None for words, flags and constants.
        column: its index in the state.
    """

    name: str
    text: str
    share: float | None
    column: int


def quantities(world: World, state: Ints) -> list[FieldQuantity]:
    """Every field of a state int32 `[F]` except those of bodies, the layout and the end."""
    bodies = {column for body in world.bodies for column in (body.cell, body.facing, body.phase, body.carrier)}
    out = []
    for column, field in enumerate(world.fields):
        if column in bodies or column in (world.layout, world.ended):
            continue
        its, stored = world.columns[field.name], int(state[column])
        counted = its.words is None and field.size > 2 and its.most > its.least
        share = (stored - its.least) / (its.most - its.least) if counted else None
        out.append(FieldQuantity(field.name, _amount(its, field, stored), share, column))
    return out


def _words(world: World, state: Ints) -> Iterator[str]:
    boards = world.boards
    if world.layout >= 0:
        yield f"layout {state[world.layout]} (0 to {boards.walls.shape[0] - 1})"
    by_column = {each.column: each for each in quantities(world, state)}
    whereabouts = {
        column: body for body in world.bodies for column in (body.cell, body.facing, body.phase, body.carrier)
    }
    for column in range(len(world.fields)):
        if column in (world.layout, world.ended):
            continue
        if column not in whereabouts:
            yield f"{by_column[column].name} {by_column[column].text}"
            continue
        body = whereabouts[column]
        if column == body.cell and state[column] == boards.nowhere:
            yield from _absence(world, state, body)
        elif column == body.facing and state[body.cell] != boards.nowhere:
            yield f"{body.name} faces {DIRECTIONS[state[column]]}"
    if state[world.ended]:
        yield f"ended {world.reasons[state[world.ended] - 1]}"


def _absence(world: World, state: Ints, body: Body) -> Iterator[str]:
    """Say why a body is not on the board: it is carried, or gone. Yields nothing if its layout never had it."""
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    if body.carrier >= 0 and state[body.carrier]:
        yield f"{world.agents[state[body.carrier] - 1].name} carries {body.name}"
    elif world.boards.starts[layout, body.order] != world.boards.nowhere:
        yield f"{body.name} gone"


def _amount(column: StateColumn, field: Field, stored: int) -> str:
    """Format a stored value: a word, yes or no for a flag, `2 of 3` for a number whose least value is 0."""
    if column.words is not None:
        return column.words[stored]
    weight = ".values." in field.name  # a weight is a number even where it can only be 0 or 1, so never yes or no
    if not weight and (column.low, field.size) == (0, 2) and (column.table is None or tuple(column.table) == (0, 1)):
        return "yes" if stored else "no"
    if weight or column.table is not None:
        return f"{stored + column.low if column.table is None else column.table[stored]:g}"
    low, high = column.least + column.low, column.most + column.low
    return f"{stored + column.low} of {high}" if low == 0 else f"{stored + column.low} ({low} to {high})"


def _named(entry: str | LegendEntry, document: Document) -> list[str]:
    """The names of what an entry of the legend puts on a cell, the uppermost first."""
    if entry == "wall" or (isinstance(entry, LegendEntry) and entry.wall):
        return ["wall"]
    bodies = (legend_agent(entry, document), legend_thing(entry, document))
    zones = () if entry == "floor" else legend_zones(entry, document)
    return [*(name for name in bodies if name is not None), *zones] or ["floor"]
