"""The command that sets two runs side by side: compare."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import printing
from ..endings import UsageFault
from .options import AsJson, write_json


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The folder of a run, or FOLDER:AGENT for one of its agents.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other; differences are B less A.")],
    within: Annotated[
        float | None, typer.Option("--within", min=0, metavar="MARGIN", help="What differs by no more is the same.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs, or two agents, expectation by expectation, paired by seed: changed, same or inconclusive.

    Exit code 0: all the same; 1: something changed; 4: something is inconclusive, or nothing could be compared.
    """
    from .. import api
    from ..evals.comparing import EXIT_CODES

    if within is not None and within != within:
        raise UsageFault("--within is a number that is at least 0")
    comparison = api.compare(a, b, within)
    if as_json:
        write_json(comparison.to_dict())
    else:
        printing.print_comparison(comparison)
    raise typer.Exit(EXIT_CODES[comparison.verdict])
