"""Constant expressions (numbers and params only), and their extremes over the declared ranges of params.

Arithmetic is total, as it is in a running world: what has no answer is 0, what is too large is 1e300.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

from ...errors import TurncoatError
from ..faults.faults import Span
from ..schema.document import Param
from .syntax import Binary, Call, Cell, Expression, Name, Number, Quantified, Relation, Truth, Unary

CEILING = 1e300
"""No number is further from 0 than this."""

CORNERS = 4096
"""How many combinations of params are tried for the extremes of one formula."""

Value: TypeAlias = bool | int | float
"""What a formula gives."""


class NotConstantError(TurncoatError):
    """The expression depends on something that is known only in a running world.

    Attributes:
        name: what it needs, as written.
        span: where it is written.
    """

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span
        super().__init__(name)


class TooManyParamsError(TurncoatError):
    """The formula depends on more params than their extremes can be tried for."""


def constant(expression: Expression, params: Mapping[str, object]) -> Value:
    """Evaluate an expression made of numbers and params only.

    Args:
        expression: what to evaluate.
        params: the value of each param; cells are not numbers, so they count as unknown.

    Raises:
        NotConstantError: it names something else.
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
            return call(function, [constant(argument, params) for argument in arguments])
        case _:
            raise NotConstantError(_described(expression), expression.span)


def extremes(expression: Expression, params: Mapping[str, Param]) -> tuple[Value, Value]:
    """The lowest and the highest value over everything that the params may be set to.

    Whole-number ranges and choices are tried one by one while they are few, otherwise their ends and the present value.

    Raises:
        NotConstantError: it names something that is no param.
        TooManyParamsError: even the ends are too many to try.
    """
    used = sorted(names_in(expression) & params.keys())
    options = [_options(params[name]) for name in used]
    if math.prod(len(option) for option in options) > CORNERS:
        options = [sorted({min(option), max(option)}) for option in options]
    if math.prod(len(option) for option in options) > CORNERS:
        raise TooManyParamsError
    known: dict[str, object] = {name: param.value for name, param in params.items()}
    values = [constant(expression, known | dict(zip(used, corner, strict=True))) for corner in product(*options)]
    return min(values), max(values)


def names_in(expression: Expression) -> frozenset[str]:
    """Every bare or dotted name that the expression reads."""
    match expression:
        case Name(name):
            return frozenset({name})
        case Unary(_, operand):
            return names_in(operand)
        case Binary(_, left, right):
            return names_in(left) | names_in(right)
        case Cell(row, column):
            return names_in(row) | names_in(column)
        case Call(_, arguments):
            return frozenset().union(*(names_in(argument) for argument in arguments))
        case Relation(_, subject, object_, reach):
            return names_in(subject) | names_in(object_) | (names_in(reach) if reach else frozenset())
        case Quantified(_, _, body):
            return names_in(body)
        case _:
            return frozenset()


def binary(operator: str, left: Value, right: Value) -> Value:
    """One operator on two values; total."""
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
    """One function of numbers; total."""
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
    """The value, or the ceiling where it is too large (or infinite); no number at all is 0."""
    if value != value:
        return 0
    if value > CEILING:
        return CEILING
    return -CEILING if value < -CEILING else value


def _options(param: Param) -> list[Value]:
    """What a param may be set to, or the ends of it."""
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


def _described(expression: Expression) -> str:
    """How an author would call a part of an expression."""
    match expression:
        case Relation(word=word):
            return word
        case Quantified(quantifier=quantifier):
            return quantifier
        case _:
            return {"ZoneOf": "zone_of", "Does": "does", "Moved": "moved", "StageIs": "stage", "Cell": "cell"}.get(
                type(expression).__name__, "facing"
            )
