"""Parses guards, effects, measures, regimes and places; an error gives the range of characters at fault."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from ...did_you_mean import nearest, quote
from ...errors import TurncoatError
from ..faults.faults import Span, oxford
from . import syntax
from .syntax import Effect, EpisodeCondition, Expression, Measure, ParsedMeasure, Regime

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

MAX_LENGTH = 2_000
"""Most characters in one text."""
MAX_DEPTH = 50
"""Deepest nesting of parts in one text."""
MAX_DIGITS = 18
"""Most digits of a whole number, so that every one fits in 64 bits."""

RESERVED = frozenset(
    (
        "and",
        "or",
        "not",
        "true",
        "false",
        "on",
        "in",
        "is",
        "meets",
        "sees",
        "carries",
        "near",
        "does",
        "chooses",
        "moved",
        "facing",
        "stage",
        "step",
        "ended",
    )
)
"""Words that can never be names, in lower or upper case. Other words of the language are only such by their context."""

FUNCTIONS = {"min": 2, "max": 2, "abs": 1, "ln": 1, "exp": 1, "sqrt": 1, "floor": 1, "ceil": 1, "if": 3}
"""Function of numbers -> its number of arguments; `min` and `max` take two or more."""
QUANTIFIERS = ("any", "all", "count")
DIRECTIONS = ("up", "down", "left", "right")
EFFECT_VERBS = ("event", "end", "remove", "place", "move", "swap", "reset", "retire")
MEASURES = (
    "rate", "share", "most", "least", "count", "first", "return", "value", "performance", "steps", "regret", "mean",
    "max", "min", "final", "at", "cvar", "life",
)  # fmt: skip

PLACES = ("cell", "zone_of", "beside", "ahead")
"""Words that make a place of what stands in parentheses."""
OF_PLACES = ("row", "column", "distance")
"""Words that make a number of places."""

TEMPORAL = ("eventually", "always", "next", "until")
"""Words about the moments of an episode that follow."""

_CALLABLE = (*FUNCTIONS, *QUANTIFIERS, *PLACES, *OF_PLACES, "before", "happened")
_RELATIONS = ("on", "in", "meets", "sees", "carries", "near", "does", "chooses", "moved", "facing")
_ONE_PLACE = ("does", "chooses", "moved", "facing")

Formula: TypeAlias = str | int | float | bool
_Result = TypeVar("_Result")
_Parts: TypeAlias = list[Any]
"""The tokens and finished nodes of one grammar rule, in the order of the text."""


class ExpressionError(TurncoatError):
    """A text is not a well-formed guard, effect, measure, regime or place.

    Attributes:
        code: the stable code, `TC1` and two digits.
        span: the half-open range of characters at fault; empty only where the text is.
        message: what is wrong.
        cure: how to correct it.
    """

    def __init__(self, code: str, span: Span, message: str, cure: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.span = span
        self.message = message
        self.cure = cure


def parse_expression(text: Formula) -> Expression:
    """Parse a guard or a formula, without a cache.

    Args:
        text: the text; a number or truth value becomes a literal.

    Raises:
        ExpressionError: the text is no expression.
    """
    if isinstance(text, bool):  # before numbers: in Python a truth value is a whole number
        return syntax.Truth(text, (0, len(str(text))))
    if isinstance(text, int | float):
        return syntax.Number(text, (0, len(_as_text(text))))
    return cast(Expression, _parse(text, "expression"))


def parse_effect(text: Formula) -> Effect:
    """Parse one line of `then:`, without a cache.

    Raises:
        ExpressionError: the text is no effect.
    """
    return cast(Effect, _parse(_as_text(text), "effect"))


def parse_measure(text: Formula) -> Measure:
    """Parse a measure of behaviour, such as that of an expectation, without a cache.

    Raises:
        ExpressionError: the text is no measure.
    """
    return cast(Measure, _parse(_as_text(text), "measure"))


def parse_regime(text: Formula) -> Regime:
    """Parse the condition on measures that defines a region of a phase diagram, without a cache.

    Raises:
        ExpressionError: the text is no condition on measures.
    """
    return cast(Regime, _parse(_as_text(text), "regime"))


def parse_place(text: Formula) -> Expression:
    """Parse a place into a `Name`, a `Cell` or a `ZoneOf`.

    Raises:
        ExpressionError: the text is no place.
    """
    return cast(Expression, _parse(_as_text(text), "place"))


# ------------------------------------------------------------------ the texts of a file, each parsed once


def formula(value: Formula) -> Expression:
    """Parse a formula, which a file may also give as a plain number or truth value; texts are cached.

    Raises:
        ExpressionError: the text is no expression.
    """
    if isinstance(value, bool):
        return syntax.Truth(value)
    if isinstance(value, (int, float)):
        return syntax.Number(value)
    return _formula(value)


@lru_cache(maxsize=4096)
def effect(text: str) -> Effect:
    """Parse a line of `then:`, cached.

    Raises:
        ExpressionError: the text is no effect.
    """
    return parse_effect(text)


@lru_cache(maxsize=4096)
def measure(text: str) -> Measure:
    """Parse a measure, cached.

    Raises:
        ExpressionError: the text is no measure.
    """
    return parse_measure(text)


@lru_cache(maxsize=4096)
def episode_condition(text: str) -> EpisodeCondition:
    """Parse a condition on an episode, as within `share(...)`, cached.

    Raises:
        ExpressionError: the text is no such condition.
    """
    return cast(EpisodeCondition, _parse(_as_text(text), "condition"))


def caption_of(name: str) -> tuple[str, Expression | None]:
    """The event of a caption's name, or `ended:REASON`, and the condition behind `|` on the state before it.

    Raises:
        ExpressionError: the condition is none.
    """
    event, bar, condition = name.partition("|")
    if not bar or name.startswith(syntax.ENDED):
        return name, None
    return event.strip(), formula(" " * (len(event) + 1) + condition)  # spans are then those in the whole name


def parsed_measure(text: str) -> ParsedMeasure:
    """Parse a measure and keep its text with it.

    Raises:
        ExpressionError: the text is no measure.
    """
    return ParsedMeasure(text, measure(text))


@lru_cache(maxsize=4096)
def regime(text: str) -> Regime:
    """Parse the condition of a regime, cached.

    Raises:
        ExpressionError: the text is no condition on measures.
    """
    return parse_regime(text)


@lru_cache(maxsize=4096)
def _formula(text: str) -> Expression:
    return parse_expression(text)


def _as_text(value: Formula) -> str:
    """A value as an author writes it; a number that is too large raises an `ExpressionError`."""
    if isinstance(value, str):
        return value
    # Python itself refuses to write a huge integer, so its size is looked at first.
    if not (math.isfinite(value) if isinstance(value, float) else abs(value) < 10**MAX_DIGITS):
        raise _too_large((0, 1))
    return str(value).lower()


def _parse(text: str, kind: str) -> object:
    """Parse a text from one of the grammar's start rules, with limits on its length and depth.

    Raises:
        ExpressionError: the text is empty, too long, too deep or not of this kind.
    """
    from lark.exceptions import UnexpectedInput

    if not text.strip():
        raise ExpressionError(
            "TC101", (0, len(text)), f"the {kind} is empty", f"write {_an(kind)}, or leave the key out"
        )
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            "TC102",
            (MAX_LENGTH, len(text)),
            f"the {kind} has {len(text)} characters, and {MAX_LENGTH} is the most",
            "keep parts of it in counters, or split the rule",
        )
    # Parentheses leave no node behind, so their depth is counted in the text and that of operators in the syntax.
    if len(text) > MAX_DEPTH:  # a shorter text cannot nest deeper
        _check_parentheses(text, kind)
    try:
        node = _grammar().parse(text, start=kind)
    except UnexpectedInput as error:
        raise _fault(text, kind, error) from None
    except _Chained as error:
        raise error.fault(text) from None
    if len(text) > MAX_DEPTH:
        _check_depth(node, kind)
    return node


@cache
def _grammar() -> Lark:
    """The compiled grammar, kept after its first use because compiling takes about 50 ms."""
    from lark import Lark

    return Lark(
        Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"),
        parser="lalr",  # time linear in the text, whoever wrote it; and it can tell which tokens are accepted next
        lexer="contextual",  # a word is a keyword only where one can stand, so that most words can be names
        start=["expression", "effect", "measure", "condition", "regime", "place"],
        keep_all_tokens=True,  # every rule's first and last part then tell its span
        maybe_placeholders=False,
        transformer=cast(Any, _Build()),
    )


# ------------------------------------------------------------------ limits


def _parentheses(text: str) -> Iterator[tuple[int, str]]:
    """The offset and character of each parenthesis outside of quotes."""
    for match in re.finditer(r"\"[^\"\n]*\"|'[^'\n]*'|([()])", text):
        if match[1]:
            yield match.start(), match[1]


def _check_parentheses(text: str, kind: str) -> None:
    """Raise an error if parentheses are nested deeper than `MAX_DEPTH`."""
    depth = 0
    for offset, parenthesis in _parentheses(text):
        depth += 1 if parenthesis == "(" else -1
        if depth > MAX_DEPTH:
            raise _too_deep((offset, offset + 1), kind)


def _check_depth(root: object, kind: str) -> None:
    """Raise an error if a syntax tree is deeper than `MAX_DEPTH`.

    The tree is searched level by level, without recursion; functions that walk it afterwards may then recurse safely.
    """
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [part for node in level for part in _nodes_in(node)]
        if not level:
            return
    raise _too_deep(cast(Any, level[0]).span, kind)


def _nodes_in(node: object) -> Iterator[object]:
    for field in fields(cast(Any, node)):
        value = getattr(node, field.name)
        if hasattr(value, "span"):
            yield value
        elif field.name in ("arguments", "operands"):
            yield from value


def _too_deep(span: Span, kind: str) -> ExpressionError:
    cure = "each `+`, `and` or parenthesis counts as one: keep parts of it in counters, or split the rule"
    return ExpressionError("TC103", span, f"the {kind} is nested deeper than {MAX_DEPTH}", cure)


def _too_large(span: Span) -> ExpressionError:
    cure = f"whole numbers have at most {MAX_DIGITS} digits, and others are below 1e308"
    return ExpressionError("TC118", span, "this number is too large", cure)


# ------------------------------------------------------------------ building the syntax


class _Chained(Exception):  # noqa: N818 -- it ends a walk and never gets out
    """Raised by the builder on a chain of comparisons such as `1 < x < 3`.

    The builder does not see the text that the message quotes, so the caller makes the fault from it afterwards.
    """

    def __init__(self, parts: list[Span], operators: list[Token]) -> None:
        super().__init__()
        self._parts = parts
        self._operators = operators

    def fault(self, text: str) -> ExpressionError:
        words = [text[start:end] for start, end in self._parts]
        pairs = [f"{words[i]} {operator} {words[i + 1]}" for i, operator in enumerate(self._operators)]
        where = _span(self._operators[1:2])
        return ExpressionError("TC113", where, "comparisons cannot be chained", f"write `{' and '.join(pairs)}`")


def _span(parts: _Parts) -> Span:
    """The range of characters from the start of the first part to the end of the last one."""
    first, last = parts[0], parts[-1]
    start = first.span[0] if hasattr(first, "span") else first.start_pos
    end = last.span[1] if hasattr(last, "span") else last.end_pos
    return start, end


class _Build:
    """Builds the syntax: for each grammar rule a method of its name, which lark calls when the rule is complete."""

    # Keywords are written in lower case, so `AND` would pass as a name and the sentence would read as two things.
    def NAME(self, token: Token) -> Token:  # noqa: N802 - lark names it
        word = token.lower()
        if word in RESERVED and word != token:
            message = f"`{token}` is a word of the language with other letters"
            raise ExpressionError("TC110", _span([token]), message, f"write `{word}`, or choose another name")
        return token

    # Guards

    def number(self, parts: _Parts) -> syntax.Number:
        text = str(parts[0])  # never signed: a minus is an operator
        if text.isdigit():
            if len(text) > MAX_DIGITS:
                raise _too_large(_span(parts))
            return syntax.Number(int(text), _span(parts))
        if math.isinf(float(text)):
            raise _too_large(_span(parts))
        return syntax.Number(float(text), _span(parts))

    def truth(self, parts: _Parts) -> syntax.Truth:
        return syntax.Truth(parts[0] == "true", _span(parts))

    def name(self, parts: _Parts) -> syntax.Name:
        return syntax.Name(str(parts[0]), _span(parts))

    def cell(self, parts: _Parts) -> syntax.Cell:
        return syntax.Cell(parts[2], parts[4], _span(parts))

    def zone_of(self, parts: _Parts) -> syntax.ZoneOf:
        return syntax.ZoneOf(str(parts[2]), _span(parts))

    def beside(self, parts: _Parts) -> syntax.Beside:
        return syntax.Beside(parts[2], str(parts[4]), _span(parts))

    def ahead(self, parts: _Parts) -> syntax.Ahead:
        return syntax.Ahead(str(parts[2]), _span(parts))

    def coordinate(self, parts: _Parts) -> syntax.Coordinate:
        return syntax.Coordinate(str(parts[0]), parts[2], _span(parts))

    def distance(self, parts: _Parts) -> syntax.Distance:
        return syntax.Distance(parts[2], parts[4], _span(parts))

    def before_tick(self, parts: _Parts) -> syntax.BeforeTick:
        return syntax.BeforeTick(parts[2], _span(parts))

    def group(self, parts: _Parts) -> Any:
        return replace(parts[1], span=_span(parts))

    def unary(self, parts: _Parts) -> syntax.Unary:
        return syntax.Unary(str(parts[0]), parts[1], _span(parts))

    def binary(self, parts: _Parts) -> syntax.Binary:
        return syntax.Binary(str(parts[1]), parts[0], parts[2], _span(parts))

    def comparison(self, parts: _Parts) -> syntax.Binary:
        # The grammar accepts chains, so that they are refused with a message that shows how to write them.
        if len(parts) > 3:
            raise _Chained([part.span for part in parts[::2]], parts[1::2])
        return self.binary(parts)

    def call(self, parts: _Parts) -> syntax.Call:
        function, arguments = str(parts[0]), tuple(parts[2:-1:2])
        wanted = FUNCTIONS[function]
        if len(arguments) != wanted and not (function in ("min", "max") and len(arguments) > wanted):
            least = "at least " if function in ("min", "max") else ""
            cure = {"if": "write `if(condition, then, otherwise)`", 1: f"write `{function}(x)`"}
            raise ExpressionError(
                "TC112",
                _span(parts),
                f"`{function}` takes {least}{wanted} argument{'s' * (wanted > 1)}, and here are {len(arguments)}",
                cure.get(function) or cure.get(wanted) or f"write `{function}(x, y)`",
            )
        return syntax.Call(function, arguments, _span(parts))

    def relation(self, parts: _Parts) -> syntax.Relation:
        word = "on" if parts[1] == "in" else str(parts[1])
        return syntax.Relation(word, parts[0], parts[2], None, _span(parts))

    def near(self, parts: _Parts) -> syntax.Relation:
        return syntax.Relation("near", parts[0], parts[5], parts[3], _span(parts))

    def does(self, parts: _Parts) -> syntax.Does:
        return syntax.Does(str(parts[0]), str(parts[2]), parts[1] == "chooses", _span(parts))

    def moved(self, parts: _Parts) -> syntax.Moved:
        return syntax.Moved(str(parts[0]), _span(parts))

    def facing(self, parts: _Parts) -> syntax.Facing:
        return syntax.Facing(str(parts[0]), str(parts[2]), _span(parts))

    def stage_is(self, parts: _Parts) -> syntax.StageIs:
        return syntax.StageIs(str(parts[2]), _span(parts))

    def happened(self, parts: _Parts) -> syntax.Happened:
        return syntax.Happened(str(parts[2]), _span(parts))

    def quantified(self, parts: _Parts) -> syntax.Quantified:
        # `any(gem: ...)`, or with a name for the instance `any(b of gem: ...)`.
        variable, group = (parts[2], parts[4]) if len(parts) > 6 else (parts[2], parts[2])
        return syntax.Quantified(str(parts[0]), str(group), parts[-2], _span(parts), str(variable))

    # Effects

    def assign(self, parts: _Parts) -> syntax.Assign:
        return syntax.Assign(str(parts[0]), str(parts[1]), parts[2], _span(parts))

    def cycles(self, parts: _Parts) -> syntax.Cycles:
        return syntax.Cycles(str(parts[0]), _span(parts))

    def take(self, parts: _Parts) -> syntax.Take:
        return syntax.Take(str(parts[0]), str(parts[2]), _span(parts))

    def drop(self, parts: _Parts) -> syntax.Drop:
        return syntax.Drop(str(parts[0]), str(parts[2]), _span(parts))

    def emit(self, parts: _Parts) -> syntax.Emit:
        return syntax.Emit(str(parts[1]), _span(parts))

    def end(self, parts: _Parts) -> syntax.End:
        return syntax.End(str(parts[1][1:-1]), _span(parts))

    def remove(self, parts: _Parts) -> syntax.Remove:
        return syntax.Remove(str(parts[1]), _span(parts))

    def put_at(self, parts: _Parts) -> syntax.PutAt:
        # `random` is no reserved word: without `in ZONE` the grammar reads it as the name of a place.
        if parts[3] == syntax.Name("random", parts[3].span):
            raise ExpressionError("TC106", parts[3].span, "`at random` needs a zone", "write `at random in ZONE`")
        return syntax.PutAt(str(parts[1]), parts[3], False, _span(parts))

    def put_at_random(self, parts: _Parts) -> syntax.PutAt:
        return syntax.PutAt(str(parts[1]), parts[5], True, _span(parts))

    def move_by(self, parts: _Parts) -> syntax.MoveBy:
        return syntax.MoveBy(str(parts[1]), str(parts[2]), _span(parts))

    def swap(self, parts: _Parts) -> syntax.Swap:
        return syntax.Swap(str(parts[1]), str(parts[3]), _span(parts))

    def reset_board(self, parts: _Parts) -> syntax.ResetBoard:
        return syntax.ResetBoard(_span(parts))

    def retire(self, parts: _Parts) -> syntax.Retire:
        return syntax.Retire(_span(parts))

    # Measures

    def rate(self, parts: _Parts) -> syntax.Rate:
        return syntax.Rate(parts[2], parts[4] if len(parts) > 4 else None, _span(parts))

    def share(self, parts: _Parts) -> syntax.Share:
        return syntax.Share(parts[2], _span(parts))

    def extreme_share(self, parts: _Parts) -> syntax.ExtremeShare:
        return syntax.ExtremeShare(str(parts[0]), parts[2], _span(parts))

    def count(self, parts: _Parts) -> syntax.Count:
        return syntax.Count(parts[2], _span(parts))

    def first(self, parts: _Parts) -> syntax.First:
        return syntax.First(parts[2], _span(parts))

    def quantity(self, parts: _Parts) -> syntax.Quantity:
        return syntax.Quantity(str(parts[0]), str(parts[2]) if len(parts) > 1 else None, _span(parts))

    def statistic(self, parts: _Parts) -> syntax.Statistic:
        return syntax.Statistic(str(parts[0]), parts[2], None, _span(parts))

    def statistic_at(self, parts: _Parts) -> syntax.Statistic:
        return syntax.Statistic("at", parts[4], parts[2], _span(parts))

    def tail_mean(self, parts: _Parts) -> syntax.TailMean:
        return syntax.TailMean(parts[2], parts[4], _span(parts))

    def summed(self, parts: _Parts) -> syntax.Quantity:
        return self.quantity(parts)

    def episode_logic(self, parts: _Parts) -> syntax.EpisodeLogic:
        return syntax.EpisodeLogic(str(parts[1]), tuple(parts[::2]), _span(parts))

    def episode_not(self, parts: _Parts) -> syntax.EpisodeLogic:
        return syntax.EpisodeLogic("not", (parts[1],), _span(parts))

    def before(self, parts: _Parts) -> syntax.Before:
        if parts[4] != "<":
            message = f"`{parts[4]}` cannot compare two `first(...)`: only `<` can"
            raise ExpressionError("TC105", _span(parts[4:5]), message, "write which came first: `first(a) < first(b)`")
        return syntax.Before(parts[2], parts[7], _span(parts))

    def of_life(self, parts: _Parts) -> syntax.OfLife:
        return syntax.OfLife(parts[2], _span(parts))

    def temporal(self, parts: _Parts) -> syntax.Temporal:
        return syntax.Temporal(str(parts[0]), (parts[2],), parts[4] if len(parts) > 4 else None, _span(parts))

    def until(self, parts: _Parts) -> syntax.Temporal:
        return syntax.Temporal("until", (parts[2], parts[4]), parts[6] if len(parts) > 6 else None, _span(parts))

    def holds(self, parts: _Parts) -> syntax.StateHolds:
        return syntax.StateHolds(parts[2], _span(parts))

    # Regimes

    def bound(self, parts: _Parts) -> syntax.Bound:
        return syntax.Bound(parts[0], str(parts[1]), parts[2], _span(parts))

    def regime_logic(self, parts: _Parts) -> syntax.RegimeLogic:
        return syntax.RegimeLogic(str(parts[1]), tuple(parts[::2]), _span(parts))

    def regime_not(self, parts: _Parts) -> syntax.RegimeLogic:
        return syntax.RegimeLogic("not", (parts[1],), _span(parts))

    # Episodes

    def happens(self, parts: _Parts) -> syntax.Happens:
        return syntax.Happens(str(parts[0]), _span(parts))

    def ended(self, parts: _Parts) -> syntax.Ended:
        return syntax.Ended(str(parts[1][1:-1]) if len(parts) > 1 else None, _span(parts))


# ------------------------------------------------------------------ saying what is wrong

_FOREIGN = {
    "===": "`==` compares",
    "!==": "`!=` compares",
    "&&": "`and` joins conditions",
    "||": "`or` joins conditions",
    "<>": "`!=` compares",
    "=>": "`>=` compares",
    "=<": "`<=` compares",
    "++": "write `+= 1` in an effect",
    "--": "write `-= 1` in an effect",
    "&": "`and` joins conditions",
    "|": "`or` joins conditions; `|` stands only in `rate(event | condition)`",
    "!": "`not` denies a condition",
    "^": "`**` raises to a power",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "×": "write `*`",
    "÷": "write `/`",
    "−": "write the plain minus, `-`",
    "“": 'write plain quotes, `"`',
    "”": 'write plain quotes, `"`',
    "‘": "write plain quotes, `'`",
    "’": "write plain quotes, `'`",
    "[": "a cell is `cell(row, column)`, and parts are grouped by `(` and `)`",
    "{": "parts are grouped by `(` and `)`",
    ";": "write one effect on each line",
    "#": "a comment cannot stand in here; in YAML it needs a space before it",
}
_FOREIGN_VERBS = {
    **dict.fromkeys(("delete", "destroy", "kill", "despawn", "erase", "take"), "write `remove THING`"),
    **dict.fromkeys(("put", "spawn", "create", "teleport", "add"), "write `place THING at PLACE`"),
    **dict.fromkeys(("push", "shift", "go", "walk"), "write `move THING DIRECTION`"),
    **dict.fromkeys(("increase", "increment", "raise", "inc"), "write `COUNTER += 1`"),
    **dict.fromkeys(("decrease", "decrement", "lower", "dec"), "write `COUNTER -= 1`"),
    **dict.fromkeys(("set", "let", "assign", "toggle"), "write `COUNTER = VALUE`"),
    **dict.fromkeys(("emit", "signal", "log", "happens"), "write `event NAME`"),
    **dict.fromkeys(("stop", "terminate", "finish", "done"), 'write `end "REASON"`'),
    **dict.fromkeys(("pick", "grab", "pickup", "carry"), "write `AGENT takes THING`"),
}
"""Verb of another language -> the effect of this one that is probably meant."""

_EFFECTS = (
    f"effects begin with {oxford(f'`{verb}`' for verb in EFFECT_VERBS)}, "
    "or have a name before `+=`, `-=`, `=`, `cycles`, `takes` or `drops`"
)

_FOREIGN_WORDS = {
    "is": "compare with `==`",
    "equals": "compare with `==`",
    "xor": "compare two conditions with `!=`",
    "mod": "the rest of a division is `%`",
    "if": "write `if(condition, then, otherwise)`",
    "else": "write `if(condition, then, otherwise)`",
    "then": "effects stand in the list under `then:`",
    "north": "directions are up, down, left and right",
    "south": "directions are up, down, left and right",
    "east": "directions are up, down, left and right",
    "west": "directions are up, down, left and right",
}
# What may come next, in plain words; a phrase is said when the first of its terminals is accepted.
_EXPECTED = {
    "NUMBER": "a name, a number or a part in parentheses",
    "CELL": "the name of a thing, an agent or a zone, `cell(row, column)` or `zone_of(counter)`",
    "OF": "`of`",
    "NAME": "a name",
    "COMPARE": "a comparison such as `==`",
    "PLUS": "arithmetic such as `+`",
    "MEETS": "a relation such as `on`, `meets` or `sees`",
    "AND": "`and`",
    "OR": "`or`",
    "DIRECTION": "a direction (up, down, left or right)",
    "TEXT": 'words in quotes, such as `"shut down"`',
    "IS": "`is`",
    "AT": "`at`",
    "MAP": "`map`",
    "IN": "`in`",
    "FIRST": "`first(event)`",
    "EVENTUALLY": "a temporal word such as `eventually(event)`",
    "HOLDS": "`holds(condition)`",
    "WITHIN": "`within`",
    "ENDED": "`ended`",
    "EVENT": f"the name of a counter, or {oxford(f'`{verb}`' for verb in EFFECT_VERBS)}",
    "RATE": f"a measure: {oxford(MEASURES)}",
    "ASSIGN": "`+=`, `-=`",
    "EQUALS": "`=`",
    "CYCLES": "`cycles`",
    "TAKES": "`takes`",
    "DROPS": "`drops`",
    "OPEN": "`(`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "GIVEN": "`|`",
    "CLOSE": "`)`",
}
_IMPLIED = {
    "CELL": "NUMBER",
    "NAME": "CELL NUMBER EVENT",
    "IN": "MEETS",
    "FIRST": "RATE",
    "AT": "RATE",
    "TEXT": "CLOSE $END",
    "OPEN": "NUMBER CLOSE $END",
    "PLUS": "COMPARE",
    "OR": "COMPARE",
}
"""Terminal -> others that are more informative: if one of them is accepted too, the terminal's phrase is left out."""

_OTHER_WORDS = ("holds", "within", "cycles", "takes", "drops", "at", "map", "of")
_ALL_WORDS = RESERVED.union(_CALLABLE, DIRECTIONS, EFFECT_VERBS, MEASURES, TEMPORAL, _OTHER_WORDS)

_FOUND = re.compile(
    r"[A-Za-z_][\w.]*|[0-9][\w.]*|===|!==|&&|\|\||<>|=>|=<|\+\+|--|[-+=!<>]=|\*\*|//|\"[^\"\n]*\"|'[^'\n]*'|.", re.S
)


def _fault(text: str, kind: str, error: UnexpectedInput) -> ExpressionError:
    """The error for a text that the grammar refuses: the first known mistake that fits, else what may stand there."""
    # lark gives the end of the text the position of the last token before it, so the offset is set here.
    at_end = getattr(getattr(error, "token", None), "type", "") == "$END"
    offset = len(text) if at_end else cast(int, error.pos_in_stream)
    # The parser has already closed rules for the sake of the wrong token; what could stand there it knew before that.
    parser = cast(Any, _grammar().parse_interactive(text[:offset], start=kind))
    parser.exhaust_lexer()
    accepted = frozenset(parser.accepts())
    if at_end:
        return _stops_early(text, kind, accepted)
    match = cast("re.Match[str]", _FOUND.match(text, offset))
    found, span, before = match[0], match.span(), _token_before(text, offset)
    # In order: wrong signs say more than the place they stand in, and a guess at the word that was meant comes last.
    mistakes: tuple[Callable[[], ExpressionError | None], ...] = (
        lambda: _wrong_quote(text, found, span, accepted),
        lambda: _wrong_sign(text, kind, found, span),
        lambda: _wrong_parenthesis(text, kind, found, span, before),
        lambda: _wrong_measure(kind, found, span, accepted),
        lambda: _wrong_word(text, kind, found, span, before, accepted),
    )
    for mistake in mistakes:
        if (fault := mistake()) is not None:
            return fault
    where = f"after {quote(before[0])}" if before else "here"
    return ExpressionError("TC105", span, f"{quote(found)} cannot stand {where}", _instead(accepted))


def _stops_early(text: str, kind: str, accepted: frozenset[str]) -> ExpressionError:
    last, span = cast("tuple[str, Span]", _token_before(text, len(text)))
    opened: list[int] = []
    for offset, parenthesis in _parentheses(text):
        opened = [*opened, offset] if parenthesis == "(" else opened[:-1]
    if opened and "CLOSE" in accepted:
        return ExpressionError("TC107", (opened[-1], opened[-1] + 1), "this `(` is never closed", "write its `)`")
    message = f"the {kind} stops too early, after {quote(last)}"
    return ExpressionError("TC106", span, message, f"write {_expected(accepted)} next")


def _wrong_quote(text: str, found: str, span: Span, accepted: frozenset[str]) -> ExpressionError | None:
    if found[0] not in "\"'":
        return None
    if len(found) == 1:
        return ExpressionError("TC108", span, "this quote is never closed", f"write another `{found}` at the end")
    cure = f"names have no quotes: write `{found[1:-1]}`" if "NAME" in accepted else _instead(accepted)
    return ExpressionError("TC105", span, f"{quote(found)} cannot be in quotes here", cure)


def _wrong_sign(text: str, kind: str, found: str, span: Span) -> ExpressionError | None:
    if found in ("=", "+=", "-=") and kind != "effect":
        message = f"`{found}` changes a counter, and {_an(kind)} only looks"
        return ExpressionError("TC114", span, message, "compare with `==`, or write the change under `then:`")
    # `a = = b` and `a &&& b`: the longest sign that is known from elsewhere says it best.
    for sign in (found, found[:1]):
        if sign in _FOREIGN:
            return ExpressionError("TC104", span, f"{quote(found)} means nothing here", _FOREIGN[sign])
    if re.match(r"[A-Za-z0-9().,:*/%+<>=!-]", found):
        return None
    cure = "names have letters, digits and `_`, and begin with a letter"
    return ExpressionError("TC104", span, f"{quote(found)} means nothing here", cure)


def _wrong_parenthesis(
    text: str, kind: str, found: str, span: Span, before: tuple[str, Span] | None
) -> ExpressionError | None:
    if found == ")" and sum(1 if p == "(" else -1 for at, p in _parentheses(text) if at <= span[0]) < 0:
        return ExpressionError("TC107", span, "this `)` closes nothing", "take it away, or write the `(` before it")
    if found == "(" and before and before[0] == "holds" and kind in ("measure", "condition", "regime"):
        cure = f"write it inside {oxford([f'`{word}(...)`' for word in TEMPORAL])}"
        return ExpressionError("TC105", before[1], "`holds` is about one moment, and an episode has many", cure)
    if found == "(" and before and before[0][0].isalpha() and before[0] not in (*RESERVED, *EFFECT_VERBS):
        known = (
            _CALLABLE if kind not in ("measure", "condition", "regime") else (*MEASURES, *TEMPORAL, "holds", *_CALLABLE)
        )
        if before[0] in known:
            return None
        guess = nearest(before[0], known)
        cure = f"did you mean `{guess}`?" if guess else f"functions are {oxford(known, 'and')}"
        return ExpressionError("TC111", before[1], f"there is no function {quote(before[0])}", cure)
    return None


def _wrong_measure(kind: str, found: str, span: Span, accepted: frozenset[str]) -> ExpressionError | None:
    if kind != "measure" or not re.fullmatch(r"[=!]=|<=?|>=?", found):
        return None
    if accepted <= {"$END"}:
        cure = "a measure is one number: which event came first goes into `share(first(a) < first(b))`"
    else:
        cure = (
            "a share is about events: what is true of the state goes into `rate(event | condition)`, or into "
            "`eventually(holds(condition))` and its like"
        )
    return ExpressionError("TC105", span, f"`{found}` cannot stand here", cure)


def _wrong_word(
    text: str, kind: str, found: str, span: Span, before: tuple[str, Span] | None, accepted: frozenset[str]
) -> ExpressionError | None:
    if not found[0].isalpha():
        return None
    if accepted == {"DIRECTION"}:
        guess = {"north": "up", "south": "down", "west": "left", "east": "right"}.get(found.lower())
        guess = guess or nearest(found, DIRECTIONS)
        cure = f"did you mean `{guess}`?" if guess else f"write {oxford(DIRECTIONS)}"
        return ExpressionError("TC116", span, f"{quote(found)} is no direction", cure)
    if found in _RELATIONS and before and not before[0][0].isalpha():
        goes = "the name of a thing or an agent"
        goes += "" if found in _ONE_PLACE else ", a zone, `cell(row, column)` or `zone_of(counter)`"
        message = f"what stands before `{found}` is no {'body' if found in _ONE_PLACE else 'place'}"
        return ExpressionError("TC115", span, message, f"before `{found}` goes {goes}")
    if found not in RESERVED and (guess := nearest(found, _words(accepted), 0.7)):
        return ExpressionError("TC109", span, f"{quote(found)} is no word of the language", f"did you mean `{guess}`?")
    if kind == "effect" and before and before[1][0] == len(text) - len(text.lstrip()):
        guess = None if before[0] in EFFECT_VERBS else nearest(before[0], EFFECT_VERBS, 0.7)
        if guess:
            message = f"{quote(before[0])} is no word of the language"
            return ExpressionError("TC109", before[1], message, f"did you mean `{guess}`?")
        if before[0] not in RESERVED.union(EFFECT_VERBS) and before[0][0].isalpha() and found not in RESERVED:
            message = f"no effect begins with {quote(before[0])} and a name"
            return ExpressionError("TC109", before[1], message, _FOREIGN_VERBS.get(before[0].lower(), _EFFECTS))
    if found.lower() in _FOREIGN_WORDS and "NAME" not in accepted:
        cure = _FOREIGN_WORDS[found.lower()]
        return ExpressionError("TC109", span, f"{quote(found)} is no word of the language here", cure)
    if kind in ("measure", "regime") and "RATE" in accepted:
        cure = f"measures are {oxford(MEASURES, 'and')}"
        return ExpressionError("TC117", span, f"there is no measure {quote(found)}", cure)
    if found in RESERVED - {"and", "or", "not", "true", "false"} and "NAME" in accepted:
        message = f"`{found}` is a word of the language and cannot be a name"
        return ExpressionError("TC110", span, message, _instead(accepted))
    return None


def _token_before(text: str, offset: int) -> tuple[str, Span] | None:
    """The last word or sign before an offset, and its range of characters; None if there is none."""
    last = None
    for match in _FOUND.finditer(text, 0, offset):
        if not match[0].isspace():
            last = match[0], match.span()
    return last


def _words(accepted: frozenset[str]) -> list[str]:
    """The words of the language that are valid where these terminals are accepted."""
    many = {"DIRECTION": DIRECTIONS}
    return sorted(
        word for terminal in accepted for word in many.get(terminal, (terminal.lower(),)) if word in _ALL_WORDS
    )


def _instead(accepted: frozenset[str]) -> str:
    expected = _expected(accepted)
    return f"write {expected} here" if expected else "take it away"


def _expected(accepted: frozenset[str]) -> str:
    """What may stand where these terminals are accepted, in words, for a cure."""
    phrases = [
        phrase
        for terminal, phrase in _EXPECTED.items()
        if terminal in accepted and accepted.isdisjoint(_IMPLIED.get(terminal, "").split())
    ]
    return oxford(phrases)


def _an(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
