"""How a command ends: its exit code, and what is said of a fault.

0 pass, 1 an expectation failed, 2 usage or scenario fault, 3 crash, 4 inconclusive or nothing judged; 130 interrupted,
141 pipe closed.
"""

from __future__ import annotations

import os
import sys
import traceback

from rich.markup import escape

from . import __version__, printing
from .scenarios.errors import TurncoatError

FAULT, CRASH = 2, 3
"""Beside those of a verdict (`expectations.EXIT_CODES`)."""
INTERRUPTED, BROKEN_PIPE = 130, 141
"""As a shell counts a program that a signal ended."""


def failed(fault: Exception, as_json: bool) -> int:
    """Say what went wrong, for people on stderr or for programs on stdout.

    Returns:
        The exit code: faults of the user's are 2, Turncoat's own are 3.
    """
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
    """See `scenarios.errors.Kind`."""
    if isinstance(fault, TurncoatError):
        return fault.kind
    # Typer may have a click of its own inside: its usage errors are known by what they can do.
    return "usage" if hasattr(fault, "format_message") else "crash"


def _message(fault: Exception) -> str:
    return str(fault.format_message()) if hasattr(fault, "format_message") else str(fault)


def _named(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"
