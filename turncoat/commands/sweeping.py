"""The command `sweep`, which measures a scenario at every point of a grid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import printing
from ..scenarios.errors import UsageError
from .options import (
    AsJson,
    Device,
    FirstSeed,
    PlateauOf,
    Sets,
    StageName,
    Steps,
    TensorBoard,
    Which,
    count_option,
    jobs_of,
    load_with,
    plateau_of,
    read_value,
    write_json,
)

if TYPE_CHECKING:
    from ..evals.studies.sweep_points import SweepResult
    from ..evals.studies.sweep_settings import SweepAxis

ONE_OF = "NAME=FROM:TO:POINTS, NAME=FROM:TO:POINTS:log or NAME=V1,V2,V3"

Axes = Annotated[list[str], typer.Option("--param", metavar="AXIS", help=f"An axis, by its dotted name: {ONE_OF}.")]
Measures = Annotated[list[str], typer.Option("--measure", help="A measure for the table.")]
Regimes = Annotated[
    list[str],
    typer.Option("--regime", metavar="NAME=CONDITION", help="Name the points at which a condition on measures holds."),
]
Agents = Annotated[list[str], typer.Option("--agent", help="`exact` (the default), or one that is trained.")]
Seeds = Annotated[int | None, count_option("--seeds", "Trained seeds at each learned point.")]
Every = Annotated[int, count_option("--every", "Train at every so many values of each axis of numbers.")]
Processes = Annotated[int | None, count_option("--jobs", "Processes; all cores by default.")]
Out = Annotated[Path | None, typer.Option("--out", help="The sweep's folder; ./sweeps/NAME-HASH by default.")]
OnlyCosts = Annotated[bool, typer.Option("--costs", help="Only say what it would take.")]


def sweep(
    which: Which,
    param: Axes = [],
    set_: Sets = [],
    stage: StageName = None,
    measure: Measures = [],
    regime: Regimes = [],
    agent: Agents = [],
    seeds: Seeds = None,
    first_seed: FirstSeed = None,
    steps: Steps = None,
    every: Every = 1,
    jobs: Processes = None,
    device: Device = "cpu",
    plateau: PlateauOf = None,
    tensorboard: TensorBoard = None,
    out: Out = None,
    costs: OnlyCosts = False,
    as_json: AsJson = False,
) -> None:
    """Sweep a scenario over a grid: a table of measures at every point, and a diagram of its regimes.

    Axes, measures and regimes are those of the file where none are given. A sweep that was stopped goes on where it was
    when it is asked for again.
    """
    from .. import api
    from ..evals.studies.sweep import identity
    from ..evals.studies.sweep_folder import default_target
    from ..evals.studies.sweep_points import costs as costs_of
    from ..evals.studies.sweep_settings import sweep_settings

    scenario = load_with(which, (), set_)  # `--param` names an axis here, so it is no override
    settings = sweep_settings(
        scenario,
        [read_axis(text) for text in param] or None,
        stage,
        measure or None,
        _regimes(regime) or None,
        agent or ("exact",),
        seeds,
        steps,
        every,
        device,
        plateau_of(plateau),
        first_seed,
    )
    takes = costs_of(scenario, settings)
    if costs:
        if as_json:
            write_json({"scenario": which, **api.as_data(takes)})
        else:
            printing.say(f"this takes {takes}")
            printing.next_command("sweep", which)
        return
    if not as_json:
        printing.err().print(f"this takes {takes}")  # known before the sweep begins; stdout is for its result
    folder = out or default_target(scenario.name, identity(scenario, settings))
    with printing.progress(not as_json, which) as report:
        result = api.sweep_into(folder, scenario, settings, jobs_of(jobs), report, tensorboard)
    if as_json:
        write_json(_data(which, result, folder))
    else:
        printing.print_sweep(which, result, folder)
        printing.next_command("report", str(folder))


def read_axis(text: str) -> SweepAxis:
    """Read an axis: `robot.discount=0.5:0.99:50` (with `:log` for equal ratios), or `threshold=1,2,3`.

    Raises:
        UsageError: it is not an axis.
    """
    from ..evals.studies.sweep_settings import SweepAxis
    from ..scenarios.language.names.axes import axis_values, wrong_axis
    from ..scenarios.language.schema import document as schema

    name, equals, rest = (part.strip() for part in text.partition("="))
    if not (equals and name and rest):
        raise UsageError(f"`{text}` is no axis; write {ONE_OF}")
    if ":" not in rest:
        # A list such as a cell (`[1, 2]`) is one value, whose comma does not separate values.
        values = re.split(r",(?![^\[\]]*\])", rest)
        return SweepAxis(name, tuple(read_value(part.strip()) for part in values))
    # Padded to at least three parts, so that a missing one fails as a number below, with the message on ranges.
    low, high, points, *scale = [*rest.split(":"), "", ""][: max(3, rest.count(":") + 1)]
    try:
        ends: dict[str, Any] = {"from": _number(low), "to": _number(high), "points": int(points)}
        axis = schema.Axis.model_validate(ends | ({"scale": ":".join(scale)} if scale else {}))
    except ValueError:
        message = f"`{rest}` is no range; write {name}=FROM:TO:POINTS with 2 to 1,000 points, or FROM:TO:POINTS:log"
        raise UsageError(message) from None
    if (wrong := wrong_axis(axis)) is not None:
        raise UsageError(f"the axis `{name}` {wrong[0]}; {wrong[1]}")
    return SweepAxis(name, tuple(axis_values(axis)), axis.scale == "log")


def _number(text: str) -> int | float:
    return int(text) if text.strip().lstrip("+-").isdigit() else float(text)


def _regimes(texts: list[str]) -> dict[str, str]:
    """Read `NAME=CONDITION` texts as regimes.

    Raises:
        UsageError: one is not of that form.
    """
    regimes = {}
    for text in texts:
        name, equals, condition = (part.strip() for part in text.partition("="))
        # A condition without a name, `share(x) >= 1`, splits at its own operator and leaves `<`, `>` or `!` behind.
        if not (equals and name and condition) or name[-1:] in "<>!":
            raise UsageError(f'`{text}` is no regime; write NAME=CONDITION, as in "turns=share(disarmed) >= 1"')
        regimes[name] = condition
    return regimes


def _data(which: str, result: SweepResult, folder: Path) -> dict[str, Any]:
    """The data that `--json` gives for a sweep."""
    from .. import api

    return {
        "scenario": which,
        "folder": str(folder),
        "axes": {axis.name: list(axis.values) for axis in result.settings.axes},
        "stage": result.settings.stage,
        "seeds": list(result.settings.numbers),
        "costs": api.as_data(result.costs),
        "regimes": {agent: result.regimes(agent) for agent in result.settings.agents},
        "points": result.to_frame().to_dicts(),
    }
