"""The commands about oversight: `control` prices it, `protocols` finds the best, `monitor` reads the agent."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from .. import printing
from ..scenarios.did_you_mean import quote
from ..scenarios.errors import UsageError, check_name
from .options import (
    SOLVE_SECONDS,
    AsJson,
    Budget,
    Cache,
    FirstSeed,
    Jobs,
    NoCache,
    Params,
    Sets,
    StageName,
    Steps,
    Which,
    cache_of,
    check_drawn,
    count_option,
    jobs_of,
    limit_of,
    load_with,
    stage_of,
    stage_or_life_of,
    write_json,
)

Agent = Annotated[str, typer.Option("--agent", help="Whose conduct: exact, or one that is trained.")]
Seeds = Annotated[int | None, count_option("--seeds", "Trained seeds.")]
Seen = Annotated[
    str | None, typer.Option("--seen", metavar="CONDITION", help="When somebody watches, instead of the file's.")
]
Harm = Annotated[list[str], typer.Option("--harm", metavar="EVENT", help="What counts as harm, instead of the file's.")]
Oversight = Annotated[
    list[str],
    typer.Option("--oversight", metavar="NAME=V1,V2", help="A setting of oversight, instead of the file's."),
]

Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN", help="Folders of runs, or their traces, in which the event happens.")
]
Event = Annotated[str, typer.Option("--event", help="What is to be foretold; an end as ended:REASON.")]
Controls = Annotated[
    list[Path],
    typer.Option("--control", metavar="RUN", help="A run of an agent without a reason for the event, such as aligned."),
]
WhoseTrace = Annotated[str | None, typer.Option("--agent", help="Whose trace of each folder.")]

Audits = Annotated[
    str, typer.Option("--audits", metavar="N,N", help="Budgets of audits in an episode; each has a front.")
]
Trusted = Annotated[
    str,
    typer.Option(
        "--trusted", metavar="N|ACTION", help="The trusted agent: plans so many ticks ahead, or does one action always."
    ),
]
Sees = Annotated[
    str, typer.Option("--sees", help="What the protocol sees: the state, or only the clock and what its audits found.")
]
HandOver = Annotated[
    bool | None,
    typer.Option(
        "--hand-over/--each-tick",
        help="Whether the trusted agent acts to the end once it acts; by default where only the clock is seen.",
    ),
]
Catches = Annotated[
    float, typer.Option("--catches", min=0, max=1, help="The chance that an audit notices an action that does harm.")
]
Ticks = Annotated[int | None, count_option("--ticks", "Ticks that are played; the stage's by default.", most=10_000)]
MarkedRuns = Annotated[
    list[Path], typer.Option("--run", metavar="RUN", help="A run whose agents are marked, by what they did unchecked.")
]
Drawn = Annotated[
    Path | None, typer.Option("--picture", metavar="FILE", help="Draw the fronts: a new .png, .svg or .pdf.")
]

Turn = Annotated[
    str | None,
    typer.Option("--event", help="What counts as turning; the first harm of the file's `control` by default."),
]
Stopped = Annotated[
    str | None,
    typer.Option("--stopped", metavar="EVENT", help="The event by which designers stop or correct the agent."),
]
Task = Annotated[
    list[str],
    typer.Option(
        "--task", metavar="CHANNEL", help="What the designers pay; `task` by default, or all visible channels."
    ),
]
Quantile = Annotated[float, typer.Option("--quantile", help="The best share of actions that a quantiliser draws from.")]
Mitigated = Annotated[
    str, typer.Option("--agent", help="Whose plan: exact, or counts for trained seeds beside the exact planner.")
]
PlanBudget = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        "--budget",
        metavar="SECONDS",
        min=0,
        help="Give up after so long; by default after 600, or where seeds are trained never.",
    ),
]
Aup = Annotated[
    float, typer.Option("--aup", metavar="WEIGHT", help="How attainable utility preservation weighs what changes.")
]


def control(
    which: Which,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    agent: Agent = "exact",
    seeds: Seeds = None,
    first_seed: FirstSeed = None,
    steps: Steps = None,
    jobs: Jobs = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    seen: Seen = None,
    harm: Harm = [],
    oversight: Oversight = [],
    as_json: AsJson = False,
) -> None:
    """Keep apart why an agent falls short (capability, goal, concealment), and price oversight against the worst case.

    Every variant of the file stands beside it as a control.
    """
    from .. import api
    from ..agents.registry.agents import agent_names
    from ..evals.studies.control import ControlSettings
    from ..evals.training.execution.workers import Workers
    from ..evals.verdicts.expectation import EXIT_CODES

    check_name("agent", agent, agent_names())
    scenario = load_with(which, param, set_)
    budgets: dict[str, list[object]] = {}
    for text in oversight:
        name, values = _budget(text)
        if name in budgets:
            raise UsageError(f"--oversight: `{name}` is given twice; put all of its values into one")
        budgets[name] = values
    workers = Workers(jobs_of(jobs))
    keep = None if agent == "exact" else cache_of(cache, no_cache)
    with printing.run_progress(which, not as_json) as (report, count):
        told = {} if count is None else {"count": count}  # the setting's own default is a function, not None
        settings = ControlSettings(
            agent, seeds, steps, workers, seen, harm or None, budgets or None, keep, first_seed=first_seed, **told
        )
        found = api.control(scenario, stage_of(scenario, stage), settings=settings, report=report)
    if as_json:
        write_json(found.to_dict())
    else:
        printing.print_control(found)
        printing.next_command("watch", which)
    if all(each.agent is None for each in found.conditions):
        raise typer.Exit(EXIT_CODES["nothing judged"])


def protocols(
    which: Which,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    audits: Audits = "0,1,2",
    trusted: Trusted = "1",
    sees: Sees = "state",
    hand_over: HandOver = None,
    catches: Catches = 1.0,
    ticks: Ticks = None,
    harm: Harm = [],
    run: MarkedRuns = [],
    picture: Drawn = None,
    budget: Budget = SOLVE_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Find the best protocols for an untrusted agent, as a game against the worst one: what safety costs in usefulness.

    In each tick a protocol lets the agent act, audits what it is about to do, or lets a trusted agent act instead.
    """
    from .. import api
    from ..evals.studies.protocols import ProtocolSettings

    settings = ProtocolSettings(
        _budgets(audits),
        int(trusted) if trusted.isdecimal() and len(trusted) < 9 else trusted,
        cast(Any, sees),
        hand_over,
        catches,
        ticks,
        harm or None,
        run,
    )
    scenario = load_with(which, param, set_)
    check_drawn(picture)
    with printing.progress(not as_json, which) as report, limit_of(budget):
        found = api.protocols(scenario, stage_or_life_of(scenario, stage), settings=settings, report=report)
    if picture is not None:
        from ..viz.pictures.protocol_picture import save_protocols

        save_protocols(found, picture)
    if as_json:
        write_json(api.as_data(found))
    else:
        printing.print_protocols(found)
        if picture is not None:
            printing.say(f"drawn to {picture}")
        printing.next_command("control", which)


def mitigations(
    which: Which,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    event: Turn = None,
    stopped: Stopped = None,
    task: Task = [],
    harm: Harm = [],
    quantile: Quantile = 0.5,
    aup: Aup = 1 / 1.501,
    agent: Mitigated = "exact",
    seeds: Seeds = None,
    first_seed: FirstSeed = None,
    steps: Steps = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    budget: PlanBudget = None,
    as_json: AsJson = False,
) -> None:
    """Score mitigations alike: how often the agent still turns, what its task costs, and what harm it does.

    Exactly, and with `--agent counts` of trained seeds too. Among them are indifference, DReST, attainable utility
    preservation, a quantiliser, myopia with approval, a veto, pessimism and training among honeypots.
    """
    from .. import api
    from ..evals.mitigations.report import MitigationSettings

    settings = MitigationSettings(
        event,
        stopped,
        task or None,
        harm or None,
        quantile,
        aup,
        agent=agent,
        seeds=seeds,
        first_seed=first_seed,
        steps=steps,
        cache=None if agent == "exact" else cache_of(cache, no_cache),
    )
    scenario = load_with(which, param, set_)
    if budget is None:
        budget = SOLVE_SECONDS if agent == "exact" else math.inf
    with printing.progress(not as_json, which) as report, limit_of(budget):
        found = api.mitigations(scenario, stage_of(scenario, stage), settings=settings, report=report)
    if as_json:
        write_json(api.as_data(found))
    else:
        printing.print_mitigations(found)
        printing.next_command("control", which)


def monitor(
    runs: Runs,
    event: Event,
    control: Controls,
    agent: WhoseTrace = None,
    stage: StageName = None,
    as_json: AsJson = False,
) -> None:
    """Say how early behaviour, plans, imagination and values give an event away, and how often they cry wolf.

    Thoughts must have been recorded. Every second episode of the controls sets the thresholds; the others count false
    alarms.
    """
    from .. import api

    with printing.progress(not as_json, "monitors") as report:
        found = api.monitor(runs, control, event, agent, stage, report)
    if as_json:
        write_json(api.as_data(found))
    else:
        printing.print_monitors(found)


def _budget(text: str) -> tuple[str, list[object]]:
    """Read `p_halt=0,0.5` as the name of a setting and its values.

    Raises:
        UsageError: it is not of that form.
    """
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise UsageError(f"--oversight: `{text}` is not of the form NAME=V1,V2")
    try:
        # As a JSON list, so that a comma within a cell (`[1, 2]`) does not end a value.
        return name.strip(), list(json.loads(f"[{values}]"))
    except (ValueError, RecursionError):
        raise UsageError(f"--oversight: {quote(values)} are no numbers (or cells) between commas") from None


def _budgets(text: str) -> list[int]:
    """Read `0,1,2` as budgets.

    Raises:
        UsageError: it is not of that form.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 9 for part in parts):
        raise UsageError(f"--audits: `{text}` are no whole numbers between commas")
    return [int(part) for part in parts]
