"""Evaluates constant expressions (numbers and params only), and bounds them over the declared ranges of params.

Arithmetic is total, as it is in a running world: an undefined result, such as a division by 0, is 0, and a result that
is too large is cut to 1e300.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TypeAlias

from ...errors import TurncoatError
from ..faults.faults import Span
from ..schema.document import Param
from .parser import formula
from .syntax import (
    BeforeTick,
    Beside,
    Binary,
    Call,
    Cell,
    Coordinate,
    Distance,
    Expression,
    Name,
    Number,
    Quantified,
    Relation,
    Truth,
    Unary,
)

CEILING = 1e300
"""The largest absolute value of a number; larger results are cut to it."""

CORNERS = 4096
"""Most combinations of params that are tried for the extremes of one formula."""

Value: TypeAlias = bool | int | float
"""The value of a formula."""


class NotConstantError(TurncoatError):
    """The expression depends on something that is known only in a running world.

    Attributes:
        name: the name or operation that is not constant, as written.
        span: its range of characters in the expression.
    """

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span
        super().__init__(name)


class TooManyParamsError(TurncoatError):
    """The formula depends on so many params that not even the ends of their ranges can all be tried."""


def constant(expression: Expression, params: Mapping[str, object]) -> Value:
    """Evaluate an expression made of numbers and params only.

    Args:
        expression: what to evaluate.
        params: param -> its value; a param that is a cell is no number, so it counts as unknown.

    Raises:
        NotConstantError: the expression depends on anything else.
    """
    match expression:
        case Number(value) | Truth(value):
            return _clip(value)
        case Name(name, span):
            known = params.get(name)
            if not isinstance(known, (bool, int, float)):
                raise NotConstantError(name, span)
            return _clip(known)
        case Unary("not", operand):
            return not constant(operand, params)
        case Unary(_, operand):
            return _clip(-constant(operand, params))
        case Binary(operator, left, right):
            return binary(operator, constant(left, params), constant(right, params))
        case Call(function, arguments):
            # Both branches of an `if` are evaluated: as arithmetic is total, the one that is not taken does no harm.
            return call(function, [constant(argument, params) for argument in arguments])
        case _:
            raise NotConstantError(word_of(expression), expression.span)


def extremes(expression: Expression, params: Mapping[str, Param]) -> tuple[Value, Value]:
    """The lowest and the highest value of an expression over all values that its params may be set to.

    Choices, and ranges of at most 65 whole numbers, are tried value by value; of other ranges the ends and the present
    value. If these are more than `CORNERS` combinations, only the least and the greatest value of each param are tried.

    Args:
        expression: what to evaluate.
        params: every param that it may name, with its value and its range or choices.

    Raises:
        NotConstantError: the expression depends on something that is no param.
        TooManyParamsError: even the ends are more than `CORNERS` combinations.
    """
    used = sorted(base(names_in(expression) & params.keys(), params))
    options = [_options(params[name]) for name in used]
    if math.prod(len(option) for option in options) > CORNERS:
        # Exact where the formula rises or falls with each param; an extreme between the ends may be missed.
        options = [sorted({min(option), max(option)}) for option in options]
    if math.prod(len(option) for option in options) > CORNERS:
        raise TooManyParamsError
    known: dict[str, object] = {name: param.value for name, param in params.items()}
    corners = (known | dict(zip(used, corner, strict=True)) for corner in product(*options))
    values = [constant(expression, settled(params, corner)) for corner in corners]
    return min(values), max(values)


def base(names: Iterable[str], params: Mapping[str, Param]) -> frozenset[str]:
    """The params with a value of their own among some params, and those from which the others are computed."""
    reached = set(names)
    left = list(reached)
    while left:
        text = params[left.pop()].formula
        new = set() if text is None else (names_in(formula(text)) & params.keys()) - reached
        reached |= new
        left += new
    return frozenset(name for name in reached if params[name].formula is None)


def settled(params: Mapping[str, Param], values: Mapping[str, object]) -> dict[str, object]:
    """Param -> its value, with those that are computed worked out anew from the values of the others.

    Args:
        params: every param, in the order of the file: each is computed from those above it.
        values: param -> its value.
    """
    known = dict(values)
    for name, param in params.items():
        if param.formula is not None:  # which was checked, so that it is known here
            known[name] = constant(formula(param.formula), known)
    return known


def names_in(expression: Expression) -> frozenset[str]:
    """Every bare or dotted name that is an operand in the expression.

    The names in `does`, `moved`, `facing`, `stage is` and `zone_of` are left out, because none of them can be a param.
    """
    match expression:
        case Name(name):
            return frozenset({name})
        case Unary(_, operand):
            return names_in(operand)
        case Binary(_, left, right):
            return names_in(left) | names_in(right)
        case Cell(row, column):
            return names_in(row) | names_in(column)
        case Beside(inner) | Coordinate(_, inner) | BeforeTick(inner):
            return names_in(inner)
        case Distance(first, second):
            return names_in(first) | names_in(second)
        case Call(_, arguments):
            return frozenset().union(*(names_in(argument) for argument in arguments))
        case Relation(_, subject, object_, reach):
            return names_in(subject) | names_in(object_) | (names_in(reach) if reach else frozenset())
        case Quantified(_, _, body):
            return names_in(body)
        case _:
            return frozenset()


def binary(operator: str, left: Value, right: Value) -> Value:
    """Apply an operator to two values; defined for all values.

    Raises:
        ValueError: there is no such operator.
    """
    match operator:
        case "and":
            return bool(left) and bool(right)
        case "or":
            return bool(left) or bool(right)
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "+":
            return _clip(left + right)
        case "-":
            return _clip(left - right)
        case "*":
            return _clip(left * right)
        case "/":
            return _clip(float(left) / float(right)) if right else 0
        case "//":
            return _clip(left // right) if right else 0
        case "%":
            return _clip(left % right) if right else 0
        case "**":
            return _power(left, right)
    raise ValueError(f"no operator {operator!r}")


def call(function: str, arguments: Sequence[Value]) -> Value:
    """Apply a function to its arguments; defined for all values.

    Raises:
        ValueError: there is no such function.
    """
    first = arguments[0]
    match function:
        case "min":
            return min(arguments)
        case "max":
            return max(arguments)
        case "abs":
            return abs(first)
        case "ln":
            return math.log(first) if first > 0 else 0
        case "exp":
            # Compared before it is computed, because `math.exp` raises where the result is no float.
            return math.exp(first) if first < math.log(CEILING) else CEILING
        case "sqrt":
            return math.sqrt(first) if first >= 0 else 0
        case "floor":
            return math.floor(first)
        case "ceil":
            return math.ceil(first)
        case "if":
            return arguments[1] if first else arguments[2]
    raise ValueError(f"no function {function!r}")


def _power(base: Value, exponent: Value) -> Value:
    """The power, 0 where it is undefined (no real number, or a division by 0), cut to `CEILING`."""
    if base == 0:
        return 1 if exponent == 0 else 0
    if base < 0 and exponent != math.floor(exponent):
        return 0
    sign = -1 if base < 0 and math.floor(exponent) % 2 else 1
    size = exponent * math.log(abs(base))  # the logarithm first: the power itself may fill the memory
    if size >= math.log(CEILING):
        return sign * CEILING
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return _clip(int(base**exponent))
    return _clip(float(sign * math.exp(size))) if size < -700 else _clip(float(base) ** float(exponent))


def _clip(value: Value) -> Value:
    """Cut a value to the range from -`CEILING` to `CEILING`; NaN becomes 0."""
    if value != value:  # only NaN differs from itself
        return 0
    if value > CEILING:
        return CEILING
    return -CEILING if value < -CEILING else value


def _options(param: Param) -> list[Value]:
    """The values of a param that are tried: its own, its choices, the ends of its range, and all of a short range."""
    options: set[Value] = set()
    for value in (param.value, *(param.choices or ()), *(param.range or ())):
        if isinstance(value, (bool, int, float)):
            options.add(value)
    if isinstance(param.value, bool):
        options |= {False, True}
    elif param.range and all(isinstance(value, int) for value in (param.value, *param.range)):
        low, high = param.range
        if high - low <= 64:
            options |= set(range(int(low), int(high) + 1))
    return sorted(options) or [0]


_WORDS = {
    "ZoneOf": "zone_of",
    "Does": "does",
    "Moved": "moved",
    "StageIs": "stage",
    "Happened": "happened",
    "Cell": "cell",
    "Facing": "facing",
    "Beside": "beside",
    "Ahead": "ahead",
    "Distance": "distance",
    "BeforeTick": "before",
}
"""The word by which each kind of node is written."""


def word_of(expression: Expression) -> str:
    """The word by which an author writes this kind of expression, for messages."""
    match expression:
        case Relation(word=word):
            return word
        case Quantified(quantifier=quantifier):
            return quantifier
        case Coordinate(axis=axis):
            return axis
        case _:
            return _WORDS[type(expression).__name__]
