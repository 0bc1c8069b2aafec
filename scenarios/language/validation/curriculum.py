"""Checks what follows what: the shares of training, the recorded episodes that agents watch, and the life of a file."""

from __future__ import annotations

from collections.abc import Iterator

from ..expressions.constants import constant
from ..expressions.parser import ExpressionError, measure
from ..expressions.syntax import OfLife
from ..faults.collector import Path, listed
from ..names.formula_context import Context
from ..names.overrides import check_overrides
from ..names.replays import check_actions
from ..names.symbols import unknown
from ..schema.document import Document, LifePart, Rule, Stage, Watched

MOST_WATCHED = 10_000
"""Most episodes of one watched log."""
MOST_LIVED = 10_000
"""Most episodes of one entry of a life."""


def check_curriculum(context: Context) -> None:
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


# ------------------------------------------------------------------ lives


def check_life(context: Context) -> None:
    """Check the life of a file, entry by entry; without one, that nothing in the file asks for it."""
    document, report = context.symbols.document, context.report
    if not document.life:
        for path, what in _asks_for_a_life(document):
            cure = "declare a life, as in `life: [{stage: train, episodes: 20}, {stage: deploy, episodes: 20}]`"
            report.add("TC250", path, f"{what}, and the file has no `life:`", cure)
        return
    if "life" in document.stages:
        cure = "give the stage another name: `stage: life` means all episodes of the life"
        report.add("TC411", ("stages", "life"), "`life` is a word of the language", cure, key=True)
    for index, entry in enumerate(document.life):
        _check_entry(entry, index, context)
    for name, stage in document.stages.items():
        if stage.share is not None:
            cure = "delete it: the entries of the life say how many episodes an agent is trained for"
            report.add("TC255", ("stages", name, "share"), "`share` has no meaning where a life is declared", cure)


def _check_entry(entry: LifePart, index: int, context: Context) -> None:
    """Check one entry: its stage has a horizon, and its number of episodes is known before the run."""
    document, report, path = context.symbols.document, context.report, ("life", index)
    stage = document.stages.get(entry.stage)
    if stage is None:
        unknown(report, "TC428", "stage", entry.stage, tuple(document.stages), (*path, "stage"))
    elif stage.watch:
        cure = "leave it out: stages with `watch` come before the life"
        report.add("TC251", (*path, "stage"), f"nobody acts in `{entry.stage}`", cure)
    elif stage.horizon is None and stage.limit is not None:
        message = f"`{entry.stage}` is part of a life and has a `limit`"
        cure = f"write `horizon: {stage.limit}`: an agent that looks beyond an episode has to know when it is over"
        report.add("TC252", ("stages", entry.stage, "limit"), message, cure, key=True)
    if (entry.episodes is None) == (entry.continues is None):
        what = "both `episodes` and `continues`" if entry.episodes is not None else "neither `episodes` nor `continues`"
        report.add("TC251", path, f"this entry has {what}", "write `episodes: 20`, or `continues: 0.95`")
        return
    if entry.episodes is not None:
        user = "the number of episodes"
        count = context.bounded(entry.episodes, user, (*path, "episodes"), 1, MOST_LIVED)
        if count is not None and count != int(count):
            report.add("TC516", (*path, "episodes"), f"{user} is {count:g}", "write a whole number")
        return
    chance = context.fixed(entry.continues, "the chance of another episode", (*path, "continues"))
    if chance is not None and not 0 <= constant(chance, context.params) < 1:
        value = constant(chance, context.params)
        cure = "write a number from 0 up to 1, and less than 1: a life is over some time"
        report.add("TC251", (*path, "continues"), f"the chance of another episode is {value:g}", cure)


def check_between(rule: Rule, path: Path, context: Context) -> None:
    """Check what a rule between two episodes cannot do: pay."""
    for key in [key for key in ("pays", "else_pays") if getattr(rule, key)]:
        cure = "pay in a rule of the tick, or in one `at: end`"
        message = f"rule `{rule.name}` pays between two episodes, where no tick is paid for"
        context.report.add("TC253", (*path, key), message, cure, key=True)


def _asks_for_a_life(document: Document) -> Iterator[tuple[Path, str]]:
    """Everything in a file that means something in a life only, with what it does in words."""
    for name, agent in document.agents.items():
        if agent.foresight == "life":
            yield ("agents", name, "foresight"), f"`{name}` looks ahead over its life"
        for channel, value in agent.values.items():
            if value.persists is not None:
                yield ("agents", name, "values", channel, "persists"), f"the weight of `{channel}` outlives an episode"
        for field, counter in agent.fields.items():
            if counter.persists == "episodes":
                yield ("agents", name, "fields", field, "persists"), f"`{name}.{field}` outlives an episode"
    for name, thing in document.things.items():
        for field, counter in thing.fields.items():
            if counter.persists == "episodes":
                yield ("things", name, "fields", field, "persists"), f"`{name}.{field}` outlives an episode"
    for name, counter in document.counters.items():
        if counter.persists == "episodes":
            yield ("counters", name, "persists"), f"`{name}` outlives an episode"
    for index, rule in enumerate(document.rules):
        if rule.at == "between":
            yield ("rules", index, "at"), f"`{rule.name}` fires between two episodes"
    for index, expectation in enumerate(document.expect):
        if expectation.episode is not None:
            yield ("expect", index, "episode"), "this asks for one episode of a life"
        try:
            if isinstance(measure(expectation.measure), OfLife):
                yield ("expect", index, "measure"), "this measures a life"
        except ExpressionError:
            continue  # reported where measures are checked
