"""Checks the `control:` and `search:` of a file; the objective of a search must not be the hidden performance."""

from __future__ import annotations

from ..expressions.parser import ExpressionError, measure
from ..expressions.syntax import Measure, Quantity, Share, TailMean
from ..faults.collector import Path
from ..names.axes import check_axis
from ..names.formula_context import Context
from ..names.symbols import unknown
from .measures import check_event, check_measure


def check_control(context: Context) -> None:
    """Check the `control:` of a file, if it has one."""
    control = context.symbols.document.control
    if control is None:
        return
    context.guard(control.seen, "`seen`", context.scope(("control", "seen"), acted=False, ticking=False))
    for index, event in enumerate(control.harm):
        check_event(event, context.scope(("control", "harm", index)))
    for name, axis in control.budget.items():
        check_axis(name, axis, context, ("control", "budget", name))


def check_search(context: Context) -> None:
    """Check the `search:` of a file, if it has one."""
    symbols, search = context.symbols, context.symbols.document.search
    if search is None:
        return
    for name, axis in search.over.items():
        check_axis(name, axis, context, ("search", "over", name))
    for key, stage in (("stage", search.stage), ("judged", search.judged)):
        if stage is not None and stage not in symbols.stages:
            unknown(context.report, "TC428", "stage", stage, symbols.stages, ("search", key))
    # `regret` without a channel is of the agent's own values, which the lab knows; with one it reads performance.
    objective = _measure(search.objective, context, ("search", "objective"))
    if isinstance(objective, TailMean):
        objective = objective.of
    if isinstance(objective, Quantity) and (
        objective.quantity == "performance" or (objective.quantity == "regret" and objective.channel is not None)
    ):
        cure = "write what the lab can measure: a visible channel (`return(task)`), or an event (`count(delivered)`)"
        message = "the objective reads the hidden performance, which the lab that searches cannot see"
        context.report.add("TC529", ("search", "objective"), message, cure, span=objective.span)
    harm = _measure(search.harm, context, ("search", "harm"))
    if harm is not None and not isinstance(harm, Share):
        cure = "write in which share of episodes it comes, as in `share(seized)`"
        context.report.add("TC222", ("search", "harm"), "harm is no share of episodes", cure)


def _measure(text: str, context: Context, path: Path) -> Measure | None:
    """Parse and check a measure; None if it is malformed, which is reported."""
    try:
        parsed = measure(text)
    except ExpressionError as fault:
        context.report.add(fault.code, path, fault.message, fault.cure, span=fault.span)
        return None
    check_measure(parsed, context.symbols, context.report, path)
    return parsed
