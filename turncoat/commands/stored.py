"""Commands on stored runs: `runs` lists them, `view` browses them, `compare` and `reproduce` set two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from .. import printing
from ..scenarios.errors import UsageError, check_name
from .options import AsJson, Dark, Jobs, Scale, Trust, WindowSize, jobs_of, theme_of, window_size, write_json

if TYPE_CHECKING:
    from ..evals.reports.stored_folders import StoredFolders

RunOrAgent = Annotated[
    str, typer.Argument(metavar="A", help="The folder of a run, or FOLDER:AGENT for one of its agents.")
]
Other = Annotated[str, typer.Argument(metavar="B", help="The other; differences are B less A.")]
Within = Annotated[
    float | None,
    typer.Option(
        "--within", min=0, metavar="MARGIN", help="The same is what is shown to differ by no more, on average."
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
Below = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FOLDER]...", help="Folders that hold runs and sweeps; `runs` and `sweeps` here by default."
    ),
]
OfScenario = Annotated[str | None, typer.Option("--scenario", metavar="TEXT", help="Only of scenarios so named.")]
OfAgent = Annotated[str | None, typer.Option("--agent", help="Only with this agent, and by the verdict on it.")]
OfVerdict = Annotated[
    str | None, typer.Option("--verdict", help="Only with this verdict: pass, fail, inconclusive, nothing judged.")
]
OfVariant = Annotated[
    str | None,
    typer.Option("--variant", metavar="NAME[=VALUE]", help="Only with this setting, or this variant of the file."),
]


def runs(
    below: Below = None,
    scenario: OfScenario = None,
    agent: OfAgent = None,
    verdict: OfVerdict = None,
    variant: OfVariant = None,
    as_json: AsJson = False,
) -> None:
    """List stored runs and sweeps, the newest first: what, agents, seeds, verdict, date, size."""
    stored = _stored(below, scenario, agent, verdict, variant)
    entries = stored.entries()
    if as_json:
        write_json([entry.to_dict() for entry in entries])
    else:
        printing.print_stored(entries)
        if entries:
            printing.next_command("view", *map(str, below or ()))
        else:
            printing.next_command("run", "treacherous_turn/lab")


def view(
    below: Below = None,
    scenario: OfScenario = None,
    agent: OfAgent = None,
    verdict: OfVerdict = None,
    variant: OfVariant = None,
    size: WindowSize = None,
    scale: Scale = None,
    dark: Dark = False,
) -> None:
    """Browse stored runs and sweeps in a window: open, compare, report; the list follows what is being written."""
    stored = _stored(below, scenario, agent, verdict, variant)
    wide, theme = window_size(size), theme_of(dark)
    from ..viz.browser.browser_window import BrowserWindow
    from ..viz.browser.run_browser import RunBrowser

    BrowserWindow(RunBrowser(stored), wide, scale, theme).run()


def _stored(
    below: list[Path] | None, scenario: str | None, agent: str | None, verdict: str | None, variant: str | None
) -> StoredFolders:
    from ..evals.reports.stored_folders import EntryFilter, StoredFolders, usual_folders
    from ..evals.verdicts.expectation import Verdict

    if verdict is not None:
        check_name("verdict", verdict, get_args(Verdict))
    return StoredFolders(below or usual_folders(), EntryFilter(scenario, agent, verdict, variant))


def compare(a: RunOrAgent, b: Other, within: Within = None, as_json: AsJson = False) -> None:
    """Compare two runs, or two agents, expectation by expectation, paired by seed: changed, same or inconclusive.

    `changed` says that something differs, not by how much; of that, `B less A` and --within speak. Exit code 0: all the
    same; 1: something changed; 4: something is inconclusive, or nothing could be compared.
    """
    from .. import api
    from ..evals.runs.compare import EXIT_CODES

    # NaN, which `min=0` of the option lets through: it is not smaller than 0.
    if within is not None and within != within:
        raise UsageError("--within is a number that is at least 0")
    comparison = api.compare(a, b, within)
    if as_json:
        write_json(comparison.to_dict())
    else:
        printing.print_comparison(comparison)
        # A side may be FOLDER:AGENT; a report shows whole runs.
        printing.next_command(
            "report", *dict.fromkeys(side if Path(side).is_dir() else side.rpartition(":")[0] for side in (a, b))
        )
    raise typer.Exit(EXIT_CODES[comparison.verdict])


def reproduce(folder: RunFolder, jobs: Jobs = None, trust: Trust = False, as_json: AsJson = False) -> None:
    """Make a stored run again from what its folder keeps, and say whether it comes to the same, byte by byte.

    Exit code 0: every judgement and every trace is the same; 1: something differs.
    """
    from .. import api

    with printing.run_progress(str(folder), not as_json) as (report, count):
        found = api.reproduce(str(folder), jobs_of(jobs), trust, report, count)
    if as_json:
        names = ("judgements", "traces", "changed", "same")
        write_json({"folder": str(folder), **{name: getattr(found, name) for name in names}})
    else:
        printing.print_reproduction(found)
        printing.next_command("report", str(folder))
    raise typer.Exit(0 if found.same else 1)
