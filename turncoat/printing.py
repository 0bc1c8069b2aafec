"""What people read: results as text and tables, through rich. Programs get `document` instead: one JSON document."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

if TYPE_CHECKING:
    from pathlib import Path

    from .envs.analysis import Analysis, Range
    from .envs.origin import Origin
    from .envs.why import Way, Why
    from .evals.comparing import Comparison
    from .evals.conduct import Conduct
    from .evals.control import ControlReport
    from .evals.family import Worth
    from .evals.flipping import Flip
    from .evals.meaning import Meaning
    from .evals.outlook import Outlook
    from .evals.reports.reported import Reported
    from .evals.reproducing import Reproduction
    from .evals.running import Report
    from .evals.school import Count
    from .evals.searching import SearchResult
    from .evals.searching import Share as Counted
    from .evals.sweeps import Sweep
    from .scenarios.language.faults import Fault
    from .scenarios.language.loading import Scenario

COLOURS = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "not applicable": "dim",
    "nothing judged": "yellow",
    "same": "green",
    "changed": "red",
    "nothing compared": "yellow",
}
PROSE = 100
"""Columns of running text, where the terminal is not narrower."""
ENDLESS = 10_000
"""Columns of what is no terminal: no row of a table is folded, so that `grep` finds it."""
BAR, BESIDE = 16, 46
"""Columns of a bar, and of all that stands beside the words of one: a bar, how many of how many, the time."""
SILENCE = 5
"""Seconds after which a line says how far a run is, where there is no terminal."""
STRETCHES = 24
"""How much of a path is shown: runs of one action."""


def out() -> Console:
    """Standard output, for people."""
    return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else ENDLESS)


def err() -> Console:
    """Standard error: faults and progress."""
    return Console(highlight=False, emoji=False, stderr=True, width=None if sys.stderr.isatty() else ENDLESS)


@contextmanager
def progress(wanted: bool) -> Iterator[Callable[[str], None] | None]:
    """A line on the terminal that says what is being done, and goes away; None where nobody would see it."""
    console = err()
    if not wanted or not console.is_terminal:
        yield None
        return
    with console.status("") as status:
        yield lambda text: status.update(escape(text))


@contextmanager
def run_progress(name: str, wanted: bool) -> Iterator[tuple[Report | None, Count | None]]:
    """How far a run is: bars on a terminal, which go away in the end; else lines, one every few seconds at most."""
    console = err()
    if not wanted:
        yield None, None
    elif not console.is_terminal:
        yield None, _Lines(name, console)
    else:
        words = Column(no_wrap=True, overflow="ellipsis", max_width=max(console.width - BESIDE, BAR))
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=words),
            BarColumn(BAR),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
        )
        with Progress(*columns, console=console, transient=True) as shown:
            bars = _Bars(name, shown)
            yield bars.report, bars


class _Lines:
    """`lab: 2 of 5 seeds of counts`: the first and the last of each kind of training, and some between; also how far
    the seeds are, where nothing else was said for long."""  # noqa: D205, D209

    def __init__(self, name: str, console: Console) -> None:
        self.name, self.console, self.last = name, console, time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        edge = done in (0, total) and what != "expectations"
        if edge or time.monotonic() - self.last > SILENCE:
            self.last = time.monotonic()
            self.console.print(f"{escape(self.name)}: {done:,} of {total:,} {escape(what)}", soft_wrap=True)

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """See `evals.pulses.Onlooker`."""
        self(f"steps of {method}, seed {seed}{_earning(earned)}", done, steps)

    def trained(self, method: str, seed: int) -> None:
        """See `evals.pulses.Onlooker`."""


class _Bars:
    """A bar for the expectations, one for each kind of training, and what is being done."""

    def __init__(self, name: str, shown: Progress) -> None:
        self.name, self.shown = escape(name), shown
        self.bars: dict[str, TaskID] = {"expectations": shown.add_task(self.name, total=None)}

    def report(self, text: str) -> None:
        """What is being done now."""
        self.shown.update(self.bars["expectations"], description=f"{self.name}: {escape(text)}")

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self.bars:
            self.bars[what] = self.shown.add_task(escape(what))
        self.shown.update(self.bars[what], completed=done, total=total)

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """See `evals.pulses.Onlooker`: a bar for each seed that is being trained."""
        what = f"{method}, seed {seed}"
        self(what, done, steps)
        self.shown.update(self.bars[what], description=escape(what + _earning(earned)))

    def trained(self, method: str, seed: int) -> None:
        """See `evals.pulses.Onlooker`: the bar goes."""
        bar = self.bars.pop(f"{method}, seed {seed}", None)
        if bar is not None:
            self.shown.remove_task(bar)


def _earning(earned: float | None) -> str:
    return "" if earned is None else f": earns {number(earned)}"


# ------------------------------------------------------------------ for programs


def document(data: Any) -> str:
    """One JSON document: tuples are lists; an infinite number is written `"inf"` or `"-inf"`, which `float` reads."""
    return json.dumps(_plain(data), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def fault_data(fault: Fault) -> dict[str, Any]:
    """A fault as plain data: its place only where it has one."""
    place = fault.place
    where = {} if place is None else {"file": place.file, "line": place.line, "column": place.column}
    return {"code": fault.code, **where, "message": fault.message, "cure": fault.cure, "warning": fault.warning}


# ------------------------------------------------------------------ numbers and words


def number(value: float) -> str:
    """Five significant digits, whole numbers in full: `16.961`, `2,596`, `infinite`."""
    if not math.isfinite(value):
        return "infinite" if value > 0 else "-infinite" if value < 0 else "no number"
    if abs(value - round(value)) < 1e-9 or abs(value) >= 1e5:
        return f"{round(value):,}"
    return f"{value:.5g}"


def span(bounds: Range | None) -> str:
    """A range over ties: one number where both ends read the same."""
    if bounds is None:
        return "-"
    low, high = number(bounds.low), number(bounds.high)
    return low if low == high else f"{low} to {high}"


def path_in_words(actions: Sequence[str], stretches: int = STRETCHES) -> str:
    """`down x3, right, ...`."""
    runs = [(action, len(list(group))) for action, group in groupby(actions)]
    words = [action if count == 1 else f"{action} x{count}" for action, count in runs]
    return ", ".join([*words[:stretches], "..."] if len(words) > stretches else words)


def count(number_of: int, noun: str) -> str:
    """`1 state`, `2,596 states`."""
    return f"{number_of:,} {noun}" if number_of == 1 else f"{number_of:,} {noun}s"


def say(text: str = "", indent: int = 0) -> None:
    """Markup on standard output: wrapped on a terminal, else one line."""
    console = out()
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)) if text else "", width=min(console.width, PROSE))
    else:
        console.print(" " * indent + text, soft_wrap=True)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table without lines: markup in its cells, some of its columns to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(escape(heading), justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = out()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    console.print("\n".join(line.rstrip() for line in captured.get().splitlines()), markup=False, soft_wrap=True)


# ------------------------------------------------------------------ results


def print_list(rows: Iterable[tuple[str, str, str]]) -> None:
    """Name, origin and title of each scenario."""
    _table(("name", "origin", "title"), ([escape(cell) for cell in row] for row in rows))


def print_faults(faults: Iterable[Fault], lines: Mapping[str, Sequence[str]], to: Console) -> None:
    """Faults with their lines and carets, on `to`."""
    from .scenarios.language.faults import render

    for fault in faults:
        shown = lines.get(fault.place.file, ()) if fault.place is not None else ()
        to.print(escape(render(fault, shown)), soft_wrap=True)


def print_scenario(scenario: Scenario, stage: str) -> None:
    """A scenario's story, the board of a stage at its start, its agents, what pays, its params, what it expects."""
    from .envs.compiling import compile_world
    from .viz.board import describe, first_state, glyphs, text_board

    document = scenario.document
    say(f"[bold]{escape(document.title)}[/bold] ({escape(document.name)}, origin {document.origin})")
    say()
    say(_flowing(document.claim))
    for name, text in document.about.model_dump(exclude_none=True).items():
        say()
        say(f"[bold]{name}[/bold]  {_flowing(text)}")
    world = compile_world(scenario, stage)
    state = first_state(world)
    time = f"horizon {world.horizon}" if world.horizon is not None else f"limit {world.limit}"
    say()
    say(f"[bold]stage {escape(stage)}[/bold], {time}")
    if world.boards.height:
        say()
        out().print(escape(text_board(world, state, glyphs(document))), soft_wrap=True)
        say()
    for line in describe(world, state):
        say(escape(line), indent=2)
    say()
    for agent in world.agents:
        program = document.agents[agent.name]
        values = ", ".join(f"{channel} {value.weight}" for channel, value in program.values.items())
        say(f"[bold]{escape(agent.name)}[/bold]: {escape(', '.join(agent.actions))}")
        say(f"values {escape(values or 'nothing')}; discount {agent.discount:g}", indent=2)
    rewards = [
        (escape(name), "hidden" if r.hidden else "", escape(_flowing(r.about or "")))
        for name, r in document.rewards.items()
    ]
    say()
    _table(("reward", "", ""), rows=rewards)
    if document.params:
        say()
        params = (
            (escape(n), escape(str(scenario.params[n])), escape(p.about or "")) for n, p in document.params.items()
        )
        _table(("param", "value", ""), params)
    expected = len(document.expect)
    say()
    say(f"{count(expected, 'expectation')}; judge them with [bold]turncoat run[/bold]")


def print_meaning(name: str, scenario: Scenario, meaning: Meaning) -> None:
    """What `check` found."""
    faults = (*scenario.warnings, *meaning.faults)
    print_faults(faults, scenario.source.lines, out())
    sizes = (f"{stage} {'not enumerable' if n is None else number(n)}" for stage, n in meaning.states.items())
    say(f"[bold]{escape(name)}[/bold]: states {', '.join(sizes)}")
    if meaning.origin is not None:
        _print_origin(meaning.origin)
    if meaning.analysis is not None:
        agent, best = meaning.analysis.agent, meaning.analysis.performance_best
        seen = "" if agent.performance is None else f", performance {span(agent.performance)}"
        say(f"the agent's best plan: value {span(agent.value)}{seen}", indent=2)
        for margin in meaning.margins:
            share = "" if margin.share is None else f" ({margin.share:.0%})"
            never = escape(" or ".join(margin.barring))
            say(f"never risking {never}: value {number(margin.without)}, {number(margin.gain)} less{share}", indent=4)
        if best is not None:
            say(
                f"the designers' best plan: performance {span(best.performance)}; gap {span(meaning.analysis.gap)}",
                indent=2,
            )
    trainings = f" and {count(meaning.trainings, 'training')}" if meaning.trainings else ""
    say(f"a bare run makes {count(meaning.solves, 'exact solve')}{trainings}", indent=2)
    if meaning.replays:
        say(f"{count(meaning.replays, 'replay')} as recorded", indent=2)
    errors = sum(not fault.warning for fault in faults)
    say(f"[red]{count(errors, 'fault')}[/red]" if errors else "[green]ok[/green]", indent=2)


def _print_origin(origin: Origin) -> None:
    says = {True: "proved", False: "refuted", None: "unproved"}[origin.agrees]
    say(f"origin {origin.stated} {says}: {escape(origin.why)}", indent=2)
    if origin.witness is not None:
        pays = ", ".join(f"{escape(channel)} {number(pay)}" for channel, pay in origin.witness.rewards.items())
        way = escape(path_in_words(origin.witness.actions))
        say(f"as {way}: pays {pays}, performance {number(origin.witness.performance)}", indent=4)


def print_analysis(analysis: Analysis) -> None:
    """What `solve` found."""
    time = "as the agent knows" if analysis.horizon else "which the agent does not know"
    say(
        f"[bold]{escape(analysis.scenario)}[/bold], stage {escape(analysis.stage)}: {count(analysis.states, 'state')}, "
        f"{count(analysis.actions, 'action')}, {count(analysis.outcomes, 'outcome')}; "
        f"{count(analysis.steps, 'tick')}, {time}; discount {analysis.discount:g}"
    )
    if analysis.aliased:
        say(f"{count(analysis.aliased, 'state')} look like others with another future", indent=2)
    if analysis.upper_bound:
        say("[yellow]beliefs are too many: this is the fully observed optimum, an upper bound[/yellow]", indent=2)
    headings = ["best plan for", "value", *(f"return({channel})" for channel in analysis.channels), "performance"]
    rows = [
        [who, span(o.value), *(span(o.returns[channel]) for channel in analysis.channels), span(o.performance)]
        for who, o in (("the agent", analysis.agent), ("the designers", analysis.performance_best))
        if o is not None
    ]
    say()
    _table(headings, rows, right=headings[1:])
    if analysis.gap is not None:
        say()
        say(f"The agent's choice costs the designers {span(analysis.gap)} of performance.")


def print_why(answer: Why, flips: Sequence[Flip]) -> None:
    """What `why` found."""
    does = "brings it about" if answer.does else "leaves it out"
    say(f"[bold]{escape(answer.event)}[/bold]: the agent's best plan {does}")
    for label, way in (("with it", answer.with_event), ("without it", answer.without_event)):
        _print_way(label, way)
    if answer.gap is not None:
        parts = ", ".join(f"{escape(channel)} {_signed(gap)}" for channel, gap in answer.gap_by_channel.items())
        say(f"gap: {_signed(answer.gap)} ({parts})", indent=2)
    if answer.inducement is not None:
        kind = "fine" if answer.inducement < 0 else "reward"
        say(f"a one-time {kind} of {number(abs(answer.inducement))} for it would change the answer", indent=2)
    if answer.planner != "enumerate":
        say(f"[dim]the best plans that there are; `{escape(answer.planner)}`, by which it plans, may miss them[/dim]")
    if flips:
        say()
        rows = [
            (escape(f.name), number(f.present), "[dim]no value tried[/dim]" if f.flipped is None else number(f.flipped))
            for f in flips
        ]
        _table(("setting", "is", "changes the answer at"), rows, right=("is",))


def _print_way(label: str, way: Way | None) -> None:
    if way is None:
        say(f"{label}: there is no such plan", indent=2)
        return
    values = ", ".join(f"{escape(channel)} {number(value)}" for channel, value in way.values.items())
    first = f"; first at tick {way.tick}" if way.tick is not None else ""
    low, high = way.share
    chancy = 0 < low < 1 or 0 < high < 1
    share = f"; in {number(low)}{'' if low == high else f' to {number(high)}'} of episodes" if chancy else ""
    say(f"{label}: value {number(way.value)} ({values}){share}{first}", indent=2)
    course = "likeliest course: " if chancy else ""
    say(f"{course}{escape(path_in_words(way.actions))}", indent=4)


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + number(value)


def print_outlooks(name: str, outlooks: Sequence[Outlook]) -> None:
    """How many seeds the learned expectations need, on stderr: before hours are spent on what cannot be decided."""
    for outlook in outlooks:
        colour = "dim" if outlook.passable else "yellow"
        err().print(f"[{colour}]{escape(name)}: {escape(str(outlook))}[/{colour}]", soft_wrap=True)


def print_run(report: Reported) -> None:
    """The verdict: every expectation in a table, a sentence on each that did not pass, how to see a failure again."""
    name, run, folder = report.which, report.run, report.folder
    rows = []
    for judgement in run.judgements:
        colour = COLOURS[judgement.outcome]
        value = "" if judgement.value is None else number(judgement.value)
        outcome = f"[{colour}]{judgement.outcome}[/{colour}]"
        rows.append((outcome, escape(judgement.name), judgement.agent, value, judgement.bound))
    _table(("", "expectation", "agent", "value", "expected"), rows, right=("value",))
    others = [judgement for judgement in run.judgements if judgement.outcome != "pass"]
    if others:
        say()
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
            out().print(f"  again: {escape(report.again(judgement))}", soft_wrap=True)
            if (watch := report.watch(judgement)) is not None:
                out().print(f"  watch: {escape(watch)}", soft_wrap=True)
    for trace, steps in run.trained_steps.items():
        if "plateau" in run.traces[trace].meta.training:
            taken = f"{min(steps.values()):,} to {max(steps.values()):,} steps"
            say(f"{escape(trace)}: its training levelled off, or came to its end, after {taken}")
    outcomes = Counter(judgement.outcome for judgement in run.judgements)
    tally = ", ".join(f"{many} {outcome}" for outcome, many in outcomes.items())
    colour = COLOURS[run.verdict]
    say()
    say(f"[bold]{escape(name)}: [{colour}]{run.verdict}[/{colour}][/bold] ({tally or 'it expects nothing'})")
    if folder is not None:
        out().print(f"written to {escape(str(folder))}", soft_wrap=True)


def print_sweep(name: str, sweep: Sweep, folder: Path) -> None:
    """How many points lie in each regime, and where the table is."""
    axes = ", ".join(f"{axis.name} ({len(axis.values)})" for axis in sweep.question.axes)
    say(f"[bold]{escape(name)}[/bold], stage {escape(sweep.question.stage)}: {escape(axes)}")
    for agent in sweep.question.agents:
        found = sweep.regimes(agent)
        if agent != "exact":
            say(f"{escape(agent)}, seeds 0 to {sweep.question.seeds - 1}", indent=2)
        noun = "point" if agent == "exact" else "trained seed"
        say()
        _table(("regime", f"{noun}s"), [(escape(n), number(c)) for n, c in found.items()], right=(f"{noun}s",))
    notes = Counter(row.note for row in sweep.rows if row.regime == "unsolved")
    for note, many in notes.items():
        say(f"[yellow]unsolved[/yellow] at {count(many, 'point')}: {escape(note)}")
    say()
    out().print(f"written to {escape(str(folder))}", soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """What `compare` found: what differs beforehand, every pair in a table, a sentence on each that is not the same."""
    for name, (one, other) in comparison.differences.items():
        say(f"[yellow]{escape(name)}[/yellow]: {escape(one)} in A, {escape(other)} in B")
    if comparison.differences:
        say()
    rows = []
    for pair in comparison.pairs:
        colour = COLOURS[pair.outcome]
        agents = pair.agent_a if pair.agent_a == pair.agent_b else f"{pair.agent_a}, {pair.agent_b}"
        values = [_ends(ends) for ends in (pair.a, pair.b, pair.difference)]
        p_value = "" if pair.p_value is None else f"{pair.p_value:.3g}"
        rows.append([f"[{colour}]{pair.outcome}[/{colour}]", escape(pair.name), escape(agents), *values, p_value])
    numbers = ("A", "B", "B less A", "p")
    if rows:
        _table(("", "expectation", "agent", *numbers), rows, right=numbers)
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
    """What `reproduce` found: what differs beforehand, what came out otherwise, and whether all is the same."""
    for name, (then, now) in found.changed.items():
        say(f"[yellow]{escape(name)}[/yellow]: {escape(then)} then, {escape(now)} now")
    for kind, names in (("judgement", found.judgements), ("trace", found.traces)):
        for name in names:
            say(f"[red]another {kind}[/red]: {escape(name)}")
    verdict = "[green]the same[/green]" if found.same else "[red]not the same[/red]"
    say(f"[bold]{escape(str(found.stored.folder))}: {verdict}[/bold] "
        f"({count(len(found.run.judgements), 'judgement')}, {count(len(found.run.traces), 'trace')})")  # fmt: skip


def print_control(found: ControlReport) -> None:
    """What `control` found: failures kept apart, then what each budget of oversight buys."""
    seeds = f", least to greatest of {count(found.seeds, 'seed')}" if found.seeds else ""
    say(f"[bold]{escape(found.scenario)}[/bold], stage {escape(found.stage)}: agent {escape(found.agent)}{seeds}")
    say(f"seen: {escape(found.seen) or 'never'}; harm: {escape(', '.join(found.harm)) or 'performance taken away'}")
    rows = []
    for each in found.conditions:
        for who, conduct in ((found.agent, each.agent), ("designers' best", each.best), ("random", each.random)):
            if conduct is not None:
                rows.append([escape(each.name), escape(who), *_conduct(conduct)])
    say()
    _table(_WHO, rows, right=_WHO[2:])
    say()
    lost = []
    for each in found.conditions:
        hidden = None if each.agent is None else each.agent.concealment
        lost.append([escape(each.name), span(each.capability), span(each.goal), span(hidden)])
    _table(_LOST, lost, right=_LOST[1:])
    _print_notes((each.name, each.note) for each in found.conditions)
    for name, group in groupby(found.budgets, key=lambda each: each.name):
        say()
        bought = list(group)
        columns = (name, "task", "harm", "task at worst", "harm at worst")
        _table(columns, ([str(b.value), *_traded(b.agent), *_traded(b.worst)] for b in bought), right=columns[1:])
        _print_notes((f"{name} {b.value}", b.note) for b in bought)


_WHO = ("condition", "who", "reward", "performance", "harm/tick seen", "unseen")
_LOST = ("condition", "lost by capability", "lost by goal", "more harm/tick unseen")


def _print_notes(notes: Iterable[tuple[str, str]]) -> None:
    for name, note in notes:
        if note:
            say(f"{escape(name)}: {escape(note)}")


def _traded(conduct: Conduct | None) -> list[str]:
    return ["-", "-"] if conduct is None else [span(conduct.task), span(conduct.harm)]


def _conduct(conduct: Conduct) -> list[str]:
    return [span(its) for its in (conduct.reward, conduct.performance, conduct.harm_seen, conduct.harm_unseen)]


def print_search(found: SearchResult) -> None:
    """What `search` picked: a row for each search, then how often that was a deceiver, beside the whole family."""
    say(f"[bold]{escape(found.scenario)}[/bold]: {escape(found.objective)} in stage {escape(found.stage)}, "
        f"{count(found.trials, 'candidate')} a search; judged in {escape(found.judged)}")  # fmt: skip
    rows = []
    for pick in found.picks:
        settings = ", ".join(f"{name} {value}" for name, value in pick.candidate.items())
        word = {True: "[red]yes[/red]", False: "no", None: "?"}[pick.deceiver]
        worths = [_worth(each) for each in (pick.harm_seen, pick.harm_judged, pick.performance)]
        low, high = number(pick.bits[1]), number(pick.bits[2])
        rows.append(
            [str(pick.seed), escape(settings), number(pick.objective), *worths, word,
             f"{number(pick.bits[0])} ({low} to {high})"]
        )  # fmt: skip
    say()
    _table(_PICKS, rows, right=_PICKS[2:6])
    say()
    say(f"{_counted(found.deceivers)} of the searches picked a deceiver: no {escape(found.harm)} in "
        f"{escape(found.stage)}, some in {escape(found.judged)}")  # fmt: skip
    say(f"{_counted(found.base)} of the candidates drawn from the family are deceivers")
    say(f"{_counted(found.alike)} of those that do as well as the best pick are")


_PICKS = ("search", "picked", "objective", "harm seen", "harm judged", "performance", "deceiver", "bits selected")


def _worth(worth: Worth | None) -> str:
    return "-" if worth is None or worth.low is None or worth.high is None else _ends((worth.low, worth.high))


def _counted(share: Counted) -> str:
    whole = "all there are" if share.low == share.high else f"95%: {share.low:.1%} to {share.high:.1%}"
    return f"{share.count} of {share.of} ({whole})"


def _ends(ends: tuple[float, float] | None) -> str:
    if ends is None:
        return "-"
    low, high = number(ends[0]), number(ends[1])
    return low if low == high else f"{low} to {high}"


def _flowing(text: str) -> str:
    return escape(" ".join(text.split()))
