"""Which rules of a model predict given ticks, and which more general rules they overrule."""

from __future__ import annotations

from typing import Final, TypeAlias, cast

import numpy as np

from ...envs.base import Bools, Floats, Longs
from ..records.fired_rules import (
    MAX_RULES,
    MAX_TESTS,
    MAX_VALUES,
    FiredRules,
    Numbers,
    RecordedRule,
    RuleClaim,
    RuleTarget,
    RuleTest,
    TestKind,
)
from .features import Factor, Geometry
from .model import FiredContexts, RulesModel
from .rule_hierarchy import ROOT

_Level: TypeAlias = tuple[int | None, int]
"""A rule that applies: its node (None for a remembered state), and the symbol that it says."""


def fired_rules(
    model: RulesModel, states: Longs, actions: Longs, after: Longs, rewards: Floats, ended: Bools
) -> FiredRules:
    """The rules that predict a line of T ticks to go as given.

    Args:
        model: has learned from some tick.
        states: int64 `[T, O + 1]`, before each tick.
        actions: int64 `[T]`.
        after: int64 `[T, O + 1]`.
        rewards: float64 `[T, K]`.
        ended: bool `[T]`.
    """
    chains: list[list[tuple[_Teller, list[_Level]]]] = [[] for _ in range(len(actions))]
    for fired in model.fired(states, actions, after, rewards, ended):
        if fired.kind != "available":
            teller = _Teller(model, fired)
            for tick, its in enumerate(chains):
                if chain := teller.chain(tick):
                    its.append((teller, chain))
    numbers: dict[RecordedRule, int] = {}
    steps: list[tuple[int, ...]] = []
    for tick, its in enumerate(chains):
        step = []
        for teller, chain in its:
            number = -1
            for place in range(len(chain)):
                rule = teller.recorded(tick, chain[: place + 1], number)
                number = numbers.setdefault(rule, len(numbers))
                if number == MAX_RULES:
                    return FiredRules(tuple(numbers)[:-1], tuple(steps), truncated=True)
            step.append(number)
        steps.append(tuple(step))
    return FiredRules(tuple(numbers), tuple(steps))


class _Teller:
    """Tells which rules of one output predict which tick."""

    def __init__(self, model: RulesModel, fired: FiredContexts) -> None:
        self._model, self._fired, self._rules = model, fired, fired.rules
        self._hierarchy = model.hierarchies[fired.number]
        self._nothing = fired.ticks.now[:, fired.i] if fired.kind == "field" else np.zeros(len(fired.ticks))

    def chain(self, tick: int) -> list[_Level]:
        """The rules that overrule each other in a tick, the most general first, the one that fired last.

        Empty if nothing comes, and no rule says otherwise.
        """
        levels = self._levels(tick)
        said = [float(self._fired.values[symbol, tick]) for _, symbol in levels]
        if all(value == self._nothing[tick] for value in said):
            return []
        # A rule that says the same of this tick as the one above it overrules nothing: that one stands for both.
        return [level for n, level in enumerate(levels) if n == 0 or said[n] != said[n - 1]]

    def _levels(self, tick: int) -> list[_Level]:
        context, came = int(self._fired.context[tick]), int(self._fired.came[tick])
        memory = self._rules.memory
        remembered = bool(memory.keys.size) and context >= memory.first
        chain = self._hierarchy.chain(int(memory.leaves[context - memory.first]) if remembered else context)
        out: list[_Level] = [(node, self._hierarchy.nodes[node].symbol) for node in chain]
        if out[-1][1] != came:
            # A remembered state is a rule of its own; another outcome of the same chance is not.
            out = [*out, (None, came)] if remembered else [*out[:-1], (out[-1][0], came)]
        return out

    def recorded(self, tick: int, chain: list[_Level], general: int) -> RecordedRule:
        """The last rule of a chain, which overrules the one with the number `general`."""
        (node, symbol), rules, number = chain[-1], self._rules, self._fired.number
        usual = rules.usual if rules.usual is not None and int(rules.alphabet[symbol]) == 0 else None
        at = -1 if usual is None else int(usual.index(self._fired.ticks)[tick])
        tests: list[RuleTest] = []
        if usual is not None and at >= 0:
            tests += [_test(self._model, f, self._fired.ticks.column(f)[tick : tick + 1]) for f in usual.source]
        if node is None:
            tests.append(RuleTest("state"))
            counts = rules.counts[int(self._fired.context[tick])]
            right, seen = int(counts[symbol]), int(counts.sum())
        else:
            above = chain[-2][0] if len(chain) > 1 else None
            for conjunction, holds in self._hierarchy.own(node, ROOT if above is None else above):
                tests += [_test(self._model, rules.factors[f], values, holds) for f, values in conjunction]
            if at >= 0 and node == ROOT:
                right, seen = self._model.usual_counts(number, at)
            else:
                right, seen = self._hierarchy.counts(node, symbol)
        since = None if node is None else self._model.since(number, node, at if node == ROOT else -1)
        target, index = _TARGETS[self._fired.kind], self._fired.i
        claim, amount = self._claim(symbol, tick)
        kept, omitted = tuple(tests[:MAX_TESTS]), max(len(tests) - MAX_TESTS, 0)
        return RecordedRule(target, index, claim, amount, kept, general, seen, right, since, omitted)

    def _claim(self, symbol: int, tick: int) -> tuple[RuleClaim, Numbers]:
        fired, rules = self._fired, self._rules
        if fired.kind != "field":
            return "to", (float(fired.values[symbol, tick]),)
        code, geometry = int(rules.alphabet[symbol]), self._model.geometry
        if rules.usual is not None:
            if code == 0:
                still = geometry.still(fired.i)
                return _changed(geometry, fired.i, int(rules.usual.look_up(fired.ticks, still)[tick]))
            code -= 1
        if rules.way == "value":
            return ("by", _still(geometry, fired.i)) if code == 0 else ("to", (code - 1,))
        return _changed(geometry, fired.i, code)


_TARGETS: Final[dict[str, RuleTarget]] = {"field": "field", "ended": "ended", "pay": "pay"}


def _still(geometry: Geometry, i: int) -> Numbers:
    return (0, 0) if geometry.places[i] else (0,)


def _changed(geometry: Geometry, i: int, change: int) -> tuple[RuleClaim, Numbers]:
    """What a change of field i, as the geometry codes it, does."""
    if not geometry.places[i]:
        return "by", (change - geometry.still(i),)
    if change > geometry.gone:
        return "to", (change - geometry.n_offsets,)
    return ("to", (geometry.nowhere,)) if change == geometry.gone else ("by", geometry.apart(change))


def _test(model: RulesModel, factor: Factor, values: Longs, holds: bool = True) -> RuleTest:
    """A test of a tree as it is recorded."""
    kind, i, other, told = factor
    if kind == "plain":
        kind, i = model.outputs[i]
        read = [model.plain_value(factor.i, value) for value in values.tolist()]
    else:
        read = [_value(model.geometry, factor, value) for value in values.tolist()]
    kept, more = tuple(read[:MAX_VALUES]), max(len(read) - MAX_VALUES, 0)
    return RuleTest(cast(TestKind, kind), i, other, told, kept, more, holds)


def _value(geometry: Geometry, factor: Factor, value: int) -> Numbers:
    """A value of a factor that is no plain output; see `RuleTest`."""
    match factor.kind:
        case "change":
            claim, amount = _changed(geometry, factor.i, value)
            if claim == "by":
                return amount
            return () if amount == (geometry.nowhere,) else amount
        case "offset" | "next offset" | "ahead offset":
            return () if value == geometry.gone else geometry.apart(value)
        case "near":
            return geometry.beside(value)
        case "glyph" | "next glyph" | "ahead glyph":
            return geometry.drawn(value)
    return (value,)
