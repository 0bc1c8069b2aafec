"""The learned rules behind a plan: which of them predicted what changes, and which more general rules they overruled.

A record of a model whose knowledge is many small rules, each silent until its conditions hold. A rule may be an
exception to a more general one: it then holds where that one's conditions and its own hold, and what it says counts.
Such chains are ripple-down rules (Compton and Jansen, "A philosophical basis for knowledge acquisition", 1990), and
default hierarchies (Holland, Holyoak, Nisbett and Thagard, "Induction", 1986).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

MAX_RULES: Final = 128
"""Most rules that one record keeps."""
MAX_TESTS: Final = 16
"""Most tests of one rule that are kept, those of the rules that it overrules not counted."""
MAX_VALUES: Final = 16
"""Most values of one test that are kept."""

RuleTarget: TypeAlias = Literal["field", "ended", "pay"]
"""What a rule predicts: an observed field, whether the episode ends, or what a channel pays."""
RuleClaim: TypeAlias = Literal["by", "to"]
"""How it changes: by an amount, or to a value."""
TestKind: TypeAlias = Literal[
    "action",
    "now",
    "next",
    "change",
    "ended",
    "available",
    "pay",
    "state",
    "offset",
    "next offset",
    "ahead offset",
    "near",
    "glyph",
    "next glyph",
    "ahead glyph",
]
"""What a test looks at; see `RuleTest`."""

Numbers: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class RuleTest:
    """One condition: something has one of a few values. A value is a tuple of numbers whose meaning follows the kind.

    Attributes:
        kind: `action`, its index; `now` and `next`, the value of field `i` before and after the tick; `change`, what
            field `i` changes by: a number, (rows, columns) for a place, nothing if it goes, or a cell where it appears;
            `offset`, (rows, columns) from the place `i` to the place `other`, nothing if either is nowhere; `near`, the
            same if they touch, nothing if they do not; `glyph`, the indices of what is drawn at the place `i` (0 for a
            wall, then the zones that are seen), or beside it on the side `other` (0 to 3: above, below, left, right).
            `next ...` is after the tick; `ahead ...` is seen from where the place usually goes. `ended` (0 or 1),
            `available` (the indices of the actions) and `pay` (of channel `i`) are predicted before in the same tick.
            `state` has none: it holds in one remembered state alone.
        i: the field or channel, -1 for none; other: see above.
        told: whether the place `other` is taken after the tick.
        among: the values of which it must have one, at most `MAX_VALUES`; more: how many further ones were left out.
        holds: False: it must have none of them.
    """

    kind: TestKind
    i: int = -1
    other: int = -1
    told: bool = False
    among: tuple[Numbers, ...] = ()
    more: int = 0
    holds: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(TestKind):
            raise ValueError(f"kind: {self.kind!r} is no kind of test")
        if len(self.among) > MAX_VALUES or self.more < 0:
            raise ValueError(f"among: {len(self.among)} values and {self.more} more; at most {MAX_VALUES} are kept")
        _check_numbers("among", *self.among)


@dataclass(frozen=True)
class RecordedRule:
    """One rule of a learned model.

    Attributes:
        target, index: what it predicts, and the number of that field or channel; index 0 for `ended`.
        claim, amount: what becomes of it: `by` a number or (rows, columns); `to` a value, a cell, a pay, or 0 or 1.
        tests: what must hold, beside the conditions of the rule that it overrules; without any it is a default.
        general: the number of the rule that it overrules, which comes earlier in the record; -1: none.
        seen, right: in how many ticks of the agent's experience its conditions held, whether an exception overruled it
            or not, and in how many of these came what it says. Where it says "as usual" under further conditions, they
            are of all ticks under these conditions, whatever was usual there.
        since: after how many ticks of experience the model came to hold it; None where nobody counted.
        omitted: how many further tests were left out.
    """

    target: RuleTarget
    index: int
    claim: RuleClaim
    amount: Numbers
    tests: tuple[RuleTest, ...]
    general: int
    seen: int
    right: int
    since: int | None = None
    omitted: int = 0

    def __post_init__(self) -> None:
        if self.target not in get_args(RuleTarget) or self.claim not in get_args(RuleClaim):
            raise ValueError(f"target: a rule about {self.target!r} that says {self.claim!r}")
        if self.index < 0 or self.general < -1 or self.omitted < 0:
            raise ValueError("index, general, omitted: a number is negative")
        if not 0 <= self.right <= self.seen or (self.since is not None and self.since < 0):
            raise ValueError(f"right: {self.right} of {self.seen} ticks, since {self.since}")
        if len(self.tests) > MAX_TESTS:
            raise ValueError(f"tests: {len(self.tests)}, more than {MAX_TESTS}")
        _check_numbers("amount", self.amount)


@dataclass(frozen=True)
class FiredRules:
    """The rules that predicted the principal line of a plan.

    Attributes:
        rules: each once, those that are overruled before those that overrule them; at most `MAX_RULES`.
        steps: for each step of the line the numbers of the rules that fired: those that predicted a change, the end or
            a pay, and those that overruled another rule by predicting none.
        truncated: whether there was no room for all of them; the last steps then lack theirs.
    """

    rules: tuple[RecordedRule, ...]
    steps: tuple[tuple[int, ...], ...]
    truncated: bool = False

    def __post_init__(self) -> None:
        if len(self.rules) > MAX_RULES:
            raise ValueError(f"rules: {len(self.rules)}, more than {MAX_RULES}")
        for number, rule in enumerate(self.rules):
            if rule.general >= number:
                raise ValueError(f"rules: {number} overrules {rule.general}, which does not come before it")
            if rule.general >= 0 and _of(self.rules[rule.general]) != _of(rule):
                raise ValueError(f"rules: {number} overrules {rule.general}, which is about something else")
        if any(not 0 <= number < len(self.rules) for step in self.steps for number in step):
            raise ValueError(f"steps: a number is not one of {len(self.rules)} rules")

    def overruled(self, number: int) -> tuple[RecordedRule, ...]:
        """The rules that a rule overrules, the nearest first."""
        out = []
        while (number := self.rules[number].general) >= 0:
            out.append(self.rules[number])
        return tuple(out)


def fired_dict(fired: FiredRules) -> dict[str, Any]:
    """The record as values that JSON can hold."""
    return asdict(fired)


def fired_from(data: Mapping[str, Any]) -> FiredRules:
    """The inverse of `fired_dict`.

    Raises:
        ValueError: it is no such record, or not within its bounds.
    """
    rules = tuple(
        RecordedRule(
            **{
                **rule,
                "amount": tuple(rule["amount"]),
                "tests": tuple(
                    RuleTest(**{**test, "among": tuple(tuple(value) for value in test["among"])})
                    for test in rule["tests"]
                ),
            }
        )
        for rule in data["rules"]
    )
    return FiredRules(rules, tuple(tuple(step) for step in data["steps"]), data["truncated"])


def _of(rule: RecordedRule) -> tuple[str, int]:
    return rule.target, rule.index


def _check_numbers(name: str, *numbers: Numbers) -> None:
    if not all(math.isfinite(number) for each in numbers for number in each):
        raise ValueError(f"{name}: holds a number that is not finite")
