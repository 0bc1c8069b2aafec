"""The regime of a point of a sweep: conditions on measures, whose exact value may be a range over ties."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from ...scenarios.language.expressions.constants import constant
from ...scenarios.language.expressions.parser import regime
from ...scenarios.language.expressions.syntax import Bound, Regime
from ...scenarios.language.validation.sweeps import bounds_in
from .measure import Interval

TIE = "tie"
"""The name of a point at which some optimal policies are in a regime and others are not."""
EQUILIBRIA = "several equilibria"
"""The name of a point of a game at which some equilibria are in a regime and others are not."""
OTHER = "other"
"""The name of a point at which no regime holds."""
UNSOLVED = "unsolved"
"""The name of a point without an exact plan, or with only an upper bound of one."""
OUTER_BOUND = "outer bound"
"""The name of a point at which only an outer bound over ties is known, and does not decide."""
NO_REGIME = (TIE, EQUILIBRIA, OTHER, UNSOLVED, OUTER_BOUND)
"""The names of points that lie in no regime of the sweep's own."""

_ROUNDING = 1e-9
"""Exact values carry rounding errors: a value this close to a bound, absolutely or relatively, is taken to equal it."""
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def regime_of(regimes: Mapping[str, str], measures: Mapping[str, Interval], params: Mapping[str, object]) -> str:
    """The first regime whose condition holds.

    Args:
        regimes: name -> condition, in order.
        measures: the text of each measure that the conditions name -> its range.
        params: values of the params that the bounds may name.

    Returns:
        A regime's name; `TIE` if a condition before it holds under only some optimal policies; `OUTER_BOUND` if it may,
        for all that an outer bound tells; `OTHER` if no condition holds.
    """
    for name, text in regimes.items():
        held = holds(regime(text), text, measures, params)
        # The first regime that holds names the point. If one before it is undecided, so is the name.
        if held is None:
            outer = any(measures[measured_text(bound, text)].outer for bound in bounds_in(regime(text)))
            return OUTER_BOUND if outer else TIE
        if held:
            return name
    return OTHER


def holds(condition: Regime, text: str, measures: Mapping[str, Interval], params: Mapping[str, object]) -> bool | None:
    """Whether a condition holds under all optimal policies (True), under none (False), or only under some (None)."""
    if isinstance(condition, Bound):
        return _compared(measures[measured_text(condition, text)], condition, params)
    parts = [holds(operand, text, measures, params) for operand in condition.operands]
    if condition.operator == "not":
        return None if parts[0] is None else not parts[0]
    decisive = condition.operator == "or"  # one True decides an `or`, one False an `and`
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def measured_text(bound: Bound, text: str) -> str:
    """The measure of a bound as it is written in its condition."""
    start, end = bound.measure.span
    return text[start:end]


def measures_in(regimes: Mapping[str, str]) -> tuple[str, ...]:
    """Every measure that the conditions name, each once, in the order in which they first name it."""
    return tuple(dict.fromkeys(measured_text(b, text) for text in regimes.values() for b in bounds_in(regime(text))))


def _compared(interval: Interval, bound: Bound, params: Mapping[str, object]) -> bool | None:
    if interval.low is None or interval.high is None or interval.sometimes_empty:
        return None
    value = float(constant(bound.value, params))
    # An inequality is monotone, so agreement at both ends settles it for the whole range. `==` and `!=` are not: a
    # bound strictly inside the range may be met by some policy although neither end meets it.
    ends = {_COMPARE[bound.operator](_snapped(end, value), value) for end in (interval.low, interval.high)}
    between = interval.low < value < interval.high and bound.operator in ("==", "!=")
    return None if len(ends) > 1 or between else ends.pop()


def _snapped(value: float, target: float) -> float:
    return target if math.isclose(value, target, rel_tol=_ROUNDING, abs_tol=_ROUNDING) else value
