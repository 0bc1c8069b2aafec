"""The monitors that a file states: each judged on the runs of its agents, by the engine of `monitor`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...agents.registry.eligibility import unable, unable_in_life, why_not_run
from ...agents.registry.multi_agent_profiles import EXACT
from ...envs.base import NotEnumerableError
from ...envs.time_limit import OutOfTimeError
from ...envs.world.world import WorldTooLargeError
from ...scenarios.deferred import pl
from ...scenarios.errors import UsageError
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.schema.document import MonitorBound, StatedMonitor
from ..inspection.show import TraceShow
from ..runs.stated_claims import StatedWork
from ..statistics.binomial import event_interval, event_p_value
from ..statistics.claims import Claim
from ..statistics.median import median_interval, median_p_value
from ..traces.trace import Trace
from ..verdicts.expectation import SEEDS, WATCHED, Judgement, Outcome
from ..verdicts.work_units import monitor_units_of
from .detection import Detection
from .report import MonitorReport, monitor_shows

IN_WORDS: Mapping[str, str] = {
    "auc": "ROC area",
    "in_time": "share of alarms in time",
    "lead": "median lead, in ticks",
    "false_alarms": "share of false alarms",
}


def judge_stated(work: StatedWork) -> Iterator[Judgement]:
    """Judge each figure of each monitor that a file states, for each agent that is run.

    The figures of agents that learn are judged by seeds: shares and the median lead by exact tests, the ROC area by
    Hoeffding's bound on two-sample means (1963, section 5b). Those of the exact planner are of the settings that are
    named, each watched once; nothing is claimed beyond them.
    """
    read: dict[str, MonitorReport] = {}  # several monitors are often stated of the same episodes
    document = work.scenario.document
    for unit in monitor_units_of(work.scenario):
        if work.units is None or unit in work.units:
            number = unit.number - len(document.expect)
            yield from _judged(work, _Stated(work, document.monitors[number], number, unit.agent), read)


@dataclass(frozen=True)
class _Stated:
    """A stated monitor for one of its agents."""

    work: StatedWork
    monitor: StatedMonitor
    number: int
    agent: str

    @property
    def stage(self) -> str:
        return self.monitor.stage or self.work.scenario.judged_stage

    def judgement(self, figure: str, bound: MonitorBound, outcome: Outcome, why: str, unit: str = "") -> Judgement:
        place = self.work.scenario.source.place(("monitors", self.number))
        return Judgement(
            name=f"{self.monitor.name} ({IN_WORDS[figure]})",
            measure=f"{IN_WORDS[figure]} of the monitor `{self.monitor.reads}` for {self.monitor.event}",
            bound=in_words(bound),
            agent=self.agent,
            stage=self.stage,
            outcome=outcome,
            file=place.file,
            line=place.line,
            why=why,
            unit=unit,
        )

    def each(self, outcome: Outcome, why: str, unit: str = "") -> Iterator[Judgement]:
        for figure, bound in self.monitor.figures.items():
            yield self.judgement(figure, bound, outcome, why, unit)


def in_words(bound: MonitorBound) -> str:
    """A bound, as an expectation has it."""
    if bound.at_least is not None:
        return f"at least {bound.at_least:g}"
    return f"at most {bound.at_most:g}"


def _judged(work: StatedWork, stated: _Stated, read: dict[str, MonitorReport]) -> Iterator[Judgement]:
    if stated.agent not in work.agents:
        yield from stated.each("not applicable", why_not_run(stated.agent))
        return
    if (reason := _unable(work, stated)) is not None:
        yield from stated.each("not applicable", reason)
        return
    work.report(f"{stated.monitor.name} ({stated.agent})")
    try:
        conditions = work.solved.conditions(stated.monitor)
        key = json.dumps([stated.agent, stated.stage, stated.monitor.event, stated.monitor.control, conditions])
        if key not in read:
            read[key] = _read(work, stated, conditions)
        found = read[key]
    except (NotEnumerableError, WorldTooLargeError) as fault:
        yield from stated.each("not applicable", str(fault))
        return
    except OutOfTimeError as fault:
        yield from stated.each("inconclusive", str(fault))
        return
    except UsageError as fault:  # the event never came, or came in a control, or there are too few of one kind
        # Of the exact planner the same would come again; more seeds may hold what these lack.
        yield from stated.each("inconclusive", str(fault), WATCHED if stated.agent == EXACT else "")
        return
    detection = found.detections.get(stated.monitor.reads)
    if detection is None:
        yield from stated.each("inconclusive", f"the monitor `{stated.monitor.reads}` had nothing to read")
        return
    for figure, bound in stated.monitor.figures.items():
        blank = stated.judgement(figure, bound, "inconclusive", "")
        yield (
            _exactly(blank, figure, bound, detection)
            if stated.agent == EXACT
            else _by_seeds(blank, figure, bound, detection, found.episodes)
        )


def _unable(work: StatedWork, stated: _Stated) -> str | None:
    if stated.agent == EXACT:
        return "lives leave no trace of the exact planner" if work.solved.lives_in(stated.stage) else None
    world = work.solved.world({}, stated.stage)
    lives = unable_in_life(stated.agent, world) if work.solved.lives_in(stated.stage) else None
    return lives or unable(stated.agent, world)


def _read(work: StatedWork, stated: _Stated, conditions: Sequence[Overrides]) -> MonitorReport:
    """Let the monitors read the settings that are named, and the same settings with a control's on top."""
    variants = work.scenario.document.variants
    controls = [{**each, **variants[stated.monitor.control]} for each in conditions]
    shows = [[_show(work, stated, its) for its in kind] for kind in (conditions, controls)]
    return monitor_shows(shows[0], shows[1], stated.monitor.event)


def _show(work: StatedWork, stated: _Stated, overrides: Overrides) -> TraceShow:
    trace = work.trace(stated.agent, overrides, stated.stage)
    if trace is None:
        raise UsageError("the exact planner cannot be played there, so nothing was recorded")
    words = ", ".join(f"{name}={value}" for name, value in overrides.items())
    return TraceShow(work.scenario, _first_episodes(trace), f"{stated.agent}{f' with {words}' if words else ''}")


def _first_episodes(trace: Trace) -> Trace:
    """The first episode of each seed: others of the same seed are of the same training, and no further sample."""
    first = pl.col("episode") == pl.col("episode").min().over("seed")
    return replace(trace, table=trace.table.filter(first))


def _exactly(blank: Judgement, figure: str, bound: MonitorBound, found: Detection) -> Judgement:
    value = _value(found, figure)
    met = value >= bound.at_least if bound.at_least is not None else value <= (bound.at_most or 0.0)
    of = found.false_alarms.of if figure == "false_alarms" else found.detected.of
    why = f"it is {value:g} over {of} of the settings that are named, each watched once"
    return replace(blank, outcome="pass" if met else "fail", why=why, value=value, low=value, high=value, unit=WATCHED)


def _value(found: Detection, figure: str) -> float:
    match figure:
        case "auc":
            return found.auc
        case "in_time":
            return found.detected.count / found.detected.of
        case "lead":
            return found.lead
        case _:
            return found.false_alarms.count / found.false_alarms.of


def _by_seeds(
    blank: Judgement, figure: str, bound: MonitorBound, found: Detection, seeds: int, confidence: float = 0.95
) -> Judgement:
    claim: Claim = ">=" if bound.at_least is not None else "<="
    refuted: Claim = "<" if claim == ">=" else ">"
    threshold = bound.at_least if bound.at_least is not None else bound.at_most
    assert threshold is not None, "checked when the file was loaded"
    if figure == "auc":
        pairs = min(found.detected.of, found.controls)
        p_pass, p_fail = (_hoeffding(found.auc, each, threshold, pairs) for each in (claim, refuted))
        reach = math.sqrt(math.log(1 / (1 - confidence)) / (2 * pairs))
        low, high = max(found.auc - reach, 0.0), min(found.auc + reach, 1.0)
    elif figure == "lead":
        p_pass, p_fail = (median_p_value(found.leads, each, threshold) for each in (claim, refuted))
        low, high = (median_interval(found.leads, confidence, tail)[end] for end, tail in enumerate(_TAILS))
    else:
        counted = found.detected if figure == "in_time" else found.false_alarms
        values = [1.0] * counted.count + [0.0] * (counted.of - counted.count)
        p_pass, p_fail = (event_p_value(values, each, threshold) for each in (claim, refuted))
        low, high = (event_interval(values, confidence, tail)[end] for end, tail in enumerate(_TAILS))
    error = 1 - confidence
    outcome: Outcome = "pass" if p_pass <= error else "fail" if p_fail <= error else "inconclusive"
    value = _value(found, figure)
    why = f"it is {value:g}, {_shown(low, high)} with {100 * confidence:g}% confidence on each side"
    return replace(
        blank, outcome=outcome, why=why, value=value, low=low, high=high, unit=SEEDS, seeds=seeds,
        p_pass=p_pass, p_fail=p_fail,
    )  # fmt: skip


_TAILS: tuple[Literal["low", "high"], ...] = ("low", "high")


def _shown(low: float, high: float) -> str:
    return f"at least {low:g} and at most {high:g}"


def _hoeffding(area: float, claim: Claim, threshold: float, pairs: int) -> float:
    """A p-value of a claim about the ROC area, which is a mean over pairs of one with the event and one control."""
    beyond = area - threshold if claim in (">=", ">") else threshold - area
    return math.exp(-2 * pairs * beyond**2) if beyond > 0 else 1.0
