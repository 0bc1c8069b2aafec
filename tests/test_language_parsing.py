"""Parsing guards, effects, measures and places: what they mean, where they are, and how they are refused (TC1)."""

import ast
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turncoat.scenarios.language.expressions import parser as parsing
from turncoat.scenarios.language.expressions.parser import (
    ExpressionError,
    parse_effect,
    parse_expression,
    parse_measure,
    parse_place,
    parse_regime,
)
from turncoat.scenarios.language.expressions.syntax import (
    Assign,
    Before,
    Binary,
    Bound,
    Call,
    Cell,
    Count,
    Does,
    End,
    Ended,
    EpisodeLogic,
    Expression,
    ExtremeShare,
    Facing,
    First,
    Happens,
    Moved,
    Name,
    Number,
    PutAt,
    Quantified,
    Quantity,
    Rate,
    RegimeLogic,
    Relation,
    Share,
    StageIs,
    StateHolds,
    Temporal,
    Truth,
    Unary,
    ZoneOf,
)
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.faults.faults import Fault, Place, render

PARSERS: dict[str, Callable[[Any], object]] = {
    "guard": parse_expression,
    "effect": parse_effect,
    "measure": parse_measure,
    "place": parse_place,
    "regime": parse_regime,
}
ROOT = Path(__file__).resolve().parent.parent

# ------------------------------------------------------------------ what is refused, word for word

REFUSED = [
    (
        "guard",
        "",
        """\
lab.yaml:1:1: TC101 the expression is empty
    1 |
      | ^
   cure: write an expression, or leave the key out
""",
    ),
    (
        "guard",
        "robot && guard",
        """\
lab.yaml:1:7: TC104 `&&` means nothing here
    1 | robot && guard
      |       ^^
   cure: `and` joins conditions
""",
    ),
    (
        "guard",
        "power ≥ 3",
        """\
lab.yaml:1:7: TC104 `≥` means nothing here
    1 | power ≥ 3
      |       ^
   cure: write `>=`
""",
    ),
    (
        "guard",
        "a ? b",
        """\
lab.yaml:1:3: TC104 `?` means nothing here
    1 | a ? b
      |   ^
   cure: names have letters, digits and `_`, and begin with a letter
""",
    ),
    (
        "guard",
        "robot _x",
        """\
lab.yaml:1:7: TC104 `_x` means nothing here
    1 | robot _x
      |       ^^
   cure: names have letters, digits and `_`, and begin with a letter
""",
    ),
    (
        "effect",
        "delete guard",
        """\
lab.yaml:1:1: TC109 no effect begins with `delete` and a name
    1 | delete guard
      | ^^^^^^
   cure: write `remove THING`
""",
    ),
    (
        "effect",
        "paint guard",
        """\
lab.yaml:1:1: TC109 no effect begins with `paint` and a name
    1 | paint guard
      | ^^^^^
   cure: effects begin with `event`, `end`, `remove`, `place`, `move`, `swap`, `reset`, or `retire`, or have a name before `+=`, `-=`, `=`, `cycles`, `takes` or `drops`
""",  # noqa: E501
    ),
    (
        "guard",
        "robot meets and power > 2",
        """\
lab.yaml:1:13: TC105 `and` cannot stand after `meets`
    1 | robot meets and power > 2
      |             ^^^
   cure: write the name of a thing, an agent or a zone, `cell(row, column)` or `zone_of(counter)` here
""",
    ),
    (
        "guard",
        "robot near guard",
        """\
lab.yaml:1:12: TC105 `guard` cannot stand after `near`
    1 | robot near guard
      |            ^^^^^
   cure: write `(` here
""",
    ),
    (
        "guard",
        'stage is "train"',
        """\
lab.yaml:1:10: TC105 `"train"` cannot be in quotes here
    1 | stage is "train"
      |          ^^^^^^^
   cure: names have no quotes: write `train`
""",
    ),
    (
        "guard",
        "a, b",
        """\
lab.yaml:1:2: TC105 `,` cannot stand after `a`
    1 | a, b
      |  ^
   cure: write a comparison such as `==`, a relation such as `on`, `meets` or `sees`, or `and` here
""",
    ),
    (
        "guard",
        "3 x",
        """\
lab.yaml:1:3: TC105 `x` cannot stand after `3`
    1 | 3 x
      |   ^
   cure: write a comparison such as `==` or `and` here
""",
    ),
    (
        "effect",
        "power + 1",
        """\
lab.yaml:1:7: TC105 `+` cannot stand after `power`
    1 | power + 1
      |       ^
   cure: write `+=`, `-=`, `=`, `cycles`, `takes`, or `drops` here
""",
    ),
    (
        "effect",
        "power += 1 2",
        """\
lab.yaml:1:12: TC105 `2` cannot stand after `1`
    1 | power += 1 2
      |            ^
   cure: write a comparison such as `==` or `and` here
""",
    ),
    (
        "effect",
        "swap robot crate",
        """\
lab.yaml:1:12: TC105 `crate` cannot stand after `robot`
    1 | swap robot crate
      |            ^^^^^
   cure: write `,` here
""",
    ),
    (
        "measure",
        "share(first(a) > first(b))",
        """\
lab.yaml:1:16: TC105 `>` cannot compare two `first(...)`: only `<` can
    1 | share(first(a) > first(b))
      |                ^
   cure: write which came first: `first(a) < first(b)`
""",
    ),
    (
        "measure",
        "first(a) < first(b)",
        """\
lab.yaml:1:10: TC105 `<` cannot stand here
    1 | first(a) < first(b)
      |          ^
   cure: a measure is one number: which event came first goes into `share(first(a) < first(b))`
""",
    ),
    (
        "measure",
        "share(power > 3)",
        """\
lab.yaml:1:13: TC105 `>` cannot stand here
    1 | share(power > 3)
      |             ^
   cure: a share is about events: what is true of the state goes into `rate(event | condition)`, or into \
`eventually(holds(condition))` and its like
""",
    ),
    (
        "measure",
        "3",
        """\
lab.yaml:1:1: TC105 `3` cannot stand here
    1 | 3
      | ^
   cure: write a measure: rate, share, most, least, count, first, return, value, performance, steps, regret, mean, \
max, min, final, at, cvar, or life here
""",
    ),
    (
        "effect",
        "5",
        """\
lab.yaml:1:1: TC105 `5` cannot stand here
    1 | 5
      | ^
   cure: write the name of a counter, or `event`, `end`, `remove`, `place`, `move`, `swap`, `reset`, or `retire` here
""",
    ),
    (
        "guard",
        "robot meets",
        """\
lab.yaml:1:7: TC106 the expression stops too early, after `meets`
    1 | robot meets
      |       ^^^^^
   cure: write the name of a thing, an agent or a zone, `cell(row, column)` or `zone_of(counter)` next
""",
    ),
    (
        "guard",
        "power > 3 and",
        """\
lab.yaml:1:11: TC106 the expression stops too early, after `and`
    1 | power > 3 and
      |           ^^^
   cure: write a name, a number or a part in parentheses next
""",
    ),
    (
        "effect",
        "place gem at random",
        """\
lab.yaml:1:14: TC106 `at random` needs a zone
    1 | place gem at random
      |              ^^^^^^
   cure: write `at random in ZONE`
""",
    ),
    (
        "effect",
        "power",
        """\
lab.yaml:1:1: TC106 the effect stops too early, after `power`
    1 | power
      | ^^^^^
   cure: write `+=`, `-=`, `=`, `cycles`, `takes`, or `drops` next
""",
    ),
    (
        "effect",
        "end",
        """\
lab.yaml:1:1: TC106 the effect stops too early, after `end`
    1 | end
      | ^^^
   cure: write words in quotes, such as `"shut down"` next
""",
    ),
    (
        "guard",
        "(a or b",
        """\
lab.yaml:1:1: TC107 this `(` is never closed
    1 | (a or b
      | ^
   cure: write its `)`
""",
    ),
    (
        "guard",
        "a or b)",
        """\
lab.yaml:1:7: TC107 this `)` closes nothing
    1 | a or b)
      |       ^
   cure: take it away, or write the `(` before it
""",
    ),
    (
        "effect",
        'end "shut down',
        """\
lab.yaml:1:5: TC108 this quote is never closed
    1 | end "shut down
      |     ^
   cure: write another `"` at the end
""",
    ),
    (
        "guard",
        "robot meats guard",
        """\
lab.yaml:1:7: TC109 `meats` is no word of the language
    1 | robot meats guard
      |       ^^^^^
   cure: did you mean `meets`?
""",
    ),
    (
        "guard",
        "a AND b",
        """\
lab.yaml:1:3: TC109 `AND` is no word of the language
    1 | a AND b
      |   ^^^
   cure: did you mean `and`?
""",
    ),
    (
        "guard",
        "state is open",
        """\
lab.yaml:1:7: TC109 `is` is no word of the language here
    1 | state is open
      |       ^^
   cure: compare with `==`
""",
    ),
    (
        "effect",
        "removee guard",
        """\
lab.yaml:1:1: TC109 `removee` is no word of the language
    1 | removee guard
      | ^^^^^^^
   cure: did you mean `remove`?
""",
    ),
    (
        "effect",
        "robot take key",
        """\
lab.yaml:1:7: TC109 `take` is no word of the language
    1 | robot take key
      |       ^^^^
   cure: did you mean `takes`?
""",
    ),
    (
        "measure",
        "shar(seized)",
        """\
lab.yaml:1:1: TC109 `shar` is no word of the language
    1 | shar(seized)
      | ^^^^
   cure: did you mean `share`?
""",
    ),
    (
        "guard",
        "True",
        """\
lab.yaml:1:1: TC110 `True` is a word of the language with other letters
    1 | True
      | ^^^^
   cure: write `true`, or choose another name
""",
    ),
    (
        "guard",
        "robot does near",
        """\
lab.yaml:1:12: TC110 `near` is a word of the language and cannot be a name
    1 | robot does near
      |            ^^^^
   cure: write a name here
""",
    ),
    (
        "guard",
        "mn(2, 3)",
        """\
lab.yaml:1:1: TC111 there is no function `mn`
    1 | mn(2, 3)
      | ^^
   cure: did you mean `min`?
""",
    ),
    (
        "guard",
        "frobnicate(2)",
        """\
lab.yaml:1:1: TC111 there is no function `frobnicate`
    1 | frobnicate(2)
      | ^^^^^^^^^^
   cure: functions are min, max, abs, ln, exp, sqrt, floor, ceil, if, any, all, count, cell, zone_of, beside, ahead, \
row, column, distance, before, and happened
""",
    ),
    (
        "guard",
        "min(2)",
        """\
lab.yaml:1:1: TC112 `min` takes at least 2 arguments, and here are 1
    1 | min(2)
      | ^^^^^^
   cure: write `min(x, y)`
""",
    ),
    (
        "guard",
        "if(a, b)",
        """\
lab.yaml:1:1: TC112 `if` takes 3 arguments, and here are 2
    1 | if(a, b)
      | ^^^^^^^^
   cure: write `if(condition, then, otherwise)`
""",
    ),
    (
        "guard",
        "abs(1, 2)",
        """\
lab.yaml:1:1: TC112 `abs` takes 1 argument, and here are 2
    1 | abs(1, 2)
      | ^^^^^^^^^
   cure: write `abs(x)`
""",
    ),
    (
        "guard",
        "1 < x <= 3",
        """\
lab.yaml:1:7: TC113 comparisons cannot be chained
    1 | 1 < x <= 3
      |       ^^
   cure: write `1 < x and x <= 3`
""",
    ),
    (
        "guard",
        "x = 3",
        """\
lab.yaml:1:3: TC114 `=` changes a counter, and an expression only looks
    1 | x = 3
      |   ^
   cure: compare with `==`, or write the change under `then:`
""",
    ),
    (
        "measure",
        "rate(seized | x += 3)",
        """\
lab.yaml:1:17: TC114 `+=` changes a counter, and a measure only looks
    1 | rate(seized | x += 3)
      |                 ^^
   cure: compare with `==`, or write the change under `then:`
""",
    ),
    (
        "guard",
        "1 meets guard",
        """\
lab.yaml:1:3: TC115 what stands before `meets` is no place
    1 | 1 meets guard
      |   ^^^^^
   cure: before `meets` goes the name of a thing or an agent, a zone, `cell(row, column)` or `zone_of(counter)`
""",
    ),
    (
        "guard",
        "cell(1, 2) moved",
        """\
lab.yaml:1:12: TC115 what stands before `moved` is no body
    1 | cell(1, 2) moved
      |            ^^^^^
   cure: before `moved` goes the name of a thing or an agent
""",
    ),
    (
        "guard",
        "robot facing north",
        """\
lab.yaml:1:14: TC116 `north` is no direction
    1 | robot facing north
      |              ^^^^^
   cure: did you mean `up`?
""",
    ),
    (
        "effect",
        "move crate upp",
        """\
lab.yaml:1:12: TC116 `upp` is no direction
    1 | move crate upp
      |            ^^^
   cure: did you mean `up`?
""",
    ),
    (
        "effect",
        "move crate sideways",
        """\
lab.yaml:1:12: TC116 `sideways` is no direction
    1 | move crate sideways
      |            ^^^^^^^^
   cure: write up, down, left, or right
""",
    ),
    (
        "measure",
        "robots",
        """\
lab.yaml:1:1: TC117 there is no measure `robots`
    1 | robots
      | ^^^^^^
   cure: measures are rate, share, most, least, count, first, return, value, performance, steps, regret, mean, max, \
min, final, at, cvar, and life
""",
    ),
    (
        "guard",
        "1234567890123456789",
        """\
lab.yaml:1:1: TC118 this number is too large
    1 | 1234567890123456789
      | ^^^^^^^^^^^^^^^^^^^
   cure: whole numbers have at most 18 digits, and others are below 1e308
""",
    ),
    (
        "guard",
        "1e999",
        """\
lab.yaml:1:1: TC118 this number is too large
    1 | 1e999
      | ^^^^^
   cure: whole numbers have at most 18 digits, and others are below 1e308
""",
    ),
    (
        "guard",
        "a + " * 600 + "a",
        """\
lab.yaml:1:2001: TC102 the expression has 2401 characters, and 2000 is the most
    1 | …a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a …
      |  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   cure: keep parts of it in counters, or split the rule
""",
    ),
    (
        "guard",
        "a + " * 51 + "a",
        """\
lab.yaml:1:1: TC103 the expression is nested deeper than 50
    1 | a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a …
      | ^^^^^
   cure: each `+`, `and` or parenthesis counts as one: keep parts of it in counters, or split the rule
""",
    ),
]


def _refusal(kind: str, text: object) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        PARSERS[kind](text)
    return caught.value


@pytest.mark.parametrize(("kind", "text", "shown"), REFUSED)
def test_what_is_wrong_in_a_text_is_said_in_full(kind: str, text: str, shown: str) -> None:
    fault = _refusal(kind, text)
    start, end = fault.span

    place = Place("lab.yaml", 1, start + 1, end - start)

    assert render(Fault(fault.code, place, fault.message, fault.cure), [text]) + "\n" == shown


def test_every_code_of_parsing_is_shown_here_and_explained() -> None:
    shown = {found for _, _, text in REFUSED for found in re.findall(r"TC1\d\d", text)}

    assert sorted(shown) == [code for code in CATALOGUE if code.startswith("TC1")]


@pytest.mark.parametrize("text", ["(" * 51 + "a" + ")" * 51, "not " * 51 + "a", "-" * 51 + "1", "2**" * 51 + "1"])
def test_nesting_is_bounded(text: str) -> None:
    assert _refusal("guard", text).code == "TC103"
    assert _refusal("measure", f"rate(e | {text})").code == "TC103"


def test_as_much_as_is_allowed_parses() -> None:
    assert parse_expression("(" * 50 + "a" + ")" * 50) == Name("a", (0, 101))
    assert isinstance(parse_expression("not " * 49 + "a"), Unary)
    assert isinstance(parse_expression("a" * 2000), Name)


# ------------------------------------------------------------------ what is meant


def _plain(node: Any) -> Any:
    """A node as nested tuples without spans, so that trees from different places compare."""
    if is_dataclass(node):
        parts = (getattr(node, field.name) for field in fields(node) if field.name != "span")
        return (type(node).__name__, *map(_plain, parts))
    return tuple(map(_plain, node)) if isinstance(node, tuple) else node


a, b, c = Name("a"), Name("b"), Name("c")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a or b and not c", Binary("or", a, Binary("and", b, Unary("not", c)))),
        ("not a == b", Unary("not", Binary("==", a, b))),
        ("not a on b", Unary("not", Relation("on", a, b))),
        ("-a ** 2", Unary("-", Binary("**", a, Number(2)))),
        ("a in b", Relation("on", a, b)),
        ("a near(b + 1) c", Relation("near", a, c, Binary("+", b, Number(1)))),
        ("zone_of(a) meets cell(b, -1)", Relation("meets", ZoneOf("a"), Cell(b, Unary("-", Number(1))))),
        ("a does b", Does("a", "b")),
        ("a chooses b", Does("a", "b", chosen=True)),
        ("a moved and b facing up", Binary("and", Moved("a"), Facing("b", "up"))),
        ("stage is a", StageIs("a")),
        ("all(a: a.dry == 0)", Quantified("all", "a", Binary("==", Name("a.dry"), Number(0)))),
        ("count(a: true) + 1", Binary("+", Quantified("count", "a", Truth(True)), Number(1))),
        ("if(a, .5, 1e3)", Call("if", (a, Number(0.5), Number(1000.0)))),
        # Words that are none where a name can stand.
        ("count + min * cell", Binary("+", Name("count"), Binary("*", Name("min"), Name("cell")))),
        ("any on event", Relation("on", Name("any"), Name("event"))),
        ("android or notary", Binary("or", Name("android"), Name("notary"))),
        ("lamp.on == step", Binary("==", Name("lamp.on"), Name("step"))),
        ("robot does move", Does("robot", "move")),
        ("up\n <\n down", Binary("<", Name("up"), Name("down"))),
    ],
)
def test_a_guard_means(text: str, meant: Expression) -> None:
    assert _plain(parse_expression(text)) == _plain(meant)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("event = 1", Assign("event", "=", Number(1))),
        ("place -= a", Assign("place", "-=", a)),
        ("a = -1", Assign("a", "=", Unary("-", Number(1)))),
        ("a = b == c", Assign("a", "=", Binary("==", b, c))),
        ("end 'it is \"over\"'", End('it is "over"')),
        ("place a at random in b", PutAt("a", b, random=True)),
        ("place a at b", PutAt("a", b)),
        ("place random at cell(0, 0)", PutAt("random", Cell(Number(0), Number(0)))),
    ],
)
def test_an_effect_means(text: str, meant: object) -> None:
    assert _plain(parse_effect(text)) == _plain(meant)


_e, _f, _g = Happens("e"), Happens("f"), Happens("g")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("rate(ended | a or b)", Rate(Ended(None), Binary("or", a, b))),
        ("share(e and f and g)", Share(EpisodeLogic("and", (_e, _f, _g)))),
        ("share(e or f and g)", Share(EpisodeLogic("or", (_e, EpisodeLogic("and", (_f, _g)))))),
        (
            "share((e or f) and not g)",
            Share(EpisodeLogic("and", (EpisodeLogic("or", (_e, _f)), EpisodeLogic("not", (_g,))))),
        ),
        ("share(first(e) < first(ended 'x'))", Share(Before(_e, Ended("x")))),
        ("share(first and count)", Share(EpisodeLogic("and", (Happens("first"), Happens("count"))))),
    ],
)
def test_a_measure_means(text: str, meant: object) -> None:
    assert _plain(parse_measure(text)) == _plain(meant)


_STEPS = Bound(Quantity("steps"), "<", Number(3))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("steps < 3", _STEPS),
        ("value(own) >= -a * 2", Bound(Quantity("value", "own"), ">=", Binary("*", Unary("-", Name("a")), Number(2)))),
        ("share(e and f) != 1", Bound(Share(EpisodeLogic("and", (_e, _f))), "!=", Number(1))),
        ("share(first(e) < first(f)) < 3", Bound(Share(Before(_e, _f)), "<", Number(3))),
        ("not steps < 3 and (steps < 3)", RegimeLogic("and", (RegimeLogic("not", (_STEPS,)), _STEPS))),
        ("steps < 3 or steps < 3 and steps < 3", RegimeLogic("or", (_STEPS, RegimeLogic("and", (_STEPS, _STEPS))))),
    ],
)
def test_a_regime_means(text: str, meant: object) -> None:
    assert _plain(parse_regime(text)) == _plain(meant)


@pytest.mark.parametrize(
    ("text", "code", "cure"),
    [
        ("steps", "TC106", "write a comparison such as `==` next"),
        ("3 > steps", "TC105", "write a measure"),
        ("seized > 0", "TC117", "measures are rate, share"),
        ("shar(e) > 0", "TC109", "did you mean `share`?"),
        ("steps = 3", "TC114", "compare with `==`"),
        ("steps > 1 & steps < 3", "TC104", "`and` joins conditions"),
        ("(steps > 1", "TC107", "write its `)`"),
        ("not " * 51 + "steps < 3", "TC103", "keep parts of it in counters"),
        (" ", "TC101", "write a regime"),
    ],
)
def test_what_is_no_regime(text: str, code: str, cure: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_regime(text)

    assert caught.value.code == code
    assert cure in caught.value.cure


def test_numbers_of_yaml_stand_for_themselves() -> None:
    assert parse_expression(True) == Truth(True, (0, 4))
    assert parse_expression(-3) == Number(-3, (0, 2))
    assert parse_expression(0.25) == Number(0.25, (0, 4))
    for value in (10**18, 10**9999, float("inf"), float("nan")):
        assert _refusal("guard", value).code == "TC118"
    for kind in ("effect", "measure", "place"):
        for value in (3, 0.5, True, 10**9999):
            assert _refusal(kind, value).span[1] > 0


# Python's own parser is the oracle for precedence and associativity.

_operands = st.sampled_from(["a", "b", "7", "0.5"])


def _combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from([*"+-*/%<", "//", "**", "==", "!=", ">=", "and", "or"])
    return st.one_of(
        st.builds("{} {} {}".format, parts, operators, parts),
        st.builds("({})".format, parts),
        st.builds("-{}".format, parts),
        st.builds("not {}".format, parts),
    )


_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%", ast.FloorDiv: "//", ast.Pow: "**",
    ast.Lt: "<", ast.Eq: "==", ast.NotEq: "!=", ast.GtE: ">=", ast.And: "and", ast.Or: "or",
    ast.USub: "-", ast.Not: "not",
}  # fmt: skip


class _Chain(Exception):  # noqa: N818 -- it ends a walk and never gets out
    """Python found a chain of comparisons."""


def _from_python(node: Any) -> Expression:
    match node:
        case ast.Name():
            return Name(node.id)
        case ast.Constant(value=int() | float() as value):
            return Number(value)
        case ast.UnaryOp():
            return Unary(_SIGNS[type(node.op)], _from_python(node.operand))
        case ast.BinOp():
            return Binary(_SIGNS[type(node.op)], _from_python(node.left), _from_python(node.right))
        case ast.BoolOp():
            parts = [_from_python(value) for value in node.values]
            while len(parts) > 1:
                parts[:2] = [Binary(_SIGNS[type(node.op)], parts[0], parts[1])]
            return parts[0]
        case ast.Compare(ops=[operator]):
            return Binary(_SIGNS[type(operator)], _from_python(node.left), _from_python(node.comparators[0]))
    raise _Chain


@given(text=st.recursive(_operands, _combined, max_leaves=12))
def test_operators_bind_as_in_python(text: str) -> None:
    try:
        meant = _from_python(ast.parse(text, mode="eval").body)
    except (_Chain, SyntaxError):
        with pytest.raises(ExpressionError):
            parse_expression(text)
    else:
        assert _plain(parse_expression(text)) == _plain(meant)


# ------------------------------------------------------------------ spans


def _examples() -> list[tuple[str, str]]:
    """(kind, text) of every example in the reference."""
    reference = (ROOT / "docs" / "reference" / "grammar.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(guard|effect|measure|regime|place)\n(.*?)```", reference, re.DOTALL)
    return [(kind, line) for kind, block in blocks for line in block.splitlines()]


EXAMPLES = _examples()


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_every_example_of_the_reference_parses(kind: str, text: str) -> None:
    node: Any = PARSERS[kind](text)

    assert node.span == (0, len(text))
    indented: Any = PARSERS[kind](f"  {text} \n")
    assert indented.span == (2, 2 + len(text))


def test_the_reference_names_every_word() -> None:
    reference = (ROOT / "docs" / "reference" / "grammar.md").read_text(encoding="utf-8")
    written = set(re.findall(r"[a-z_]+", reference))
    assert {kind for kind, _ in EXAMPLES} == set(PARSERS)

    words = {*parsing.RESERVED, *parsing.FUNCTIONS, *parsing.QUANTIFIERS, *parsing.DIRECTIONS, *parsing.EFFECT_VERBS}

    assert words | set(parsing.MEASURES) <= written
    (reserved,) = re.findall(r"`(and or .*?)`", reference)
    assert set(reserved.split()) == parsing.RESERVED


def _nodes(node: Any) -> list[Any]:
    """A node and everything in it."""
    parts = [getattr(node, field.name) for field in fields(node)]
    inner = [
        part for value in parts for part in (value if isinstance(value, tuple) else (value,)) if is_dataclass(part)
    ]
    return [node, *(deeper for part in inner for deeper in _nodes(part))]


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_every_span_is_the_text_of_its_node(kind: str, text: str) -> None:
    for node in _nodes(PARSERS[kind](text)):
        start, end = node.span
        if isinstance(node, Bound | RegimeLogic):
            assert _plain(parse_regime(text[start:end])) == _plain(node)
        elif isinstance(node, Share | ExtremeShare | Rate | Count | First | Quantity):
            assert _plain(parse_measure(text[start:end])) == _plain(node)
        elif isinstance(node, Happens | Ended | Before | EpisodeLogic | Temporal | StateHolds):
            inside = isinstance(node, StateHolds) or any(isinstance(part, StateHolds) for part in _nodes(node))
            again = parse_measure(f"share(next({text[start:end]}))" if inside else f"share({text[start:end]})")
            assert isinstance(again, Share)
            condition = (
                again.condition.operands[0] if isinstance(again.condition, Temporal) and inside else again.condition
            )
            assert _plain(condition) == _plain(node)
        elif start > 0:
            assert _plain(parse_expression(text[start:end])) == _plain(node)


# ------------------------------------------------------------------ reserved words


@pytest.mark.parametrize("word", sorted(parsing.RESERVED - {"step", "true", "false"}))
def test_a_reserved_word_is_no_name(word: str) -> None:
    for text in (word, word.upper(), word.capitalize()):
        _refusal("place", text)
        _refusal("guard", f"{text} > 1")
        _refusal("effect", f"remove {text}")
    assert parse_place(f"{word}_1") == Name(f"{word}_1", (0, len(word) + 2))


def test_the_step_is_a_name_that_no_one_can_take() -> None:
    assert parse_expression("step") == Name("step", (0, 4))
    assert "step" in parsing.RESERVED
    assert _refusal("guard", "STEP").code == "TC110"


@pytest.mark.parametrize(
    "word",
    [
        *(*parsing.EFFECT_VERBS, *parsing.MEASURES, *parsing.FUNCTIONS, *parsing.QUANTIFIERS, *parsing.DIRECTIONS),
        *("cell", "zone_of", "random", "at", "map", "takes", "drops", "cycles"),
    ],
)
def test_every_other_word_can_be_a_name(word: str) -> None:
    assert parse_expression(f"{word} + 1 > {word}")
    assert parse_expression(f"{word} meets {word}")
    assert parse_expression(f"{word} does {word}")
    assert parse_effect(f"{word} += {word}")
    assert parse_effect(f"remove {word}")
    assert parse_measure(f"share({word} or first({word}) < first({word}))")
