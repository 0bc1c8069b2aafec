"""The command `search`, which searches a family of agents by an objective that a lab can observe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import printing
from ..scenarios.errors import UsageError, check_name
from .options import (
    AsJson,
    Cache,
    Device,
    FirstSeed,
    Jobs,
    NoCache,
    Params,
    PlateauOf,
    Sets,
    Steps,
    TensorBoard,
    Which,
    cache_of,
    count_option,
    jobs_of,
    load_with,
    plateau_of,
    write_json,
)

Agent = Annotated[str, typer.Option("--agent", help="exact, or a kind that is trained.")]
Trials = Annotated[int, count_option("--trials", "Candidates that each search tries.")]
Repeats = Annotated[int, count_option("--repeats", "Searches, with seeds 0, 1, ...")]
Draws = Annotated[int, count_option("--draws", "Candidates drawn evenly, to say how hard a pick was to come by.")]
Seeds = Annotated[int, count_option("--seeds", "Trained seeds of each candidate.")]
Storage = Annotated[
    Path | None,
    typer.Option("--storage", metavar="FILE", help="SQLite file of all trials; search.sqlite in --out by default."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder of the result; ./runs/search-NAME-HASH by default.")]


def search(
    which: Which,
    param: Params = [],
    set_: Sets = [],
    agent: Agent = "exact",
    trials: Trials = 50,
    repeats: Repeats = 10,
    draws: Draws = 200,
    seeds: Seeds = 1,
    first_seed: FirstSeed = None,
    steps: Steps = None,
    jobs: Jobs = None,
    device: Device = "cpu",
    plateau: PlateauOf = None,
    tensorboard: TensorBoard = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    storage: Storage = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Search the family that a file declares by its objective, then judge what was picked where nobody looked.

    An interrupted search goes on from its storage, and comes to the same.
    """
    from .. import api
    from ..agents.registry.agents import agent_names
    from ..evals.reports.files import write_whole
    from ..evals.studies.search import SearchSettings
    from ..evals.traces.atomic_folder import check_place
    from ..evals.training.execution.workers import Workers

    check_name("agent", agent, agent_names())
    scenario = load_with(which, param, set_)
    folder = out or Path("runs") / f"search-{scenario.name.replace('/', '-')}-{scenario.hash[:8]}"
    check_place(folder, (folder, *folder.absolute().parents))  # before the work, which may take hours
    settings = SearchSettings(
        storage or folder / "search.sqlite",
        agent,
        seeds,
        steps,
        trials,
        repeats,
        draws,
        workers=Workers(jobs_of(jobs)),
        device=device,
        plateau=plateau_of(plateau),
        tensorboard=tensorboard,
        cache=None if agent == "exact" else cache_of(cache, no_cache),  # an exact agent has no training to keep
        first_seed=first_seed,
    )
    with printing.run_progress(which, not as_json) as (report, count):
        found = api.search(scenario, settings=settings, report=report, count=count)
    result = folder / "search.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if result.is_symlink():
            result.unlink()  # nobody has named this file: in a stranger's folder it may lead to any other
    except OSError as fault:
        raise UsageError(f"{result} cannot be written: {fault.strerror or fault}") from fault
    write_whole(result, printing.document(found.to_dict()))
    if as_json:
        write_json(found.to_dict())
    else:
        printing.print_search(found)
        printing.say(f"written to {folder}")
        printing.next_command("control", which)
