"""What a tick can pay at least and at most, read off a world's rules by interval arithmetic: nothing is enumerated."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...scenarios.language.expressions.syntax import (
    BeforeTick,
    Binary,
    Call,
    Coordinate,
    Distance,
    End,
    Expression,
    Name,
    Number,
    Truth,
    Unary,
)
from ..base import Floats, NotEnumerableError
from ..world.world import RuleProgram, World

_UNKNOWN = (-math.inf, math.inf)
_TRUTH = (0.0, 1.0)
Interval = tuple[float, float]


class PayIntervals(NamedTuple):
    """Bounds of weighted pay.

    Attributes:
        each_tick: what any tick pays, without the rules that end the episode.
        at_end: what those rules pay beside, once an episode.
    """

    each_tick: Interval
    at_end: Interval


def pay_intervals(world: World, weights: Floats) -> PayIntervals:
    """Bound what a tick pays, whatever the state.

    Args:
        world: compiled.
        weights: float64 `[K]`.

    Raises:
        NotEnumerableError: a formula of a pay has no bound.
    """
    tick, end = (0.0, 0.0), (0.0, 0.0)
    for rule in world.rules:
        low, high = _paid(rule, world, weights)
        ends = any(isinstance(effect, End) for effect in rule.effects) and not rule.otherwise_pays
        if ends:
            end = end[0] + low, end[1] + high
        else:
            tick = tick[0] + low, tick[1] + high
    for rule in world.end_rules:
        low, high = _paid(rule, world, weights)
        end = end[0] + low, end[1] + high
    return PayIntervals(tick, end)


def _paid(rule: RuleProgram, world: World, weights: Floats) -> Interval:
    """What a rule pays: nothing, where it does not fire."""
    least = most = 0.0
    for pays in (rule.pays, rule.otherwise_pays):  # a tick has one or the other
        low = high = 0.0
        for channel, amount in pays:
            if (weight := float(weights[channel])) == 0:
                continue
            ends = _products((weight, weight), interval(amount, world))
            low, high = low + ends[0], high + ends[1]
        if not (math.isfinite(low) and math.isfinite(high)):
            raise NotEnumerableError(f"what `{rule.name}` pays has no bound that can be read off its formula")
        least, most = min(least, low), max(most, high)
    return least, most


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
