"""Infers and checks the types of expressions: number, truth value, flag, place, zone or word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from ...did_you_mean import did_you_mean, nearest
from ..expressions import constants
from ..expressions.parser import RESERVED
from ..expressions.syntax import (
    Ahead,
    BeforeTick,
    Beside,
    Binary,
    Call,
    Cell,
    Coordinate,
    Distance,
    Does,
    Expression,
    Facing,
    Happened,
    Moved,
    Name,
    Number,
    Quantified,
    Relation,
    StageIs,
    Truth,
    Unary,
    ZoneOf,
)
from ..faults.collector import Path, Report, listed
from ..faults.faults import Span
from ..schema.document import Counter, Draw
from .absences import holds_of_absent, told_of_absent
from .symbols import BUILT_IN_ZONES, PLURALS, Symbols, article, suggestion, unknown

ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "**"})
ORDERED = frozenset({"<", "<=", ">", ">="})
EQUAL = frozenset({"==", "!="})

ARTICLES = {
    "number": "a number",
    "truth": "a truth value",
    "flag": "a flag",
    "place": "a place",
    "zone": "a zone",
    "word": "a word",
}


@dataclass(frozen=True)
class Typed:
    """The type of an expression.

    Attributes:
        kind: `number`, `truth` (a number too: 0 or 1), `flag` (a number 0 or 1 that is also accepted as a truth value),
            `place` (one cell), `zone` (a set of cells) or `word`.
        words: the possible values of a `word`; empty for any other kind.
    """

    kind: str
    words: tuple[str, ...] = ()

    def fits(self, wanted: str) -> bool:
        """Whether it is accepted where `number`, `truth`, `place` or `area` (a place or a zone) is required."""
        return self.kind in _FITS[wanted]


_FITS = {
    "number": {"number", "truth", "flag"},
    "truth": {"truth", "flag"},
    "place": {"place"},
    "area": {"place", "zone"},
}
_WANTED = {"number": "a number", "truth": "a truth value", "place": "a place", "area": "a place or a zone"}
_CURES = {
    "number": "write a number, a counter, a param or arithmetic",
    "truth": "compare it with something, as in `power > 0`",
    "place": "write an agent, a thing, or `cell(row, column)`",
    "area": "write an agent, a thing, a zone, or `cell(row, column)`",
}

NUMBER = Typed("number")
TRUTH = Typed("truth")
PLACE = Typed("place")
ZONE = Typed("zone")


@dataclass(frozen=True)
class Scope:
    """The context of an expression, which determines the names and words that it may use.

    Attributes:
        symbols: the symbol table of the scenario.
        report: receives the faults.
        path: the position of the text in the file.
        bound: name -> the thing of which it means one instance at a time (`each:`, `any(...)`); often its own name. Or
            name -> the agent that it means.
        acted: whether the agents have acted in this tick, so that `does`, `chooses` and `moved` are defined.
        ticking: whether the draws of this tick are known.
        earlier: whether it stands in `before`.
        fixed: whether the value must be known before the run, so that cures suggest only numbers and params.
        drawn: the draws that are made already, where it decides a draw; None for all of them.
        between: whether it stands in a rule between two episodes of a life, which knows what happened in the first.
    """

    symbols: Symbols
    report: Report
    path: Path
    bound: Mapping[str, str] = field(default_factory=dict)
    acted: bool = True
    ticking: bool = True
    earlier: bool = False
    fixed: bool = False
    drawn: frozenset[str] | None = None
    between: bool = False

    def fault(self, code: str, span: Span, message: str, cure: str, *, warning: bool = False) -> None:
        """Report a fault in this text."""
        self.report.add(code, self.path, message, cure, span=span, warning=warning)

    def declared(self, name: str) -> str:
        """The name under which a body or a field is declared: `tree.age` for `b.age` in `any(b of tree: ...)`."""
        head, dot, tail = name.partition(".")
        return self.bound.get(head, head) + dot + tail

    def unknown(self, code: str, kind: str, name: str, valid: tuple[str, ...], span: Span) -> None:
        """Report an unknown name in this text."""
        unknown(self.report, code, kind, name, valid, self.path, span=span)


def counter_type(counter: Counter) -> Typed:
    """The type of a counter or a field."""
    if counter.values is not None:
        words = tuple(value for value in counter.values if isinstance(value, str))
        return Typed("word", words) if words else NUMBER
    return Typed("flag") if counter.min is None and counter.max is None else NUMBER


def draw_type(draw: Draw) -> Typed:
    """The type of a draw's outcome."""
    if draw.values is None:
        return Typed("flag")
    words = tuple(value for value in draw.values if isinstance(value, str))
    return Typed("word", tuple(dict.fromkeys(words))) if words else value_type(draw.values[0])


def require(expression: Expression, wanted: str, scope: Scope, user: str) -> bool:
    """Check that an expression has the required type, and report it otherwise.

    Args:
        expression: the expression to check.
        wanted: `number`, `truth`, `place` or `area`.
        scope: the context of the expression.
        user: what requires the type, for the message (`` `on` ``, `a guard`).

    Returns:
        Whether the expression is sound and its type fits.
    """
    typed = type_of(expression, scope)
    if typed is None:
        return False
    if not typed.fits(wanted):
        message = f"{user} wants {_WANTED[wanted]}, and {described(expression)} is {ARTICLES[typed.kind]}"
        scope.fault("TC501", expression.span, message, _CURES[wanted])
        return False
    return True


def type_of(expression: Expression, scope: Scope) -> Typed | None:
    """The type of an expression; None if it is at fault, which is reported.

    Args:
        expression: the expression to type.
        scope: the context of the expression.
    """
    # None is never reported again further up, so that one mistake gives one fault.
    match expression:
        case Number():
            return NUMBER
        case Truth():
            return TRUTH
        case Name():
            return _name(expression, scope)
        case Cell(row, column):
            # Lists and not generators, here and below: `all` would stop at the first fault and hide the others.
            sound = [require(part, "number", scope, "`cell`") for part in (row, column)]
            return (
                PLACE if all(sound) and _there_is_a_board(expression, scope) and _on_board(expression, scope) else None
            )
        case ZoneOf(counter, span):
            return _zone_of(counter, span, scope)
        case Beside(place):
            return PLACE if require(place, "place", scope, "`beside`") else None
        case Ahead(subject, span):
            return PLACE if _facing(subject, span, scope) else None
        case Coordinate(axis, place):
            return NUMBER if require(place, "place", scope, f"`{axis}`") else None
        case Distance(first, second):
            sound = [require(place, "place", scope, "`distance`") for place in (first, second)]
            return NUMBER if all(sound) else None
        case BeforeTick():
            return _before_tick(expression, scope)
        case Unary("not", operand):
            return TRUTH if require(operand, "truth", scope, "`not`") else None
        case Unary(_, operand):  # the only other one is the minus
            return NUMBER if require(operand, "number", scope, "`-`") else None
        case Binary():
            return _binary(expression, scope)
        case Call():
            return _call(expression, scope)
        case Relation():
            return _relation(expression, scope)
        case Does(agent, action, _, span):
            return _does(agent, action, span, scope)
        case Moved(subject, span):
            if not scope.acted:
                _not_acted(scope, span)
            return TRUTH if check_body(subject, span, scope) else None
        case Facing(subject, _, span):
            return _facing(subject, span, scope)
        case StageIs(stage, span):
            if stage not in scope.symbols.stages:
                scope.unknown("TC428", "stage", stage, scope.symbols.stages, span)
                return None
            return TRUTH
        case Happened():
            return _happened(expression, scope)
        case Quantified():
            return _quantified(expression, scope)


def check_body(name: str, span: Span, scope: Scope, kinds: tuple[str, ...] = ("agent", "thing")) -> bool:
    """Check that a name is one body of the given kinds: an agent, or a single instance of a thing.

    Args:
        name: the name to check.
        span: its range of characters in the text.
        scope: the context of the text.
        kinds: the kinds that are allowed.

    Returns:
        Whether it is; if not, the fault has been reported.
    """
    symbols = scope.symbols
    kind = symbols.kinds.get(scope.bound.get(name, name))
    if kind not in kinds:
        what = " or ".join(kinds)
        valid = tuple(name for wanted in kinds for name in symbols.of(wanted))
        if kind is None:
            scope.unknown("TC422", what, name, valid, span)
        else:
            message = f"`{name}` is {article(kind)}, and {article(what)} is wanted"
            scope.fault("TC502", span, message, suggestion(name, valid))
        return False
    return _check_single(name, span, scope) and _has_a_place(name, span, scope)


def _has_a_place(name: str, span: Span, scope: Scope) -> bool:
    """Whether an agent stands on a board in every stage, as a thing does; report it otherwise."""
    stage = scope.symbols.off_board.get(scope.bound.get(name, name))
    if stage is None:
        return True
    cure = f"show it on a `map:`, write `{name}: anywhere` under `generate.place`, or ask for something else"
    scope.fault("TC300", span, f"`{name}` is on no board in stage `{stage}`, so it has no place there", cure)
    return False


def _there_is_a_board(cell: Cell, scope: Scope) -> bool:
    """Whether every stage has a board for a cell to be on; report it otherwise."""
    stage = scope.symbols.boardless
    if stage is None:
        return True
    cure = "draw a `map:`, write `generate:`, or take the cell out"
    scope.fault("TC300", cell.span, f"stage `{stage}` has no board, so there are no cells", cure)
    return False


def _check_single(thing: str, span: Span, scope: Scope) -> bool:
    """Whether a name has one instance, in all or by its context; report it otherwise."""
    many = scope.symbols.instances.get(thing, 1)  # only things are listed there: an agent has one body
    if many == 1 or thing in scope.bound:
        return True
    scope.fault(
        "TC507",
        span,
        f"there are {many} of `{thing}`, and one is wanted",
        f"write `any({thing}: ...)` or `all({thing}: ...)`, or give the rule `each: {thing}`",
    )
    return False


def _name(expression: Name, scope: Scope) -> Typed | None:
    name, span, symbols = expression.name, expression.span, scope.symbols
    if name == "step":
        return NUMBER
    if scope.declared(name) in symbols.fields:
        owner = name.split(".")[0]
        return counter_type(symbols.fields[scope.declared(name)]) if _check_single(owner, span, scope) else None
    kind = symbols.kinds.get(scope.bound.get(name, name))
    match kind:
        case "counter":
            return counter_type(symbols.document.counters[name])
        case "draw":
            return _draw(name, span, scope)
        case "param":
            return value_type(symbols.document.params[name].value)
        case "formula":
            return _named(name, span, scope)
        case "zone":
            return ZONE
        case "thing" | "agent":
            return PLACE if _check_single(name, span, scope) and _has_a_place(name, span, scope) else None
        case "event":
            cure = "an event has no value: let the rule that emits it set a counter"
            scope.fault("TC503", span, f"`{name}` is an event", cure)
        case "channel":
            cure = "rules cannot read rewards: let the rule that pays set a counter"
            scope.fault("TC503", span, f"`{name}` is a reward channel", cure)
        case None if name in BUILT_IN_ZONES:
            return ZONE
        case _:
            _unknown_name(name, span, scope)
    return None


def _named(name: str, span: Span, scope: Scope) -> Typed | None:
    """The type of a named formula, which reads what it reads wherever its name stands."""
    typed = type_of_named(name, scope)
    anywhere = replace(scope, acted=True, ticking=True, earlier=False, drawn=None, between=True)
    if typed is None and type_of_named(name, anywhere) is not None:
        cure = "what agents do, draws and `before` are known once they came: use another formula"
        scope.fault("TC518", span, f"`{name}` reads what is not known here", cure)
    return typed


def type_of_named(name: str, scope: Scope) -> Typed | None:
    """The type of the formula that a name stands for; None if it is at fault here, which is not reported."""
    symbols = scope.symbols
    key = (name, scope.acted, scope.ticking, scope.earlier, scope.drawn, scope.between)
    if key not in symbols.types_of_formulas:
        # What `each` and quantifiers bind means nothing in it: a formula is written for the whole file.
        inside = replace(scope, report=Report(), bound={}, fixed=False)
        typed = type_of(symbols.formulas[name], inside) if name in symbols.formulas else None
        symbols.types_of_formulas[key] = typed
    return cast("Typed | None", symbols.types_of_formulas[key])


def _before_tick(expression: BeforeTick, scope: Scope) -> Typed | None:
    """The type of `before(f)`: that of the formula, which may read only what was there before anyone acted."""
    if scope.earlier:
        scope.fault("TC518", expression.span, "this is in `before` already", "leave the inner `before` out")
        return None
    if not scope.acted:
        _not_acted(scope, expression.span)
        return None
    typed = type_of(expression.body, replace(scope, acted=False, ticking=False, earlier=True))
    if typed is None or typed.kind in ("number", "truth", "flag"):
        return typed
    message = f"`before` wants a number or a truth value, and {described(expression.body)} is {ARTICLES[typed.kind]}"
    scope.fault("TC501", expression.body.span, message, "write a formula in it, as in `before(robot in vault)`")
    return None


def _on_board(cell: Cell, scope: Scope) -> bool:
    """Whether a cell lies on some board, as far as that is known before the run; report it otherwise."""
    size = scope.symbols.size
    if size is None:
        return True
    for part, word, most in ((cell.row, "row", size[0]), (cell.column, "column", size[1])):
        try:
            low, high = constants.extremes(part, scope.symbols.document.params)
        except (constants.NotConstantError, constants.TooManyParamsError):
            continue  # the cell depends on the state, or on too many params to tell
        # Every value of the params must fit: any of them may be run.
        if not 0 <= low <= high < most:
            message = f"{word} {low if low < 0 else high:g} is outside every board"
            scope.fault("TC311", part.span, message, f"{word}s go from 0 to {most - 1}")
            return False
    return True


def _unknown_name(name: str, span: Span, scope: Scope) -> None:
    """Report an unknown name with the cure that fits what it resembles: a field, a counter's word, or a name."""
    symbols = scope.symbols
    if "." in name:
        scope.unknown("TC420", "field", name, tuple(symbols.fields), span)
        return
    if symbols.kinds.keys() and name in {word for its in symbols.counters.values() for word in counter_type(its).words}:
        cure = "compare it with the counter that holds it, as in `next_job == bench_1`"
        scope.fault("TC504", span, f"`{name}` is a word that a counter may hold, and alone it has no value", cure)
        return
    if scope.fixed:
        cure = f"write a number{_or_a_param(name, symbols)}"
        scope.fault("TC420", span, f"`{name}` is neither a number nor a param", cure)
        return
    valid = tuple(name for name, kind in symbols.kinds.items() if kind not in ("event", "channel"))
    lines = [
        f"{PLURALS[kind]}: {listed(names, 6)}"
        for kind in ("counter", "param", "formula", "draw", "agent", "thing", "zone")
        if (names := symbols.of(kind))
    ]
    hint = did_you_mean(name, (*valid, *symbols.fields))
    scope.fault("TC420", span, f"nothing is called `{name}`", hint + "; ".join(lines))


def _or_a_param(name: str, symbols: Symbols) -> str:
    """The second half of the cure "write a number ...": the most similar param, or a list of the params."""
    params = symbols.of("param")
    if near := nearest(name, params):
        return f", or did you mean `{near}`?"
    return f" or a param: {listed(params, 6)}" if params else ""


def value_type(value: object) -> Typed:
    """The type of a param's or a draw's value; a list is a cell, so its type is a place."""
    if isinstance(value, bool):  # before numbers: in Python a truth value is a whole number
        return TRUTH
    return NUMBER if isinstance(value, (int, float)) else PLACE


def _draw(name: str, span: Span, scope: Scope) -> Typed | None:
    draw = scope.symbols.document.draws[name]
    if scope.drawn is not None and name not in scope.drawn:
        cure = "a draw reads those above it: write the one that is read first"
        scope.fault("TC518", span, f"`{name}` is not drawn yet here", cure)
        return None
    if draw.at == "tick" and not scope.ticking:
        cure = "only draws `at: start` are kept in the state"
        scope.fault("TC518", span, f"`{name}` is drawn in the tick, and is not known here", cure)
        return None
    return draw_type(draw)


def _zone_of(counter: str, span: Span, scope: Scope) -> Typed | None:
    """The type of `zone_of(counter)`: a zone, if every value of the counter names one."""
    symbols = scope.symbols
    its = symbols.counters.get(scope.declared(counter))
    if its is None:
        scope.unknown("TC421", "counter", counter, tuple(symbols.counters), span)
        return None
    if scope.declared(counter) in symbols.fields and not _check_single(counter.split(".")[0], span, scope):
        return None
    others = [str(value) for value in its.values or () if symbols.kinds.get(str(value)) != "zone"]
    if its.values is None or others:
        why = f"it may be {listed(others)}" if others else "it is a number"
        cure = f"give the counter `values:` that are zones: {listed(symbols.of('zone'))}"
        scope.fault("TC510", span, f"`{counter}` does not hold a zone: {why}", cure)
        return None
    return ZONE


def _binary(expression: Binary, scope: Scope) -> Typed | None:
    operator, left, right = expression.operator, expression.left, expression.right
    if operator in EQUAL:
        return _equality(expression, scope)
    wanted = "truth" if operator in ("and", "or") else "number"
    sound = [require(side, wanted, scope, f"`{operator}`") for side in (left, right)]
    if not all(sound):
        return None
    return NUMBER if operator in ARITHMETIC else TRUTH


def _equality(expression: Binary, scope: Scope) -> Typed | None:
    left, right = expression.left, expression.right
    # A word such as `bench_1` has no type alone: it is a name only beside a counter that may hold it.
    for one, other in ((left, right), (right, left)):
        word = _word_holder(one, scope)
        if word is not None and isinstance(other, Name) and _word_holder(other, scope) is None:
            if type_of(one, scope) is None:
                return None
            return TRUTH if _check_word(other, described(one), word.words, scope) else None
    typed = [type_of(side, scope) for side in (left, right)]
    first, second = typed
    if first is None or second is None:
        return None
    if "place" in (first.kind, second.kind) or "zone" in (first.kind, second.kind):
        cure = "places are compared with `on`, as in `robot on vault`"
        scope.fault("TC505", expression.span, f"`{expression.operator}` does not compare places", cure)
        return None
    if first.kind == second.kind == "word":
        # A comparison that can never hold is reported, and its type is still known.
        if not set(first.words) & set(second.words):
            message = f"{described(left)} and {described(right)} have no word in common"
            cure = f"they may be {listed(first.words)} and {listed(second.words)}"
            scope.fault("TC505", expression.span, message, cure)
        return TRUTH
    numbers = first.fits("number") and second.fits("number")
    truths = first.fits("truth") and second.fits("truth")
    if not numbers and not truths:
        kinds = f"{described(left)} is {ARTICLES[first.kind]} and {described(right)} is {ARTICLES[second.kind]}"
        scope.fault("TC505", expression.span, f"{kinds}: they are never equal", "compare things of one kind")
        return None
    return TRUTH


def _word_holder(expression: Expression, scope: Scope) -> Typed | None:
    """The type of an expression that is a counter, field or draw with words; None for any other expression."""
    if not isinstance(expression, Name):
        return None
    draw = scope.symbols.document.draws.get(expression.name)
    if draw is not None:
        typed = draw_type(draw)
        return typed if typed.kind == "word" else None
    counter = scope.symbols.counters.get(scope.declared(expression.name))
    held = counter_type(counter) if counter else None
    return held if held and held.kind == "word" else None


def check_word(expression: Expression, holder: str, words: tuple[str, ...], scope: Scope) -> bool:
    """Check that an expression can be assigned to a counter that holds words.

    Args:
        expression: a word; something else that holds words, each of which must be allowed; or an `if` between these.
        holder: the counter's name.
        words: the words that the counter may hold.
        scope: the context of the expression.

    Returns:
        Whether it can; if not, the fault has been reported.
    """
    if isinstance(expression, Call) and expression.function == "if":
        condition, *branches = expression.arguments
        sound = [require(condition, "truth", scope, "`if`")]
        sound += [check_word(branch, holder, words, scope) for branch in branches]
        return all(sound)
    its = _word_holder(expression, scope)
    if its is not None:
        if type_of(expression, scope) is None:
            return False
        others = tuple(word for word in its.words if word not in words)
        if others:
            cure = f"`{holder}` may be {listed(words)}"
            message = f"{described(expression)} may be {listed(others)}, and `{holder}` may not"
            scope.fault("TC504", expression.span, message, cure)
        return not others
    if isinstance(expression, Name):
        return _check_word(expression, f"`{holder}`", words, scope)
    message = f"`{holder}` holds words, and {described(expression)} is none"
    scope.fault("TC505", expression.span, message, f"it may be {listed(words)}")
    return False


def _check_word(word: Name, holder: str, words: tuple[str, ...], scope: Scope) -> bool:
    if word.name in words:
        return True
    scope.fault("TC504", word.span, f"{holder} is never `{word.name}`", suggestion(word.name, words))
    return False


def _call(expression: Call, scope: Scope) -> Typed | None:
    user = f"`{expression.function}`"
    if expression.function != "if":
        sound = [require(argument, "number", scope, user) for argument in expression.arguments]
        return NUMBER if all(sound) else None
    condition, *branches = expression.arguments
    sound = [require(condition, "truth", scope, user)]
    sound += [require(branch, "number", scope, user) for branch in branches]
    return NUMBER if all(sound) else None


def _relation(expression: Relation, scope: Scope) -> Typed | None:
    word, subject, object_ = expression.word, expression.subject, expression.object
    user = f"`{word}`"
    if word == "carries":
        return _carries(expression, scope)
    sound = [require(subject, "place", scope, user), require(object_, "area", scope, user)]
    if expression.reach is not None:
        sound.append(require(expression.reach, "number", scope, user))
    if word == "sees" and sound[0]:
        sound.append(_check_sight(subject, scope))
    return TRUTH if all(sound) else None


def _carries(expression: Relation, scope: Scope) -> Typed | None:
    """The type of `AGENT carries THING`, whose sides are bodies and not just any places."""
    sound = []
    for side, kind in ((expression.subject, "agent"), (expression.object, "thing")):
        if isinstance(side, Name):
            sound.append(check_body(side.name, side.span, scope, (kind,)))
        else:
            message = f"`carries` wants {article(kind)}, and {described(side)} is none"
            scope.fault("TC502", side.span, message, "write `AGENT carries THING`")
            sound.append(False)
    return TRUTH if all(sound) else None


def _check_sight(subject: Expression, scope: Scope) -> bool:
    """Whether the subject of `sees` is a body that declares its sight; report it otherwise."""
    document = scope.symbols.document
    name = scope.declared(subject.name) if isinstance(subject, Name) else ""
    body = document.things.get(name) or document.agents.get(name)
    if body is not None and body.sight is not None:
        return True
    if body is None:
        message, cure = f"{described(subject)} sees nothing", "only agents and things that have `sight` see"
    else:
        message, cure = f"`{name}` has no sight", f"give `{name}` a `sight:`, as in `sight: 4`"
    scope.fault("TC506", subject.span, message, cure)
    return False


def _does(agent: str, action: str, span: Span, scope: Scope) -> Typed | None:
    symbols, agent = scope.symbols, scope.bound.get(agent, agent)
    if agent not in symbols.actions:
        scope.unknown("TC423", "agent", agent, symbols.of("agent"), span)
        return None
    if action not in symbols.actions[agent]:
        cure = suggestion(action, symbols.actions[agent])
        scope.fault("TC424", span, f"`{agent}` has no action `{action}`", cure)
        return None
    if not scope.acted:
        _not_acted(scope, span)
        return None
    return TRUTH


def _not_acted(scope: Scope, span: Span) -> None:
    cure = "actions are known in rules of a tick; a condition can read only the state before them"
    scope.fault("TC518", span, "no one has acted yet here", cure)


def _happened(expression: Happened, scope: Scope) -> Typed | None:
    """The type of `happened(EVENT)`, which only rules between two episodes read, of an event that some rule emits."""
    event, events = expression.event, scope.symbols.of("event")
    if event not in events and not any(event in text for text in scope.symbols.unread):
        cure = f"{suggestion(event, events)}; a rule declares one by `event {event}`"
        scope.fault("TC426", expression.span, f"no rule emits the event `{event}`", cure)
        return None
    if not scope.between:
        cure = "only rules `at: between` look back at an episode: let the rule that emits the event set a counter"
        scope.fault("TC518", expression.span, "what happened is known once the episode is over", cure)
        return None
    return TRUTH


def _facing(subject: str, span: Span, scope: Scope) -> Typed | None:
    if not check_body(subject, span, scope):
        return None
    document, declared = scope.symbols.document, scope.declared(subject)
    body = document.agents.get(declared) or document.things[declared]
    if not body.facing:
        scope.fault("TC506", span, f"`{subject}` faces nowhere", f"give `{declared}` the line `facing: true`")
        return None
    return TRUTH


def _quantified(expression: Quantified, scope: Scope) -> Typed | None:
    group, symbols = expression.group, scope.symbols
    agents = symbols.means_agents(group)
    if symbols.kinds.get(group) != "thing" and not agents:
        scope.unknown("TC422", "thing", group, symbols.of("thing"), expression.span)
        return None
    if expression.variable != group and not check_local_name(expression.variable, expression.span, scope):
        return None
    for member in symbols.members(group) if agents else (group,):
        inside = replace(scope, bound={**scope.bound, expression.variable: member})
        if not require(expression.body, "truth", inside, f"`{expression.quantifier}`"):
            return None
    if not agents:
        _warn_of_absent(expression, scope)
    return NUMBER if expression.quantifier == "count" else TRUTH


def _warn_of_absent(expression: Quantified, scope: Scope) -> None:
    """Warn where a quantifier goes by instances that are nowhere for good in some stage."""
    absence = scope.symbols.absences.get(expression.group)
    if absence is None:
        return
    name, quantifier = expression.variable, expression.quantifier
    # Where those that are nowhere do not count, or do not spoil `all`, nobody is misled.
    if holds_of_absent(expression.body, name, scope.symbols) is (quantifier == "all"):
        return
    guarded = f"not {name} on board or ..." if quantifier == "all" else f"{name} on board and ..."
    which, cure = told_of_absent(expression.group, absence, guarded)
    scope.fault("TC321", expression.span, f"`{quantifier}` looks at {which}, too", cure, warning=True)


def check_local_name(name: str, span: Span, scope: Scope) -> bool:
    """Check that a name that stands for one instance of a thing means nothing else here.

    Args:
        name: `b` in `any(b of tree: ...)`.
        span: its range of characters in the text.
        scope: the context of the text.

    Returns:
        Whether it is free; if not, the fault has been reported.
    """
    taken = article(scope.symbols.kinds[name]) if name in scope.symbols.kinds else None
    if name in scope.bound:
        taken = f"one of `{scope.bound[name]}` already"
    if name in BUILT_IN_ZONES:
        taken = "a zone of every board"
    if taken is None and "." not in name and name not in RESERVED:
        return True
    scope.fault("TC412", span, f"`{name}` is {taken or 'no plain name'}", "give the instance a short name of its own")
    return False


def described(expression: Expression) -> str:
    """A short form of an expression in backquotes, for messages."""
    match expression:
        case Name(name):
            return f"`{name}`"
        case Number(value):
            return f"`{value:g}`"
        case Truth(value):
            return "`true`" if value else "`false`"
        case Cell():
            return "`cell(...)`"
        case ZoneOf(counter):
            return f"`zone_of({counter})`"
        case Beside() | Ahead() | Coordinate() | Distance() | BeforeTick():
            return f"`{constants.word_of(expression)}(...)`"
        case Unary(operator) | Binary(operator):
            return f"what `{operator}` gives"
        case Call(function):
            return f"`{function}(...)`"
        case Relation(word):
            return f"`... {word} ...`"
        case Does(agent, action):
            return f"`{agent} does {action}`"
        case Moved(subject):
            return f"`{subject} moved`"
        case Facing(subject, direction):
            return f"`{subject} facing {direction}`"
        case StageIs(stage):
            return f"`stage is {stage}`"
        case Happened(event):
            return f"`happened({event})`"
        case Quantified(quantifier, group):
            return f"`{quantifier}({group}: ...)`"
