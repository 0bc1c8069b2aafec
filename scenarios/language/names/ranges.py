"""Interval bounds of expressions, by which a guard that is always true or always false is found before a run."""

from __future__ import annotations

from typing import TypeAlias

from ..expressions.constants import NotConstantError, TooManyParamsError, Value, binary, extremes, names_in
from ..expressions.parser import ExpressionError, formula
from ..expressions.syntax import Binary, Expression, Name, Quantified, Truth, Unary
from ..schema.document import Counter, Formula
from .symbols import Symbols

Range: TypeAlias = tuple[Value, Value]
"""The lowest and the highest value, both included."""


def decided(expression: Expression, symbols: Symbols) -> bool | None:
    """The truth value that a guard has whatever happens; None where it may vary, or where that is not seen."""
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
        case _:
            return None


def between(expression: Expression, symbols: Symbols) -> Range | None:
    """The range of a number, or a wider one; None where none is known."""
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
            corners = [binary(operator, a, b) for a in first for b in second]
            return min(corners), max(corners)
        case Quantified("count", group):
            return 0, symbols.instances[group]
        case _:
            return None


def _constant(expression: Expression, symbols: Symbols) -> Range | None:
    """The range of a formula of params that say what they may be; a param that does not may be anything."""
    params = symbols.document.params
    for name in names_in(expression) & params.keys():
        if params[name].range is None and params[name].choices is None:
            return None
    try:
        return extremes(expression, params)
    except (NotConstantError, TooManyParamsError):
        return None


def _counted(counter: Counter, symbols: Symbols) -> Range | None:
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
    """What a comparison always gives, for any two numbers of these ranges."""
    if operator in (">", ">="):
        return _compared(operator.replace(">", "<"), second, first)
    if operator == "!=":
        equal = _compared("==", first, second)
        return None if equal is None else not equal
    if operator == "==":
        if first[1] < second[0] or second[1] < first[0]:
            return False
        return True if first[0] == first[1] == second[0] == second[1] else None
    if binary(operator, first[1], second[0]):
        return True
    return None if binary(operator, first[0], second[1]) else False
