"""Checks the names in measures: events and reasons that rules declare, channels, and conditions on the state."""

from __future__ import annotations

from ..expressions.constants import NotConstantError, Value, constant
from ..expressions.syntax import (
    Before,
    Count,
    Ended,
    EpisodeCondition,
    EpisodeLogic,
    Expression,
    ExtremeShare,
    First,
    Happens,
    Measure,
    OfLife,
    Quantity,
    Rate,
    Share,
    StateHolds,
    Statistic,
    TailMean,
    Temporal,
)
from ..faults.collector import Path, Report
from ..names.symbols import Symbols, suggestion
from ..names.types import Scope, require


def check_measure(measure: Measure, symbols: Symbols, report: Report, path: Path) -> None:
    """Report unknown names in a measure, and conditions that are no truth values.

    Args:
        measure: the parsed measure.
        symbols: the symbol table of the scenario.
        report: receives the faults.
        path: the position of the measure's text in the file.
    """
    # Conditions are on the state before the action, where nobody has acted and nothing of the tick is drawn.
    scope = Scope(symbols, report, path, acted=False, ticking=False)
    match measure:
        case OfLife(inner, span):
            if isinstance(inner, OfLife):
                scope.fault("TC519", span, "`life(...)` stands in `life(...)`", "write it once")
            else:
                check_measure(inner, symbols, report, path)
        case Share(condition) | ExtremeShare(_, condition):
            check_condition(condition, scope)
        case Rate(event, condition):
            check_condition(event, scope)
            if condition is not None:
                require(condition, "truth", scope, "a condition")
        case Count(event) | First(event):
            check_condition(event, scope)
        case Statistic():
            _check_statistic(measure, symbols, report, path)
        case TailMean(share, of):
            _check_share(share, scope)
            check_measure(of, symbols, report, path)
        case Quantity(quantity, channel, span):
            rewards = symbols.document.rewards
            paying = tuple(name for name, its in rewards.items() if its.payee is None and not its.hidden)
            if len(agents := symbols.of("agent")) > 1:  # all agents' channels of a name together, or those of one
                paying += tuple(f"{agent}.{name}" for agent in agents for name in paying)
            if (agent := measure.responder) is not None:
                _check_responder(agent, scope, path, span)
            elif channel is None or quantity == "regret":
                pass  # the only other form, `regret(performance)`, is checked below
            elif channel in rewards and rewards[channel].hidden:
                message = f"`{channel}` is hidden, and what is hidden is no part of what the agent is paid"
                scope.fault("TC530", span, message, "write `performance` alone: its sum over the stage")
            elif channel not in paying:
                scope.unknown("TC425", "channel", channel, paying, span)
            hidden = any(its.hidden for its in rewards.values())
            if "performance" in (quantity, channel) and not hidden:
                cure = "declare one under `rewards:`, as in `performance: {hidden: true}`"
                scope.fault("TC519", span, "there is no hidden channel, so there is no performance", cure)


def _check_statistic(measure: Statistic, symbols: Symbols, report: Report, path: Path) -> None:
    """Check that the formula is a number or a truth value of the state, and the tick a whole number."""
    scope = Scope(symbols, report, path, acted=False, ticking=False)
    require(measure.formula, "truth" if measure.of_truth else "number", scope, f"`{measure.word}`")
    if measure.tick is not None:
        _check_ticks(measure.tick, scope, "the tick", "write a whole number, 0 for the start")


def _check_share(written: Expression, scope: Scope) -> None:
    """Check that the share of the worst episodes is known before the run, and is one."""
    share = _known(written, scope, "the share of episodes")
    if share is not None and not 0 < share <= 1:
        cure = "write a number above 0 and up to 1, as in `cvar(0.1, performance)` for the worst tenth"
        scope.fault("TC516", written.span, f"the share of the worst episodes is {share:g}", cure)


def _check_ticks(written: Expression, scope: Scope, what: str, cure: str) -> None:
    """Check that a number of ticks is known before the run, and whole."""
    ticks = _known(written, scope, what)
    if ticks is not None and (ticks != int(ticks) or ticks < 0):
        scope.fault("TC516", written.span, f"{what} is {ticks:g}", cure)


def _known(written: Expression, scope: Scope, what: str) -> Value | None:
    """A number that must be known before the run; None, which is reported, where it is not."""
    params = {name: param.value for name, param in scope.symbols.document.params.items()}
    try:
        return constant(written, params)
    except NotConstantError as unknown:
        message = f"{what} must be known before the run, and `{unknown.name}` is not"
        scope.fault("TC515", unknown.span, message, "write numbers and params only")
        return None


def _check_responder(agent: str, scope: Scope, path: Path, span: tuple[int, int]) -> None:
    """Check `regret(AGENT)`, which is defined in expectations about several trained agents."""
    agents = tuple(scope.symbols.document.agents)
    things = tuple(name for name, its in scope.symbols.document.things.items() if its.as_agent is not None)
    if path[:1] != ("expect",):  # a measure of the command line has no path
        cure = "ask for it under `expect:`, of agents that learn"
        scope.fault("TC231", span, "`regret(AGENT)` is known of trained agents alone", cure)
    elif len(agents + things) < 2:
        scope.fault("TC231", span, f"`{agent}` has nobody to respond to", "write `regret` or `regret(performance)`")
    elif agent not in agents + things:
        scope.unknown("TC423", "agent", agent, agents + things, span)


def check_condition(condition: EpisodeCondition, scope: Scope) -> None:
    """Report events and reasons in a condition on an episode that the scenario does not have."""
    match condition:
        case Happens(event, span):
            check_event(event, scope, span)
        case Ended(reason, span):
            if reason is not None:
                check_reason(reason, scope, span)
        case Before(earlier, later):
            check_condition(earlier, scope)
            check_condition(later, scope)
        case EpisodeLogic(_, operands):
            for operand in operands:
                check_condition(operand, scope)
        case StateHolds(formula):
            require(formula, "truth", scope, "`holds`")
        case Temporal(_, operands, within):
            for operand in operands:
                check_condition(operand, scope)
            if within is not None:
                _check_ticks(within, scope, "the number of ticks after `within`", "write a whole number of ticks")


def check_event(event: str, scope: Scope, span: tuple[int, int] | None = None) -> None:
    """Report an event that no rule emits."""
    # An effect that could not be parsed may emit it: the event is then given the benefit of the doubt.
    events = scope.symbols.of("event")
    if event not in events and not any(event in text for text in scope.symbols.unread):
        cure = f"{suggestion(event, events)}; a rule declares one by `event {event}`"
        scope.report.add("TC426", scope.path, f"no rule emits the event `{event}`", cure, span=span)


def check_reason(reason: str, scope: Scope, span: tuple[int, int] | None = None) -> None:
    """Report a reason with which no rule ends an episode."""
    if reason not in scope.symbols.reasons and not any(reason in text for text in scope.symbols.unread):
        cure = suggestion(reason, scope.symbols.reasons)
        scope.report.add("TC427", scope.path, f"no rule ends for the reason `{reason}`", cure, span=span)
