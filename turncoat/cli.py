"""The command line. With `--json`, stdout holds one JSON document and nothing else, also when something is wrong.

The exit codes are those of `endings`.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from . import __version__, printing
from .commands import comparing, controlling, looking, reporting, running, searching, solving, sweeping, watching
from .endings import BROKEN_PIPE, INTERRUPTED, failed

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
    ("check", solving.check),
    ("solve", solving.solve),
    ("why", solving.why),
    ("run", running.run),
    ("compare", comparing.compare),
    ("reproduce", comparing.reproduce),
    ("control", controlling.control),
    ("search", searching.search),
    ("report", reporting.report),
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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character gets its number
    code = _ended()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    if code == BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it closes the pipe
    raise SystemExit(code)


def _ended() -> int:
    """The exit code of the command."""
    try:
        code = int(app(standalone_mode=False, prog_name="turncoat") or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (SystemExit, BrokenPipeError):  # nobody reads on (`| head`): click and rich end the program so
        return BROKEN_PIPE
    except Exception as fault:
        return failed(fault, "--json" in sys.argv[1:])
    if code == INTERRUPTED:
        printing.err().print("interrupted")
    return code
