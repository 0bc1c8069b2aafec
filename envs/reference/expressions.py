"""Guards and amounts over a batch of lanes, in plain NumPy. Arithmetic is total: nothing raises on a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from ...scenarios.language.expressions.syntax import (
    Binary,
    Call,
    Cell,
    Does,
    Expression,
    Facing,
    Moved,
    Name,
    Number,
    Relation,
    Truth,
    Unary,
    ZoneOf,
)
from ..base import Bools, Floats, Ints
from ..world import geometry
from ..world.world import Body, World

Values = np.ndarray
CEILING = 1e300
"""Numbers are clipped to this magnitude."""


@dataclass(eq=False)
class EvalContext:
    """What an expression may look at, for B lanes.

    Attributes:
        now: int32 `[F, B]`, the state as it stands; `before`: the state at the beginning of the tick.
        chosen, executed: int32 `[N, B]`, the agents' actions; -1 where none.
        draws: outcomes of this tick's draws, int32 `[B]` by name.
    """

    world: World
    now: Ints
    before: Ints
    chosen: Ints
    executed: Ints
    draws: dict[str, Ints] = field(default_factory=dict)

    @property
    def lanes(self) -> int:
        """B."""
        return int(self.now.shape[1])

    @property
    def layout(self) -> Ints:
        """int32 `[B]`: which layout each lane plays."""
        return self.now[self.world.layout] if self.world.layout >= 0 else np.zeros(self.lanes, np.int32)

    def take(self, rows: np.ndarray) -> EvalContext:
        """The same for some of the lanes."""
        return EvalContext(
            self.world,
            self.now[:, rows],
            self.before[:, rows],
            self.chosen[:, rows],
            self.executed[:, rows],
            {name: outcome[rows] for name, outcome in self.draws.items()},
        )


def context_between_ticks(world: World, states: Ints) -> EvalContext:
    """A view of bare states int32 `[B, F]`, between ticks."""
    now = np.ascontiguousarray(states.T)
    idle = np.full((len(world.agents), states.shape[0]), -1, np.int32)
    return EvalContext(world, now, now, idle, idle)


def evaluate_bool(expression: Expression, view: EvalContext) -> Bools:
    """bool `[B]`: where a guard holds."""
    return np.broadcast_to(np.asarray(evaluate(expression, view), np.bool_), (view.lanes,))


def evaluate_float(expression: Expression, view: EvalContext) -> Floats:
    """float64 `[B]`: a number in every lane."""
    return np.broadcast_to(np.asarray(evaluate(expression, view), np.float64), (view.lanes,))


def evaluate(expression: Expression, view: EvalContext) -> Values:
    """The value of a resolved expression: an array `[B]`, or a scalar where it is the same in all lanes."""
    match expression:
        case Number(value) | Truth(value):
            return np.asarray(value)
        case Name(name):
            return _named(name, view)
        case Unary("not", operand):
            return ~np.asarray(evaluate(operand, view), np.bool_)
        case Unary("-", operand):
            return -np.asarray(evaluate(operand, view), np.float64)
        case Binary(operator, left, right):
            return _binary(operator, evaluate(left, view), evaluate(right, view))
        case Call(function, arguments):
            return _call(function, [evaluate(argument, view) for argument in arguments])
        case Relation(word, subject, target, reach):
            return _relation(word, subject, target, reach, view)
        case Does(agent, action, chosen):
            index = next(i for i, program in enumerate(view.world.agents) if program.name == agent)
            acts = view.chosen if chosen else view.executed
            return acts[index] == view.world.agents[index].actions.index(action)
        case Moved(subject):
            cell = _body(view.world, subject).cell
            return view.now[cell] != view.before[cell]
        case Facing(subject, direction):
            body = _body(view.world, subject)
            present = view.now[body.cell] != view.world.boards.nowhere
            return present & (view.now[body.facing] == geometry.DIRECTIONS.index(direction))
    raise TypeError(f"{type(expression).__name__} was not resolved before evaluation")


def _named(name: str, view: EvalContext) -> Values:
    world = view.world
    if name in view.draws:
        draw = next(draw for draw in world.tick_draws if draw.name == name)
        return np.asarray(draw.values)[view.draws[name]]
    column = world.columns[name]
    stored = view.now[column.index]
    return column.table[stored] if column.table is not None else stored + column.low


def _binary(operator: str, left: Values, right: Values) -> Values:
    match operator:
        case "and":
            return np.asarray(left, np.bool_) & np.asarray(right, np.bool_)
        case "or":
            return np.asarray(left, np.bool_) | np.asarray(right, np.bool_)
        case "==":
            return np.asarray(left == right)
        case "!=":
            return np.asarray(left != right)
        case "<":
            return np.asarray(left < right)
        case "<=":
            return np.asarray(left <= right)
        case ">":
            return np.asarray(left > right)
        case ">=":
            return np.asarray(left >= right)
    x, y = np.asarray(left, np.float64), np.asarray(right, np.float64)
    with np.errstate(all="ignore"):
        match operator:
            case "+":
                out = x + y
            case "-":
                out = x - y
            case "*":
                out = x * y
            case "/":
                out = np.where(y == 0, 0.0, x / np.where(y == 0, 1.0, y))
            case "//":
                out = np.where(y == 0, 0.0, np.floor_divide(x, np.where(y == 0, 1.0, y)))
            case "%":
                out = np.where(y == 0, 0.0, np.mod(x, np.where(y == 0, 1.0, y)))
            case "**":
                out = np.where((x == 0) & (y < 0), 0.0, np.power(x, y))
            case _:
                raise TypeError(f"unknown operator {operator!r}")
    return _tame(out)


def _tame(x: Values) -> Floats:
    return np.clip(np.nan_to_num(x, nan=0.0, posinf=CEILING, neginf=-CEILING), -CEILING, CEILING)


def _call(function: str, arguments: list[Values]) -> Values:
    if function == "if":
        return np.where(np.asarray(arguments[0], np.bool_), arguments[1], arguments[2])
    numbers = [np.asarray(argument, np.float64) for argument in arguments]
    x = numbers[0]
    with np.errstate(all="ignore"):
        match function:
            case "min":
                return np.asarray(reduce(np.minimum, numbers))
            case "max":
                return np.asarray(reduce(np.maximum, numbers))
            case "abs":
                return np.abs(x)
            case "floor":
                return np.floor(x)
            case "ceil":
                return np.ceil(x)
            case "exp":
                return _tame(np.exp(x))
            case "ln":
                return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)
            case "sqrt":
                return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)
    raise TypeError(f"unknown function {function!r}")


# ------------------------------------------------------------------ places


def _body(world: World, name: str) -> Body:
    return world.bodies[world.body_index[name]]


def cell_of(place: Expression, view: EvalContext) -> Ints | None:
    """int32 `[B]`: the single cell that a place is (nowhere for what is not on the board), or None for a zone."""
    boards = view.world.boards
    match place:
        case Name(name) if name in view.world.body_index:
            return view.now[_body(view.world, name).cell]
        case Cell(row, column):
            r, c = np.rint(evaluate_float(row, view)), np.rint(evaluate_float(column, view))
            inside = (r >= 0) & (r < boards.height) & (c >= 0) & (c < boards.width)
            return np.where(inside, r * boards.width + c, boards.nowhere).astype(np.int32)
    return None


def zone_of(place: Expression, view: EvalContext) -> Ints:
    """int32 `[B]`: the index of the zone that a place is, -1 where a counter names none."""
    match place:
        case Name(name):
            return np.full(view.lanes, view.world.zone_index[name], np.int32)
        case ZoneOf(counter):
            column = view.world.columns[counter]
            assert column.words is not None
            indices = np.array([view.world.zone_index.get(word, -1) for word in column.words], np.int32)
            return indices[view.now[column.index]]
    raise TypeError(f"{type(place).__name__} is not a place")


def _relation(word: str, subject: Expression, target: Expression, reach: Expression | None, view: EvalContext) -> Bools:
    world, boards = view.world, view.world.boards
    if word == "carries":
        assert isinstance(subject, Name)
        assert isinstance(target, Name)
        carrier = _body(world, target.name).carrier
        agent = next(i for i, program in enumerate(world.agents) if program.name == subject.name)
        return view.now[carrier] == agent + 1 if carrier >= 0 else np.zeros(view.lanes, np.bool_)
    here = cell_of(subject, view)
    assert here is not None, "the subject of a relation has a place of its own"
    there = cell_of(target, view)
    present = here != boards.nowhere
    if word == "sees":
        assert isinstance(subject, Name)
        seer = _body(world, subject.name)
        if there is not None:
            return sees(seer, there, view, world.body_index.get(target.name, -1) if isinstance(target, Name) else -1)
        zone = zone_of(target, view)
        seen = np.zeros(view.lanes, np.bool_)
        for cell in np.flatnonzero(boards.zones.any(axis=(0, 1))).astype(np.int32):
            inside = boards.zones[zone, view.layout, cell] & (zone >= 0)
            seen |= inside & sees(seer, np.full(view.lanes, cell, np.int32), view, -1)
        return seen
    distance = np.zeros(view.lanes) if reach is None else np.floor(evaluate_float(reach, view))
    if there is None:
        zone = zone_of(target, view)
        return present & (zone >= 0) & _at_zone(word, zone, here, distance, view)
    present &= there != boards.nowhere
    if word == "on":
        return present & (here == there)
    (r0, c0), (r1, c1) = np.divmod(here, boards.width), np.divmod(there, boards.width)
    if word == "meets":
        return present & (np.abs(r0 - r1) + np.abs(c0 - c1) <= 1)
    return present & (np.maximum(np.abs(r0 - r1), np.abs(c0 - c1)) <= distance)


def _at_zone(word: str, zone: Ints, here: Ints, distance: Floats, view: EvalContext) -> Bools:
    """bool `[B]`: the cells are on a zone, meet it, or are near it."""
    boards = view.world.boards
    if word in ("on", "meets"):
        return (boards.zones if word == "on" else boards.near_zones(-1))[zone, view.layout, here]
    out = np.zeros(view.lanes, np.bool_)
    for reach in np.unique(distance[distance >= 0]):
        table = boards.near_zones(min(int(reach), max(boards.height, boards.width)))
        out |= (distance == reach) & table[zone, view.layout, here]
    return out


def sees(seer: Body, target: Ints, view: EvalContext, target_body: int) -> Bools:
    """bool `[B]`: the seer's line to the target cells is within its sight, in front of it, and clear."""
    world, boards = view.world, view.world.boards
    here = view.now[seer.cell]
    present = (here != boards.nowhere) & (target != boards.nowhere)
    rows = np.flatnonzero(present)
    a, b = here[rows], target[rows]
    far = geometry.chebyshev(a, b, boards.width)
    seen = boards.clear[view.layout[rows], a, b]
    if seer.sight is not None:
        seen &= far <= seer.sight
    if seer.facing >= 0:
        (r0, c0), (r1, c1) = np.divmod(a, boards.width), np.divmod(b, boards.width)
        ahead = np.array([geometry.STEPS[d] for d in geometry.DIRECTIONS])[view.now[seer.facing, rows]]
        forward = (r1 - r0) * ahead[:, 0] + (c1 - c0) * ahead[:, 1]
        aside = np.abs((r1 - r0) * ahead[:, 1]) + np.abs((c1 - c0) * ahead[:, 0])
        seen &= forward >= aside
    for order, body in enumerate(world.bodies):
        if body.opaque and body is not seer and order != target_body:
            cell = view.now[body.cell, rows]
            for step in range(1, int(far.max(initial=0))):
                seen &= ~((far > step) & (geometry.between(a, b, step, boards.width) == cell))
    out = np.zeros(view.lanes, np.bool_)
    out[rows] = seen
    return out
