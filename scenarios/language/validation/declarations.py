"""Checks the declarations of params, named formulas, counters and draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..expressions.constants import CEILING, NotConstantError, Value, constant, names_in
from ..expressions.named_formulas import MAX_DEPTH, circles
from ..expressions.parser import RESERVED, ExpressionError, formula
from ..faults.collector import Path, Report, listed
from ..names.formula_context import Context
from ..names.overrides import written, wrong_value
from ..names.symbols import article, unknown
from ..names.types import ARTICLES, NUMBER, Scope, counter_type, require, type_of, value_type
from ..schema.document import Counter, Document, Draw, Formula, Param
from .effects import check_assigned


def check_params(context: Context) -> None:
    """Check that the range or choices of each param are sound, and that its value is one of them."""
    for name, param in context.symbols.document.params.items():
        path: Path = ("params", name)
        number = value_type(param.value) == NUMBER
        if param.whole and not number:
            message = f"`{name}` is no number, and is `whole`"
            context.report.add("TC213", (*path, "whole"), message, "leave `whole:` out")
        if param.range is not None and param.choices is not None:
            context.report.add("TC213", path, f"`{name}` has a range and choices", "keep one of them", key=True)
        elif param.range is not None and not number:
            cure = "give it `choices:` instead"
            context.report.add("TC213", (*path, "range"), f"`{name}` is no number, and has a range", cure)
        elif param.range is not None and param.range[0] > param.range[1]:
            low, high = param.range
            message = f"the range of `{name}` runs backwards"
            context.report.add("TC213", (*path, "range"), message, f"write [{high}, {low}]")
        else:
            _check_choices(name, param, context)


def with_computed_params(document: Document, report: Report) -> Document:
    """The document with a value for each computed param; a param that has none, or a wrong formula, is reported."""
    params: dict[str, Param] = {}
    known: dict[str, object] = {}
    for name, param in document.params.items():
        params[name] = param
        path: Path = ("params", name)
        if "value" in param.model_fields_set and param.formula is not None:
            message = f"`{name}` has a value and a formula"
            report.add("TC213", path, message, "keep the value, or let the formula say it", key=True)
        elif param.formula is not None:
            value = _computed(name, param, known, path, report)
            if value is not None:
                params[name] = param.model_copy(update={"value": value})
        elif "value" not in param.model_fields_set:
            report.add("TC200", path, f"params.{name} lacks `value`", "add the line `value: ...`", key=True)
        known[name] = params[name].value
    return document.model_copy(update={"params": params}) if params else document


def _computed(name: str, param: Param, known: Mapping[str, object], path: Path, report: Report) -> Value | None:
    """The value of a param that follows from those above it; None if it is at fault, which is reported."""
    assert param.formula is not None
    where = (*path, "formula")
    if param.range is not None or param.choices is not None:
        message = f"`{name}` is computed, and declares what it may be"
        report.add(
            "TC213", path, message, "leave `range:` and `choices:` to the params that it is computed from", key=True
        )
        return None
    try:
        value = constant(formula(param.formula), known)
    except ExpressionError as fault:
        report.add(fault.code, where, fault.message, fault.cure, span=fault.span)
        return None
    except NotConstantError as fault:
        message = f"`{name}` is computed from `{fault.name}`, which is no number that stands above it"
        report.add("TC515", where, message, "write numbers and params that stand above it only", span=fault.span)
        return None
    if param.whole and value != int(value):
        report.add(
            "TC213", where, f"`{name}` comes out as {value:g}", "it is `whole`: round it by `floor(...)` or `ceil(...)`"
        )
    return value


def _check_choices(name: str, param: Param, context: Context) -> None:
    wrong = wrong_value(param.value, param, context.symbols.size)
    if wrong is not None:
        context.report.add("TC213", ("params", name, "value"), f"`{name}` cannot be {written(param.value)}", wrong)
    for index, choice in enumerate(param.choices or ()):
        if value_type(choice) != value_type(param.value):
            message = f"{written(choice)} and the value {written(param.value)} are of different kinds"
            path: Path = ("params", name, "choices", index)
            context.report.add("TC213", path, message, "write numbers, truth values or cells, not a mixture")
        elif (outside := wrong_value(choice, param, context.symbols.size)) is not None:
            context.report.add("TC213", ("params", name, "choices", index), f"{written(choice)} is no choice", outside)


# ------------------------------------------------------------------ counters and draws


def check_counters(context: Context) -> None:
    """Check the bounds, values and starts of counters and of the fields of things and agents."""
    document = context.symbols.document
    blocks: list[tuple[Path, Mapping[str, Counter]]] = [(("counters",), document.counters)]
    blocks += [(("things", name, "fields"), thing.fields) for name, thing in document.things.items()]
    blocks += [(("agents", name, "fields"), agent.fields) for name, agent in document.agents.items()]
    for path, counters in blocks:
        for name, counter in counters.items():
            if counter.values is not None:
                _check_values(name, counter, counter.values, (*path, name), context)
            else:
                _check_bounds(name, counter, (*path, name), context)
            if counter.shows_as is not None:
                _check_shown(name, counter.shows_as, path, context)


def _check_shown(name: str, shown: Formula, path: Path, context: Context) -> None:
    """Check what agents observe in place of a counter, or of a field: a value of it that the state alone decides."""
    owner = path[1] if len(path) > 1 else None
    where: Path = (*path, name, "shows_as")
    bound = {str(owner): str(owner)} if path[0] == "things" else {}
    expression = context.parse(shown, where)
    target = name if owner is None else f"{owner}.{name}"
    if expression is not None:
        scope = context.scope(where, bound, acted=False, ticking=False)
        check_assigned(target, "=", expression, scope, f"what `{target}` shows as")
    if not context.symbols.counters[target].observed:
        cure = "leave one of the two out: what nobody observes shows as nothing"
        context.report.add("TC214", where, f"`{target}` is not observed, and shows as something", cure, key=True)


def _check_values(name: str, counter: Counter, values: list[str | int | float], path: Path, context: Context) -> None:
    report, symbols = context.report, context.symbols
    if counter.min is not None or counter.max is not None:
        bounds = " and ".join(f"`{key}`" for key in ("min", "max") if getattr(counter, key) is not None)
        report.add("TC214", path, f"`{name}` has `values` and bounds", f"keep `values`, or {bounds}", key=True)
    # Of one kind only, since a comparison with a counter reads the other side either as a word or as a number.
    words = [value for value in values if isinstance(value, str)]
    if words and len(words) < len(values):
        message = f"the values of `{name}` are words and numbers"
        report.add("TC214", (*path, "values"), message, "write only words, or only numbers")
        return
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        report.add("TC214", (*path, "values"), f"`{twice}` is listed twice", "list each value once")
    for index, word in enumerate(words):
        # In a comparison the word stands bare, so it must not mean anything else; a zone is what `zone_of` needs.
        if symbols.kinds.get(word, "zone") != "zone" or word in RESERVED:
            kind = symbols.kinds.get(word)
            what = f"names {article(kind)}" if kind else "is a word of the language"
            zones = symbols.of("zone")
            cure = "take a word that is no name" + (f", or a zone: {listed(zones)}" if zones else "")
            report.add("TC214", (*path, "values", index), f"`{word}` {what}", cure)
    _check_listed_start(name, values, counter.start, (*path, "start"), context)


def _check_listed_start(
    name: str, values: list[str | int | float], start: Formula | None, path: Path, context: Context
) -> None:
    """Check that what a counter begins with is one of its values."""
    if start is None:
        return
    # Here a text is one of the values or the name of a param, and no formula: a word alone has no value.
    begin = context.params.get(start, start) if isinstance(start, str) else start
    if isinstance(begin, bool) or begin not in values:
        cure = f"start with one of {listed([str(value) for value in values])}"
        context.report.add("TC214", path, f"`{name}` is never {written(begin)}", cure)


def _check_bounds(name: str, counter: Counter, path: Path, context: Context) -> None:
    if counter.min is not None and counter.max is None:
        message = f"`{name}` has a `min` and no `max`"
        context.report.add("TC214", path, message, "add a `max`: every counter is bounded", key=True)
        return
    ends: list[Value] = []
    # For all values of the params the bounds must be whole and not huge: states are rows of 32-bit integers.
    bounds = {"min": 0 if counter.min is None else counter.min, "max": 1 if counter.max is None else counter.max}
    for key, value in bounds.items():
        expression = context.fixed(value, f"the {key} of `{name}`", (*path, key))
        found = None if expression is None else context.ends(expression, (*path, key))
        if expression is None or found is None:
            return
        if any(end != int(end) or abs(end) > 2**31 for end in found):
            wrong = next(end for end in found if end != int(end) or abs(end) > 2**31)
            message = f"the {key} of `{name}` is {wrong:g}"
            context.report.add("TC214", (*path, key), message, "bounds are whole numbers, at most 2147483648")
            return
        ends.append(constant(expression, context.params))
    if ends[0] > ends[1]:
        message = f"`{name}` goes from {ends[0]:g} up to {ends[1]:g}"
        cure = "`max` must not be less than `min`"
        if counter.min is None:  # so it is 0
            cure = f"write a `max` of at least 0, or a `min` of at most {ends[1]:g}"
        context.report.add("TC214", path, message, cure, key=True)
        return
    _check_bounded_start(name, counter, counter.start, (ends[0], ends[1]), (*path, "start"), context)


def _check_bounded_start(
    name: str, counter: Counter, begin: Formula | None, ends: tuple[Value, Value], path: Path, context: Context
) -> None:
    """Check that what a counter begins with is a whole number within its bounds."""
    if isinstance(begin, bool) and counter_type(counter).kind == "flag":
        return  # `start: true` is a fine start of a flag, and no number
    expression = context.fixed(begin, f"the start of `{name}`", path)
    if expression is not None:
        start = constant(expression, context.params)
        if not ends[0] <= start <= ends[1] or start != int(start):
            message = f"`{name}` starts at {start:g}, and it goes from {ends[0]:g} to {ends[1]:g}"
            cure = f"start with a whole number from {ends[0]:g} to {ends[1]:g}"
            if counter.max is None:
                cure = "start with 0 or 1, or give it a `max`"
            context.report.add("TC214", path, message, cure)


def check_starts_on_maps(context: Context) -> None:
    """Check with what the legend lets the fields of what stands on a cell begin."""
    symbols = context.symbols
    for glyph, entry in symbols.document.legend.items():
        if isinstance(entry, str):
            continue
        owners = [name for name in (entry.thing, entry.agent) if name is not None]
        known = tuple(name.partition(".")[2] for name in symbols.fields if name.partition(".")[0] in owners)
        for name, value in entry.fields.items():
            path: Path = ("legend", glyph, "fields", name)
            if not owners:
                cure = "add `thing:` or `agent:`, or leave `fields:` out"
                context.report.add("TC320", path, f"nothing that has fields stands on `{glyph}`", cure, key=True)
            elif name not in known:
                unknown(context.report, "TC421", "field", name, known, path, key=True)
            for owner in owners:
                if (counter := symbols.fields.get(f"{owner}.{name}")) is not None:
                    _check_start(f"{owner}.{name}", counter, value, path, context)


def _check_start(name: str, counter: Counter, start: Formula, path: Path, context: Context) -> None:
    """Check what a counter that is sound in itself begins with."""
    if counter.values is not None:
        _check_listed_start(name, counter.values, start, path, context)
        return
    try:
        bounds = [constant(formula(0 if b is None else b), context.params) for b in (counter.min, counter.max)]
    except (ExpressionError, NotConstantError):
        return  # reported where the counter is checked
    ends = (bounds[0], 1 if counter.max is None else bounds[1])
    _check_bounded_start(name, counter, start, ends, path, context)


def check_formulas(context: Context) -> None:
    """Check the named formulas: each is a number, a truth value or a place, and none leads back to itself."""
    symbols, report = context.symbols, context.report
    in_circles = dict(circles(symbols.document))
    for name, text in symbols.document.let.items():
        path: Path = ("let", name)
        expression = context.parse(text, path)
        if expression is None:
            continue
        if name in in_circles:
            message = f"`{name}` leads back to itself, by way of `{in_circles[name]}`"
            report.add("TC413", path, message, "a named formula is made of what is known without it", key=True)
            continue
        if name not in symbols.formulas:
            if names_in(expression) & symbols.document.let.keys() <= symbols.formulas.keys():
                message = f"`{name}`, with the formulas that it names, is nested deeper than {MAX_DEPTH}"
                report.add("TC103", path, message, "keep parts of it in counters", key=True)
            continue
        typed = type_of(expression, context.scope(path))
        if typed is not None and typed.kind in ("zone", "word"):
            message = f"`{name}` stands for {ARTICLES[typed.kind]}, and a number, a truth value or a place is wanted"
            report.add("TC501", path, message, "write a condition or arithmetic, as in `distance(robot, guard)`")


def check_draws(context: Context) -> None:
    """Check draws: coins and lists of values, with their probabilities."""
    for name, draw in context.symbols.document.draws.items():
        path: Path = ("draws", name)
        if draw.p is not None and draw.values is not None:
            cure = "a coin has `p`, a list has `values`"
            context.report.add("TC211", path, f"`{name}` has `p` and `values`", cure, key=True)
        if draw.weights is not None and len(draw.weights) != len(draw.values or ()):
            message = f"`{name}` has {len(draw.weights)} weights for {len(draw.values or ())} values"
            context.report.add("TC211", (*path, "weights"), message, "write one weight for each value")
        kinds = {"word" if isinstance(value, str) else value_type(value).kind for value in draw.values or ()}
        if len(kinds) > 1:
            what = "words and others" if "word" in kinds else "numbers and truth values"
            message = f"the values of `{name}` are {what}"
            context.report.add(
                "TC211", (*path, "values"), message, "write only numbers, only truth values or only words"
            )
        _check_chances(name, draw, path, context)


def _check_chances(name: str, draw: Draw, path: Path, context: Context) -> None:
    """Check when a draw is made and by what chances: both read the state, and chances also the draws above it."""
    # In a tick agents have acted before anything is drawn; at the start nobody has.
    acted = draw.at == "tick"
    names = list(context.symbols.document.draws)
    above = frozenset(names[: names.index(name)])

    def chances(*keys: str | int) -> Scope:
        return replace(context.scope((*path, *keys), acted=acted, ticking=acted), drawn=above)

    # At the start, the condition of a draw may read one below it too, which then has its first outcome.
    when = chances("when") if acted else context.scope((*path, "when"), acted=False, ticking=False)
    context.guard(draw.when, f"the condition of `{name}`", when)
    context.chance(draw.p, f"the chance of `{name}`", chances("p"))
    weights = [
        _check_weight(weight, chances("weights", index), context) for index, weight in enumerate(draw.weights or ())
    ]
    if weights and all(weight == 0 for weight in weights):
        cure = "give at least one value a weight above 0"
        context.report.add("TC211", (*path, "weights"), "every weight is 0", cure)


def _check_weight(weight: Formula, scope: Scope, context: Context) -> Value | None:
    """Check a weight, which is not negative where it is known before the run; its value, or None if it is not known."""
    expression = context.parse(weight, scope.path)
    if expression is None or not require(expression, "number", scope, "a weight"):
        return None
    try:
        constant(expression, context.params)
    except NotConstantError:
        return None
    return context.bounded(weight, "a weight", scope.path, 0, CEILING)
