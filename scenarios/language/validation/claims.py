"""Checks the claims of a scenario: variants, expectations, replays, sweeps, control and search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..expressions.parser import ExpressionError, caption_of, episode_condition, measure, parsed_measure
from ..expressions.syntax import ENDED, Count, ExtremeShare, First, OfLife, Quantity, Rate, Share, temporal_in
from ..faults.collector import Path, listed
from ..names.formula_context import Context
from ..names.overrides import check_override, check_overrides, targets, zone_of_cells
from ..names.replays import check_actions, outcomes_of_draws
from ..names.symbols import maps_of, suggestion, unknown
from ..names.types import Scope, require
from ..schema.document import Expectation, Minus, MonitorBound, Replay, StatedMonitor, Tell, ToldControl
from .measures import check_condition, check_event, check_measure, check_reason
from .searches import check_control, check_search
from .sweeps import check_sweep

COMPARISONS = ("at_least", "at_most", "equals")


def check_claims(context: Context) -> None:
    """Check all blocks that state or measure behaviour."""
    document, symbols, report = context.symbols.document, context.symbols, context.report
    for name, overrides in document.variants.items():
        check_overrides(overrides, symbols, report, ("variants", name))
    for index, expectation in enumerate(document.expect):
        _check_expectation(expectation, ("expect", index), context)
    _check_names(document.expect, context)
    for index, replay in enumerate(document.replays):
        _check_replay(replay, ("replays", index), context)
    for index, monitor in enumerate(document.monitors):
        _check_monitor(monitor, ("monitors", index), context)
    check_sweep(context)
    check_control(context)
    check_search(context)
    _check_tell(document.tell, ("tell",), context)


def _check_tell(tell: Tell, path: Path, context: Context) -> None:
    """Check the names in what `watch` tells."""
    _check_stage(tell.stage, path, context)
    _check_variant(tell.variant, path, context)
    check_overrides(tell.set, context.symbols, context.report, (*path, "with"))
    for index, side in enumerate(tell.sides):
        _check_stage(side.stage, (*path, "sides", index), context)
        _check_variant(side.variant, (*path, "sides", index), context)
        check_overrides(side.set, context.symbols, context.report, (*path, "sides", index, "with"))
    if tell.sides and tell.side is None:
        message = "`sides` are the other cases of a claim, and nothing says which case the episode shows"
        context.report.add("TC248", (*path, "sides"), message, "say it under `side`", key=True)
    if tell.control is not None:
        _check_control(tell, tell.control, (*path, "control"), context)
    if tell.shows is not None:
        try:
            shown = episode_condition(tell.shows)
            check_condition(shown, context.scope((*path, "shows")))
            for part in temporal_in(shown)[:1]:
                cure = "write events, and which came first: `first(a) < first(b)`"
                message = "an episode is looked for by its events, and this is about moments"
                context.report.add("TC105", (*path, "shows"), message, cure, span=part.span)
        except ExpressionError as fault:
            context.report.add(fault.code, (*path, "shows"), fault.message, fault.cure, span=fault.span)
    for name in tell.captions:
        _check_caption(name, (*path, "captions", name), context)


def _check_caption(name: str, path: Path, context: Context) -> None:
    # As in `rate(event | condition)`: nobody has acted yet, and nothing of the tick is drawn.
    scope = Scope(context.symbols, context.report, path, acted=False, ticking=False)
    try:
        event, condition = caption_of(name)
    except ExpressionError as fault:
        context.report.add(fault.code, path, fault.message, fault.cure, key=True)
        return
    if event.startswith(ENDED):
        check_reason(event.removeprefix(ENDED), scope)
    else:
        check_event(event, scope)
    if condition is not None:
        require(condition, "truth", scope, "the condition of a caption")


def _check_control(tell: Tell, control: ToldControl, path: Path, context: Context) -> None:
    """Check that a control is there, and is another episode than the one that is shown."""
    _check_variant(control.variant, path, context)
    check_overrides(control.set, context.symbols, context.report, (*path, "with"))
    variants = context.symbols.document.variants
    known = all(each.variant is None or each.variant in variants for each in (tell, control))
    shown, other = ({**variants.get(each.variant or "", {}), **each.set} for each in (tell, control))
    if known and shown == other and tell.agent == "exact":
        message = "the control is the episode that is shown"
        cure = "name a variant, or overrides under `with`, in which it does not come to what `shows` says"
        context.report.add("TC247", path, message, cure, key=True)


def _check_expectation(expectation: Expectation, path: Path, context: Context) -> None:
    symbols, report = context.symbols, context.report
    given = [name for name in COMPARISONS if getattr(expectation, name) is not None]
    if len(given) != 1:
        message = f"`{expectation.name}` has {len(given) or 'no'} comparison{'s' if given else ''}"
        report.add("TC212", path, message, "write exactly one of `at_least`, `at_most` and `equals`")
    try:
        check_measure(measure(expectation.measure), symbols, report, (*path, "measure"))
    except ExpressionError as fault:
        report.add(fault.code, (*path, "measure"), fault.message, fault.cure, span=fault.span)
    if len(given) == 1:
        _check_that_it_can_fail(expectation, (*path, given[0]), context)
    _check_stage(expectation.stage, path, context, whole_life=True)
    _check_lived(expectation, path, context)
    _check_variant(expectation.variant, path, context)
    check_overrides(expectation.set, symbols, report, (*path, "with"))
    usual = expectation.stage or _usual_stage(context)
    asked = _asked(usual, expectation.of, context)
    _check_heard(expectation.set, (*path, "with"), asked, context)
    if isinstance(expectation.across, list):
        _check_pairs(expectation.across, (*path, "across"), context)
    else:
        _check_heard(expectation.across, (*path, "across"), asked, context)
        for name, values in expectation.across.items():
            _check_across(name, values, (*path, "across", name), context)
    for index, event in enumerate(expectation.barring):
        check_event(event, context.scope((*path, "barring", index)))
    if expectation.exists:
        _check_exists(expectation, (*path, "exists"), context)
    if expectation.minus is not None:
        _check_minus(expectation.minus, (*path, "minus"), context)
        agents = [expectation.minus.agent] if expectation.minus.agent else expectation.of
        asked = _asked(expectation.minus.stage or usual, agents, context)
        _check_heard(expectation.minus.set, (*path, "minus", "with"), asked, context)
        _check_alike(expectation, expectation.minus, path, context)


def _check_exists(expectation: Expectation, path: Path, context: Context) -> None:
    """Check that "some equilibrium" is said of the exact planner's equilibria alone."""
    others = [agent for agent in expectation.of if agent != "exact"]
    wrong = (
        f"`exists` is about equilibria, and `{others[0]}` plays none" if others
        else "`exists` is about the equilibria of one game, and a mean or a difference is of several"
        if expectation.take == "mean" or expectation.minus is not None
        else None
    )  # fmt: skip
    if wrong is not None:
        cure = "say it of `exact` alone, without `take: mean` and `minus`"
        context.report.add("TC243", path, wrong, cure, key=True)


def _check_monitor(monitor: StatedMonitor, path: Path, context: Context) -> None:
    """Check the names in a stated monitor, and that each of its figures has one bound that it may miss."""
    symbols, report = context.symbols, context.report
    if monitor.event.startswith(ENDED):
        check_reason(monitor.event.removeprefix(ENDED), context.scope((*path, "event")))
    else:
        check_event(monitor.event, context.scope((*path, "event")))
    if monitor.control not in symbols.document.variants:
        unknown(report, "TC434", "variant", monitor.control, tuple(symbols.document.variants), (*path, "control"))
    _check_stage(monitor.stage, path, context)
    _check_variant(monitor.variant, path, context)
    check_overrides(monitor.set, symbols, report, (*path, "with"))
    if isinstance(monitor.across, list):
        _check_pairs(monitor.across, (*path, "across"), context)
    else:
        for name, values in monitor.across.items():
            _check_across(name, values, (*path, "across", name), context)
    if not monitor.figures:
        cure = "say something of `auc`, `in_time`, `lead` or `false_alarms`, such as `in_time: {at_least: 0.5}`"
        report.add("TC246", path, f"`{monitor.name}` says nothing that could be judged", cure)
    for figure, bound in monitor.figures.items():
        _check_figure(monitor, figure, bound, (*path, figure), context)


def _check_figure(monitor: StatedMonitor, figure: str, bound: MonitorBound, path: Path, context: Context) -> None:
    given = [name for name in ("at_least", "at_most") if getattr(bound, name) is not None]
    if len(given) != 1:
        message = f"`{figure}` of `{monitor.name}` has {len(given) or 'no'} bound{'s' if given else ''}"
        context.report.add("TC246", path, message, "write exactly one of `at_least` and `at_most`")
        return
    number = getattr(bound, given[0])
    if figure == "lead":
        return
    least = given[0] == "at_least"
    fails, passes = (number > 1, number <= 0) if least else (number < 0, number >= 1)
    if fails or passes:
        message = f"`{figure}` of `{monitor.name}` cannot {'pass' if fails else 'fail'}: it is always between 0 and 1"
        cure = f"ask for {'less' if fails else 'more'}, or delete it"
        context.report.add("TC241", (*path, given[0]), message, cure, warning=True)


def _check_names(expectations: Sequence[Expectation], context: Context) -> None:
    """Warn of a second expectation of one name about one agent."""
    known: set[tuple[str, str]] = set()
    for index, expectation in enumerate(expectations):
        whose = [(expectation.name, agent) for agent in dict.fromkeys(expectation.of)]
        if twice := [agent for name, agent in whose if (name, agent) in known]:
            message = f"another expectation of `{twice[0]}` is called `{expectation.name}` too"
            cure = "give each a name of its own"
            context.report.add("TC240", ("expect", index, "name"), message, cure, warning=True)
        known.update(whose)


def _check_that_it_can_fail(expectation: Expectation, path: Path, context: Context) -> None:
    """Warn of a bound that no value of the measure can miss."""
    try:
        its = measure(expectation.measure)
    except ExpressionError:
        return  # reported where the measure is checked
    if isinstance(its, Share | ExtremeShare | Rate):
        least, most = (0.0, 1.0) if expectation.minus is None else (-1.0, 1.0)
    elif expectation.minus is None and (isinstance(its, Count | First) or its == Quantity("steps", span=its.span)):
        least, most = 0.0, math.inf
    else:
        return
    low = expectation.at_least if expectation.at_least is not None else -math.inf
    high = expectation.at_most if expectation.at_most is not None else math.inf
    if expectation.equals is not None:
        low, high = expectation.equals - expectation.within, expectation.equals + expectation.within
    fails = most < low or high < least
    if fails or (low <= least and most <= high):
        ends = f"between {least:g} and {most:g}" if math.isfinite(most) else f"at least {least:g}"
        message = f"`{expectation.name}` cannot {'pass' if fails else 'fail'}: what it measures is always {ends}"
        cure = f"ask for {'less' if fails else 'more'}, or delete it"
        context.report.add("TC241", path, message, cure, warning=True)


def _check_minus(minus: Minus, path: Path, context: Context) -> None:
    if not minus.model_fields_set:
        cure = "name at least one of `agent`, `stage`, `variant`, `with` and `barring`"
        context.report.add("TC227", path, "a measure less itself is 0: nothing differs here", cure)
    _check_stage(minus.stage, path, context)
    _check_variant(minus.variant, path, context)
    check_overrides(minus.set, context.symbols, context.report, (*path, "with"))
    for index, event in enumerate(minus.barring or ()):
        check_event(event, context.scope((*path, "barring", index)))


def _check_alike(expectation: Expectation, minus: Minus, path: Path, context: Context) -> None:
    """Report a difference of `value` between the exact planner and another agent in a stage without a horizon.

    There the exact value sums over infinitely many ticks, and the other one over the ticks that were played.
    """
    agents = {agent == "exact" for agent in (*expectation.of, *([minus.agent] if minus.agent else ()))}
    if len(agents) < 2 or minus.agent is None:
        return
    try:
        its = measure(expectation.measure)
    except ExpressionError:
        return  # reported where the measure is checked
    if not (isinstance(its, Quantity) and its.quantity == "value"):
        return
    stages = context.symbols.document.stages
    usual = expectation.stage or _usual_stage(context)
    for name in dict.fromkeys((usual, minus.stage or usual)):
        if name in stages and stages[name].horizon is None:
            message = (
                f"the exact value in `{name}` has no end, and what is learned is played for {stages[name].limit} ticks"
            )
            cure = "measure `regret`, which takes the best from both over the same ticks, or `return`"
            context.report.add("TC228", (*path, "measure"), message, cure)
            return


def _check_variant(variant: str | None, path: Path, context: Context) -> None:
    variants = context.symbols.document.variants
    if variant is not None and variant not in variants:
        unknown(context.report, "TC434", "variant", variant, tuple(variants), (*path, "variant"))


def _check_lived(expectation: Expectation, path: Path, context: Context) -> None:
    """Check what an expectation asks of a life: a stage of it, whole or one episode, and a measure that has a value."""
    document, report = context.symbols.document, context.report
    try:
        its = parsed_measure(expectation.measure)
    except ExpressionError:
        return  # reported where the measure is checked
    if not document.life:
        return
    stage = expectation.stage or _usual_stage(context)
    whole = isinstance(its.syntax, OfLife)
    if stage != "life" and stage not in [entry.stage for entry in document.life]:
        if whole or expectation.episode is not None:
            message, cure = f"`{stage}` is no stage of the life", "name one of its stages, or `stage: life`"
            report.add("TC251", (*path, "stage" if expectation.stage else "measure"), message, cure)
        return
    if stage == "life" and not whole:
        cure = f"write `life({expectation.measure})`, or name one stage"
        report.add("TC256", (*path, "measure"), "all stages of a life are measured as one", cure)
    elif whole and expectation.episode is not None:
        message = "this asks for one episode and for all of them joined"
        report.add("TC256", (*path, "episode"), message, "leave `episode:` or `life(...)` out", key=True)
    elif its.is_regret and not whole:
        cure = "write `life(regret)`: what one episode costs depends on those that follow"
        report.add("TC256", (*path, "measure"), "regret is that of a whole life", cure)


def _usual_stage(context: Context) -> str:
    """The default stage as `loading.Scenario.judged_stage` has it, which exists only once all checks have passed."""
    acted = [name for name, stage in context.symbols.document.stages.items() if not stage.watch]
    return "deploy" if "deploy" in acted else acted[-1] if acted else ""


def _asked(stage: str, agents: Sequence[str], context: Context) -> tuple[str, ...]:
    """The stages whose params can matter to what is measured of some agents in a stage.

    What is learned is learned in any stage, and a life goes through several; an exact plan knows its own stage alone.
    """
    document = context.symbols.document
    alone = all(agent == "exact" for agent in agents) and not document.life
    return (stage,) if alone else tuple(document.stages)


def _check_heard(settings: Iterable[str], path: Path, stages: Sequence[str], context: Context) -> None:
    """Report params that are set for stages which all set them themselves: there the stage's value is the later one."""
    known = context.symbols.document.stages
    theirs = [known[stage].params for stage in stages if stage in known]
    for name in settings:
        if theirs and all(name in params for params in theirs):
            whose = f"stage `{stages[0]}` sets" if len(stages) == 1 else "all stages set"
            message = f"nobody hears of this `{name}`: {whose} it, and a stage's own params win"
            cure = f"leave `{name}` out here, or out of the stage's `params:`"
            context.report.add("TC242", (*path, name), message, cure, warning=True)


def _check_stage(stage: str | None, path: Path, context: Context, whole_life: bool = False) -> None:
    if stage == "life" and whole_life and context.symbols.document.life:
        return
    if stage is not None and stage not in context.symbols.stages:
        unknown(context.report, "TC428", "stage", stage, context.symbols.stages, (*path, "stage"))


def _check_pairs(settings: Sequence[Mapping[str, object]], path: Path, context: Context) -> None:
    """Check settings that go together: each sets the same names, so that none is left as it was by mistake."""
    if not settings:
        context.report.add("TC205", path, "`across` goes through no settings", "list at least one", key=True)
    for index, each in enumerate(settings):
        check_overrides(each, context.symbols, context.report, (*path, index))
        if each.keys() != settings[0].keys() or not each:
            message = (
                f"this sets {listed(list(each)) if each else 'nothing'}, and the first sets {listed(list(settings[0]))}"
            )
            context.report.add("TC435", (*path, index), message, "set the same names in each")


def _check_across(name: str, values: object, path: Path, context: Context) -> None:
    symbols, report = context.symbols, context.report
    if not isinstance(values, str):
        assert isinstance(values, list)
        if not values:
            report.add("TC205", path, f"`{name}` goes across no values", "list at least one")
        if name not in targets(symbols):  # one fault for the name, and not one for each value
            check_override(name, None, symbols, report, path)
            return
        for index, value in enumerate(values):
            check_override(name, value, symbols, report, (*path, index))
        return
    zone = zone_of_cells(values)
    param = symbols.document.params.get(name)
    if zone is None:
        cure = "write a list, or `cells(ZONE)` for a param that is a cell"
        report.add("TC435", path, f"`{values}` is no list of values", cure)
    elif zone not in symbols.of("zone"):
        unknown(report, "TC436", "zone", zone, symbols.of("zone"), path)
    elif param is None or not isinstance(param.value, list):
        cells = tuple(name for name, its in symbols.document.params.items() if isinstance(its.value, list))
        report.add("TC435", path, f"`{name}` is no param that is a cell", suggestion(name, cells), key=True)


def _check_replay(replay: Replay, path: Path, context: Context) -> None:
    symbols, report = context.symbols, context.report
    check_actions(replay.actions, symbols, report, (*path, "actions"))
    _check_stage(replay.stage, path, context)
    check_overrides(replay.set, symbols, report, (*path, "with"))
    _check_heard(replay.set, (*path, "with"), (replay.stage or _usual_stage(context),), context)
    known = outcomes_of_draws(symbols, _layouts(replay, context))
    for name, value in replay.draws.items():
        _check_drawn(name, value, known, (*path, "draws", name), context)
    for index, event in enumerate(replay.events or ()):
        scope = context.scope((*path, "events", index))
        if event.startswith(ENDED):
            check_reason(event.removeprefix(ENDED), scope)
        else:
            check_event(event, scope)
    if replay.ends is not None:
        check_reason(replay.ends, context.scope((*path, "ends")))
    visible = [name for name, its in symbols.document.rewards.items() if not (its.hidden or its.payee)]
    # Replays record pays as rules write them: `agent.channel` where there are several agents.
    agents = symbols.of("agent")
    payees = visible if len(agents) == 1 else [f"{agent}.{name}" for agent in agents for name in visible]
    for channel in replay.pays or ():
        if channel not in payees:
            unknown(report, "TC425", "visible channel", channel, payees, (*path, "pays", channel), key=True)


def _layouts(replay: Replay, context: Context) -> int:
    """The number of boards among which the layout of the replay's stage is drawn; 0 where nothing is drawn."""
    document = context.symbols.document
    stages = document.stages
    name = replay.stage or ("deploy" if "deploy" in stages else next(reversed(stages), ""))
    if name not in stages:
        return 0  # reported where stages are checked
    generate = stages[name].generate or document.generate
    if generate:
        return generate.count
    drawn = len(maps_of(document, name))
    return drawn if drawn > 1 else 0


def _check_drawn(
    name: str, value: object, known: Mapping[str, tuple[object, ...] | None], path: Path, context: Context
) -> None:
    """Check the outcome of a draw that a replay fixes, or the list of its outcomes tick by tick."""
    if name not in known:
        unknown(context.report, "TC437", "draw", name, tuple(known), path, key=True)
        return
    draw = context.symbols.document.draws.get(name)
    if isinstance(value, list) and (name == "layout" or (draw is not None and draw.at == "start")):
        cure = "write its one outcome: a list says what comes in each tick"
        context.report.add("TC438", path, f"`{name}` is drawn once, at the start", cure)
        return
    outcomes = known[name]
    for place, one in (
        [((*path, i), one) for i, one in enumerate(value)] if isinstance(value, list) else [(path, value)]
    ):
        # A coin may come out `true`; a layout is a number.
        if outcomes is not None and (one not in outcomes or (name == "layout" and isinstance(one, bool))):
            shown = ", ".join(f"`{item}`" for item in outcomes[:12])
            context.report.add("TC438", place, f"`{name}` never comes out as `{one}`", f"its outcomes are {shown}")
