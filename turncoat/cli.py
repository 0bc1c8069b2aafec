"""The command line. With `--json`, stdout holds one JSON document and nothing else, also when something is wrong.

The exit codes are those of `endings`.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import __version__, printing
from .commands import (
    controlling,
    exporting,
    inspecting,
    looking,
    reporting,
    running,
    searching,
    solving,
    stored,
    sweeping,
    watching,
)
from .endings import INTERRUPTED, asked_to_end, ended, failed
from .scenarios.errors import UsageError

app = typer.Typer(
    name="turncoat",
    help="Build, solve, train and judge small worlds in which an agent may go wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def turncoat(
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> None:
    """Build, solve, train and judge small worlds in which an agent may go wrong."""
    if version:
        sys.stdout.write(f"turncoat {__version__}\n")
        raise typer.Exit


for name, command in (
    ("list", looking.list_scenarios),
    ("show", looking.show),
    ("new", looking.new),
    ("fmt", looking.fmt),
    ("check", solving.check),
    ("solve", solving.solve),
    ("why", solving.why),
    ("exploit", solving.exploit),
    ("export", exporting.export),
    ("pareto", solving.pareto),
    ("run", running.run),
    ("compare", stored.compare),
    ("reproduce", stored.reproduce),
    ("control", controlling.control),
    ("protocols", controlling.protocols),
    ("mitigations", controlling.mitigations),
    ("monitor", controlling.monitor),
    ("search", searching.search),
    ("runs", stored.runs),
    ("view", stored.view),
    ("inspect", inspecting.inspect),
    ("report", reporting.report),
    ("site", reporting.site),
    ("watch", watching.watch),
    ("play", watching.play),
    ("record", watching.record),
    ("sweep", sweeping.sweep),
    ("schema", looking.schema),
    ("explain", looking.explain),
):
    app.command(name)(command)


def main() -> None:
    """Run the command line; every ending has its exit code, and no input makes a traceback."""
    for library in ("OMP", "OPENBLAS", "MKL"):  # read as NumPy is imported: work is shared out by processes
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # What is imported stays, and going through all of it again and again for garbage took a tenth of a short command.
    gc.set_threshold(50_000, 20, 20)
    raise SystemExit(ended(_code))


def _check_folder() -> None:
    """Check that the folder that one is in is there, for files are read, kept and written by paths from it.

    Raises:
        UsageError: it has been removed.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the folder that you are in has been removed; go to another one") from None


def _code() -> int:
    """The exit code of the command."""
    as_json = "--json" in sys.argv[1:]
    try:
        _check_folder()
        code = int(app(standalone_mode=False, prog_name="turncoat") or 0)
    except (KeyboardInterrupt, typer.Abort) as fault:
        # Typer makes an interrupt of the end of any file; nothing here reads what is typed.
        if isinstance(fault.__cause__, EOFError):
            return failed(fault.__cause__, as_json)
        code = INTERRUPTED
    except SystemExit as ending:  # Typer makes one of any pipe that breaks; standard output's does not come here
        return failed(ending.__context__ or ending, as_json)
    except Exception as fault:
        asked = asked_to_end()
        if asked is None:
            return failed(fault, as_json)
        code = asked
    if code == INTERRUPTED:
        printing.err().print("interrupted")
    return code
