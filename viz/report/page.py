"""Builds the HTML page: one file that fetches nothing. Text from scenarios is escaped everywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from ...evals.inspection.attribution import AttributionSolver
from ...evals.inspection.narration import Narration, flat, opening_of, told_besides
from ...evals.inspection.show import RecordedShow
from ...evals.inspection.show_process import QUICK
from ...evals.runs.reopen import command_for, reopen_scenario
from ...evals.runs.run_folder import StoredRun, load_run
from ...evals.studies.sweep_folder import SETTINGS, load_sweep
from ...evals.studies.sweep_points import SweepResult
from ...evals.traces.atomic_folder import check_target
from ...evals.traces.provenance import RunError
from ...evals.verdicts.expectation import Judgement
from ...scenarios.arguments import as_path
from ...scenarios.language.faults.faults import safe
from ...scenarios.output_file import write_text_whole
from ..text.ascii_board import meanings
from .plots import learning_data, life_data, portable, sweep_data
from .replay_data import Data, episode_data, stage_data
from .theme_css import theme_css

Shown = StoredRun | SweepResult
"""What a page can show."""

MOST_EPISODES = 6
"""The greatest number of episodes of one trace that a page shows."""
MOST_BYTES = 4_500_000
"""The greatest size of a page, in bytes; episodes are left out until it is no larger."""
FRAME = 900
"""Height of the frame that shows a page in a notebook, in pixels."""


@dataclass(frozen=True)
class Page:
    """A report as one page of HTML, which a notebook shows in a frame.

    Attributes:
        html: the text of the whole page.
    """

    html: str

    def save(self, target: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all.

        Raises:
            ArgumentError: the target can be no path.
            RunError: the target exists, or cannot be written.
        """
        path = as_path("`target` is a path", target)
        check_target(path)
        return _write(self.html, path)

    def _repr_html_(self) -> str:
        """The page in a sandboxed frame: its scripts run, but cannot reach the notebook around it."""
        inside = html.escape(self.html)
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{inside}" width="100%" height="{FRAME}" frameborder="0"></iframe>'
        )


def open_shown(folder: Path) -> Shown:
    """Load the run or the sweep in a folder.

    Raises:
        RunError: it is neither, damaged, or of a newer version.
    """
    return load_sweep(folder) if os.path.lexists(folder / SETTINGS) else load_run(folder)


def write_report(shown: Sequence[Shown], target: Path) -> Path:
    """Write the report of some runs and sweeps, whole or not at all.

    Raises:
        RunError: the target exists or cannot be written, or a run cannot be opened again.
    """
    check_target(target)  # checked here too, before the work of building the page
    return Page(report_html(shown)).save(target)


def _write(text: str, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(target, text)
    except OSError as fault:
        raise RunError(f"{target} cannot be written: {fault.strerror or fault}") from fault
    return target


def report_html(shown: Sequence[Shown]) -> str:
    """The HTML text of the page for some runs and sweeps.

    Raises:
        RunError: a run cannot be opened again, or there is none.
    """
    if not shown:
        raise RunError("there is no run to report")
    sweeps = {number: sweep_data(each) for number, each in enumerate(shown) if isinstance(each, SweepResult)}
    runs = {number: _run_data(each) for number, each in enumerate(shown) if isinstance(each, StoredRun)}
    most = MOST_EPISODES
    # Most of a page is its replays, so halving their number is what shrinks it; without any it may be of any size.
    while True:
        fewer = {number: _with_at_most(most, data) for number, data in runs.items()}
        text = _page([data for _, data in sorted((fewer | sweeps).items())])
        if len(text.encode()) <= MOST_BYTES or most == 0:
            return text
        most //= 2


def _page(data: Sequence[Data]) -> str:
    style = theme_css() + part(__package__, "report.css")
    script = part(__package__, "player.js", "sections.js", "report.js")
    written = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return filled(
        part(__package__, "page.html"),
        style,
        script,
        title=html.escape(safe(" · ".join(str(run["title"]) for run in data))),
        data=safe(written).replace(
            "<", "\\u003c"
        ),  # text of a scenario with `</script>` would end the element of the data
    )


def filled(template: str, style: str, script: str, **rest: str) -> str:
    """A page: a template with an inline style and script, of which its policy says that only these two may run."""
    return Template(template).substitute(
        style=style, style_hash=_policy_hash(style), script=script, script_hash=_policy_hash(script), **rest
    )


def part(package: str, *names: str) -> str:
    """The text of some files of a package, one after another."""
    return "".join(files(package).joinpath(name).read_text(encoding="utf-8") for name in names)


def _policy_hash(text: str) -> str:
    """The hash of an inline script or style, in the form of a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _with_at_most(most: int, run: Data) -> Data:
    """The data of a run with at most so many of the episodes of each trace that it has."""
    of_traces = ([each for each in run["episodes"] if each["world"] == world] for world in range(len(run["stages"])))
    kept = [each for episodes in of_traces for each in episodes[:most]]
    return {**run, "episodes": kept, "leftOut": run["leftOut"] + len(run["episodes"]) - len(kept)}


def _run_data(run: StoredRun) -> Data:
    """The data of a run, with at most `MOST_EPISODES` episodes of each trace.

    Raises:
        RunError: it cannot be opened again.
    """
    scenario, found = reopen_scenario(run), _found(run)
    document = scenario.document
    stages, episodes, left_out = _recorded(run, found)
    return {
        "name": run.manifest.scenario,
        "title": document.title,
        "claim": flat(document.claim),
        "origin": document.origin,
        "look": flat(document.tell.look),
        "about": {key: flat(text) for key, text in document.about if text} | told_besides(scenario, found),
        "sources": list(document.sources),
        "verdict": run.verdict,
        "judgements": [judgement_data(judgement) for judgement in run.judgements],
        "command": shlex.join(_again(run)),
        "manifest": {**asdict(run.manifest), "command": [portable(word) for word in run.manifest.command]},
        "learning": learning_data(run),
        "lives": life_data(run, scenario),
        "stages": stages,
        "episodes": episodes,
        "leftOut": left_out,
    }


def _found(run: StoredRun) -> str | None:
    """By what a command finds the scenario of a run, beside the page; see `command_for`."""
    found = command_for(run)
    if found is None or not os.path.isabs(found):
        return found
    return f"{run.folder.name}/{Path(found).name}" if run.kept else None


def _again(run: StoredRun) -> list[str]:
    """The command that makes the run again; none of a run that a program made and did not keep, or made of its own."""
    made = run.manifest
    if made.typed:
        return ["turncoat", *map(portable, made.command[1:])]
    own = made.settings.get("own") or "others" in made.settings
    return [] if own or not run.kept else ["turncoat", "reproduce", portable(str(run.folder))]


def judgement_data(judgement: Judgement) -> Data:
    """The data of a judgement."""
    told = {"about": judgement.about, "rests_on": judgement.rests_on}
    return {**judgement.to_dict(), "file": portable(judgement.file), **told}


def _recorded(run: StoredRun, found: str | None) -> tuple[list[Data], list[Data], int]:
    """The data of each trace's world, the data of the episodes that are shown, and the number of those left out."""
    stages: list[Data] = []
    shown: list[Data] = []
    left_out = 0
    for name in run.traces:
        show = RecordedShow(run, name)
        stages.append(stage_data(show.world, meanings(show.scenario.document)))
        told = Narration(show.scenario, opening_of(show.scenario), found, run=True)
        attributing = AttributionSolver(show.scenario, show.stage, QUICK) if show.agent == "exact" else None
        left_out += max(0, len(show.keys) - MOST_EPISODES)
        for number in range(min(len(show.keys), MOST_EPISODES)):
            shown.append({"label": name, "world": len(stages) - 1, **episode_data(show, number, told, attributing)})
    return stages, shown, left_out
