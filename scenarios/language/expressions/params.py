"""Classifies params by what they affect: preferences only, rewards, dynamics, or the layout of the board."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from ..schema.document import ALL, ActionSpec, Counter, Deliberating, Document, Formula, Generate, LegendEntry, Planning
from .constants import base, names_in
from .named_formulas import named_formulas
from .parser import ExpressionError, effect, formula, parsed_measure
from .syntax import Assign, ExtremeShare, PutAt, Rate, Share, StateHolds, Statistic, TailMean, temporal_in

Kind: TypeAlias = Literal["preference", "pay", "dynamics", "layout"]


def classify_params(document: Document) -> Mapping[str, Kind]:
    """The kind of each param: what it affects, or the costliest to recompute of several things.

    From the costliest: `layout` (the board), `dynamics` (start and transitions), `pay` (what rules pay, which is part
    of the enumerated process) and `preference` (only weights, discounts, deliberations and planners, or nothing: the
    enumerated process is the same for every value).
    """
    uses = _uses(document)
    order: tuple[Kind, ...] = ("layout", "dynamics", "pay")
    return {name: next((kind for kind in order if name in uses[kind]), "preference") for name in document.params}


def weighing(document: Document) -> frozenset[str]:
    """Params that preferences depend on, and nothing else: the enumerated process is the same for all their values."""
    kinds = classify_params(document)
    return frozenset(name for name in _uses(document)["preference"] if kinds.get(name) == "preference")


def shaping(document: Document) -> frozenset[str]:
    """Params that bound counters, and so determine the range of state fields."""
    counters = [document.counters]
    counters += [thing.fields for thing in document.things.values()]
    counters += [agent.fields for agent in document.agents.values()]
    read = _read(bound for block in counters for counter in block.values() for bound in (counter.min, counter.max))
    return _behind(read, document)


def unused_params(document: Document) -> tuple[str, ...]:
    """Params that neither the world, the agents, watched logs nor the conditions of expected rates read."""
    shown = _behind(_measured(document) | _drawn(document), document)
    read = frozenset().union(*_uses(document).values(), shown, _watched(document))
    return tuple(name for name in document.params if name not in read)


def unused_counters(document: Document) -> tuple[str, ...]:
    """Counters that nothing in the file reads or changes; they only multiply what a reader has to keep in mind."""
    prose = {"name", "title", "claim", "about", "sources", "tags"}
    named = set(_words(document.model_dump(by_alias=True, exclude_unset=True, exclude={"counters"}), prose))
    for name, counter in document.counters.items():  # what one shows may read others
        named |= set(_words(counter.shows_as, prose)) - {name}
    return tuple(name for name in document.counters if name not in named)


def unused_formulas(document: Document) -> tuple[str, ...]:
    """Named formulas that nothing in the file names."""
    prose = {"name", "title", "claim", "about", "sources", "tags"}
    data = document.model_dump(by_alias=True, exclude_unset=True)
    elsewhere = set(_words({key: value for key, value in data.items() if key != "let"}, prose))
    within = {name: set(_words(text, prose)) for name, text in document.let.items()}
    return tuple(
        name
        for name in document.let
        if name not in elsewhere and not any(name in words for other, words in within.items() if other != name)
    )


def _words(data: object, prose: frozenset[str] | set[str]) -> Iterator[str]:
    """The words of all texts in some plain data, keys among them, except for what stands under the keys of `prose`."""
    if isinstance(data, str):
        yield from re.findall(r"[A-Za-z]\w*", data)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _words(key, prose)
            yield from () if key in prose else _words(value, prose)
    elif isinstance(data, list | tuple):
        for item in data:
            yield from _words(item, prose)


def _uses(document: Document) -> dict[Kind, frozenset[str]]:
    """Kind -> the names that formulas of this kind read, and those that named formulas read for them."""
    uses: dict[Kind, frozenset[str]] = {
        "preference": _read(_weights(document)) | choosing(document),
        "pay": _read(pay for rule in document.rules for pay in (*rule.pays.values(), *rule.else_pays.values())),
        "dynamics": _read(_dynamics(document)) | _effects(document),
        "layout": _read(_layout(document)),
    }
    return {kind: _behind(names, document) for kind, names in uses.items()}


def _behind(names: frozenset[str], document: Document) -> frozenset[str]:
    """Names, all that the named formulas among them read, and the params from which others are computed."""
    named = named_formulas(document)
    for name in reversed(named):  # each comes before those that it names
        if name in names:
            names |= names_in(named[name])
    return names | base(names & document.params.keys(), document.params)


def _read(formulas: Iterator[Formula | None]) -> frozenset[str]:
    """All names that some formulas read; None stands for a formula that is left out."""
    names: set[str] = set()
    for value in formulas:
        try:
            names |= frozenset() if value is None else names_in(formula(value))
        except ExpressionError:
            continue  # reported where formulas are checked
    return frozenset(names)


def choosing(document: Document) -> frozenset[str]:
    """The names that agents' deliberations and planners read."""
    return _read(_parts(document))


def _parts(document: Document) -> Iterator[Formula | None]:
    for agent in document.agents.values():
        yield from _deliberation(agent.deliberation)
        yield from _planner(agent.planner)


def _planner(planner: str | Planning) -> Iterator[Formula | None]:
    block = planner.mcts or planner.shooting or planner.none if isinstance(planner, Planning) else None
    if block is not None:
        # These two, and the value `all`, are words of the language: as formulas they would be read as names.
        for name in sorted(block.model_fields_set - {"backup", "leaves"}):
            yield None if (value := getattr(block, name)) == ALL else value


def _weights(document: Document) -> Iterator[Formula | None]:
    for agent in document.agents.values():
        yield agent.discount
        yield from (each for value in agent.values.values() for each in (value.weight, value.discount))


def _deliberation(deliberation: str | Deliberating) -> Iterator[Formula | None]:
    if isinstance(deliberation, Deliberating):
        yield from (deliberation.lexicographic.slack,) if deliberation.lexicographic else ()
        yield from deliberation.veto.at_least.values() if deliberation.veto else ()
        yield from (deliberation.vote.approves,) if deliberation.vote else ()


def _dynamics(document: Document) -> Iterator[Formula | None]:
    yield from _bounds(document.counters)
    for draw in document.draws.values():
        yield from (draw.p, draw.when, *(draw.weights or ()))
    for thing in document.things.values():
        yield from (thing.sight, thing.solid)
        yield from _bounds(thing.fields)
        yield from (motion.when for motion in thing.moves or ())
    for agent in document.agents.values():
        yield from (agent.sight, agent.leaves_when)
        yield from _bounds(agent.fields)
        yield from (action.when for action in agent.actions if isinstance(action, ActionSpec))
    for override in document.overrides:
        yield from (override.when, override.chance)
    for rule in document.rules:
        yield from (rule.when, rule.chance)
    for entry in document.life:
        yield from (entry.episodes, entry.continues)
    for marked in document.legend.values():
        yield from marked.fields.values() if isinstance(marked, LegendEntry) else ()


def _bounds(counters: Mapping[str, Counter]) -> Iterator[Formula | None]:
    for counter in counters.values():
        yield from (counter.start, counter.min, counter.max, counter.shows_as)


def _layout(document: Document) -> Iterator[Formula | None]:
    for zone in document.zones.values():
        if zone.rectangle is not None:
            yield from (*zone.rectangle.rows, *zone.rectangle.columns)
    for generate in (document.generate, *(stage.generate for stage in document.stages.values())):
        yield from _corners(generate)


def _corners(generate: Generate | None) -> Iterator[str]:
    """The formulas in `corner(...)` under `generate.place`."""
    for where in generate.place.values() if generate else ():
        if where.startswith("corner(") and where.endswith(")"):
            yield where.removeprefix("corner(").removesuffix(")")


def _effects(document: Document) -> frozenset[str]:
    """The names that effects of rules read, and not the counters that they set."""
    names: set[str] = set()
    for rule in document.rules:
        for text in (*rule.then, *rule.otherwise):
            try:
                parsed = effect(text)
            except ExpressionError:
                continue  # reported where effects are checked
            if isinstance(parsed, Assign):
                names |= names_in(parsed.value)
            elif isinstance(parsed, PutAt):
                names |= names_in(parsed.place)
    return frozenset(names)


def _watched(document: Document) -> frozenset[str]:
    """The names that watched logs read. Logs affect what a learner knows and not the process."""
    logs = [log for stage in document.stages.values() for log in stage.watch]
    return _read(value for log in logs for value in (log.episodes, log.slips))


def _drawn(document: Document) -> frozenset[str]:
    """The names that decide how bodies are drawn, and nothing else."""
    looks = [thing.drawn_as for thing in document.things.values()]
    looks += [agent.drawn_as for agent in document.agents.values()]
    return _read(condition for each in looks for condition in each.values())


def _measured(document: Document) -> frozenset[str]:
    """The names that the formulas of expected measures read."""
    names: set[str] = set()
    for expectation in document.expect:
        try:
            parsed = parsed_measure(expectation.measure).joined
        except ExpressionError:
            continue
        if isinstance(parsed, Statistic):
            names |= names_in(parsed.formula) | (names_in(parsed.tick) if parsed.tick is not None else frozenset())
        if isinstance(parsed, Share | ExtremeShare):
            for part in temporal_in(parsed.condition):
                read = part.formula if isinstance(part, StateHolds) else part.within
                names |= frozenset() if read is None else names_in(read)
        if isinstance(parsed, TailMean):
            names |= names_in(parsed.share)
        if isinstance(parsed, Rate) and parsed.condition is not None:
            names |= names_in(parsed.condition)
    return frozenset(names)
