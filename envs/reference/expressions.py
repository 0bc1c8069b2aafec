"""Evaluation of guards and amounts over a batch of lanes, in plain NumPy. Arithmetic is total: no number raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from typing import Any

import numpy as np

from ...scenarios.language.expressions.syntax import (
    FAR_OFF,
    BeforeTick,
    Binary,
    Call,
    Cell,
    Coordinate,
    Distance,
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
from ..world.line_of_sight import between
from ..world.world import Body, World

Values = np.ndarray
CEILING = 1e300
"""Numbers are clipped to this magnitude, well below the largest float, so that sums of them stay finite."""
_AHEAD = np.array([geometry.STEPS[direction] for direction in geometry.DIRECTIONS])


@dataclass(eq=False)
class EvalContext:
    """The values that an expression may refer to, for B lanes.

    Attributes:
        now: int32 `[F, B]`, the present state; `before`: the state at the beginning of the tick.
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
        """The context of some of the lanes."""
        return EvalContext(
            self.world,
            self.now[:, rows],
            self.before[:, rows],
            self.chosen[:, rows],
            self.executed[:, rows],
            {name: outcome[rows] for name, outcome in self.draws.items()},
        )


def context_between_ticks(world: World, states: Ints) -> EvalContext:
    """The context of states int32 `[B, F]` between ticks: nobody acts, and nothing has moved."""
    now = np.ascontiguousarray(states.T)
    idle = np.full((len(world.agents), states.shape[0]), -1, np.int32)
    return EvalContext(world, now, now, idle, idle)


def evaluate_bool(expression: Expression, context: EvalContext) -> Bools:
    """bool `[B]`: the lanes in which a guard holds."""
    return _in_all(np.asarray(evaluate(expression, context), np.bool_), context)


def evaluate_float(expression: Expression, context: EvalContext) -> Floats:
    """float64 `[B]`: the value of a number in every lane."""
    return _in_all(np.asarray(evaluate(expression, context), np.float64), context)


def _in_all(values: Values, context: EvalContext) -> Values:
    return values if values.ndim else np.broadcast_to(values, (context.lanes,))


def evaluate(expression: Expression, context: EvalContext) -> Values:
    """The value of a resolved expression: an array `[B]`, or a scalar where it is the same in all lanes."""
    evaluated = _OF_KIND.get(type(expression))
    if evaluated is None:
        raise TypeError(f"{type(expression).__name__} was not resolved before evaluation")
    return evaluated(expression, context)


def _constant(expression: Number | Truth, context: EvalContext) -> Values:
    return np.asarray(expression.value)


def _named(expression: Name, context: EvalContext) -> Values:
    world, name = context.world, expression.name
    if name in context.draws:
        draw = next(draw for draw in world.tick_draws if draw.name == name)
        return np.asarray(draw.values)[context.draws[name]]
    column = world.columns[name]
    stored = context.now[column.index]
    return column.table[stored] if column.table is not None else stored + column.low


def _unary(expression: Unary, context: EvalContext) -> Values:
    operand = evaluate(expression.operand, context)
    return ~np.asarray(operand, np.bool_) if expression.operator == "not" else -np.asarray(operand, np.float64)


def _binary(expression: Binary, context: EvalContext) -> Values:
    operator, left = expression.operator, evaluate(expression.left, context)
    if operator in ("and", "or"):
        left = np.asarray(left, np.bool_)
        # What one side decides in every lane needs no look at the other: most guards fail at their first part.
        if left.all() if operator == "or" else not left.any():
            return left
        right = np.asarray(evaluate(expression.right, context), np.bool_)
        return left | right if operator == "or" else left & right
    right = evaluate(expression.right, context)
    match operator:
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
    # Division by zero is 0 and overflow is clipped: a guard must not depend on how a platform handles them.
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
    return _clip(out)


def _clip(x: Values) -> Floats:
    # What `nan_to_num` and `clip` do, in a tenth of their time: on few values their own checks are most of it.
    bounded = np.minimum(np.maximum(x, -CEILING), CEILING)
    return np.where(np.isnan(bounded), 0.0, bounded)


def _call(expression: Call, context: EvalContext) -> Values:
    function = expression.function
    arguments = [evaluate(argument, context) for argument in expression.arguments]
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
                return _clip(np.exp(x))
            case "ln":
                return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)
            case "sqrt":
                return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)
    raise TypeError(f"unknown function {function!r}")


# ------------------------------------------------------------------ cells and zones


def _body(world: World, name: str) -> Body:
    return world.bodies[world.body_index[name]]


def cell_of(place: Expression, context: EvalContext) -> Ints | None:
    """int32 `[B]`: the cell of a place (nowhere for a body that is not on the board), or None for a zone."""
    boards = context.world.boards
    match place:
        case Name(name) if name in context.world.body_index:
            return context.now[_body(context.world, name).cell]
        case Cell(row, column):
            r, c = np.rint(evaluate_float(row, context)), np.rint(evaluate_float(column, context))
            inside = (r >= 0) & (r < boards.height) & (c >= 0) & (c < boards.width)
            return np.where(inside, r * boards.width + c, boards.nowhere).astype(np.int32)
    return None


def _cell(place: Expression, context: EvalContext) -> Ints:
    """int32 `[B]`: the cell of a place that is no zone."""
    cell = cell_of(place, context)
    assert cell is not None, "checked when the file was loaded"
    return cell


def _coordinate(expression: Coordinate, context: EvalContext) -> Ints:
    """int32 `[B]`: the row or column of a place, -1 where it is nowhere."""
    boards = context.world.boards
    rows, columns = _coordinates(boards.height, boards.width)
    return (rows if expression.axis == "row" else columns)[_cell(expression.place, context)]


@cache
def _coordinates(height: int, width: int) -> tuple[Ints, Ints]:
    """int32 `[C + 1]`: the row and the column of each cell, -1 for nowhere."""
    rows, columns = np.divmod(np.arange(height * width), max(width, 1))  # a world without a board has no width
    return np.append(rows, -1).astype(np.int32), np.append(columns, -1).astype(np.int32)


def _distance(expression: Distance, context: EvalContext) -> Ints:
    """int32 `[B]`: the larger of row and column distance of two places, `FAR_OFF` where one is nowhere."""
    boards = context.world.boards
    a, b = _cell(expression.first, context), _cell(expression.second, context)
    nowhere = (a == boards.nowhere) | (b == boards.nowhere)
    return np.where(nowhere, FAR_OFF, geometry.chebyshev(a, b, max(boards.width, 1))).astype(np.int32)


def zone_of(place: Expression, context: EvalContext) -> Ints:
    """int32 `[B]`: the index of a zone; of one that a counter names, -1 where its word is not a zone."""
    match place:
        case Name(name):
            return np.full(context.lanes, context.world.zone_index[name], np.int32)
        case ZoneOf(counter):
            column = context.world.columns[counter]
            assert column.words is not None
            indices = np.array([context.world.zone_index.get(word, -1) for word in column.words], np.int32)
            return indices[context.now[column.index]]
    raise TypeError(f"{type(place).__name__} is not a place")


def _before(expression: BeforeTick, context: EvalContext) -> Values:
    return evaluate(expression.body, replace(context, now=context.before))


def _does(expression: Does, context: EvalContext) -> Bools:
    index = next(i for i, program in enumerate(context.world.agents) if program.name == expression.agent)
    acts = context.chosen if expression.chosen else context.executed
    return acts[index] == context.world.agents[index].actions.index(expression.action)


def _moved(expression: Moved, context: EvalContext) -> Bools:
    cell = _body(context.world, expression.subject).cell
    return context.now[cell] != context.before[cell]


def _facing(expression: Facing, context: EvalContext) -> Bools:
    body = _body(context.world, expression.subject)
    present = context.now[body.cell] != context.world.boards.nowhere
    return present & (context.now[body.facing] == geometry.DIRECTIONS.index(expression.direction))


def _relation(expression: Relation, context: EvalContext) -> Bools:
    word, subject, target, reach = expression.word, expression.subject, expression.object, expression.reach
    world, boards = context.world, context.world.boards
    if word == "carries":
        assert isinstance(subject, Name)
        assert isinstance(target, Name)
        carrier = _body(world, target.name).carrier
        agent = next(i for i, program in enumerate(world.agents) if program.name == subject.name)
        return context.now[carrier] == agent + 1 if carrier >= 0 else np.zeros(context.lanes, np.bool_)
    here = cell_of(subject, context)
    assert here is not None, "the subject of a relation has a place of its own"
    there = cell_of(target, context)
    present = here != boards.nowhere
    if word == "sees":
        assert isinstance(subject, Name)
        seer = _body(world, subject.name)
        if there is not None:
            return sees(seer, there, context, world.body_index.get(target.name, -1) if isinstance(target, Name) else -1)
        zone = zone_of(target, context)
        seen = np.zeros(context.lanes, np.bool_)
        for cell in np.flatnonzero(boards.zones.any(axis=(0, 1))).astype(np.int32):
            inside = boards.zones[zone, context.layout, cell] & (zone >= 0)
            seen |= inside & sees(seer, np.full(context.lanes, cell, np.int32), context, -1)
        return seen
    if there is None:
        zone = zone_of(target, context)
        return present & (zone >= 0) & _at_zone(word, zone, here, reach, context)
    present &= there != boards.nowhere
    if word == "on":
        return present & (here == there)
    row, column = _coordinates(boards.height, boards.width)
    down, right = np.abs(row[here] - row[there]), np.abs(column[here] - column[there])
    if word == "meets":
        return present & (down + right <= 1)
    distance = np.zeros(context.lanes) if reach is None else np.floor(evaluate_float(reach, context))
    return present & (np.maximum(down, right) <= distance)


def _at_zone(word: str, zone: Ints, here: Ints, reach: Expression | None, context: EvalContext) -> Bools:
    """bool `[B]`: whether the cells are on a zone, meet it, or are near it."""
    boards = context.world.boards
    if word in ("on", "meets"):
        return (boards.zones if word == "on" else boards.near_zones(-1))[zone, context.layout, here]
    distance = np.zeros(context.lanes) if reach is None else np.floor(evaluate_float(reach, context))
    out = np.zeros(context.lanes, np.bool_)
    # A reach may be computed in the tick; there are few different ones, and one table of cells serves each.
    for far in np.unique(distance[distance >= 0]):
        table = boards.near_zones(min(int(far), max(boards.height, boards.width)))
        out |= (distance == far) & table[zone, context.layout, here]
    return out


def sees(seer: Body, target: Ints, context: EvalContext, target_body: int) -> Bools:
    """bool `[B]`: whether the seer sees the target cells: within its sight, in front of it, and with a clear line.

    `target_body` is the body on the target cells (-1 for none): it does not hide itself.
    """
    world, boards = context.world, context.world.boards
    here = context.now[seer.cell]
    present = (here != boards.nowhere) & (target != boards.nowhere)
    rows = np.flatnonzero(present)
    a, b = here[rows], target[rows]
    row, column = _coordinates(boards.height, boards.width)
    down, right = row[b] - row[a], column[b] - column[a]
    far = np.maximum(np.abs(down), np.abs(right))
    seen = boards.clear[context.layout[rows], a, b]
    if seer.sight is not None:
        seen &= far <= seer.sight
    if seer.facing >= 0:
        ahead = _AHEAD[context.now[seer.facing, rows]]
        # In front is the quarter plane around the facing, its diagonals included.
        forward = down * ahead[:, 0] + right * ahead[:, 1]
        aside = np.abs(down * ahead[:, 1]) + np.abs(right * ahead[:, 0])
        seen &= forward >= aside
    # Walls are in the precomputed table of clear lines; opaque bodies move, so their cells are compared.
    for order, body in enumerate(world.bodies if seen.any() else ()):
        if body.opaque and body is not seer and order != target_body:
            cell = context.now[body.cell, rows]
            # The line is `step` cells from the seer after as many steps, so that only one of its cells can be this one.
            step = np.maximum(np.abs(row[cell] - row[a]), np.abs(column[cell] - column[a]))
            seen &= ~((step > 0) & (far > step) & (between(a, b, step, boards.width) == cell))
    out = np.zeros(context.lanes, np.bool_)
    out[rows] = seen
    return out


_OF_KIND: dict[type, Callable[[Any, EvalContext], Values]] = {
    Number: _constant,
    Truth: _constant,
    Name: _named,
    Unary: _unary,
    Binary: _binary,
    Call: _call,
    Relation: _relation,
    Coordinate: _coordinate,
    Distance: _distance,
    BeforeTick: _before,
    Does: _does,
    Moved: _moved,
    Facing: _facing,
}
"""How each kind of expression is evaluated."""
