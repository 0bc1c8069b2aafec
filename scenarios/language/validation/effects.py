"""Checks effects: that they change only counters, fields, weights and bodies, and to values that these can have."""

from __future__ import annotations

from ..expressions.constants import NotConstantError, constant
from ..expressions.syntax import (
    Assign,
    Cycles,
    Drop,
    Effect,
    End,
    Expression,
    MoveBy,
    PutAt,
    Remove,
    ResetBoard,
    Retire,
    Swap,
    Take,
)
from ..faults.faults import Span
from ..names.symbols import article, suggestion
from ..names.types import ARTICLES, Scope, check_body, check_word, counter_type, described, require, type_of


def check_effect(effect: Effect, scope: Scope) -> None:
    """Report an effect on something that no effect can change, or with a value that its target cannot have."""
    if scope.between:
        _check_persists(effect, scope)
    match effect:
        case Assign(target, operator, value, span):
            if target.count(".") == 2:  # `agent.values.channel`; a field has one dot
                _check_weight(target, operator, value, span, scope)
            elif _check_target(target, span, scope):
                check_assigned(target, operator, value, scope)
        case Cycles(target, span):
            _check_target(target, span, scope)
        case Remove(subject, span):
            check_body(subject, span, scope, ("thing", "agent"))
        case MoveBy(subject, _, span):
            check_body(subject, span, scope)
        case Swap(first, second, span):
            check_body(first, span, scope)
            check_body(second, span, scope)
        case Take(agent, thing, span) | Drop(agent, thing, span):
            check_body(agent, span, scope, ("agent",))
            check_body(thing, span, scope, ("thing",))
        case PutAt(subject, place, random, span):
            check_body(subject, span, scope)
            _check_destination(place, random, scope)
        case Retire(span):
            if not scope.between:
                cure = 'write it in a rule `at: between`; an episode is ended by `end "REASON"`'
                scope.fault("TC254", span, "a life is retired between two of its episodes", cure)
        case _:
            pass  # events, ends and resets name nothing that exists before them


def _check_persists(effect: Effect, scope: Scope) -> None:
    """Report an effect between two episodes on what does not outlive the first of them."""
    symbols = scope.symbols
    match effect:
        case Assign(target, _, _, span) | Cycles(target, span):
            agent, _, channel = scope.declared(target).partition(".values.")
            if channel:
                block = symbols.document.agents.get(agent)
                value = None if block is None else block.values.get(channel)
                lasts = value is None or value.persists == "episodes"
            else:
                counter = symbols.counters.get(scope.declared(target))
                lasts = counter is None or counter.persists == "episodes"
            if not lasts:
                cure = f"give `{target}` the line `persists: episodes`, or set it in a rule `at: start`"
                scope.fault("TC253", effect.span, f"`{target}` begins the next episode as declared", cure)
        case End(_, span):
            cure = "write `retire`, or do it in a rule of the tick"
            scope.fault("TC253", span, "the episode is over already", cure)
        case ResetBoard(span):
            scope.fault("TC253", span, "the next episode begins on a fresh board", "delete it")
        case Remove() | MoveBy() | PutAt() | Swap() | Take() | Drop():
            cure = "do it in a rule `at: start`"
            scope.fault("TC253", effect.span, "bodies begin the next episode where its board shows them", cure)
        case _:
            pass  # events and retiring change nothing that would have to last


def _check_target(target: str, span: Span, scope: Scope) -> bool:
    """Whether a name is a counter or a field of one instance; report it otherwise."""
    symbols = scope.symbols
    if scope.declared(target) in symbols.fields:
        owner = target.split(".")[0]
        if symbols.instances.get(owner, 1) > 1 and owner not in scope.bound:
            return check_body(owner, span, scope)
        return True
    kind = symbols.kinds.get(target)
    if kind == "counter":
        return True
    if kind is None:
        scope.unknown("TC421", "counter", target, tuple(symbols.counters), span)
    else:
        cure = "effects change counters, fields and weights; params change between runs only"
        scope.fault("TC512", span, f"`{target}` is {article(kind)}, and no effect can set it", cure)
    return False


def check_assigned(target: str, operator: str, value: Expression, scope: Scope, user: str | None = None) -> None:
    """Report a value that does not fit a counter's type: a word, a flag or a number.

    Args:
        target: a counter, or a field as `owner.field`.
        operator: `=`, `+=` or `-=`.
        value: what it is set to, or changed by.
        scope: where the value stands.
        user: what has the value, for messages; None for an effect.
    """
    counter = scope.symbols.counters[scope.declared(target)]
    typed = counter_type(counter)
    if typed.kind == "word":
        if operator != "=":
            message = f"`{target}` holds words, and `{operator}` is for numbers"
            scope.fault("TC513", value.span, message, f"write `{target} = WORD` or `{target} cycles`")
        else:
            check_word(value, target, typed.words, scope)
        return
    if typed.kind != "flag" or operator != "=":
        require(value, "number", scope, user or f"`{target} {operator}`")
        return
    given = type_of(value, scope)
    if given is not None and not (given.fits("truth") or given.fits("number")):
        message = f"`{target}` is a flag, and {described(value)} is {ARTICLES[given.kind]}"
        scope.fault("TC513", value.span, message, "set it to 0, 1 or a condition")


def _check_weight(target: str, operator: str, value: Expression, span: Span, scope: Scope) -> None:
    """Check an assignment of a weight, as in `robot.values.own = 0`; its value must be known before the run."""
    symbols = scope.symbols
    agent, middle, channel = scope.declared(target).split(".")
    if agent not in symbols.actions:
        scope.unknown("TC423", "agent", agent, symbols.of("agent"), span)
        return
    values = tuple(symbols.document.agents[agent].values)
    if middle != "values" or channel not in values:
        written = tuple(f"{agent}.values.{name}" for name in values)
        scope.fault("TC512", span, f"`{target}` is no weight of `{agent}`", suggestion(target, written))
        return
    if operator != "=":
        message = f"`{target} {operator}` would make a weight that is not written in the file"
        scope.fault("TC512", span, message, f"write `{target} = NUMBER`")
        return
    if not require(value, "number", scope, "a weight"):
        return
    # The weights are part of the state, which is finite only if each takes one of the numbers that rules write.
    try:
        constant(value, {name: param.value for name, param in symbols.document.params.items()})
    except NotConstantError as unknown:
        cure = "weights take a finite number of values: write numbers and params only"
        scope.fault("TC514", unknown.span, f"the new weight depends on `{unknown.name}`", cure)


def _check_destination(place: Expression, random: bool, scope: Scope) -> None:
    """Report a destination of `place` that is no zone (`at random in`) or neither a place nor a zone (`at`)."""
    typed = type_of(place, scope)
    if typed is None:
        return
    if random and typed.kind != "zone":
        message = f"{described(place)} is {ARTICLES[typed.kind]}, and `at random in` wants a zone"
        scope.fault("TC501", place.span, message, suggestion(described(place).strip("`"), scope.symbols.of("zone")))
    elif not random and not typed.fits("area"):
        message = f"{described(place)} is {ARTICLES[typed.kind]}, and `at` wants a place"
        scope.fault("TC501", place.span, message, "write an agent, a thing, `cell(row, column)`, or a zone of one cell")
