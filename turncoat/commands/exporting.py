"""The command `export`, which writes a stage in the formats of model checkers and as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import printing
from .options import (
    SOLVE_SECONDS,
    AsJson,
    Budget,
    Params,
    Sets,
    StageName,
    Which,
    limit_of,
    load_with,
    stage_or_life_of,
    write_json,
)

To = Annotated[str, typer.Option("--to", metavar="FORMAT", help="umb, drn, prism, jani, dot or numpy.")]
Out = Annotated[Path | None, typer.Option("--out", help="The folder to write, which is new; ./NAME-FORMAT by default.")]
Discounted = Annotated[
    bool, typer.Option("--discounted", help="Make the discount a part of the process: a tick may be the last.")
]


def export(
    which: Which,
    to: To,
    param: Params = [],
    set_: Sets = [],
    stage: StageName = None,
    discounted: Discounted = False,
    out: Out = None,
    budget: Budget = SOLVE_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Write a stage as a model for Storm, PRISM and other tools, with what to ask of it."""
    from .. import api

    scenario = load_with(which, param, set_)
    folder = out or Path(f"{scenario.name.rpartition('/')[2]}-{to}")
    with printing.progress(not as_json, which), limit_of(budget):
        exported = api.export(scenario, to, stage_or_life_of(scenario, stage), out=folder, discounted=discounted)
    if as_json:
        write_json(api.as_data(exported))
    else:
        printing.print_export(exported)
        printing.next_command("solve", which)
