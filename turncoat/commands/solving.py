"""Commands that enumerate a world exactly: `check`, `solve` and `why`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import printing
from ..endings import FAULT
from ..envs.time_limit import OutOfTimeError
from ..scenarios.errors import UsageError, check_name
from .options import (
    SOLVE_SECONDS,
    AsJson,
    Budget,
    Params,
    ScenariosOrFolders,
    Sets,
    StageName,
    Which,
    check_drawn,
    count_option,
    jobs_of,
    limit_of,
    load_with,
    scenarios_below,
    stage_of,
    stage_or_life_of,
    write_json,
)

if TYPE_CHECKING:
    from ..evals.verdicts.pre_training_check import CheckResult
    from ..scenarios.language.faults.faults import ScenarioError
    from ..scenarios.language.loading import Scenario

Event = Annotated[str, typer.Option("--event", help="An event, or ended:REASON.")]


CHECK_SECONDS = 60.0
"""How long `check` enumerates a stage, by default."""
CheckBudget = Annotated[
    float,
    typer.Option(
        "--time-limit",
        "--budget",
        metavar="SECONDS",
        min=0,
        help="For each stage and each proof; what takes longer is left out.",
    ),
]

CheckJobs = Annotated[int | None, count_option("--jobs", "Scenarios at a time; all cores by default.")]

Objectives = Annotated[
    list[str],
    typer.Option("--objective", metavar="NAME", help="A channel, or performance; the visible channels by default."),
]
Discounted = Annotated[
    bool | None,
    typer.Option(
        "--discounted/--undiscounted",
        help="Values or returns; values by default, unless performance is an objective.",
    ),
]
Picture = Annotated[
    Path | None, typer.Option("--picture", metavar="FILE", help="Draw the front: a new .png, .svg or .pdf.")
]


Policies = Annotated[
    list[str],
    typer.Option(
        "--agent",
        metavar="AGENT=POLICY",
        help="An action, random, if(CONDITION, POLICY, POLICY), or a table of --save-policies; random by default.",
    ),
]
Iterate = Annotated[
    int | None,
    count_option("--iterate", "Let them answer each other in turn, for so many rounds at most.", most=1000),
]
Bounds = Annotated[
    bool,
    typer.Option("--bounds", help="Bound what the best plan is worth to the agent, in a world of any size."),
]
Measures = Annotated[list[str], typer.Option("--measure", help="Only say what a measure comes to, over all ties.")]
Over = Annotated[
    str | None,
    typer.Option("--over", metavar="AXIS", help="Values of a setting to try, as NAME=FROM:TO:POINTS or NAME=V1,V2."),
]


def check(
    which: ScenariosOrFolders,
    param: Params = [],
    set_: Sets = [],
    budget: CheckBudget = CHECK_SECONDS,
    jobs: CheckJobs = None,
    as_json: AsJson = False,
) -> None:
    """Check scenarios: shape, names, types, and what only a search of the world can find.

    A folder stands for every scenario file in it and below.
    """
    from ..evals.training.execution.side_by_side import side_by_side
    from ..scenarios.language.faults.faults import ScenarioError

    wrong, data = False, []
    names = [name for each in which for name in scenarios_below(each)]
    calls = [(name, param, set_, budget, as_json) for name in names]
    for each in side_by_side(_checked, calls, jobs_of(jobs)):
        name, scenario, result = each()
        if isinstance(result, ScenarioError):
            wrong = True
            data.append({"scenario": name, "ok": False, "faults": [printing.fault_data(f) for f in result.faults]})
            if not as_json:
                printing.print_faults(result.faults, result.lines, printing.out())
            continue
        assert scenario is not None
        faults = (*scenario.warnings, *result.faults)
        bad = any(not fault.warning for fault in faults)
        wrong = wrong or bad
        if as_json:
            found = {**asdict(result), "faults": [printing.fault_data(fault) for fault in faults]}
            data.append({"scenario": name, "ok": not bad, **found})
        else:
            printing.print_check(name, scenario, result)
    if as_json:
        write_json(data)
    elif not wrong:
        printing.next_command("run", *which)
    raise typer.Exit(FAULT if wrong else 0)


def _checked(
    name: str, param: list[str], set_: list[str], budget: float, as_json: bool
) -> tuple[str, Scenario | None, CheckResult | ScenarioError]:
    """A scenario and what its check found; or its faults, for a faulty file is reported among the others."""
    # Not by way of `api`, which imports what checks nothing: each of several processes would wait for it.
    from ..evals.verdicts.pre_training_check import check_scenario
    from ..scenarios.language.faults.faults import ScenarioError

    try:
        scenario = load_with(name, param, set_)
        with printing.progress(not as_json, name):
            return name, scenario, check_scenario(scenario, budget)
    except ScenarioError as error:
        return name, None, error


def solve(
    which: Which,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    budget: Budget = SOLVE_SECONDS,
    bounds: Bounds = False,
    measure: Measures = [],
    over: Over = None,
    as_json: AsJson = False,
) -> None:
    """Solve a stage exactly: what the agent's best plan is worth to it and to the designers, and the gap.

    With --measure it says what measures come to under the best plans, and with --over at several values of a setting
    too: by the plans for the file as it is, and by those made anew at each value. Only these values are tried.
    """
    from .. import api
    from ..envs.base import TooManyStatesError

    scenario = load_with(which, param, set_)
    name = stage_of(scenario, stage)
    if bounds:
        with printing.progress(not as_json, which) as report:
            found = api.bound(scenario, name, seconds=budget, report=report)
        if as_json:
            write_json(api.as_data(found))
        else:
            printing.print_bounds(scenario.document.name, name, found)
            printing.next_command("run", which)
        return
    if over is not None and not measure:
        raise UsageError("--over is for measures; name one, as in --measure performance")
    if measure:
        from .sweeping import read_axis

        axis = None if over is None else read_axis(over)
        with printing.progress(not as_json, which) as report, limit_of(budget):
            measures = api.measure(
                scenario, measure, name, over=None if axis is None else {axis.name: axis.values}, report=report
            )
        if as_json:
            write_json([api.as_data(each) for each in measures])
        else:
            printing.print_measures(scenario.document.name, name, measures, None if axis is None else axis.name)
            printing.next_command("watch", which)
        return
    with printing.progress(not as_json, which), limit_of(budget):
        try:
            analysis = api.solve(scenario, name)
        except TooManyStatesError as fault:
            more = "" if scenario.lives_in(name) else "; --bounds says what is known all the same"
            raise TooManyStatesError(f"{fault}{more}", fault.cure) from None
    if as_json:
        write_json(_analysis_data(api.as_data(analysis)))
    else:
        printing.print_analysis(analysis)
        event = next(iter(api.events(scenario, name)), None)
        printing.next_command(*(("why", which, "--event", event) if event else ("watch", which)))


def why(
    which: Which,
    event: Event,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    budget: Budget = SOLVE_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Say why the agent brings an event about, or does not: the best plan with and without, and what would flip it.

    Where the file declares a life, whole lives are compared; with --stage the event counts in that stage's episodes.
    """
    from .. import api
    from ..evals.exact.parameter_flips import Flip, nearest_flips, settings_varied
    from ..evals.exact.solved_worlds import asked_stage

    scenario = load_with(which, param, set_)
    name = asked_stage(scenario) if stage is None else stage_of(scenario, stage)
    # A misspelt event is refused before any plan is solved, which may take long.
    check_name("event", event, api.events(scenario, name))
    flips, left_out = list[Flip](), ""
    with limit_of(budget):
        with printing.progress(not as_json, which):
            answer = api.why(scenario, event, name)
        if not as_json:
            printing.print_why(answer)  # at once: what follows takes some hundred times as long
        with printing.progress(not as_json, which) as report:
            try:
                for flip in nearest_flips(scenario, event, name, report):
                    flips.append(flip)
            except OutOfTimeError as fault:
                names = ", ".join(settings_varied(scenario)[len(flips) :])
                left_out = f"not varied any more, or not to the end: {names}; {fault}"
    if as_json:
        write_json({**api.as_data(answer), "flips": [api.as_data(flip) for flip in flips], "left_out": left_out})
    else:
        printing.print_flips(flips, left_out)
        printing.next_command("watch", which)


def pareto(
    which: Which,
    objective: Objectives = [],
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    discounted: Discounted = None,
    picture: Picture = None,
    budget: Budget = SOLVE_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Find what a world allows in several objectives at once, exactly, and where the agent's own choice lies."""
    from .. import api

    scenario = load_with(which, param, set_)
    name = stage_or_life_of(scenario, stage)
    check_drawn(picture)
    with printing.progress(not as_json, which), limit_of(budget):
        front = api.pareto(scenario, objective or None, name, discounted=discounted)
    if picture is not None:
        from ..viz.pictures.pareto_picture import save_front

        save_front(front, picture)
    if as_json:
        write_json(api.as_data(front))
    else:
        printing.print_front(front)
        if picture is not None:
            printing.say(f"drawn to {picture}")
        printing.next_command("watch", which)


def exploit(
    which: Which,
    agent: Policies = [],
    iterate: Iterate = None,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    budget: Budget = SOLVE_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Say how much each agent of a profile could gain by a best response, and where best responses lead."""
    from ..evals.studies.profile_exploitability import profile_exploitability

    scenario = load_with(which, param, set_)
    stage = stage_of(scenario, stage)
    given = _profile(agent, list(scenario.document.agents))
    with printing.progress(not as_json, which), limit_of(budget):
        found = profile_exploitability(scenario, given, stage, iterate)
    if as_json:
        agents = [{**vars(each), "policy": found.policies[each.agent], "gain": each.gain} for each in found.agents]
        data: dict[str, Any] = {"agents": agents, "nash_conv": found.nash_conv}
        if found.iterated is not None:
            path = found.iterated
            data["iterated"] = {"end": path.end, "period": path.period, "turns": [vars(step) for step in path.steps]}
        write_json(data)
    else:
        printing.print_exploitability(found)
        printing.next_command("watch", which)


def _profile(texts: list[str], agents: list[str]) -> dict[str, str]:
    """The policy in words of each agent of which `AGENT=POLICY` says something, by its name.

    Raises:
        UsageError: a text is not of that form, or an agent is named twice, or there is no such agent.
    """
    given: dict[str, str] = {}
    for text in texts:
        name, equals, policy = (part.strip() for part in text.partition("="))
        if not equals or not policy:
            raise UsageError(f"`{text}` is not of the form AGENT=POLICY, as in {agents[0]}=random")
        if name in given:
            raise UsageError(f"--agent: `{name}` is given two policies")
        check_name("agent", name, agents)
        given[name] = policy
    return given


def _analysis_data(analysis: dict[str, Any]) -> dict[str, Any]:
    """An analysis with the names that `--json` promises.

    The result's field is named `total`, since `return` is a keyword of Python; JSON has `return`.
    """
    plans = {
        plan: worth and {**{k: v for k, v in worth.items() if k != "total"}, "return": worth["total"]}
        for plan, worth in ((plan, analysis[plan]) for plan in ("agent", "performance_best"))
    }
    return {**analysis, **plans}
