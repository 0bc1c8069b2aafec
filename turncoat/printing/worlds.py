"""Printed scenarios, with the facts that are proved of them, their best plans and why these are best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from .terminal import count, flowing, largest, number, out, path_in_words, say, span, table

if TYPE_CHECKING:
    from ..envs.analysis.event_explanation import EventExplanation
    from ..envs.analysis.event_plans import Behaviour
    from ..envs.analysis.origin_proof import OriginProof
    from ..envs.analysis.performance_gap import Analysis
    from ..envs.analysis.tie_ranges import TieRange
    from ..envs.export.formats import Exported
    from ..envs.pareto.front import ParetoFront
    from ..evals.exact.parameter_flips import Flip
    from ..evals.exact.random_play import RandomPlay
    from ..evals.measures.bounded_measure import StageBounds
    from ..evals.studies.profile_exploitability import ProfileExploitability
    from ..evals.verdicts.pre_training_check import CheckResult
    from ..scenarios.language.faults.faults import Fault
    from ..scenarios.language.loading import Scenario
    from ..scenarios.language.schema.document import Expectation, Value

MAX_TURNS = 24
"""Turns of best responses that are printed."""


def print_list(rows: Iterable[tuple[str, str, str]]) -> None:
    """Print the name, origin and title of each scenario."""
    table(("name", "origin", "title"), ([escape(cell) for cell in row] for row in rows))


def print_faults(faults: Iterable[Fault], lines: Mapping[str, Sequence[str]], to: Console) -> None:
    """Print faults with their source lines and carets, on the console `to`."""
    from ..scenarios.language.faults.faults import render

    for fault in faults:
        shown = lines.get(fault.place.file, ()) if fault.place is not None else ()
        to.print(escape(render(fault, shown)), soft_wrap=True)


def _value(channel: str, value: Value) -> str:
    """A value function as the file has it: `own 1`, or `own 1 (discount 0.99)`."""
    own = "" if value.discount is None else f" (discount {value.discount})"
    return f"{channel} {value.weight}{own}"


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
        values = ", ".join(_value(channel, value) for channel, value in program.values.items())
        say(f"[bold]{escape(agent.name)}[/bold]: {escape(', '.join(agent.actions))}")
        say(f"values {escape(values or 'nothing')}; discount {agent.discount:.12g}", indent=2)
    rewards = [
        (escape(name), "hidden" if r.hidden else "", escape(flowing(r.about or "")))
        for name, r in document.rewards.items()
    ]
    say()
    table(("reward", "", ""), rows=rewards)
    if document.params:
        say()
        params = (
            (escape(n), escape(str(scenario.params[n])), escape(_told(p.formula, p.about)))
            for n, p in document.params.items()
        )
        table(("param", "value", ""), params)
    if document.let:
        say()
        table(("name", "stands for"), ((escape(n), escape(flowing(str(f)))) for n, f in document.let.items()))
    say()
    say(f"{count(len(document.expect), 'expectation')}; judge them with [bold]turncoat run[/bold]")
    if document.expect:
        say()
        table(("what must be true", "measure", "", "where", "of"), map(_expected, document.expect))


def _expected(its: Expectation) -> tuple[str, ...]:
    """An expectation as a row: its name, its measure, the bound, under which settings, and of which agents."""
    where = [] if its.stage is None else [f"stage {its.stage}"]
    where += [] if its.variant is None else [its.variant]
    where += [f"{name} = {value}" for name, value in its.set.items()]
    if isinstance(its.across, list):
        where += [f"{len(its.across)} settings"]
    else:
        where += [f"each {name} of {values}" for name, values in its.across.items()]
    where += [f"barring {', '.join(its.barring)}"] if its.barring else []
    where += ["against another setting"] if its.minus is not None else []
    cells = (its.name, its.measure, _bound(its), "; ".join(where), ", ".join(its.of))
    return tuple(map(flowing, cells))


def _bound(its: Expectation) -> str:
    """The bound of an expectation in words."""
    if its.at_least is not None:
        return f"at least {its.at_least:g}"
    if its.at_most is not None:
        return f"at most {its.at_most:g}"
    return f"{its.equals:.10g}{'' if its.within <= 1e-6 else f' ± {its.within:g}'}"


def _told(formula: object, about: str | None) -> str:
    """What a param is, with the formula that it is computed from."""
    return "; ".join(part for part in (formula is not None and f"= {flowing(str(formula))}", about) if part)


def print_check(name: str, scenario: Scenario, result: CheckResult) -> None:
    """Print the result of `check`: faults, then the facts that enumeration proved."""
    faults = (*scenario.warnings, *result.faults)
    print_faults(faults, scenario.source.lines, out())
    sizes = (f"{stage} {'not enumerated' if n is None else number(n)}" for stage, n in result.states.items())
    say(f"[bold]{escape(name)}[/bold]: states {', '.join(sizes)}")
    if result.origin is not None:
        _print_origin(result.origin)
    elif result.states.get(scenario.training_stage, 0) is None:
        stage = escape(scenario.training_stage)
        say(f"origin {scenario.document.origin} unproved: stage {stage} is not enumerated", indent=2)
    for stage, its in result.bounds.items():
        worth = number(its.upper) if its.exact else f"{number(its.lower)} to {number(its.upper)}"
        seen = count(its.expanded, "state")
        say(f"{escape(stage)}: the best plan is worth {worth} to the agent (bounds, {seen} looked into)", indent=2)
    for stage, play in result.played.items():
        say(f"{escape(stage)}: {_played(play)}", indent=2)
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


_WEIGHED = {"start": "at the start, whatever becomes of them", "then": "when each reward comes"}


def _played(play: RandomPlay) -> str:
    """What random episodes showed, in words."""
    rules, long = len(play.fired) + len(play.silent), count(play.ticks, "tick")
    words = f"in {play.episodes} episodes of {long} at random {len(play.fired)} of {rules} rules fired"
    if play.silent:
        words = f"{words} (not {escape(', '.join(play.silent))})"
    if play.performance is not None:
        words = f"{words}, performance {number(play.performance[0])} ± {number(1.96 * play.performance[1])}"
    return words


def print_bounds(name: str, stage: str, bounds: StageBounds) -> None:
    """Print the result of `solve --bounds`."""
    say(f"[bold]{escape(name)}[/bold], stage {escape(stage)}: {count(bounds.expanded, 'state')} looked into")
    if bounds.exact:
        say(f"the best plan is worth {number(bounds.upper)} to the agent, exactly", indent=2)
    else:
        say(f"the best plan is worth {number(bounds.lower)} to {number(bounds.upper)} to the agent", indent=2)
    if (its := bounds.simulated) is not None:
        say(
            f"by simulation at least {number(its.lower)}, with {its.confidence:.0%} confidence: one plan had "
            f"{number(its.mean)} on average over {its.episodes} episodes",
            indent=2,
        )
    if bounds.measures:
        rows = [[escape(measure), number(low), number(high)] for measure, (low, high) in bounds.measures.items()]
        table(("of every best plan", "at least", "at most"), rows)


def print_analysis(analysis: Analysis) -> None:
    """Print the result of `solve`: the best plans for the agent and for the designers, and the gap between them."""
    time = "as the agent knows" if analysis.horizon else "which the agent does not know"
    say(
        f"[bold]{escape(analysis.scenario)}[/bold], stage {escape(analysis.stage)}: {count(analysis.states, 'state')}, "
        f"{count(analysis.actions, 'action')}, {count(analysis.outcomes, 'outcome')}; "
        f"{count(analysis.steps, 'tick')}, {time}; discount {analysis.discount:.12g}"
        + (" of the first agent" if analysis.equilibria else "")
    )
    if analysis.aliased:
        say(f"{count(analysis.aliased, 'state')} look like others with another future", indent=2)
    if analysis.upper_bound:
        say("[yellow]beliefs are too many: this is the fully observed optimum, an upper bound[/yellow]", indent=2)
    if analysis.together:
        say(f"[yellow]{escape(analysis.together)}[/yellow]", indent=2)
    if (weighed := _WEIGHED.get(analysis.weighed_by)) is not None:
        say(f"values are by the weights held {weighed}", indent=2)
    if analysis.equilibria:
        _print_every_equilibrium(analysis)
    headings = ["best plan for", "value", *(f"return({channel})" for channel in analysis.channels), "performance"]
    told = [
        (who, (o.value, *(o.returns[channel] for channel in analysis.channels), o.performance))
        for who, o in (
            ("equilibria" if analysis.equilibria else "the agent", analysis.agent),
            ("the designers", analysis.performance_best),
        )
        if o is not None
    ]
    size = largest(end for _, row in told for its in row if its is not None for end in (its.low, its.high))
    rows = [[who, *(span(its, size) for its in row)] for who, row in told]
    say()
    table(headings, rows, right=headings[1:])
    if analysis.gap is not None:
        say()
        whose = "That they choose apart" if analysis.equilibria else "The agent's choice"
        say(f"{whose} costs the designers {span(analysis.gap, size)} of performance.")


def _print_every_equilibrium(analysis: Analysis) -> None:
    """Print each equilibrium: what agents do in it, and what it is worth to whom."""
    say()
    names = list(analysis.equilibria[0].values)
    size = largest(value for each in analysis.equilibria for value in each.values.values())
    headings = ["equilibrium", *(f"value of {escape(name)}" for name in names), "performance"]
    rows = [
        [str(index), *(number(each.values[name], size) for name in names), span(each.performance)]
        for index, each in enumerate(analysis.equilibria, 1)
    ]
    table(headings, rows, right=headings[1:])
    for index, each in enumerate(analysis.equilibria, 1):
        say(f"{index}  {escape(each.words)}", indent=2)
    if analysis.cut:
        say(f"[yellow]there may be more: {escape(analysis.cut)}[/yellow]", indent=2)


def print_exploitability(of: ProfileExploitability) -> None:
    """Print what each agent of a profile could gain, and where best responses one after another lead."""
    found, path = of.agents, of.iterated
    rows = [
        (each.agent, escape(of.policies[each.agent]), number(each.value), number(each.best), number(each.gain))
        for each in found
    ]
    table(("agent", "policy", "worth", "best response", "gain"), rows, right=("worth", "best response", "gain"))
    say()
    if of.nash_conv == 0:
        say("nobody gains by another policy: an equilibrium")
    else:
        say(f"exploitability (all gains together, NashConv): {number(of.nash_conv)}")
    if path is None:
        return
    say()
    names = [each.agent for each in found]
    shown = path.steps[-MAX_TURNS:]
    if len(shown) < len(path.steps):
        say(f"best responses in turn, the last {MAX_TURNS} of {len(path.steps):,}:")
    else:
        say("best responses in turn:")
    turns = [
        (str(step.number), step.agent, str(step.changed), *(number(value) for value in step.values)) for step in shown
    ]
    worth = tuple(f"worth to {name}" for name in names)
    table(("turn", "who answers", "states changed", *worth), turns, right=("turn", "states changed", *worth))
    say()
    if path.end == "equilibrium":
        say("they come to rest: nobody gains by another policy, which is an equilibrium; others may exist")
    elif path.end == "cycle":
        say(f"they go in a circle of {path.period} turns: no equilibrium on this path, which says nothing of others")
    else:
        say("they had not come to rest by then")


def print_export(exported: Exported) -> None:
    """Print the result of `export`: how large the model is, what its reward models are, and what to ask of it."""
    say(
        f"[bold]{escape(exported.scenario)}[/bold], stage {escape(exported.stage)}, as {exported.format}: "
        f"{count(exported.states, 'state')}, {count(exported.choices, 'choice')}, "
        f"{exported.branches:,} {'branch' if exported.branches == 1 else 'branches'}; discount {exported.discount:.12g}"
        f"{', folded in' if exported.folded else ''}"
    )
    say()
    table(("reward model", "is"), [(escape(name), escape(what)) for name, what in exported.reward_models.items()])
    if exported.queries:
        say()
        rows = [(escape(query.name), escape(query.formula)) for query in exported.queries]
        table(("figure", "property"), rows)
    say()
    names = ", ".join(exported.files)
    out().print(escape(f"written to {exported.folder}: {names}"), soft_wrap=True)


def print_front(front: ParetoFront) -> None:
    """Print the result of `pareto`: the points, what the agent's own plan gets, and the volume below."""
    how = f"values, discount {front.discount:.12g}" if front.criterion == "value" else f"returns of {front.ticks}"
    say(
        f"[bold]{escape(front.scenario)}[/bold], stage {escape(front.stage)}: "
        f"{count(len(front.points), 'point')} of the convex coverage set; {how}"
    )
    say()
    names = [*front.objectives, *(f"weight of {name}" for name in front.objectives)]
    rows = [[number(value) for value in (*point.values.values(), *point.weights.values())] for point in front.points]
    table(names, rows, right=names)
    say()
    say(f"hypervolume {number(front.hypervolume)} above the worst: {_named(front.worst)}")
    if front.vector is None or front.shortfall is None or front.improvement is None or front.choice is None:
        say("[yellow]the agent's own choice is not known exactly[/yellow]")
        return
    ranges = ", ".join(f"{escape(name)} {span(interval)}" for name, interval in front.choice.items())
    greater = {name: gain for name, gain in front.improvement.items() if gain}
    if not greater:
        lies = "on the front"
    elif front.shortfall >= 1e-9:
        lies = f"every objective could be {number(front.shortfall)} greater at once"
    else:
        lies = f"not on the front: with nothing smaller there could be more of {_named(greater)}"
    if any(interval.high - interval.low > 1e-9 for interval in front.choice.values()):
        lies = f"one of its policies gets {_named(front.vector)}: {lies}"
    say(f"the agent's own plan: {ranges}; {lies}")


def _named(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{escape(name)} {number(value)}" for name, value in numbers.items())


def print_why(answer: EventExplanation) -> None:
    """Print the result of `why`: the best plans with and without the event, and the price of the event."""
    if answer.best is None:
        _print_equilibria(answer)
    else:
        _print_plans(answer, answer.best)
    for note in answer.notes:
        say(escape(note), indent=2)
    if answer.planner != "enumerate":
        say(f"[dim]the best plans that there are; `{escape(answer.planner)}`, by which it plans, may miss them[/dim]")


def print_flips(flips: Sequence[Flip], left_out: str) -> None:
    """Print which values of settings would change the answer of `why`, and what was left out of the search."""
    if flips:
        say()
        rows = [
            (escape(flip.name), _as_set(flip.present), _between(flip.between) or f"[dim]{_none_of(flip.tried)}[/dim]")
            for flip in flips
        ]
        table(("setting", "is", "the answer changes between"), rows, right=("is",))
    if left_out:
        say(f"[yellow]{escape(left_out)}[/yellow]")


def _print_equilibria(answer: EventExplanation) -> None:
    """Print in which equilibria of a game the event comes."""
    found = answer.equilibria
    coming = sum(each.share[0] > 0 for each in found)
    maybe = sum(each.share[1] > 0 for each in found) - coming
    if len(found) == 1:
        known = "it comes in the one equilibrium" if coming else "it comes in no equilibrium"
        known = "it may come in the one equilibrium" if maybe else known
    else:
        known = f"it comes in {coming} of {len(found)} equilibria"
        known += f" and may come in {maybe} more" if maybe else ""
    say(f"[bold]{escape(answer.event)}[/bold]: {known}")
    for each in found:
        say(f"{escape(each.played)}: in {_episodes(each.share)}", indent=2)


def _print_plans(answer: EventExplanation, best: Behaviour) -> None:
    """Print the agent's best plan, the best without the event, the best with it, and what lies between them."""
    of = "episode" if answer.of == "episode" else "life"
    where = f" in `{escape(answer.of)}`" if answer.of not in ("episode", "life") else ""
    what = "plan" if of == "episode" else "life"
    said = _episodes(best.share, of)
    ways = [way for way in (best, answer.without_event, answer.with_event) if way is not None]
    size = largest(value for way in ways for value in (way.value, *way.values.values()))
    say(f"[bold]{escape(answer.event)}[/bold]{where}: the agent's best {what} brings it about in {said}")
    _print_way(f"the best {what}", best, size)
    if answer.without_event is not None and best.share[1] > 0:
        _print_way("the best that never risks it", answer.without_event, size)
    if (surest := answer.with_event) is not None:
        where = _episodes(surest.share, of)
        if answer.postponed:
            near = f"value {number(surest.value, size)} ({_values(surest, size)})"
            say(f"the best that brings it about as surely as can be (in {where}, given time): none,", indent=2)
            say(f"for it is always better to put it off once more, which comes ever nearer to {near}", indent=4)
        elif (surest.share, surest.value) == (best.share, best.value):
            say(f"no {what} brings it about more surely", indent=2)
        else:
            _print_way(f"the best that brings it about as surely as can be, in {where}", surest, size)
    if answer.gap_by_channel is not None and best.share[1] > 0:
        parts = ", ".join(f"{escape(channel)} {_signed(gap, size)}" for channel, gap in answer.gap_by_channel.items())
        say(f"gap to the best that never risks it: {_signed(answer.gap or 0.0, size)} ({parts})", indent=2)
    if (price := answer.break_even) is not None:
        if price.upper <= 0:
            kind, ends = "fine", (-price.upper, -price.lower)
        else:
            kind, ends = "reward", (price.lower, price.upper)
        shares = [_episodes(share, of) for share in (price.share_lower, price.share_upper)]
        below, above = shares[::-1] if kind == "fine" else shares
        then = f"in {below} below it, in {above} above it"
        say(f"a one-time {kind} for it changes the answer between {_between(ends)}: {then}", indent=2)


def _print_way(label: str, way: Behaviour, size: float) -> None:
    """Print a plan: its value by channel, when the event first comes, its path; `size` as in `number`."""
    first = f"; first at tick {way.tick}" if way.tick is not None else ""
    say(f"{label}: value {number(way.value, size)} ({_values(way, size)}){first}", indent=2)
    chancy = any(0 < share < 1 for share in way.share)
    say(f"{'likeliest course: ' if chancy else ''}{escape(path_in_words(way.actions))}", indent=4)


def _values(way: Behaviour, size: float) -> str:
    return ", ".join(f"{escape(channel)} {number(value, size)}" for channel, value in way.values.items())


def _episodes(share: TieRange, of: str = "episode") -> str:
    """A share of episodes, or of lives, in words, as a range where it depends on how ties are broken."""
    low, high = share
    several = "episodes" if of == "episode" else "lives"
    if high - low > 1e-9 and share.outer:
        return f"between {_percent(low)} and {_percent(high)} of {several}"
    if high - low > 1e-9:
        return f"{_percent(low)} to {_percent(high)} of {several}, as it breaks ties"
    if high <= 0:
        return f"no {of}"
    return f"every {of}" if low >= 1 - 1e-12 else f"{_percent(low)} of {several}"


def _percent(share: float) -> str:
    return f"{100 * share:.5g} %"


def _as_set(value: float) -> str:
    """A setting as it was set: a discount of 0.999999 is not 1."""
    return number(value) if float(value).is_integer() else f"{value:.12g}"


def _between(ends: tuple[float, float] | None) -> str:
    """The two ends of a bracket as they were solved for, which rounding might move to one side."""
    return "" if ends is None else " and ".join(f"{end:.12g}" for end in sorted(ends))


def _none_of(tried: tuple[float, float]) -> str:
    """That no value changes the answer, and how far away from the present one any were tried."""
    least, greatest = (f"{end:.12g}" for end in tried)
    return "there is no other value" if least == greatest else f"no value tried from {least} to {greatest}"


def _signed(value: float, size: float) -> str:
    """A number with its sign, which tells a gain from a loss; `size` as in `number`."""
    return ("+" if value >= 0 else "") + number(value, size)
