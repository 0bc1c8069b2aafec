"""Which guards can hold, and which must, where a few things about the state are known: logic with three values."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from ...scenarios.language.expressions.syntax import (
    Binary,
    Drop,
    Effect,
    Expression,
    MoveBy,
    Name,
    Number,
    PutAt,
    Relation,
    Remove,
    ResetBoard,
    Swap,
    Take,
    Truth,
    Unary,
)
from ..base import Bools, Longs
from ..world.world import RuleProgram, World

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Possible(NamedTuple):
    """What is known of a guard in n cases.

    Attributes:
        may: bool `[n]`, whether it can hold.
        must: bool `[n]`, whether it holds whatever else is the case.
    """

    may: Bools
    must: Bools


@dataclass(frozen=True)
class Known:
    """What is known of the state in n cases.

    Attributes:
        cases: n.
        cells: body -> int64 `[n]`, its cell, `Boards.nowhere` where it is off the board.
        removable: those of these bodies that may be off the board all the same.
        numbers: column -> the number that it holds in all cases.
    """

    cases: int = 1
    cells: Mapping[str, Longs] = field(default_factory=dict)
    removable: frozenset[str] = frozenset()
    numbers: Mapping[str, float] = field(default_factory=dict)


def possible(guard: Expression, world: World, known: Known) -> Possible:
    """Whether a resolved guard can hold at the end of a tick's moves, and whether it must."""
    match guard:
        case Truth(value):
            return _all(known, may=value, must=value)
        case Unary("not", operand):
            its = possible(operand, world, known)
            return Possible(~its.must, ~its.may)
        case Binary("and" | "or" as word, left, right):
            a, b = possible(left, world, known), possible(right, world, known)
            if word == "and":
                return Possible(a.may & b.may, a.must & b.must)
            return Possible(a.may | b.may, a.must | b.must)
        case Binary(word, Name(name), Number(value)) if word in _COMPARISONS and name in known.numbers:
            holds = _COMPARISONS[word](known.numbers[name], value)
            return _all(known, may=holds, must=holds)
        case Relation(word, Name(subject), Name(target)) if word in ("on", "meets") and subject in known.cells:
            return _relation(word, subject, target, world, known)
        case Relation("on" | "meets", _, Name(target)) if target in known.cells:
            off = (known.cells[target] == world.boards.nowhere) & (target in world.body_index)
            return Possible(~off, np.zeros(known.cases, np.bool_))
    return _all(known, may=True, must=False)


def _relation(word: str, subject: str, target: str, world: World, known: Known) -> Possible:
    """`SUBJECT on TARGET`, or `meets`, where the cell of the subject is known."""
    boards, here = world.boards, known.cells[subject]
    on_board = here != boards.nowhere
    sure = np.full(known.cases, subject not in known.removable)
    if target in world.zone_index:
        zone = world.zone_index[target]
        inside = (boards.zones if word == "on" else boards.near_zones(-1))[zone][:, here]
        return Possible(on_board & inside.any(axis=0), on_board & inside.all(axis=0) & sure)
    if target not in known.cells:
        return Possible(on_board, np.zeros(known.cases, np.bool_))
    there = known.cells[target]
    (r0, c0), (r1, c1) = np.divmod(here, boards.width), np.divmod(there, boards.width)
    apart = np.abs(r0 - r1) + np.abs(c0 - c1)
    near = on_board & (there != boards.nowhere) & (apart <= (1 if word == "meets" else 0))
    return Possible(near, near & sure & (target not in known.removable))


def _all(known: Known, may: bool, must: bool) -> Possible:
    return Possible(np.full(known.cases, may), np.full(known.cases, must))


def where_the_agent_stands(world: World) -> Known:
    """Every cell on which the only agent can stand while rules fire, one case each, and where things stay put.

    Where rules may move it, one case in which nothing is known.
    """
    program, boards = world.agents[0], world.boards
    body = world.bodies[program.body] if program.body >= 0 else None
    if body is None or not world.walks(program) or not boards.nowhere:
        return Known()
    if _moved_by_rules(body.name, world) or _taken_off(body.name, world):
        return Known()
    cases = boards.nowhere + 1  # the last: nowhere
    cells = {body.name: np.arange(cases)}
    removable = set()
    for index, thing in enumerate(world.bodies):
        at = np.unique(boards.starts[:, index])
        drawn = any(draw.column == thing.cell for draw in world.start_draws)
        if thing.is_agent or thing.motions or thing.pushable or drawn or at.size != 1:
            continue
        if _moved_by_rules(thing.name, world) or _moved_at_start(thing.name, world):
            continue
        cells[thing.name] = np.full(cases, at[0], np.int64)
        if _taken_off(thing.name, world):
            removable.add(thing.name)
    return Known(cases, cells, frozenset(removable))


def effects_of(world: World) -> list[Effect]:
    """What the rules of ticks and of ends can do."""
    return _effects((*world.rules, *world.end_rules))


def _effects(rules: Iterable[RuleProgram]) -> list[Effect]:
    return [effect for rule in rules for effect in (*rule.effects, *rule.otherwise)]


def moves(effect: Effect, name: str) -> bool:
    """Whether an effect puts a body on another cell."""
    match effect:
        case PutAt(subject) | MoveBy(subject):
            return subject == name
        case Swap(first, second):
            return name in (first, second)
        case ResetBoard():
            return True
        case Drop(_, thing):
            return thing == name
    return False


def _moved_by_rules(name: str, world: World) -> bool:
    return any(moves(effect, name) for effect in effects_of(world))


def _moved_at_start(name: str, world: World) -> bool:
    return any(moves(effect, name) for effect in _effects(world.start_rules))


def _taken_off(name: str, world: World) -> bool:
    return any(
        (isinstance(effect, Remove) and effect.subject == name) or (isinstance(effect, Take) and effect.thing == name)
        for effect in (*effects_of(world), *_effects(world.start_rules))
    )
