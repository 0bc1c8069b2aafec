"""Interval bounds of expressions, which show before a run that a guard is always true or always false."""

from __future__ import annotations

from typing import TypeAlias

from ..expressions.constants import NotConstantError, TooManyParamsError, Value, base, binary, extremes, names_in
from ..expressions.parser import ExpressionError, formula
from ..expressions.syntax import FAR_OFF, Binary, Coordinate, Distance, Expression, Name, Quantified, Truth, Unary
from ..schema.document import Counter, Formula
from .symbols import Symbols

Range: TypeAlias = tuple[Value, Value]
"""The lowest and the highest value of an expression, both included."""


def decided(expression: Expression, symbols: Symbols) -> bool | None:
    """The constant truth value of a guard; None if it may vary, or if interval bounds do not show that it does not.

    Args:
        expression: the guard.
        symbols: the symbol table, with the bounds of counters and params.
    """
    match expression:
        case Truth(value):
            return value
        case Unary("not", operand):
            held = decided(operand, symbols)
            return None if held is None else not held
        case Binary("and" | "or" as joint, left, right):
            sides = (decided(left, symbols), decided(right, symbols))
            settles = joint == "or"  # one true side settles `or`, one false side settles `and`
            if settles in sides:
                return settles
            return None if None in sides else not settles
        case Binary("<" | "<=" | ">" | ">=" | "==" | "!=" as operator, left, right):
            first, second = between(left, symbols), between(right, symbols)
            return None if first is None or second is None else _compared(operator, first, second)
        case Quantified("any" | "all", _, body):  # of each thing there is one instance at least
            return decided(body, symbols)
        case _:
            return None


def between(expression: Expression, symbols: Symbols) -> Range | None:
    """An interval that contains all values of a numeric expression; None if no bounds are known.

    The interval may be wider than the range of the values, because operands are taken as independent of each other.
    """
    known = _constant(expression, symbols)
    if known is not None:
        return known
    match expression:
        case Name(name) if name in symbols.counters:
            return _counted(symbols.counters[name], symbols)
        case Unary("-", operand):
            inner = between(operand, symbols)
            return None if inner is None else (-inner[1], -inner[0])
        case Binary("+" | "-" | "*" as operator, left, right):
            first, second = between(left, symbols), between(right, symbols)
            if first is None or second is None:
                return None
            # Sums and products take their extremes at ends of the operands' intervals; `/` and `**` need not.
            corners = [binary(operator, a, b) for a in first for b in second]
            return min(corners), max(corners)
        case Quantified("count", group, body):
            held, most = decided(body, symbols), len(symbols.members(group))
            return 0 if held is None else most * held, 0 if held is False else most
        case Coordinate():
            return -1, FAR_OFF - 1
        case Distance():
            return 0, FAR_OFF
        case _:
            return None


def _constant(expression: Expression, symbols: Symbols) -> Range | None:
    """The range of a formula of params; None if it depends on the state, or on a param without a range or choices.

    A param without either can be overridden by any value, so nothing bounds it.
    """
    params = symbols.document.params
    for name in base(names_in(expression) & params.keys(), params):
        if params[name].range is None and params[name].choices is None:
            return None
    try:
        return extremes(expression, params)
    except (NotConstantError, TooManyParamsError):
        return None


def _counted(counter: Counter, symbols: Symbols) -> Range | None:
    """The range of a counter over all values of its params; None for one that holds words."""
    if counter.values is not None:
        numbers = [value for value in counter.values if not isinstance(value, str)]
        return (min(numbers), max(numbers)) if len(numbers) == len(counter.values) else None
    low = _bound(0 if counter.min is None else counter.min, symbols)
    high = _bound(1 if counter.max is None else counter.max, symbols)
    return None if low is None or high is None else (low[0], high[1])


def _bound(value: Formula, symbols: Symbols) -> Range | None:
    try:
        return _constant(formula(value), symbols)
    except ExpressionError:
        return None  # reported where counters are checked


def _compared(operator: str, first: Range, second: Range) -> bool | None:
    """The result of a comparison for all pairs of numbers from two ranges; None if it is not the same for all."""
    if operator in (">", ">="):  # `a > b` is `b < a`, which leaves two orders to decide
        return _compared(operator.replace(">", "<"), second, first)
    if operator == "!=":
        equal = _compared("==", first, second)
        return None if equal is None else not equal
    if operator == "==":
        if first[1] < second[0] or second[1] < first[0]:
            return False
        return True if first[0] == first[1] == second[0] == second[1] else None
    # True if it holds even of the greatest against the least, false if not even of the least against the greatest.
    if binary(operator, first[1], second[0]):
        return True
    return None if binary(operator, first[0], second[1]) else False
