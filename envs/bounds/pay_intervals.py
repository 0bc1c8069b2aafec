"""What a tick can pay at least and at most, read off a world's rules by interval arithmetic: nothing is enumerated.

Three things make it tight. Rules that end the episode fire once. So do rules that undo what they need (a coin that is
taken is gone), and whether one still can is read off the state. And of rules that need the agent on different cells,
only those of one cell fire in one tick.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from ...scenarios.language.expressions.syntax import (
    Assign,
    BeforeTick,
    Binary,
    Call,
    Coordinate,
    Cycles,
    Distance,
    Effect,
    Emit,
    End,
    Expression,
    Name,
    Number,
    Remove,
    ResetBoard,
    Truth,
    Unary,
)
from ..base import Floats, Ints, NotEnumerableError
from ..world.world import RuleProgram, World
from .possible_guards import Known, effects_of, moves, possible, where_the_agent_stands

_UNKNOWN = (-math.inf, math.inf)
_TRUTH = (0.0, 1.0)
Interval: TypeAlias = tuple[float, float]
Amount: TypeAlias = Callable[[RuleProgram], Interval]
"""The least and the greatest amount that a rule adds where it fires."""


class OnceOnly(NamedTuple):
    """What a rule adds that fires at most once an episode, since it undoes what it needs.

    Attributes:
        column: of the state; where it holds `spent`, the rule has fired, or never will.
        spent: as stored.
        amount: what it adds where it fires, or 0.
    """

    column: int
    spent: int
    amount: Interval


class PayIntervals(NamedTuple):
    """Bounds of what is added up over an episode.

    Attributes:
        each_tick: what any tick adds, without what follows.
        at_end: what the rules that end the episode add beside, once an episode.
        once: what other rules add once an episode, in those states in which they still can.
    """

    each_tick: Interval
    at_end: Interval
    once: tuple[OnceOnly, ...] = ()

    def on_the_way(self, states: Ints) -> tuple[Floats, Floats]:
        """What is added beside `each_tick` from some states (int32 `[n, F]`) on, least and most; float64 `[n]`."""
        low, high = np.full(len(states), self.at_end[0]), np.full(len(states), self.at_end[1])
        for each in self.once:
            still = states[:, each.column] != each.spent
            low += still * each.amount[0]
            high += still * each.amount[1]
        return low, high


def pay_intervals(world: World, weights: Floats) -> PayIntervals:
    """Bound what a tick pays, weighted, whatever the state.

    Args:
        world: compiled.
        weights: float64 `[K]`.

    Raises:
        NotEnumerableError: a formula of a pay has no bound.
    """
    return intervals_of(world, lambda rule: _paid(rule, world, weights))


def performance_intervals(world: World) -> PayIntervals:
    """Bound the hidden performance in the same way."""

    def scored(rule: RuleProgram) -> Interval:
        sides = [
            (0.0, 0.0) if amount is None else _finite(interval(amount, world), rule)
            for amount in (rule.performance, rule.otherwise_performance)
        ]
        return _either(rule, *sides)

    return intervals_of(world, scored)


def event_intervals(world: World, event: str) -> PayIntervals:
    """Bound in how many ticks an event comes (0 or 1 each), or an end, named `ended:REASON`."""
    if event.startswith("ended:"):
        return PayIntervals((0.0, 0.0), (0.0, 1.0))
    found = intervals_of(world, lambda rule: (0.0, float(_emits(rule, event))))
    return found._replace(each_tick=(0.0, min(1.0, found.each_tick[1])))


def tick_intervals(world: World) -> PayIntervals:
    """Bound how many ticks there are to come, by 0 or 1 in each."""
    return PayIntervals((0.0 if _can_end(world) else 1.0, 1.0), (0.0, 0.0))


def intervals_of(world: World, amount: Amount) -> PayIntervals:
    """Bound what rules add up to: in a tick, at an end, and once.

    Args:
        world: compiled, with one agent.
        amount: see `Amount`.
    """
    known = where_the_agent_stands(world)
    low, high = np.zeros(known.cases), np.zeros(known.cases)
    end, once = (0.0, 0.0), list[OnceOnly]()
    for rule in world.rules:
        least, most = amount(rule)
        if (least, most) == (0.0, 0.0):
            continue
        maybe = min(least, 0.0), max(most, 0.0)
        if _ends(rule):
            end = end[0] + maybe[0], end[1] + maybe[1]
        elif (test := _spent(rule, world)) is not None:
            once.append(OnceOnly(*test, maybe))
        else:
            fires = possible(rule.when, world, known)
            surely = fires.must & (rule.chance is None and not rule.only)
            low += np.where(surely, least, np.where(fires.may, maybe[0], 0.0))
            high += np.where(surely, most, np.where(fires.may, maybe[1], 0.0))
    for rule in world.end_rules:
        least, most = amount(rule)
        end = end[0] + min(least, 0.0), end[1] + max(most, 0.0)
    tick = float(low.min()), float(high.max())
    if _can_end(world):  # ticks that are sure to pay need not come
        tick = min(tick[0], 0.0), max(tick[1], 0.0)
    return PayIntervals(tick, end, tuple(once))


def _ends(rule: RuleProgram) -> bool:
    """Whether an episode is over, whatever comes of a rule."""
    sides = [rule.effects, rule.otherwise] if rule.two_sided else [rule.effects]
    return all(any(isinstance(effect, End) for effect in side) for side in sides)


def _can_end(world: World) -> bool:
    return any(isinstance(effect, End) for effect in effects_of(world))


def _emits(rule: RuleProgram, event: str) -> bool:
    return any(isinstance(effect, Emit) and effect.event == event for effect in (*rule.effects, *rule.otherwise))


def _spent(rule: RuleProgram, world: World) -> tuple[int, int] | None:
    """The column, and what it holds for ever once the rule has fired, so that it cannot fire again; None: none."""
    if rule.two_sided or any(isinstance(effect, ResetBoard) for effect in effects_of(world)):
        return None
    for effect in rule.effects:
        match effect:
            case Remove(subject):
                body = world.bodies[world.body_index[subject]]
                returns = body.motions or body.is_agent or any(moves(its, subject) for its in effects_of(world))
                gone = Known(cells={subject: np.array([world.boards.nowhere])})
                if not returns and not possible(rule.when, world, gone).may.any():
                    return body.cell, world.boards.nowhere
            case Assign(target, "=", Number(value)) if (column := world.columns.get(target)) is not None:
                kept = all(_keeps(its, target, float(value), world) for its in effects_of(world))
                stored = value - column.low
                plain = column.table is None and column.words is None and column.least <= stored <= column.most
                done = Known(numbers={target: float(value)})
                if kept and plain and stored == int(stored) and not possible(rule.when, world, done).may.any():
                    return column.index, int(stored)
    return None


def _keeps(effect: Effect, target: str, value: float, world: World) -> bool:
    """Whether an effect leaves a column as it is, or sets it to a value, whatever the state."""
    match effect:
        case Assign(name, word, amount) if name == target:
            return word == "=" and isinstance(amount, Number) and float(amount.value) == value
        case Cycles(name):
            return name != target
        case Remove(subject):  # which resets the fields of what it removes
            return world.columns[target].index not in world.bodies[world.body_index[subject]].fields
    return True


def _paid(rule: RuleProgram, world: World, weights: Floats) -> Interval:
    """What a rule pays where it fires, or where its chance fails."""
    sides = []
    for pays in (rule.pays, rule.otherwise_pays):
        low = high = 0.0
        for channel, amount in pays:
            if (weight := float(weights[channel])) == 0:
                continue
            ends = _products((weight, weight), interval(amount, world))
            low, high = low + ends[0], high + ends[1]
        sides.append(_finite((low, high), rule))
    return _either(rule, *sides)


def _either(rule: RuleProgram, fires: Interval, fails: Interval) -> Interval:
    """What one of two sides adds; the chance of a rule that has none does not fail."""
    return fires if rule.chance is None else (min(fires[0], fails[0]), max(fires[1], fails[1]))


def _finite(found: Interval, rule: RuleProgram) -> Interval:
    if not (math.isfinite(found[0]) and math.isfinite(found[1])):
        raise NotEnumerableError(f"what `{rule.name}` pays has no bound that can be read off its formula")
    return found


def interval(expression: Expression, world: World) -> Interval:
    """The least and the greatest value that a resolved formula can have in any state; infinite where not known."""
    match expression:
        case Number(value) | Truth(value):
            return float(value), float(value)
        case Name(name):
            return _named(name, world)
        case BeforeTick(body):
            return interval(body, world)
        case Coordinate():
            return -1.0, 63.0
        case Distance():
            return 0.0, 64.0
        case Unary("-", operand):
            low, high = interval(operand, world)
            return -high, -low
        case Binary(operator, left, right) if operator in ("+", "-", "*", "/"):
            return _arithmetic(operator, interval(left, world), interval(right, world))
        case Binary(operator, _, _) if operator in ("//", "%", "**"):
            return _UNKNOWN
        case Call(function, arguments):
            return _called(function, [interval(argument, world) for argument in arguments])
    return _TRUTH  # what is left is true or false


def _named(name: str, world: World) -> Interval:
    for draw in world.tick_draws:
        if draw.name == name:
            values = [value for value in draw.values if isinstance(value, int | float)]
            return (float(min(values)), float(max(values))) if len(values) == len(draw.values) else _UNKNOWN
    column = world.columns.get(name)
    if column is None or column.words is not None:
        return _UNKNOWN
    if column.table is not None:
        return float(np.min(column.table)), float(np.max(column.table))
    return float(column.least + column.low), float(column.most + column.low)


def _products(a: Interval, b: Interval) -> Interval:
    ends = [0.0 if 0 in (x, y) else x * y for x in a for y in b]  # nothing times infinity is nothing here
    return min(ends), max(ends)


def _arithmetic(operator: str, a: Interval, b: Interval) -> Interval:
    match operator:
        case "+":
            return a[0] + b[0], a[1] + b[1]
        case "-":
            return a[0] - b[1], a[1] - b[0]
        case "*":
            return _products(a, b)
    # A division by zero is 0, which lies between what a divisor of one sign gives only if the dividend may be 0.
    if b[0] <= 0 <= b[1]:
        return _UNKNOWN
    return _products(a, (1 / b[1], 1 / b[0]))


def _called(function: str, of: list[Interval]) -> Interval:
    low, high = of[0]
    match function:
        case "if":
            return min(of[1][0], of[2][0]), max(of[1][1], of[2][1])
        case "min":
            return min(its[0] for its in of), min(its[1] for its in of)
        case "max":
            return max(its[0] for its in of), max(its[1] for its in of)
        case "abs":
            return max(low, -high, 0.0), max(abs(low), abs(high))
        case "floor" | "ceil":
            return low - 1, high + 1
        case "sqrt":
            return 0.0, math.sqrt(max(high, 0.0))
    return _UNKNOWN
