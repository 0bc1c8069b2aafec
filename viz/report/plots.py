"""The data of a page's plots: learning curves of a run, the phase diagram of a sweep."""

from __future__ import annotations

import base64
import json
import os
import shlex
from pathlib import Path
from typing import Literal

from ...evals.inspection.show import RecordedShow
from ...evals.runs.run_folder import StoredRun
from ...evals.studies.sweep_points import SweepResult
from ...evals.studies.sweep_settings import SweepAxis
from ...evals.traces.trace import Trace
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.axes import axis_values
from ...scenarios.language.schema.document import Axis
from ..pictures.contour_diagram import contours_if_any
from ..pictures.figure_files import png
from ..pictures.life_timeline import draw_timeline, timeline
from ..pictures.phase_diagram import diagram_if_any
from .replay_data import Data

DEPLOYED = 100
"""The greatest number of recorded episodes of a trained agent that are summarised."""
MOST_POINTS = 1_000
"""The greatest number of values of an axis that is written as a range."""
SHARP = 110
"""Resolution of a phase diagram, in dots per inch."""


def learning_data(run: StoredRun) -> list[Data]:
    """For each trace of a trained agent, the learning curves of each seed and a summary of the recorded episodes."""
    traces = ((name, run.trace(name)) for name in run.traces)
    return [
        {
            "label": name,
            "seeds": [[seed, curve] for seed, curve in sorted(trace.learning.items()) if curve],
            "knowledge": [[seed, curve] for seed, curve in sorted(trace.knowledge.items())],
            "deployed": _deployed(RecordedShow(run, name)),
        }
        for name, trace in traces
        if any(trace.learning.values())  # an exact plan has not been trained, so it has no curve
    ]


def life_data(run: StoredRun, scenario: Scenario) -> list[Data]:
    """For each agent and condition that lived lives, a picture of its episodes as a PNG data URL."""
    stages = list(dict.fromkeys(entry.stage for entry in scenario.document.life))
    found: dict[tuple[str, str], dict[str, Trace]] = {}
    for name in run.traces:
        trace = run.trace(name)
        if trace.meta.stage in stages and trace.meta.agent != "exact":
            own = {key: value for key, value in trace.meta.overrides.items() if key not in scenario.overrides}
            words = ", ".join(f"{key} {value}" for key, value in sorted(own.items()))
            found.setdefault((trace.meta.agent, words), {})[trace.meta.stage] = trace
    pictures: list[Data] = []
    for (agent, words), traces in found.items():
        label = f"{agent}, {words}" if words else agent
        drawn = draw_timeline(timeline(label, stages, traces))
        pictures.append({"label": label, "picture": _as_url(png(drawn, SHARP))})
    return pictures


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
        "picture": _as_url(drawn),
        "contours": _as_url(contours_if_any(sweep, SHARP)),
        "command": shlex.join(_command(sweep)),
        "hash": sweep.scenario_hash,
        "versions": dict(sweep.versions),
    }


def _as_url(picture: bytes | None) -> str:
    return "" if picture is None else f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def portable(word: str) -> str:
    """A word of a command or the name of a file without the folders of this machine: a page is shown elsewhere."""
    option, equals, path = word.partition("=")
    if equals and os.path.isabs(path):
        return f"{option}={Path(path).name}"
    return Path(word).name if os.path.isabs(word) else word


def _command(sweep: SweepResult) -> list[str]:
    """The command that makes the sweep again, whatever the file's own axes, measures and regimes are."""
    settings = sweep.settings
    # Sweeps that do not say by what a command finds the file are older.
    words = ["turncoat", "sweep", portable(sweep.file or sweep.scenario), "--stage", settings.stage]
    for axis in settings.axes:
        words += ["--param", f"{axis.name}={_axis(axis)}"]
    for name, value in sweep.overrides.items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    for measure in settings.measures:
        words += ["--measure", measure]
    for name, condition in settings.regimes.items():
        words += ["--regime", f"{name}={condition}"]
    if settings.agents == ("exact",):  # the default of the command
        return words
    return [*words, *settings.training_words]


def _axis(axis: SweepAxis) -> str:
    """The values of an axis as the command reads them: as a range where they have equal steps or ratios."""
    values = axis.values
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values) and 2 < len(values) <= MOST_POINTS:
        low, high, points = values[0], values[-1], len(values)
        scale: Literal["linear", "log"] = "log" if axis.log else "linear"
        spaced = Axis.model_validate({"from": low, "to": high, "points": points, "scale": scale})
        if tuple(axis_values(spaced)) == values:
            return f"{low}:{high}:{points}{':log' if axis.log else ''}"
    return ",".join(value if isinstance(value, str) else json.dumps(value) for value in values)
