"""What must hold of a sweep: its axes, its measures and the conditions of its regimes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .constants import NotConstant, constant
from .contexts import Context
from .dotted import check_override, targets
from .formulas import measure, regime
from .measure_rules import check_measure
from .names import unknown
from .parsing import ExpressionFault
from .reporting import Path
from .schema import Axis
from .syntax import Bound, Regime, RegimeLogic
from .typing_rules import require


def check_sweep(context: Context) -> None:
    """Check the `sweep:` of a file, if it has one."""
    sweep, symbols = context.symbols.document.sweep, context.symbols
    if sweep is None:
        return
    if sweep.stage is not None and sweep.stage not in symbols.stages:
        unknown(context.report, "TC428", "stage", sweep.stage, symbols.stages, ("sweep", "stage"))
    for name, axis in sweep.axes.items():
        check_axis(name, axis, context, ("sweep", "axes", name))
    for index, text in enumerate(sweep.measures):
        check_measured(text, context, ("sweep", "measures", index))
    for name, text in sweep.regimes.items():
        check_regime(text, context, ("sweep", "regimes", name))


def check_axis(name: str, axis: Axis, context: Context, path: Path) -> None:
    """Report an axis of what cannot be overridden, or that goes where it cannot be."""
    symbols, report = context.symbols, context.report
    if name not in targets(symbols):
        check_override(name, None, symbols, report, path)
        return
    wrong = wrong_axis(axis)
    if wrong is not None:
        report.add("TC220", path, f"the axis `{name}` {wrong[0]}", wrong[1])
        return
    for value in axis_values(axis):
        check_override(name, value, symbols, report, path)


def check_measured(text: str, context: Context, path: Path) -> None:
    """Report a measure that is none, or that names what there is not."""
    try:
        check_measure(measure(text), context.symbols, context.report, path)
    except ExpressionFault as fault:
        context.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)


def check_regime(text: str, context: Context, path: Path) -> None:
    """Report a condition on measures that is none, or that names what there is not."""
    try:
        condition = regime(text)
    except ExpressionFault as fault:
        context.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)
        return
    scope = context.scope(path, acted=False, ticking=False)
    for bound in bounds_in(condition):
        check_measure(bound.measure, context.symbols, context.report, path)
        if not require(bound.value, "number", scope, "a bound"):
            continue
        try:
            constant(bound.value, context.params)
        except NotConstant as fault:
            message = f"a bound must be known before the run, and `{fault.name}` is not"
            context.report.add("TC515", path, message, "write numbers and params only", span=fault.span)


def bounds_in(condition: Regime) -> Iterator[Bound]:
    """Every comparison of a condition, in order."""
    if isinstance(condition, RegimeLogic):
        for operand in condition.operands:
            yield from bounds_in(operand)
    else:
        yield condition


def axis_values(axis: Axis) -> Sequence[object]:
    """What a sound axis goes through; numbers in steps are rounded to nine digits, as they read."""
    if axis.values is not None:
        return axis.values
    assert axis.start is not None
    assert axis.to is not None
    spaced = np.geomspace if axis.scale == "log" else np.linspace
    numbers = [float(f"{value:.9g}") for value in spaced(axis.start, axis.to, axis.points)]
    whole = isinstance(axis.start, int) and isinstance(axis.to, int) and all(n.is_integer() for n in numbers)
    return [int(n) for n in numbers] if whole else numbers


def wrong_axis(axis: Axis) -> tuple[str, str] | None:
    """What is wrong with an axis, and the cure."""
    stepped = axis.start is not None or axis.to is not None
    if (axis.values is not None) == stepped:
        what = "has values and ends" if stepped else "goes through nothing"
        return what, "write `values: [...]`, or `from:`, `to:` and `points:`"
    if axis.values is not None:
        return None
    if axis.start is None or axis.to is None:
        return "lacks one of its ends", "write both `from:` and `to:`"
    if not axis.start < axis.to:
        return f"goes from {axis.start:g} to {axis.to:g}", "write the smaller number after `from:`"
    if axis.scale == "log" and axis.start <= 0:
        return f"goes from {axis.start:g} in equal ratios", "begin above 0, or leave `scale: log` out"
    return None
