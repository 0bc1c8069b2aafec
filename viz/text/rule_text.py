"""The learned rules behind a plan in words: what each says, when it applies, and what it overruled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...envs.base import Ints
from ...envs.world.world import World
from ...evals.inspection.mind import UNKNOWN, Mind, RecordedRule, RuleTest
from .episode_text import plain, stored

SHORT = 32
"""The most characters of what a field means that stand for its name."""
FEW = 3
"""Of more values than this a test tells only how many there are."""
_SIDES = ("above", "below", "left of", "right of")


@dataclass(frozen=True)
class ToldRule:
    """A rule that fired.

    Attributes:
        text: what it says, when, and how often it was right.
        overruled: the same of the rule that it overruled; empty if it is no exception.
    """

    text: str
    overruled: str = ""


def rules_told(
    world: World, agent: int, mind: Mind, state: Ints, step: int = 0, meanings: Mapping[str, str] | None = None
) -> list[ToldRule]:
    """The rules that fired in a step of the line that an agent expects, exceptions first; none where none is recorded.

    Args:
        world: of the thought.
        agent: who thinks it.
        mind: the decision.
        state: int32 `[F]`, the present state.
        step: of the line.
        meanings: what fields mean, by their names, where something says so.
    """
    if mind.rules is None or step >= len(mind.rules.steps):
        return []
    words = _Words(world, agent, mind, state if step == 0 else mind.ahead[step - 1], meanings or {})
    out = []
    for number in mind.rules.steps[step]:
        rule, above = mind.rules.rules[number], mind.rules.overruled(number)
        out.append(ToldRule(words.told(rule), words.told(above[0]) if above else ""))
    return sorted(out, key=lambda each: not each.overruled)


@dataclass(frozen=True, eq=False)
class _Words:
    """The words of a world for the rules that an agent has about it, in one state."""

    world: World
    agent: int
    mind: Mind
    state: Ints
    meanings: Mapping[str, str] = field(default_factory=dict)

    def told(self, rule: RecordedRule) -> str:
        """A rule in a sentence."""
        # While there is a decision to explain nothing has ended: that condition says nothing.
        said = [test for test in rule.tests if (test.kind, test.i) != ("now", self.world.ended)]
        conditions = [self.test(test) for test in said] + (["more"] if rule.omitted else [])
        when = f" when {' and '.join(conditions)}" if conditions else " usually"
        if rule.right == rule.seen:
            often = f"seen {rule.seen:,} time{'s' if rule.seen != 1 else ''}"
        else:
            often = f"right {rule.right:,} of {rule.seen:,} times"
        return f"{self.claim(rule)}{when} ({often})"

    def claim(self, rule: RecordedRule) -> str:
        """What a rule says."""
        if rule.target == "ended":
            return "the episode ends" if rule.amount[0] else "the episode goes on"
        if rule.target == "pay":
            return self.pay(rule.index, rule.amount[0])
        thing = self.thing(rule.index)
        if self.is_place(rule.index):
            if rule.claim == "by":
                return f"{thing} {_moved(rule.amount)}"
            gone = rule.amount[0] == self.world.boards.nowhere
            return f"{thing} is gone" if gone else f"{thing} comes to {self.value(rule.index, rule.amount[0])}"
        now = int(self.state[rule.index])
        if rule.claim == "by" and now == UNKNOWN:
            return f"{thing} {_grown(rule.amount)}"
        after = rule.amount[0] + (now if rule.claim == "by" else 0)
        if (walker := self.walker(rule.index)) is not None:
            return f"{walker} {'stays' if after == now else 'goes on to be'} at {self.value(rule.index, after)}"
        if after == now:
            return f"{thing} stays {self.value(rule.index, now)}"
        return f"{thing} becomes {self.value(rule.index, after)}"

    def test(self, test: RuleTest) -> str:
        """A condition."""
        text = self.condition(test)
        return text if test.holds else _denied(text)

    def condition(self, test: RuleTest) -> str:
        """A condition, as if it held."""
        many = len(test.among) + test.more
        few = many <= FEW
        match test.kind:
            case "state":
                return "all is just as once before"
            case "action":
                names = [plain(self.mind.actions[int(value[0])]) for value in test.among]
                return f"{self.name} does {_either(names) if few else f'one of {many} actions'}"
            case "ended":
                return "the episode ends" if test.among == ((1,),) else "the episode goes on"
            case "available":
                return f"it has {_either([self.actions(value) for value in test.among[:FEW]])} to choose from"
            case "pay":
                return _either([self.pay(test.i, value[0]) for value in test.among[:FEW]])
        thing = self.thing(test.i)
        after = " then" if test.kind.startswith("next") else ""
        if test.kind in ("now", "next"):
            walker = self.walker(test.i)
            is_there = f"is{after} at" if walker is not None or self.is_place(test.i) else f"is{after}"
            values = _either([self.value(test.i, value[0]) for value in test.among])
            return f"{walker or thing} {is_there} {values if few else f'one of {many}'}"
        if test.kind == "change":
            place = self.is_place(test.i)
            moves = [self.moved(value) if place else _grown(value) for value in test.among[:FEW]]
            return f"{thing} {_either(moves)}" if few else f"{thing} changes in one of {many} ways"
        if test.kind.endswith("glyph"):
            drawn = _either([self.drawn(value) for value in test.among[:FEW]]) if few else f"one of {many} grounds"
            if test.kind == "ahead glyph":
                return f"{drawn} lies where {thing} would go"
            if 0 <= test.other < len(_SIDES):
                return f"{drawn} lies {_SIDES[test.other]} {thing}"
            return f"{thing} is{after} on {drawn}"
        other = self.thing(test.other)
        where = f"where {thing} would go" if test.kind.startswith("ahead") else thing
        away = [_apart(value, other, where, test.kind == "near") for value in test.among[:FEW]]
        text = _either(away) if few else f"{other} lies in one of {many} ways from {where}"
        return f"{text}{' then' if after or test.told else ''}"

    @property
    def name(self) -> str:
        """Who acts."""
        return plain(self.world.agents[self.agent].name)

    def is_place(self, column: int) -> bool:
        """Whether a field is the cell of a body."""
        return any(body.cell == column for body in self.world.bodies)

    def thing(self, column: int) -> str:
        """A body by its place, else a field."""
        if (walker := self.walker(column)) is not None:
            return f"the place of {walker} on its round"
        body = next((body.name for body in self.world.bodies if body.cell == column), None)
        called = body or self.world.fields[column].name
        owner, _, name = plain(called).rpartition(".")
        meaning = self.meanings.get(called, "")
        if meaning and self.is_flag(column) and len(meaning) <= SHORT:  # such a name says little, and may say a verb
            return f"\u201c{meaning}\u201d"
        return f"{name} of {owner}" if owner else name

    def walker(self, column: int) -> str | None:
        """Whose place on its round a field is; None of any other field."""
        return next((plain(body.name) for body in self.world.bodies if 0 <= body.phase == column), None)

    def is_flag(self, column: int) -> bool:
        """Whether a field says yes or no."""
        return {stored(self.world, column, value) for value in range(self.world.fields[column].size)} == {"yes", "no"}

    def value(self, column: int, value: float) -> str:
        """A value of a field; one that it cannot have, by its number."""
        if self.walker(column) is not None:
            return f"place {value + 1:g} of its round"
        if not 0 <= value < self.world.fields[column].size:
            return f"{value:g}"
        return stored(self.world, column, int(value))

    def pay(self, channel: int, amount: float) -> str:
        """What a channel pays."""
        return f"{plain(self.mind.channels[channel])} pays {f'{amount:g}' if amount else 'nothing'}"

    def actions(self, numbers: Sequence[float]) -> str:
        """The names of actions."""
        names = self.mind.actions
        return ", ".join(plain(names[int(n)]) for n in numbers if 0 <= n < len(names)) or "nothing"

    def drawn(self, features: Sequence[float]) -> str:
        """What is drawn at a cell."""
        names = ("a wall", *(plain(name) for name in self.world.zone_names_seen(self.agent)))
        return " and ".join(names[int(n)] for n in features if 0 <= n < len(names)) or "open floor"

    def moved(self, value: Sequence[float]) -> str:
        """How a body moves: an offset, a cell where it appears, or nothing where it goes."""
        if len(value) == 1:
            return f"appears at {self.value(next(b.cell for b in self.world.bodies), value[0])}"
        return _moved(value)


def _denied(text: str) -> str:
    """That a condition does not hold."""
    for verb, denied in ((" is ", " is not "), (" does ", " does not "), (" lies ", " does not lie ")):
        if verb in text:
            return text.replace(verb, denied, 1)
    return f"it is not so that {text}"


def _either(texts: Sequence[str]) -> str:
    return " or ".join(texts) or "nothing"


def _grown(amount: Sequence[float]) -> str:
    return f"changes by {amount[0]:+g}" if amount and amount[0] else "stays as it is"


def _moved(amount: Sequence[float]) -> str:
    if len(amount) != 2:
        return "goes away"
    return f"goes {_way(amount)}" if any(amount) else "stays"


def _way(amount: Sequence[float]) -> str:
    """An offset (rows, columns) that is not zero: `up`, `2 down and 1 right`."""
    down, right = amount
    ways = [(abs(down), "down" if down > 0 else "up"), (abs(right), "right" if right > 0 else "left")]
    if abs(down) + abs(right) == 1:
        return next(way for far, way in ways if far)
    return " and ".join(f"{far:g} {way}" for far, way in ways if far)


def _apart(value: Sequence[float], other: str, where: str, near: bool) -> str:
    """Where `other` lies from a place."""
    if len(value) != 2:
        return f"{other} does not touch {where}" if near else f"{other} or {where} is nowhere"
    if not any(value):
        return f"{other} is {where if where.startswith('where') else f'where {where} is'}"
    down, right = value
    if abs(down) + abs(right) == 1:
        return f"{other} is just {_SIDES[0 if down < 0 else 1 if down > 0 else 2 if right < 0 else 3]} {where}"
    return f"{other} is {_way(value)} of {where}"
