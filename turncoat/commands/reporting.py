"""The command `report`, which writes an HTML page on runs and sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import printing
from .options import AsJson, write_json

Folders = Annotated[
    list[Path], typer.Argument(metavar="RUN", help="Folders of runs or sweeps, as `run` and `sweep` write them.")
]
Out = Annotated[Path, typer.Option("--out", help="The page to write.")]


def report(which: Folders, out: Out = Path("report.html"), as_json: AsJson = False) -> None:
    """Write one HTML page on runs and sweeps: claim, verdict, replays with thoughts, learning curves, diagrams."""
    from ..viz.report.page import open_shown, write_report

    target = write_report([open_shown(folder) for folder in which], out)
    if as_json:
        write_json({"report": str(target), "bytes": target.stat().st_size})
    else:
        printing.say(f"{target} ({target.stat().st_size / 1e6:.1f} MB); open it in a browser")
        printing.next_command("watch", str(which[0]))
