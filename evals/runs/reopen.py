"""Reopening a stored run: its scenario from the files in its folder, and the worlds of its traces."""

from __future__ import annotations

import os

from ...envs.world.compiler import compile_world
from ...envs.world.world import World
from ...scenarios import library
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.loading import Scenario, apply_overrides, load, load_text
from ...scenarios.paths import below
from ..exact.solved_worlds import enlisted
from ..traces.provenance import RunError
from ..traces.trace import Trace, TraceError, TraceMeta
from ..traces.trace_checks import check_against
from .run_folder import StoredRun

SCENARIO = "scenario.yaml"
"""The file of the scenario in a run's folder."""
BENEATH, LIBRARY = "beneath", "library"
"""Sub-folders of a run for files that its scenario extends or uses: those near it, and those of the library."""


def scenario_texts(scenario: Scenario) -> dict[str, str]:
    """The texts of all files that a scenario was read from, by path in a run's folder; its own is `scenario.yaml`."""
    own, *others = scenario.source.files
    found = {SCENARIO: own.text}
    beside, shelf = os.path.dirname(own.real), os.path.realpath(library.FOLDER)
    for file in others:
        # A scenario of the library finds its neighbours by their bare names too, so that they lie in both places. A
        # file above the scenario has no place in the folder; reopening the run says that it is missing.
        places = {LIBRARY: below(file.real, shelf), BENEATH: below(file.real, beside)}
        found |= {f"{folder}/{place}": file.text for folder, place in places.items() if place is not None}
    return found


def reopen_scenario(run: StoredRun) -> Scenario:
    """The scenario that was run, with the command's overrides, from the files in the run's folder.

    Raises:
        RunError: its text no longer loads (it is of an older language, or stood on files that the folder lacks), or
            it has another meaning than it had.
    """
    shelf = run.folder / LIBRARY
    try:
        written = load_text(
            run.scenario,
            str(run.folder / SCENARIO),
            root=run.folder / BENEATH,
            shelf=shelf if os.path.isdir(shelf) else None,
        )
        scenario = apply_overrides(written, run.manifest.overrides)
    except ScenarioError as fault:
        first = fault.faults[0]
        raise RunError(f"{run.folder}: its scenario cannot be loaded any more ({first.message})") from fault
    # The text may extend files that are not in the folder (the library's, of another version), so it can still load.
    if scenario.hash != run.manifest.scenario_hash:
        raise RunError(
            f"{run.folder}: the files that its scenario stands on have changed since the run; "
            "run it again to look at it with the files of today"
        )
    return scenario


def command_for(run: StoredRun) -> str | None:
    """By what a command finds the scenario that was run: its name in the library, or its file in the run's folder.

    None where neither is the scenario that was run: the library has none or another, and the file stands on others that
    a command does not look for in the folder.
    """
    last = run.manifest.scenario
    named = [name for name in library.names() if name.rpartition("/")[2] == last]
    for which in (*named, str(run.folder / SCENARIO)):
        try:
            if apply_overrides(load(which), run.manifest.overrides).hash == run.manifest.scenario_hash:
                return which
        except ScenarioError:
            continue
    return None


def scenario_of_trace(scenario: Scenario, meta: TraceMeta) -> Scenario:
    """The scenario of a run with the overrides of one of its traces.

    Raises:
        RunError: these overrides do not fit the scenario.
    """
    # A trace lists all overrides; those of the whole run are in the scenario already.
    own = {name: value for name, value in meta.overrides.items() if scenario.overrides.get(name) != value}
    try:
        return apply_overrides(scenario, own)
    except ScenarioError as fault:
        raise RunError(f"{_named(meta)} does not fit its scenario: {fault.faults[0].message}") from fault


def world_of(scenario: Scenario, meta: TraceMeta) -> World:
    """The world of one trace of a run of this scenario.

    Raises:
        RunError: the trace does not fit: other stages, fields, channels, agents or actions than the world has today.
    """
    its = scenario_of_trace(scenario, meta)
    if meta.stage not in its.document.stages:
        raise RunError(f"{_named(meta)} does not fit its scenario, which has no such stage")
    # An agent's profile may make a thing of the scenario an agent, which the world of its traces then has.
    world = compile_world(its, meta.stage, enlist=enlisted(meta.agent, scenario))
    # Traces refer to fields, channels and actions by position, so names must agree in their order too.
    fits = (
        meta.fields == tuple(field.name for field in world.fields)
        and meta.channels == world.channels
        and meta.agents == tuple(agent.name for agent in world.agents)
        and meta.actions == tuple(agent.actions for agent in world.agents)
    )
    if not fits:
        raise RunError(f"{_named(meta)} was recorded by another version of Turncoat")
    return world


def fitting_world(scenario: Scenario, trace: Trace) -> World:
    """The world of one trace of a run of this scenario, after every row of the trace was checked against it.

    Raises:
        RunError: as `world_of`.
        TraceError: the trace holds something that cannot be in that world.
    """
    world = world_of(scenario, trace.meta)
    try:
        check_against(world, trace.table)
    except TraceError as fault:
        raise TraceError(f"{_named(trace.meta)}: {fault}") from None
    return world


def _named(meta: TraceMeta) -> str:
    return f"the trace of {meta.agent} in stage {meta.stage}"
