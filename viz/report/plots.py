"""The data of a page's plots: learning curves of a run, the phase diagram of a sweep."""

from __future__ import annotations

import base64
import shlex

from ...evals.inspection.show import RecordedShow
from ...evals.runs.run_folder import StoredRun
from ...evals.studies.sweep_points import SweepResult
from ..pictures.phase_diagram import diagram_if_any
from .replay_data import Data

DEPLOYED = 100
"""The greatest number of recorded episodes of a trained agent that are summarised."""
SHARP = 110
"""Resolution of a phase diagram, in dots per inch."""


def learning_data(run: StoredRun) -> list[Data]:
    """For each trace of a trained agent, the learning curve of each seed and a summary of the recorded episodes."""
    traces = ((name, run.trace(name)) for name in run.traces)
    return [
        {
            "label": name,
            "seeds": [[seed, curve] for seed, curve in sorted(trace.learning.items()) if curve],
            "deployed": _deployed(RecordedShow(run, name)),
        }
        for name, trace in traces
        if any(trace.learning.values())  # an exact plan has not been trained, so it has no curve
    ]


def _deployed(show: RecordedShow) -> Data:
    """The stage of a recording, and the mean, least and greatest weighted return of its first episodes."""
    earned = [float(show.episode(number).weighted_rewards().sum()) for number in range(min(len(show.keys), DEPLOYED))]
    return {"stage": show.stage, "earned": [round(sum(earned) / len(earned), 4), min(earned), max(earned)]}


def sweep_data(sweep: SweepResult) -> Data:
    """The data of a sweep: its settings, the number of points in each regime, and its diagram as a PNG data URL."""
    settings = sweep.settings
    drawn = diagram_if_any(sweep, SHARP)  # a page shows a sweep without regimes, or with too many panels, as numbers
    return {
        "kind": "sweep",
        "name": sweep.scenario,
        "title": sweep.title,
        "stage": settings.stage,
        "axes": [{"name": axis.name, "values": len(axis.values)} for axis in settings.axes],
        "regimes": dict(settings.regimes),
        "found": {agent: sweep.regimes(agent) for agent in settings.agents},
        "picture": "" if drawn is None else f"data:image/png;base64,{base64.b64encode(drawn).decode()}",
        "command": shlex.join(_command(sweep)),
        "hash": sweep.scenario_hash,
        "versions": dict(sweep.versions),
    }


def _command(sweep: SweepResult) -> list[str]:
    """The command that runs the sweep of the scenario's own file again, without axes that were given otherwise."""
    sets = [word for name, value in sweep.overrides.items() for word in ("--set", f"{name}={value}")]
    agents = [word for agent in sweep.settings.agents for word in ("--agent", agent)]
    # `exact` alone is the default of the command.
    return ["turncoat", "sweep", sweep.scenario, *sets, *(agents if agents != ["--agent", "exact"] else [])]
