"""The public Python API: each function takes a scenario (a name of the library, a path, or one that was loaded)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .envs.analysis import Analysis, analyse
from .envs.why import Why, explain_event
from .evals.laboratory import Laboratory
from .evals.meaning import Meaning, check_meaning
from .evals.running import Report, Run, Settings, run_scenario
from .scenarios import library
from .scenarios.language import loading
from .scenarios.language.loading import Scenario

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


def as_data(result: Any) -> Any:
    """A result as plain data, ready for JSON."""
    return asdict(result)
