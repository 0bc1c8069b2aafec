"""The scenario of a stored run, made again from what the run's folder keeps."""

from __future__ import annotations

from ..scenarios.language.faults import ScenarioError
from ..scenarios.language.loading import Scenario, apply_overrides, load_text
from .rundir import RunError, StoredRun


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
