"""Printed results of runs, of comparisons of two runs, and of reproductions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.markup import escape

from .terminal import COLOURS, between, count, err, number, out, say, table

if TYPE_CHECKING:
    from ..evals.reports.stored_folders import StoredEntry
    from ..evals.reports.summary import RunReport
    from ..evals.runs.compare import Comparison
    from ..evals.runs.reproduce import Reproduction
    from ..evals.runs.run import Run
    from ..evals.verdicts.evidence import Evidence
    from ..evals.verdicts.expectation import Judgement
    from ..evals.verdicts.power import SeedRequirement


def print_requirements(name: str, requirements: Sequence[SeedRequirement]) -> None:
    """Print the number of seeds that learned expectations need, on stderr and before hours of training begin."""
    for requirement in requirements:
        colour = "dim" if requirement.passable else "yellow"
        err().print(f"[{colour}]{escape(name)}: {escape(str(requirement))}[/{colour}]", soft_wrap=True)


def print_run(report: RunReport) -> None:
    """Print a run: a table of expectations, a sentence on each that did not pass and how to repeat it, the verdict."""
    name, run, folder = report.which, report.run, report.folder
    rows = []
    for judgement in run.judgements:
        colour = COLOURS[judgement.outcome]
        value = "" if judgement.value is None else f"{judgement.about}{number(judgement.value)}"
        outcome = f"[{colour}]{judgement.outcome}[/{colour}]"
        rows.append((outcome, escape(judgement.name), judgement.agent, value, judgement.bound))
    table(("", "expectation", "agent", "value", "expected"), rows, right=("value",))
    others = [judgement for judgement in run.judgements if judgement.outcome != "pass"]
    if others:
        say()
    # One cause, such as an agent that was not run, often makes many expectations not applicable: it is said once.
    alike = Counter(judgement.why for judgement in others if judgement.outcome == "not applicable")
    for why, many in alike.items():
        if many > 1:
            say(f"[dim]not applicable[/dim]: {many} expectations: {escape(why)}")
    for judgement in others:
        if alike[judgement.why] > 1:
            continue
        colour = COLOURS[judgement.outcome]
        say(
            f"[{colour}]{judgement.outcome}[/{colour}]: {escape(judgement.name)}: {escape(judgement.told)} "
            f"({escape(judgement.file)}:{judgement.line})"
        )
        if judgement.outcome in ("fail", "inconclusive"):
            if (again := report.again(judgement)) is not None:
                out().print(f"  again: {escape(again)}", soft_wrap=True)
            if (watch := report.watch(judgement)) is not None:
                out().print(f"  watch: {escape(watch)}", soft_wrap=True)
    _print_evidence([judgement for judgement in run.judgements if judgement.outcome == "pass"])
    for trace, steps in run.trained_steps.items():
        # Without early stopping every seed takes the steps of the settings, which says nothing.
        if "plateau" in run.traces[trace].meta.training:
            taken = f"{min(steps.values()):,} to {max(steps.values()):,} steps"
            say(f"{escape(trace)}: its training levelled off, or came to its end, after {taken}")
    _print_focal(run)
    colour = COLOURS[run.verdict]
    say()
    say(f"[bold]{escape(name)}: [{colour}]{run.verdict}[/{colour}][/bold] ({_tally(run.judgements)})")
    if folder is not None:
        out().print(f"written to {escape(str(folder))}", soft_wrap=True)


def _print_focal(run: Run) -> None:
    """Print what agents earned among co-players who were drawn."""
    if run.settings.others is None or not run.focal:
        return
    say()
    say(f"returns among others drawn from {escape(run.settings.others.folder)}, of the median seed")
    rows = []
    for each in run.focal:
        met = f"{each.seat}={each.other}" if each.other else "all"
        ends = (
            "too few seeds" if each.low is None or each.high is None else f"{number(each.low)} to {number(each.high)}"
        )
        counts = f"{count(each.seeds, 'seed')}, {count(each.episodes, 'episode')}"
        rows.append((escape(each.method), each.agent, escape(met), number(each.value), ends, counts))
    table(("trained", "judged", "beside", "return", "95 % interval", ""), rows, right=("return",))


def _tally(judgements: Sequence[Judgement]) -> str:
    """How many judgements had each outcome; how many were judged at all comes first where some were not."""
    outcomes = Counter(judgement.outcome for judgement in judgements)
    judged = len(judgements) - outcomes["not applicable"]
    counts = ", ".join(f"{many} {outcome}" for outcome, many in outcomes.items())
    if judged == len(judgements):
        return counts or "it expects nothing"
    return f"{judged} of {len(judgements)} judged: {counts}"


def _print_evidence(passed: Sequence[Judgement]) -> None:
    """Print what learned passes rest on, once for all that are of the same seeds; the others say it themselves."""
    rests: dict[str, tuple[Judgement, Evidence]] = {}
    for judgement in passed:
        if (evidence := judgement.evidence) is None:
            continue
        if judgement.trace in rests:
            evidence = rests[judgement.trace][1].beside(evidence)
        rests[judgement.trace] = judgement, evidence
    if rests:
        say()
    for trace, (judgement, evidence) in rests.items():
        say(f"[dim]{escape(trace)} rests on {escape(replace(judgement, evidence=evidence).rests_on)}[/dim]")


def print_comparison(comparison: Comparison) -> None:
    """Print a comparison: how settings differ, a table of all pairs, a sentence on each pair that is not the same."""
    for name, (one, other) in comparison.differences.items():
        say(f"[yellow]{escape(name)}[/yellow]: {escape(one)} in A, {escape(other)} in B")
    if comparison.differences:
        say()
    rows = []
    for pair in comparison.pairs:
        colour = COLOURS[pair.outcome]
        agents = pair.agent_a if pair.agent_a == pair.agent_b else f"{pair.agent_a}, {pair.agent_b}"
        values = [between(ends) for ends in (pair.a, pair.b, pair.difference)]
        p_value = "" if pair.p_value is None else f"{pair.p_value:.3g}"
        rows.append([f"[{colour}]{pair.outcome}[/{colour}]", escape(pair.name), escape(agents), *values, p_value])
    numbers = ("A", "B", "B less A", "p")
    if rows:
        table(("", "expectation", "agent", *numbers), rows, right=numbers)
        say()
    for pair in comparison.pairs:
        if pair.outcome != "same":
            colour = COLOURS[pair.outcome]
            say(f"[{colour}]{pair.outcome}[/{colour}]: {escape(pair.name)}: {escape(pair.why)}")
    for side, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            others = f" and {len(names) - 3} more" if len(names) > 3 else ""
            say(f"judged in {side} only: {escape(', '.join(names[:3]))}{others}")
    for note in comparison.notes:
        say(f"[dim]{escape(note)}[/dim]")
    tally = Counter(pair.outcome for pair in comparison.pairs)
    colour = COLOURS[comparison.verdict]
    words = ", ".join(f"{many} {outcome}" for outcome, many in tally.items())
    say(f"[bold]{escape(comparison.a)} and {escape(comparison.b)}: [{colour}]{comparison.verdict}[/{colour}][/bold]"
        f" ({words or 'no expectation was judged in both'})")  # fmt: skip


def print_reproduction(found: Reproduction) -> None:
    """Print a reproduction: what changed since the run, which results differ, and whether everything is the same."""
    for name, (then, now) in found.changed.items():
        say(f"[yellow]{escape(name)}[/yellow]: {escape(then)} then, {escape(now)} now")
    for kind, names in (("judgement", found.judgements), ("trace", found.traces)):
        for name in names:
            say(f"[red]another {kind}[/red]: {escape(name)}")
    verdict = "[green]the same[/green]" if found.same else "[red]not the same[/red]"
    say(f"[bold]{escape(str(found.stored.folder))}: {verdict}[/bold] "
        f"({count(len(found.run.judgements), 'judgement')}, {count(len(found.run.traces), 'trace')})")  # fmt: skip


def print_stored(entries: Sequence[StoredEntry]) -> None:
    """Print a list of stored runs and sweeps, and why any of them cannot be read."""
    if not entries:
        say("no stored run or sweep")
        return
    table(
        ("folder", "what", "scenario", "settings", "agents", "seeds", "verdict", "finished", "MB"),
        [_stored_row(entry) for entry in entries],
        right=("seeds", "MB"),
    )
    for entry in entries:
        if entry.fault:
            say(f"[yellow]unreadable[/yellow]: {escape(entry.fault)}")
    runs, megabytes = sum(entry.kind == "run" for entry in entries), sum(entry.size for entry in entries) / 1e6
    say()
    say(f"{count(runs, 'run')}, {count(len(entries) - runs, 'other folder')}, {megabytes:.1f} MB")


def _stored_row(entry: StoredEntry) -> tuple[str, ...]:
    colour = COLOURS.get(entry.verdict, "dim")
    what = f"{entry.kind} of {count(entry.points, 'point')}" if entry.points else entry.kind
    return (
        escape(str(entry.folder)),
        what,
        escape(entry.scenario),
        escape(" ".join(entry.settings)),
        escape(" ".join(entry.agents)),
        entry.seed_range,
        f"[{colour}]{entry.verdict}[/{colour}]" if entry.verdict else "",
        entry.when,
        f"{entry.size / 1e6:.2f}",
    )
