"""The world in which a stored run was played, made again from what the run's folder keeps."""

from __future__ import annotations

from ..envs.compiling import compile_world
from ..envs.world import World
from ..scenarios.language.faults import ScenarioError
from ..scenarios.language.loading import Scenario, apply_overrides, load_text
from .profiles import enlisted
from .rundir import RunError, StoredRun
from .trace import TraceMeta


def scenario_of(run: StoredRun) -> Scenario:
    """The scenario that was run, with the command's overrides.

    Raises:
        RunError: its text no longer loads (it stood on other files, or on an older language), or means something else.
    """
    try:
        scenario = apply_overrides(load_text(run.scenario, str(run.folder / "scenario.yaml")), run.manifest.overrides)
    except ScenarioError as fault:
        first = fault.faults[0]
        raise RunError(f"{run.folder}: its scenario cannot be loaded any more ({first.message})") from fault
    if scenario.hash != run.manifest.scenario_hash:
        raise RunError(
            f"{run.folder}: the files that its scenario stands on have changed since the run; "
            "run it again to look at it with the files of today"
        )
    return scenario


def world_of(scenario: Scenario, meta: TraceMeta) -> World:
    """The world of one trace of a run of this scenario.

    Raises:
        RunError: the trace does not fit: other fields or actions than the world has today.
    """
    own = {name: value for name, value in meta.overrides.items() if scenario.overrides.get(name) != value}
    try:
        world = compile_world(apply_overrides(scenario, own), meta.stage, enlist=enlisted(meta.agent, scenario))
    except (KeyError, ScenarioError) as fault:
        raise RunError(f"the trace of {meta.agent} in stage {meta.stage} does not fit its scenario: {fault}") from fault
    fields = tuple(field.name for field in world.fields)
    actions = tuple(agent.actions for agent in world.agents)
    if fields != meta.fields or actions != meta.actions:
        raise RunError(f"the trace of {meta.agent} in stage {meta.stage} was recorded by another version of Turncoat")
    return world
