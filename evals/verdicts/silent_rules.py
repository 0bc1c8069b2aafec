"""Rules that never fire because a chance of 0 stands before them, and not because their guards cannot hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ...scenarios.language.expressions.constants import NotConstantError, constant, names_in, settled
from ...scenarios.language.expressions.parser import effect, formula
from ...scenarios.language.expressions.syntax import Assign, Cycles, Effect, Emit, Expression, Happened, PutAt, Take
from ...scenarios.language.loading import Scenario
from ...scenarios.language.schema.document import Formula, Rule


def impossible(chance: Formula | None, scenario: Scenario) -> bool:
    """Whether a chance is 0 in every stage at the params' own values, whatever the state."""
    document, own = scenario.document, dict(scenario.params)
    try:
        return chance is not None and all(
            constant(formula(chance), settled(document.params, own | dict(stage.params))) <= 0
            for stage in document.stages.values()
        )
    except NotConstantError:
        return False


def behind_no_chance(scenario: Scenario, silent: Collection[str]) -> dict[str, str]:
    """Of rules that never fire, those that wait for what only a chance of 0 brings; each with what that is, in words.

    Args:
        scenario: of the rules.
        silent: the names of all rules that never fire.
    """
    document = scenario.document
    rules = [rule for rule in document.rules if rule.name in silent]
    draws = [name for name, draw in document.draws.items() if draw.values is None and impossible(draw.p, scenario)]
    words = {rule.name: "has a chance of 0" for rule in rules if impossible(rule.chance, scenario)}
    off, writers = set(words), _writers(scenario)
    found: dict[str, str] = {}
    for _ in rules:  # a rule may wait for one that waits itself
        for rule in rules:
            if rule.name in words:
                continue
            read = _read(rule, scenario)
            waits = [name for name in sorted(read & writers.keys()) if writers[name] <= words.keys()]
            if drawn := [name for name in draws if name in read]:
                found[rule.name] = f"the chance of `{drawn[0]}` is 0"
            elif waits:
                writer = min(writers[waits[0]])
                found[rule.name] = f"`{waits[0]}` comes of `{writer}`, which {words[writer]}"
            if rule.name in found:
                words[rule.name] = "waits for a chance of 0 itself"
    return {name: reason for name, reason in found.items() if name not in off}


def _read(rule: Rule, scenario: Scenario) -> frozenset[str]:
    """The names that a rule's guard reads, also by way of named formulas, under the names that they are declared by."""
    formulas, owners = scenario.symbols.formulas, dict(rule.instances)
    read, left = set[str](), [formula(rule.when)]
    while left:
        expression = left.pop()
        new = {*names_in(expression), *_happened(expression)} - read
        left += [formulas[name] for name in new if name in formulas]
        read |= new
    return frozenset(_declared(name, owners) for name in read)


def _happened(expression: Expression) -> Iterator[str]:
    """The events of which an expression asks whether they have happened."""
    match expression:
        case Happened(event):
            yield event
        case _:
            for name in ("operand", "left", "right", "body"):
                if (part := getattr(expression, name, None)) is not None:
                    yield from _happened(part)


def _writers(scenario: Scenario) -> Mapping[str, frozenset[str]]:
    """What only rules bring about (values, events, and what starts off every board) -> the names of these rules."""
    boards = [board for each in scenario.boards.values() for board in each]
    placed = {name for board in boards for name, cells in board.things.items() if cells}
    writers: dict[str, set[str]] = {}
    for rule in scenario.document.rules:
        owners = dict(rule.instances)
        for text in (*rule.then, *rule.otherwise):
            for name in _written(effect(text)):
                if (declared := _declared(name, owners)) not in placed:
                    writers.setdefault(declared, set()).add(rule.name)
    return {name: frozenset(its) for name, its in writers.items()}


def _written(its: Effect) -> Iterator[str]:
    match its:
        case Assign(target) | Cycles(target):
            yield target
        case Emit(event):
            yield event
        case PutAt(subject):
            yield subject
        case Take(_, thing):
            yield thing


def _declared(name: str, owners: Mapping[str, str]) -> str:
    """The name under which something is declared that a rule with `each` names by one instance."""
    head, dot, field = name.partition(".")
    return owners.get(head, head) + dot + field
