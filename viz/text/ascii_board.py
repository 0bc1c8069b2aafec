"""A state as text: its board, and in words what the board does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...envs.base import Field, Ints
from ...envs.reference.looks import drawn_board
from ...envs.reference.step import reset
from ...envs.world.geometry import DIRECTIONS
from ...envs.world.randomness import GivenDraws
from ...envs.world.world import Body, StateColumn, World
from ...scenarios.language.schema.document import Document


def first_state(world: World) -> Ints:
    """int32 `[F]`: the state in which an episode starts when every draw takes its likeliest outcome."""
    states = reset(world, GivenDraws({})).states
    return np.asarray(states[0])


def state_text(world: World, state: Ints, glyphs: Mapping[str, str]) -> str:
    """The board of a state int32 `[F]`; for a world without a board, the lines of `describe`."""
    return drawn_board(world, state, glyphs) if world.boards.height else "\n".join(describe(world, state))


def describe(world: World, state: Ints) -> list[str]:
    """The parts of a state int32 `[F]` that a board does not show, each in a few words.

    These are the layout where there are several, the clock, draws, what is carried or gone, where bodies face, fields,
    counters, weights that are part of the state, and the end: `power 2 of 3`, `next_job bench_2`, `the end: shut down`.
    """
    return list(_words(world, state))


def meanings(document: Document) -> dict[str, str]:
    """What the fields of a scenario's states mean, by name: what the file says of them; of a weight, whose it is."""
    found = {name: its.about for name, its in document.counters.items()}
    found |= {name: its.about for name, its in document.draws.items()}
    fields = {owner: agent.fields for owner, agent in document.agents.items()}
    fields |= {owner: thing.fields for owner, thing in document.things.items()}
    found |= {f"{owner}.{name}": its.about for owner, its_fields in fields.items() for name, its in its_fields.items()}
    out = {name: " ".join(text.split()) for name, text in found.items() if text}
    for name, agent in document.agents.items():
        for channel in agent.values:
            about = document.rewards[channel].about if channel in document.rewards else None
            value = plain_name(channel) + (f" ({' '.join(about.split())})" if about else "")
            out[f"{name}.values.{channel}"] = f"how much {plain_name(name)} values {value}"
    return out


def plain_name(name: str) -> str:
    """A name for a reader: underscores become spaces."""
    return name.replace("_", " ")


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
        yield f"the end: {world.reasons[state[world.ended] - 1]}"


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
