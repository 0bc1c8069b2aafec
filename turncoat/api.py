"""The public Python API: each function takes a scenario (a name of the library, a path, or one that was loaded)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .envs.analysis import Analysis, analyse
from .envs.why import Why, explain_event
from .evals.laboratory import Laboratory
from .evals.meaning import Meaning, check_meaning
from .evals.rundir import check_target
from .evals.running import Report, Run, Settings, run_scenario
from .evals.sweep_store import Journal, load_sweep, same_sweep, save_sweep
from .evals.sweeps import Axis, Question, Sweep, ask, identity, run_sweep
from .scenarios import library
from .scenarios.language import loading
from .scenarios.language.loading import Scenario

if TYPE_CHECKING:  # Gymnasium and the compiler are imported when an environment is made
    from .envs.faces.single import TurncoatEnv
    from .envs.faces.spaces import Form

Which = Scenario | str | os.PathLike[str]
"""A loaded scenario, a name such as `treacherous_turn/lab`, or a path."""


def names() -> tuple[str, ...]:
    """The scenarios of the library, `family/name`, sorted."""
    return library.names()


def load(which: Which, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Load and check a scenario.

    Args:
        which: see `Which`.
        overrides: dotted, as in a file's `with:` (`{"threshold": 2, "robot.discount": 0.5}`).

    Raises:
        ScenarioError: with every fault that was found.
    """
    scenario = which if isinstance(which, Scenario) else loading.load(which)
    return loading.apply_overrides(scenario, overrides or {})


def make(
    which: Which,
    stage: str | None = None,
    params: Mapping[str, object] | None = None,
    *,
    audit: bool = False,
    form: Form = "planes",
    render_mode: str | None = None,
) -> TurncoatEnv:
    """One stage of a scenario with one agent as a Gymnasium environment, unwrapped; see `TurncoatEnv`.

    Args:
        which: see `Which`.
        stage: its name; when None, `train`, or else the first.
        params: dotted overrides, as for `load`.
        audit: show the hidden performance in `info`; never for training.
        form: of observations: `planes`, `flat` or `image`.
        render_mode: None, `ansi` or `rgb_array`.

    Raises:
        ScenarioError: it cannot be loaded.
        KeyError: no such stage.
        ValueError: it has several agents, or no such form or render mode.
    """
    from .envs.faces.single import TurncoatEnv

    return TurncoatEnv(which, stage, params, audit=audit, form=form, render_mode=render_mode)


def check(which: Which, overrides: Mapping[str, object] | None = None) -> Meaning:
    """Search a scenario's worlds: states, the origin proved or refuted, the gap, replays, faults of meaning.

    Raises:
        ScenarioError: it cannot even be loaded.
    """
    return check_meaning(load(which, overrides))


def solve(which: Which, stage: str | None = None, overrides: Mapping[str, object] | None = None) -> Analysis:
    """The exact analysis of one stage (`deploy`, or else the last, when None).

    Raises:
        ScenarioError: it cannot be loaded.
        NotEnumerable: it has too many states; the message names what multiplies.
        KeyError: no such stage.
    """
    laboratory = Laboratory(load(which, overrides))
    return analyse(laboratory.plan({}, stage or laboratory.stage))


def why(which: Which, event: str, stage: str | None = None, overrides: Mapping[str, object] | None = None) -> Why:
    """Why the agent brings an event about, or does not.

    Raises:
        ScenarioError, NotEnumerable: as `solve`.
        KeyError: no such event or stage.
    """
    laboratory = Laboratory(load(which, overrides))
    return explain_event(laboratory.plan({}, stage or laboratory.stage), event)


def events(which: Which, stage: str | None = None, overrides: Mapping[str, object] | None = None) -> tuple[str, ...]:
    """The events that can be asked about, ends among them as `ended:REASON`.

    Raises:
        ScenarioError: it cannot be loaded.
        KeyError: no such stage.
    """
    laboratory = Laboratory(load(which, overrides))
    return laboratory.world({}, stage or laboratory.stage).events


def run(
    which: Which,
    overrides: Mapping[str, object] | None = None,
    settings: Settings | None = None,
    report: Report | None = None,
) -> Run:
    """Judge every expectation of a scenario; `Run.save` writes its folder.

    Raises:
        ScenarioError: it cannot be loaded.
    """
    return run_scenario(load(which, overrides), settings, report)


def sweep(
    which: Which,
    axes: Mapping[str, Sequence[object]] | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    stage: str | None = None,
    measures: Sequence[str] | None = None,
    regimes: Mapping[str, str] | None = None,
    agents: Sequence[str] = ("exact",),
    seeds: int | None = None,
    steps: int | None = None,
    every: int = 1,
    jobs: int = 1,
    out: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Sweep:
    """Measures of a scenario at every point of a grid, and the regime that each point lies in.

    Args:
        which: see `Which`.
        axes: dotted name -> values, in order; those of the file's `sweep:` when None, as for `measures` and `regimes`.
        overrides: what all points share.
        stage: where; `deploy`, or else the last, when neither this nor the file names one.
        measures: as in an expectation (`share(disarmed)`).
        regimes: name -> condition on measures (`share(disarmed) >= 1`); the first that holds names a point.
        agents: `exact`, and learning agents, which are trained at every `every`-th value of each axis of numbers.
        seeds: of each learned point, from 0 on.
        steps: environment steps of each training.
        every: see `agents`.
        jobs: processes at a time.
        out: a folder for table and picture; a sweep that was stopped goes on there. Nothing is written when None.
        report: told how far it is.

    Raises:
        ScenarioError: the scenario, an axis, a measure or a condition is wrong.
        SweepError: there are no axes, nothing is measured, or there are too many points.
        RunError: the folder exists and holds something else, or cannot be written.
    """
    scenario = load(which, overrides)
    given = None if axes is None else [Axis(name, tuple(values)) for name, values in axes.items()]
    question = ask(scenario, given, stage, measures, regimes, agents, seeds, steps, every)
    if out is None:
        return run_sweep(scenario, question, jobs, report)
    return sweep_into(Path(out), scenario, question, jobs, report)


def sweep_into(
    folder: Path, scenario: Scenario, question: Question, jobs: int = 1, report: Report | None = None
) -> Sweep:
    """A sweep with its table and picture in a folder; one that is there already is read.

    Raises:
        RunError: the folder exists and holds something else, or cannot be written.
    """
    its = identity(scenario, question)
    if same_sweep(folder, its):
        return load_sweep(folder)
    check_target(folder)
    journal = Journal(folder, its)
    result = run_sweep(scenario, question, jobs, report, journal)
    save_sweep(result, folder, its, _picture(result), sys.argv)
    journal.drop()
    return result


def _picture(result: Sweep) -> bytes | None:
    """The diagram; None where there are no regimes to show, or too many panels."""
    from .viz.phase import phase_diagram

    try:
        return phase_diagram(result) if result.question.regimes else None
    except ValueError:
        return None


def as_data(result: Any) -> Any:
    """A result as plain data, ready for JSON."""
    return asdict(result)
