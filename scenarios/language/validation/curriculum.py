"""Checks the curriculum of stages: the shares of training, and the recorded episodes that agents watch."""

from __future__ import annotations

from ..faults.collector import Path, listed
from ..names.formula_context import Context
from ..names.overrides import check_overrides
from ..names.replays import check_actions
from ..schema.document import Stage, Watched

MOST_WATCHED = 10_000
"""Most episodes of one watched log."""


def check_life(context: Context) -> None:
    """Check that the shares of training add up to 1, that some stage is acted in, and that every log is valid."""
    document, report = context.symbols.document, context.report
    shares = {name: stage.share for name, stage in document.stages.items() if stage.share is not None}
    # Shares such as 0.1 and 0.7 have no exact binary form, so their sum may miss 1 by rounding.
    if shares and abs(sum(shares.values()) - 1) > 1e-9:
        message = f"the shares of {listed(list(shares))} add up to {sum(shares.values()):g}"
        report.add("TC226", ("stages", next(iter(shares)), "share"), message, "make them add up to 1")
    if document.stages and all(stage.watch for stage in document.stages.values()):
        report.add("TC224", ("stages",), "nobody acts in any stage", "add a stage without `watch`", key=True)
    for name, stage in document.stages.items():
        _check_watching(stage, ("stages", name), context)


def _check_watching(stage: Stage, path: Path, context: Context) -> None:
    """Check a stage in which recorded episodes are watched."""
    report = context.report
    if stage.watch and stage.share is not None:
        message = f"`{path[-1]}` is only watched, so nothing is trained in it"
        report.add("TC224", (*path, "share"), message, "delete `share:`, or train in a stage of its own", key=True)
    if stage.watch and len(context.symbols.document.agents) > 1:
        report.add("TC224", (*path, "watch"), "others are watched in worlds of one agent", "delete it", key=True)
        return
    for index, log in enumerate(stage.watch):
        _check_log(log, (*path, "watch", index), context)


def _check_log(log: Watched, path: Path, context: Context) -> None:
    symbols, report = context.symbols, context.report
    if (log.of is None) == (log.actions is None):
        what = "both `of` and `actions`" if log.actions is not None else "neither `of` nor `actions`"
        report.add("TC225", path, f"a log has {what}", "write `of: exact`, `of: random` or `actions:`")
    if log.actions is not None:
        check_actions(log.actions, symbols, report, (*path, "actions"))
    context.bounded(log.episodes, "the number of episodes", (*path, "episodes"), 0, MOST_WATCHED)
    context.bounded(log.slips, "the chance of a slip", (*path, "slips"), 0, 1)
    check_overrides(log.set, symbols, report, (*path, "with"))
