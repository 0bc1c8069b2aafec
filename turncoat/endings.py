"""How a command ends: its exit code and the message about a fault.

Exit codes: 0 pass, 1 an expectation failed, 2 usage or scenario fault, 3 crash, 4 inconclusive or nothing judged,
130 interrupted, 141 pipe closed.
"""

from __future__ import annotations

import os
import sys
import traceback

from rich.markup import escape

from . import __version__, printing
from .scenarios.errors import TurncoatError

FAULT, CRASH = 2, 3
"""Exit codes in addition to those of a verdict (`evals.verdicts.expectation.EXIT_CODES`)."""
INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes of a program ended by SIGINT or SIGPIPE, in the convention of shells: 128 plus the signal's number."""


def failed(fault: Exception, as_json: bool) -> int:
    """Write what went wrong, for people on stderr or for programs (`as_json`) as JSON on stdout.

    Returns:
        The exit code: 2 for faults of the user's input, 3 for Turncoat's own.
    """
    # Imported here, since most commands end without a fault and need not wait for it.
    from .scenarios.language.faults.faults import ScenarioError, render_all

    kind = _kind(fault)
    if as_json:
        faults = [printing.fault_data(each) for each in fault.faults] if isinstance(fault, ScenarioError) else []
        message = _named(fault) if kind == "crash" else _message(fault)
        sys.stdout.write(printing.document({"error": {"kind": kind, "message": message, "faults": faults}}))
        return CRASH if kind == "crash" else FAULT
    err = printing.err()
    if kind == "crash":
        err.print(f"turncoat {__version__} crashed: {escape(_named(fault))}", soft_wrap=True)
        if os.environ.get("TURNCOAT_TRACEBACK"):
            err.print(escape("".join(traceback.format_exception(fault))), soft_wrap=True)
        else:
            err.print("this is Turncoat's fault: please report it with the scenario; TURNCOAT_TRACEBACK=1 shows where")
        return CRASH
    if isinstance(fault, ScenarioError):
        err.print(escape(render_all(fault)), soft_wrap=True)
    elif hasattr(fault, "show"):
        fault.show()
    else:
        err.print(f"turncoat: {escape(_message(fault))}", soft_wrap=True)
    return FAULT


def _kind(fault: Exception) -> str:
    """The kind of a fault; see `scenarios.errors.Kind`."""
    if isinstance(fault, TurncoatError):
        return fault.kind
    # Typer may bundle a click of its own, whose classes are not click's: its usage errors are told by their method.
    return "usage" if hasattr(fault, "format_message") else "crash"


def _message(fault: Exception) -> str:
    return str(fault.format_message()) if hasattr(fault, "format_message") else str(fault)


def _named(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"
