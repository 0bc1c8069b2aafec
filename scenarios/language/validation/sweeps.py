"""Checks the `sweep:` of a file: its axes, its measures and the conditions of its regimes."""

from __future__ import annotations

from collections.abc import Iterator

from ..expressions.constants import NotConstantError, constant
from ..expressions.parser import ExpressionError, measure, regime
from ..expressions.syntax import Bound, Regime, RegimeLogic
from ..faults.collector import Path
from ..names.axes import check_axis
from ..names.formula_context import Context
from ..names.symbols import unknown
from ..names.types import require
from .measures import check_measure


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
    for name, text in sweep.conditions.items():
        told = ("when",) if name in sweep.told else ()
        check_regime(text, context, ("sweep", "regimes", name, *told))


def check_measured(text: str, context: Context, path: Path) -> None:
    """Report a text that is no measure, or a measure with unknown names."""
    try:
        check_measure(measure(text), context.symbols, context.report, path)
    except ExpressionError as fault:
        context.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)


def check_regime(text: str, context: Context, path: Path) -> None:
    """Report a text that is no condition on measures, or a condition with unknown names or bounds that vary."""
    try:
        condition = regime(text)
    except ExpressionError as fault:
        context.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)
        return
    scope = context.scope(path, acted=False, ticking=False)
    for bound in bounds_in(condition):
        check_measure(bound.measure, context.symbols, context.report, path)
        if not require(bound.value, "number", scope, "a bound"):
            continue
        try:
            constant(bound.value, context.params)
        except NotConstantError as fault:
            message = f"a bound must be known before the run, and `{fault.name}` is not"
            context.report.add("TC515", path, message, "write numbers and params only", span=fault.span)


def bounds_in(condition: Regime) -> Iterator[Bound]:
    """Every comparison in a regime's condition, in the order of the text."""
    if isinstance(condition, RegimeLogic):
        for operand in condition.operands:
            yield from bounds_in(operand)
    else:
        yield condition
