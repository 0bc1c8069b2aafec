"""The commands that compare two runs: `compare`, and `reproduce`, which makes the second run itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import printing
from ..scenarios.errors import UsageError
from .options import AsJson, Jobs, Trust, jobs_of, write_json

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
