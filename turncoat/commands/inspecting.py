"""The command `inspect`, which judges what language models did in a task of Inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import printing
from ..scenarios.errors import MissingPackageError, installing
from .options import AsJson, write_json

Log = Annotated[Path, typer.Argument(metavar="LOG", help="A log of a task of Turncoat's, as `inspect eval` writes it.")]
Played = Annotated[
    str | None,
    typer.Option("--scenario", help="The file that was played, where it is none of the library's."),
]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder; it must not exist.")]
NoSave = Annotated[bool, typer.Option("--no-save", help="Write no folder.")]


def inspect(
    log: Log, scenario: Played = None, out: Out = None, no_save: NoSave = False, as_json: AsJson = False
) -> None:
    """Judge the episodes of an Inspect log by the scenario's expectations, and write them as a run."""
    try:
        from ..inspect.logs import run_of_log
    except ImportError as missing:
        raise MissingPackageError(f"this needs Inspect: {installing('inspect')}") from missing
    from .. import api
    from ..evals.reports.summary import RunReport
    from ..evals.traces.atomic_folder import check_target
    from ..evals.verdicts.expectation import EXIT_CODES

    if out is not None and not no_save:
        check_target(out)
    run = run_of_log(log, None if scenario is None else api.load(scenario))
    folder = None if no_save else run.save(out).folder
    if as_json:
        expectations = [judgement.to_dict() for judgement in run.judgements]
        told = None if folder is None else str(folder)
        write_json(
            {"scenario": run.scenario.name, "verdict": run.verdict, "folder": told, "expectations": expectations}
        )
    else:
        printing.print_run(RunReport(run.scenario.name, run, folder))
        if folder is not None:
            printing.next_command("report", str(folder))
    raise typer.Exit(EXIT_CODES[run.verdict])
