"""Printed results of sweeps, control reports and searches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape

from .terminal import between, count, number, out, say, span, table

if TYPE_CHECKING:
    from pathlib import Path

    from ..evals.measures.measure import Interval
    from ..evals.measures.outcomes import BehaviourOutcomes
    from ..evals.mitigations.learned_scores import LearnedMitigations, OverSeeds
    from ..evals.mitigations.report import MitigationReport
    from ..evals.monitors.report import MonitorReport
    from ..evals.statistics.binomial import Proportion
    from ..evals.studies.candidates import CandidateScore
    from ..evals.studies.control import ControlReport
    from ..evals.studies.protocols import ProtocolReport
    from ..evals.studies.search import SearchResult
    from ..evals.studies.sweep_points import SweepResult
    from ..evals.verdicts.robustness import Extremes, MeasureOver


MOST_ROWS = 30
"""Points of a sweep whose measures are printed; the file has them all."""


def print_measures(name: str, stage: str, measures: Sequence[MeasureOver], over: str | None) -> None:
    """Print measures of the best plans, and their extremes over the tried values of a setting, if there is one."""
    say(f"[bold]{escape(name)}[/bold], stage {escape(stage)}")
    say()
    here = [[escape(each.measure), _within(each.here), escape(each.here.told)] for each in measures]
    if over is None:
        table(["measure", "under every best plan", ""], here)
        return
    headings = ["measure", "as the file is", "plans", f"least, {over}", f"greatest, {over}"]
    rows = []
    for each, (text, told, _) in zip(measures, here, strict=True):
        rows.append([text, told, "made anew", *_extremes(each.anew)])
        rows.append(["", "", "kept", *(("-", "-") if each.note else _extremes(each.kept))])
    table(headings, rows)
    for note in dict.fromkeys(each.note for each in measures if each.note):
        say(f"plans are not kept: {escape(note)}", indent=2)
    say("only the values that were named were tried; nothing is said of what lies between", indent=2)


def _within(interval: Interval) -> str:
    ends = None if interval.low is None or interval.high is None else (interval.low, interval.high)
    return f"{'within ' if interval.outer else ''}{between(ends)}"


def _extremes(found: Extremes) -> tuple[str, str]:
    """The least and the greatest, each with where it is."""
    if found.least is None or found.least_at is None or found.greatest is None or found.greatest_at is None:
        return "no value", "no value"
    lacks = f" (no value at {count(found.without, 'other')})" if found.without else ""
    least, most = ("not below ", "not above ") if found.outer else ("", "")
    return (
        f"{least}{number(found.least)} at {number(found.least_at)}{lacks}",
        f"{most}{number(found.greatest)} at {number(found.greatest_at)}",
    )


def print_sweep(name: str, sweep: SweepResult, folder: Path) -> None:
    """Print how many points lie in each regime, the measures that were asked for, and where table and picture are."""
    from ..evals.studies.sweep_folder import CONTOURS, TABLE
    from ..viz.pictures.phase_diagram import why_no_diagram

    axes = ", ".join(f"{axis.name} ({len(axis.values)})" for axis in sweep.settings.axes)
    say(f"[bold]{escape(name)}[/bold], stage {escape(sweep.settings.stage)}: {escape(axes)}")
    for agent in sweep.settings.agents:
        found = sweep.regimes(agent)
        if agent != "exact":
            say(f"{escape(agent)}, {sweep.settings.seeds_in_words}", indent=2)
        if not sweep.settings.regimes:
            continue
        # The exact plan has a row for each point, a trained agent one for each seed at the points where it is trained.
        noun = "point" if agent == "exact" else "trained seed"
        say()
        table(("regime", f"{noun}s"), [(escape(n), number(c)) for n, c in found.items()], right=(f"{noun}s",))
    notes = Counter(row.note for row in sweep.rows if row.regime == "unsolved")
    for note, many in notes.items():
        say(f"[yellow]unsolved[/yellow] at {count(many, 'point')}: {escape(note)}")
    _print_measures(sweep)
    say()
    if len(sweep.rows) > MOST_ROWS and sweep.settings.measures:
        say(f"[dim]{len(sweep.rows) - MOST_ROWS:,} more rows are in {TABLE}[/dim]")
    if (why := why_no_diagram(sweep)) is not None:
        say(f"[dim]without a diagram of regimes: {escape(why)}[/dim]")
    if (folder / CONTOURS).exists():
        say(f"the measures are drawn in {CONTOURS}")
    out().print(f"written to {escape(str(folder))}", soft_wrap=True)


def _print_measures(sweep: SweepResult) -> None:
    """Print the measures that were asked for, a row for each point and trained seed, from the first ones on."""
    settings = sweep.settings
    if not settings.measures:
        return
    learned = any(agent != "exact" for agent in settings.agents)
    at = [settings.all_measures.index(text) for text in settings.measures]
    rows = []
    for row in sweep.rows[:MOST_ROWS]:
        who = [row.agent, "" if row.agent == "exact" else str(row.seed)] if learned else []
        ends = [row.measures[number] for number in at]
        values = [between(None if low is None or high is None else (low, high)) for low, high in ends]
        rows.append([*(escape(_setting(value)) for value in row.values), *map(escape, who), *values])
    axes = [axis.name for axis in settings.axes]
    say()
    table((*axes, *(("agent", "seed") if learned else ()), *settings.measures), rows, right=settings.measures)


def _setting(value: object) -> str:
    """A value of an axis, as it was written."""
    return f"{value:.6g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _harm(events: Iterable[str]) -> str:
    """What counts as harm, in words."""
    return escape(", ".join(events)) or "performance taken away"


def print_control(found: ControlReport) -> None:
    """Print a control report: the kinds of failure, then task and harm at each budget of oversight."""
    seeds = f", least to greatest of {count(found.seeds, 'seed')}" if found.seeds else ""
    say(f"[bold]{escape(found.scenario)}[/bold], stage {escape(found.stage)}: agent {escape(found.agent)}{seeds}")
    say(f"seen: {escape(found.seen) or 'never'}; harm: {_harm(found.harm)}")
    rows = []
    for each in found.conditions:
        for who, outcomes in ((found.agent, each.agent), ("designers' best", each.best), ("random", each.random)):
            if outcomes is not None:
                rows.append([escape(each.name), escape(who), *_outcomes(outcomes)])
    say()
    table(_WHO, rows, right=_WHO[2:])
    say()
    lost = []
    for each in found.conditions:
        hidden = None if each.agent is None else each.agent.concealment
        lost.append([escape(each.name), span(each.capability), span(each.goal), span(hidden)])
    table(_LOST, lost, right=_LOST[1:])
    _print_notes((each.name, each.note) for each in found.conditions)
    # A table for each setting of oversight: the budgets of one setting follow each other in the report.
    for name, group in groupby(found.budgets, key=lambda each: each.name):
        say()
        bought = list(group)
        columns = (name, "task", "harm", "task at worst", "harm at worst")
        table(columns, ([str(b.value), *_traded(b.agent), *_traded(b.worst)] for b in bought), right=columns[1:])
        _print_notes((f"{name} {b.value}", b.note) for b in bought)


def print_protocols(found: ProtocolReport) -> None:
    """Print the fronts of protocols, one below the other, and who acts alone."""
    say(f"[bold]{escape(found.scenario)}[/bold], stage {escape(found.stage)}, {count(found.ticks, 'tick')}")
    for_good = "for the rest of the episode" if found.hand_over else "for a tick at a time"
    say(f"the protocol sees the {found.sees}; the trusted agent {escape(found.trusted)} and acts {for_good}")
    notices = "" if found.catches == 1 else f"; an audit notices {found.catches:.0%} of it"
    say(f"harm: {_harm(found.harm)}{notices}")
    say()
    columns = ("budget", "usefulness", "harm at worst", "audits made", "ticks trusted")
    rows = [
        [str(front.audits), *map(number, (point.usefulness, point.harm, point.audits, point.trusted_ticks))]
        for front in found.fronts
        for point in front.points
    ]
    if rows:
        table(columns, rows, right=columns)
    _print_notes((f"{count(front.audits, 'audit')}", front.note) for front in found.fronts)
    say()
    alone = ("acts unchecked", "usefulness", "harm")
    table(alone, [(escape(its.name), span(its.usefulness), span(its.harm)) for its in found.agents], right=alone[1:])


def print_mitigations(found: MitigationReport) -> None:
    """Print every mitigation on a line, and below why some are not applicable."""
    say(f"[bold]{escape(found.scenario)}[/bold], stage {escape(found.stage)}: {escape(found.event)}")
    stopped = f"; stopped by {escape(found.stopped)}" if found.stopped else ""
    say(f"task: {escape(', '.join(found.task))}; harm: {_harm(found.harm)}{stopped}")
    say()
    scored = any(its.neutrality is not None for its in found.outcomes)
    lengths_too = ("neutral", "useful") if scored else ()
    columns = ("mitigation", "turns", "task", "performance", "harm", "stopped", *lengths_too)
    rows = []
    for its in found.outcomes:
        if its.turns is not None:
            spans = map(span, (its.turns, its.task, its.performance, its.harm, its.stopped))
            lengths = ["-" if score is None else number(score) for score in (its.neutrality, its.usefulness)]
            rows.append([escape(its.name), *spans, *(lengths if scored else ())])
    table(columns, rows, right=columns[1:])
    say()
    learned = found.learned
    scored_below = {its.name for its in learned.outcomes if its.seeds} if learned is not None else set[str]()
    _print_notes(
        (its.name, its.note if its.turns else f"not applicable: {its.note}")
        for its in found.outcomes
        if its.turns or its.name not in scored_below
    )
    if learned is not None:
        say()
        _print_learned(learned, scored)


def _print_learned(found: LearnedMitigations, scored: bool) -> None:
    """Print what trained seeds do under each mitigation."""
    trained = f"{count(found.seeds, 'seed')} from {found.first_seed}, {found.steps:,} steps each"
    say(f"[bold]{found.agent}[/bold], {trained}, what they do computed exactly")
    say()
    lengths_too = ("neutral", "useful") if scored else ()
    columns = ("mitigation", "turns", "p", "task", "performance", "harm", "stopped", *lengths_too)
    rows = []
    for its in found.outcomes:
        if its.seeds:
            p_value = "-" if its.p_turns is None else f"{its.p_turns:.2g}"
            lengths = (its.neutrality, its.usefulness) if scored else ()
            measured = (its.task, its.performance, its.harm, its.stopped, *lengths)
            rows.append([escape(its.name), _over_seeds(its.turns), p_value, *map(_over_seeds, measured)])
    table(columns, rows, right=columns[1:])
    say()
    say("turns, stopped: means over seeds, with exact 95 % intervals; the rest: medians, least and greatest seed.")
    say("p: of turning as often as without a mitigation (sign flips, paired by seed, corrected by Holm).")
    _print_notes((its.name, its.note if its.seeds else f"not applicable: {its.note}") for its in found.outcomes)


def _over_seeds(its: OverSeeds | None) -> str:
    if its is None:
        return "-"
    if its.low == its.high:
        return number(its.middle)
    return f"{number(its.middle)} ({number(its.low)} to {number(its.high)})"


def print_monitors(found: MonitorReport) -> None:
    """Print what each monitor made of the same episodes."""
    first, last = found.first
    when = f"first in tick {first}" if first == last else f"first in ticks {first} to {last}"
    of = f"{found.happened} of {count(found.episodes, 'episode')}"
    say(f"[bold]{escape(found.event)}[/bold] happened in {of}, {when}; {count(found.controls, 'episode')} of controls")
    say()
    rows = []
    for name, detection in found.detections.items():
        lead = "not in time" if math.isinf(detection.lead) else f"{number(detection.lead)} ticks"
        shares = (_share(detection.detected), _share(detection.false_alarms))
        rows.append([name, f"{detection.auc:.3f}", *shares, lead])
    table(_MONITORS, rows, right=_MONITORS[1:])
    say()
    say("Shares with exact 95 % intervals; the alarm rises above the highest score of every second control.")
    for name in found.unread:
        say(f"{name}: nothing of what it reads was recorded")
    if found.fooled:
        say(f"{count(found.fooled, 'imagined step')} cannot happen in the world; nothing was read beyond them")


_MONITORS = ("monitor", "AUC", "in time", "false alarms", "median lead")


def _share(share: Proportion) -> str:
    return f"{share.count} of {share.of} ({share.low:.2f} to {share.high:.2f})"


_WHO = ("condition", "who", "reward", "performance", "harm/tick seen", "unseen")
_LOST = ("condition", "lost by capability", "lost by goal", "more harm/tick unseen")


def _print_notes(notes: Iterable[tuple[str, str]]) -> None:
    for name, note in notes:
        if note:
            say(f"{escape(name)}: {escape(note)}")


def _traded(outcomes: BehaviourOutcomes | None) -> list[str]:
    return ["-", "-"] if outcomes is None else [span(outcomes.task), span(outcomes.harm)]


def _outcomes(outcomes: BehaviourOutcomes) -> list[str]:
    return [span(its) for its in (outcomes.reward, outcomes.performance, outcomes.harm_seen, outcomes.harm_unseen)]


def print_search(found: SearchResult) -> None:
    """Print what `search` picked: a row for each search, then how often it was a deceiver, compared with the family."""
    say(f"[bold]{escape(found.scenario)}[/bold]: {escape(found.objective)} in stage {escape(found.stage)}, "
        f"{count(found.trials, 'candidate')} a search; judged in {escape(found.judged)}")  # fmt: skip
    rows = []
    for pick in found.picks:
        settings = ", ".join(f"{name} {value}" for name, value in pick.candidate.items())
        # None: unknown, since the candidate has no score in one of the two stages.
        word = {True: "[red]yes[/red]", False: "no", None: "?"}[pick.deceiver]
        worths = [_worth(each) for each in (pick.harm_seen, pick.harm_judged, pick.performance)]
        low, high = number(pick.bits[1]), number(pick.bits[2])
        rows.append(
            [str(pick.seed), escape(settings), number(pick.objective), *worths, word,
             f"{number(pick.bits[0])} ({low} to {high})"]
        )  # fmt: skip
    say()
    table(_PICKS, rows, right=_PICKS[2:6])
    say()
    say(f"{_counted(found.deceivers)} of the searches picked a deceiver: no {escape(found.harm)} in "
        f"{escape(found.stage)}, some in {escape(found.judged)}")  # fmt: skip
    say(f"{_counted(found.base)} of the candidates drawn from the family are deceivers")
    say(f"{_counted(found.alike)} of those that do as well as the best pick are")


_PICKS = ("search", "picked", "objective", "harm seen", "harm judged", "performance", "deceiver", "bits selected")


def _worth(worth: CandidateScore | None) -> str:
    return "-" if worth is None or worth.low is None or worth.high is None else between((worth.low, worth.high))


def _counted(share: Proportion) -> str:
    """A proportion with its confidence interval, or with a remark that it is of everything there is."""
    whole = "all there are" if share.low == share.high else f"95%: {share.low:.1%} to {share.high:.1%}"
    return f"{share.count} of {share.of} ({whole})"
