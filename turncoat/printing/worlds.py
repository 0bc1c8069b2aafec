"""Printed scenarios, with the facts that are proved of them, their best plans and why these are best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from .terminal import count, flowing, number, out, path_in_words, say, span, table

if TYPE_CHECKING:
    from ..envs.analysis.event_explanation import Behaviour, EventExplanation
    from ..envs.analysis.origin_proof import OriginProof
    from ..envs.analysis.performance_gap import Analysis
    from ..evals.exact.parameter_flips import Flip
    from ..evals.verdicts.pre_training_check import CheckResult
    from ..scenarios.language.faults.faults import Fault
    from ..scenarios.language.loading import Scenario


def print_list(rows: Iterable[tuple[str, str, str]]) -> None:
    """Print the name, origin and title of each scenario."""
    table(("name", "origin", "title"), ([escape(cell) for cell in row] for row in rows))


def print_faults(faults: Iterable[Fault], lines: Mapping[str, Sequence[str]], to: Console) -> None:
    """Print faults with their source lines and carets, on the console `to`."""
    from ..scenarios.language.faults.faults import render

    for fault in faults:
        shown = lines.get(fault.place.file, ()) if fault.place is not None else ()
        to.print(escape(render(fault, shown)), soft_wrap=True)


def print_scenario(scenario: Scenario, stage: str) -> None:
    """Print a scenario: its story, the board of a stage at its start, its agents, rewards and params."""
    from ..envs.world.ascii_board import glyphs
    from ..envs.world.compiler import compile_world
    from ..viz.text.ascii_board import describe, first_state, state_text

    document = scenario.document
    say(f"[bold]{escape(document.title)}[/bold] ({escape(document.name)}, origin {document.origin})")
    say()
    say(flowing(document.claim))
    for name, text in document.about.model_dump(exclude_none=True).items():
        say()
        say(f"[bold]{name}[/bold]  {flowing(text)}")
    world = compile_world(scenario, stage)
    state = first_state(world)
    time = f"horizon {world.horizon}" if world.horizon is not None else f"limit {world.limit}"
    say()
    say(f"[bold]stage {escape(stage)}[/bold], {time}")
    if world.boards.height:
        say()
        out().print(escape(state_text(world, state, glyphs(document))), soft_wrap=True)
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
        (escape(name), "hidden" if r.hidden else "", escape(flowing(r.about or "")))
        for name, r in document.rewards.items()
    ]
    say()
    table(("reward", "", ""), rows=rewards)
    if document.params:
        say()
        params = (
            (escape(n), escape(str(scenario.params[n])), escape(p.about or "")) for n, p in document.params.items()
        )
        table(("param", "value", ""), params)
    expected = len(document.expect)
    say()
    say(f"{count(expected, 'expectation')}; judge them with [bold]turncoat run[/bold]")


def print_check(name: str, scenario: Scenario, result: CheckResult) -> None:
    """Print the result of `check`: faults, then the facts that enumeration proved."""
    faults = (*scenario.warnings, *result.faults)
    print_faults(faults, scenario.source.lines, out())
    sizes = (f"{stage} {'not enumerable' if n is None else number(n)}" for stage, n in result.states.items())
    say(f"[bold]{escape(name)}[/bold]: states {', '.join(sizes)}")
    if result.origin is not None:
        _print_origin(result.origin)
    if result.analysis is not None:
        agent, best = result.analysis.agent, result.analysis.performance_best
        seen = "" if agent.performance is None else f", performance {span(agent.performance)}"
        say(f"the agent's best plan: value {span(agent.value)}{seen}", indent=2)
        for margin in result.margins:
            share = "" if margin.share is None else f" ({margin.share:.0%})"
            never = escape(" or ".join(margin.barring))
            say(f"never risking {never}: value {number(margin.without)}, {number(margin.gain)} less{share}", indent=4)
        if best is not None:
            say(
                f"the designers' best plan: performance {span(best.performance)}; gap {span(result.analysis.gap)}",
                indent=2,
            )
    trainings = f" and {count(result.trainings, 'training')}" if result.trainings else ""
    say(f"a bare run makes {count(result.solves, 'exact solve')}{trainings}", indent=2)
    if result.replays:
        say(f"{count(result.replays, 'replay')} as recorded", indent=2)
    errors = sum(not fault.warning for fault in faults)  # a scenario with warnings alone is ok
    say(f"[red]{count(errors, 'fault')}[/red]" if errors else "[green]ok[/green]", indent=2)


def _print_origin(origin: OriginProof) -> None:
    says = {True: "proved", False: "refuted", None: "unproved"}[origin.agrees]
    say(f"origin {origin.stated} {says}: {escape(origin.why)}", indent=2)
    if origin.witness is not None:
        pays = ", ".join(f"{escape(channel)} {number(pay)}" for channel, pay in origin.witness.rewards.items())
        way = escape(path_in_words(origin.witness.actions))
        say(f"as {way}: pays {pays}, performance {number(origin.witness.performance)}", indent=4)


def print_analysis(analysis: Analysis) -> None:
    """Print the result of `solve`: the best plans for the agent and for the designers, and the gap between them."""
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
    table(headings, rows, right=headings[1:])
    if analysis.gap is not None:
        say()
        say(f"The agent's choice costs the designers {span(analysis.gap)} of performance.")


def print_why(answer: EventExplanation, flips: Sequence[Flip]) -> None:
    """Print the result of `why`: the best plans with and without the event, and the settings that would flip it."""
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
        table(("setting", "is", "changes the answer at"), rows, right=("is",))


def _print_way(label: str, way: Behaviour | None) -> None:
    """Print the best plan with (or without) an event: its value by channel, how often the event occurs, its path."""
    if way is None:
        say(f"{label}: there is no such plan", indent=2)
        return
    values = ", ".join(f"{escape(channel)} {number(value)}" for channel, value in way.values.items())
    first = f"; first at tick {way.tick}" if way.tick is not None else ""
    low, high = way.share
    # Without chance the share is 0 or 1, which the label (with or without the event) has said already.
    chancy = 0 < low < 1 or 0 < high < 1
    share = f"; in {number(low)}{'' if low == high else f' to {number(high)}'} of episodes" if chancy else ""
    say(f"{label}: value {number(way.value)} ({values}){share}{first}", indent=2)
    course = "likeliest course: " if chancy else ""
    say(f"{course}{escape(path_in_words(way.actions))}", indent=4)


def _signed(value: float) -> str:
    """A number with its sign, which tells a gain from a loss."""
    return ("+" if value >= 0 else "") + number(value)
