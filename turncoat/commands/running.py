"""The command that judges: run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import printing
from ..endings import UsageFault
from .options import AsJson, Many, Params, Sets, known, load_with, write_json

if TYPE_CHECKING:
    from ..evals.expectations import Judgement


def run(
    which: Many,
    param: Params = [],
    set_: Sets = [],
    agent: Annotated[
        list[str],
        typer.Option("--agent", help="Run these agents instead of the file's; MODULE:NAME and MODEL.zip are your own."),
    ] = [],
    trust: Annotated[bool, typer.Option("--trust", help="Open files with pickles, which may run anything.")] = False,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Trained seeds for each learning agent.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Environment steps of training.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Trainings at a time; all cores by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; ./runs/TIME-NAME-HASH by default.")
    ] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Write no folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run scenarios: solve, train, judge every expectation, and write a folder with traces and the verdict."""
    from .. import api
    from ..agents.own import installed, read_own
    from ..evals.expectations import EXIT_CODES, verdict
    from ..evals.rundir import check_target
    from ..evals.running import Settings
    from ..evals.training import METHODS

    own = {name: each for name in agent if name not in METHODS and (each := read_own(name, trust)) is not None}
    listed = [name for name in agent if name not in own]
    for name in listed:
        known("agent", name, ("exact", *METHODS, *installed()))
    if out is not None and len(which) > 1:
        raise UsageFault("--out names the folder of one run; give one scenario, or leave it out")
    if out is not None and not no_save:
        check_target(out)
    settings = Settings(tuple(listed) or None, seeds, steps, jobs=jobs or os.cpu_count() or 1, own=tuple(own.values()))
    data = []
    judgements: list[Judgement] = []
    for name, scenario in [(name, load_with(name, param, set_)) for name in which]:
        with printing.progress(not as_json) as report:
            result = api.run(scenario, settings=settings, report=report)
        folder = None if no_save else result.save(out).folder
        judgements += result.judgements
        data.append(
            {
                "scenario": name,
                "verdict": result.verdict,
                "folder": None if folder is None else str(folder),
                "seeds": list(result.seeds),
                "expectations": [judgement.to_dict() for judgement in result.judgements],
            }
        )
        if not as_json:
            printing.print_run(name, result, folder)
    if as_json:
        write_json(data[0] if len(data) == 1 else {"verdict": verdict(judgements), "runs": data})
    raise typer.Exit(EXIT_CODES[verdict(judgements)])
