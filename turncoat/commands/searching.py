"""The command that searches a family of agents by what a lab can see: search."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .. import printing
from ..scenarios.errors import check_name
from .options import (
    AsJson,
    Cache,
    Device,
    NoCache,
    Params,
    PlateauOf,
    Sets,
    TensorBoard,
    Which,
    cache_of,
    load_with,
    plateau_of,
    write_json,
)


def search(
    which: Which,
    param: Params = [],
    set_: Sets = [],
    agent: Annotated[str, typer.Option("--agent", help="exact, or a kind that is trained.")] = "exact",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Candidates that each search tries.")] = 50,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Searches, with seeds 0, 1, ...")] = 10,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Candidates drawn evenly, to say how hard a pick was to come by.")
    ] = 200,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trained seeds of each candidate.")] = 1,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Environment steps of training.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Trainings at a time; all cores by default.")
    ] = None,
    device: Device = "cpu",
    plateau: PlateauOf = None,
    tensorboard: TensorBoard = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    storage: Annotated[
        Path | None,
        typer.Option("--storage", metavar="FILE", help="SQLite file of all trials; search.sqlite in --out by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the result; ./runs/search-NAME-HASH by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search the family that a file declares by its objective, then judge what was picked where nobody looked.

    An interrupted search goes on from its storage, and comes to the same.
    """
    from .. import api
    from ..agents.registry.agents import methods
    from ..evals.reports.files import write_whole
    from ..evals.studies.search import SearchSettings
    from ..evals.training.execution.workers import Workers

    check_name("agent", agent, ("exact", *methods()))
    scenario = load_with(which, param, set_)
    folder = out or Path("runs") / f"search-{scenario.name.replace('/', '-')}-{scenario.hash[:8]}"
    workers = Workers(jobs or os.cpu_count() or 1)
    file, keep = storage or folder / "search.sqlite", None if agent == "exact" else cache_of(cache, no_cache)
    settings = SearchSettings(
        file,
        agent,
        seeds,
        steps,
        trials,
        repeats,
        draws,
        workers,
        device,
        plateau_of(plateau),
        tensorboard,
        cache=keep,
    )
    with printing.run_progress(which, not as_json) as (report, count):
        found = api.search(scenario, settings, report=report, count=count)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "search.json", printing.document(found.to_dict()))
    if as_json:
        write_json(found.to_dict())
    else:
        printing.print_search(found)
        printing.say(f"written to {folder}")
