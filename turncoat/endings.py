"""How a command ends: its exit code, the message about a fault, and what is done where nobody can be told.

Exit codes: 0 pass, 1 an expectation failed, 2 usage or scenario fault, 3 crash, 4 inconclusive or nothing judged,
130 interrupted, 141 pipe closed, 143 terminated.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from rich.markup import escape

from . import __version__, printing
from .scenarios.errors import TurncoatError

FAULT, CRASH = 2, 3
"""Exit codes in addition to those of a verdict (`evals.verdicts.expectation.EXIT_CODES`)."""
INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes of a program ended by SIGINT or SIGPIPE, in the convention of shells: 128 plus the signal's number."""


class _OutputLost(BaseException):
    """Standard output takes no more. Not an `Exception`: nothing on the way may take it for a fault of its own."""

    def __init__(self, fault: OSError) -> None:
        self.fault = fault
        super().__init__(fault)

    def told(self) -> int:
        """Say so, unless a reader has closed the pipe (`| head`), which is no fault; returns the exit code."""
        if isinstance(self.fault, BrokenPipeError):
            return BROKEN_PIPE
        sys.stderr.write(f"turncoat: standard output cannot be written: {self.fault.strerror or self.fault}\n")
        return FAULT


class _Terminated(BaseException):
    """The process is asked to end, and ends as by an interrupt: what was begun is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__(number)


class _Stream:
    """A standard stream whose failures are not those of what is being done.

    Without standard output there is no result, so that the command ends. What stderr would say is lost in silence:
    there is nobody to tell it to, and the result and its exit code are as true without it.
    """

    def __init__(self, stream: TextIO, needed: bool) -> None:
        self._stream, self._needed = stream, needed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as fault:
            return self._lost(fault)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as fault:
            self._lost(fault)

    def _lost(self, fault: OSError) -> int:
        if self._needed:
            raise _OutputLost(fault) from None
        return 0

    def close_quietly(self) -> None:
        """Write what is left, or give it up; else Python would try again as it ends, and end with another code."""
        try:
            self._stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def ended(command: Callable[[], int]) -> int:
    """Run a command; its exit code, or that of a lost standard output, an interrupt or a signal.

    Args:
        command: returns its exit code, whatever fault it met.
    """
    with _guarded_streams(), _plain_warnings(), _ending_by_signals():
        try:
            code = command()
            sys.stdout.flush()  # what is lost on the way out is told as well
        except _OutputLost as lost:
            return lost.told()
        except _Terminated as asked:
            return asked.code
        except KeyboardInterrupt:
            return INTERRUPTED
        return code


@contextmanager
def _guarded_streams() -> Iterator[None]:
    """Within the block, a standard stream that is full or closed has an ending of its own (see `_Stream`).

    Raises:
        _OutputLost: standard output takes no more.
    """
    before = sys.stdout, sys.stderr
    for stream in (_opened(1), _opened(2)):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character gets its number
    sys.stdout, sys.stderr = out, err = _Stream(_opened(1), True), _Stream(_opened(2), False)
    try:
        yield
    finally:
        for each in (out, err):
            each.close_quietly()
        sys.stdout, sys.stderr = before


def _opened(number: int) -> TextIO:
    """Standard output (1) or standard error (2); where it was closed, one that cannot be written, or is not read."""
    name = {1: "stdout", 2: "stderr"}[number]
    stream: TextIO | None = getattr(sys, name)
    if stream is None:
        # Its number must not fall to the next file that is opened, which would then get what is printed.
        null = os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_WRONLY)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        stream = open(number, "w", closefd=False)  # noqa: SIM115  (it lasts as long as the process)
        setattr(sys, name, stream)
    return stream


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Within the block, Turncoat's own warnings are sentences, without the line of code that gives them."""
    before, package = warnings.formatwarning, str(Path(__file__).parent)

    def told(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if category is UserWarning and filename.startswith(package):
            return f"turncoat: {message}\n"
        return before(message, category, filename, lineno, line)

    warnings.formatwarning = told
    try:
        yield
    finally:
        warnings.formatwarning = before


_came: list[int] = []
"""The exit codes of the signals that came within `_ending_by_signals`."""


def asked_to_end() -> int | None:
    """The exit code of a signal that asked this command to end, if one came.

    It is an exception wherever the program is by then, and a library may make another one of it: an extension that is
    just being imported fails to load.
    """
    return _came[0] if _came else None


@contextmanager
def _ending_by_signals() -> Iterator[None]:
    """Within the block, a signal that asks the process to end raises `_Terminated`; a second one ends it at once.

    An interrupt raises `KeyboardInterrupt`, as ever.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # One that is ignored stays so: `nohup` asks for that.
    before = {number: signal.getsignal(number) for number in numbers}
    caught = [number for number, handler in before.items() if handler is signal.SIG_DFL]

    def end(number: int, _: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        _came.append(128 + number)
        raise _Terminated(number)

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        _came.append(INTERRUPTED)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    for number in caught:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in (*caught, signal.SIGINT):
            if number in before:
                signal.signal(number, before[number])
        _came.clear()


def failed(fault: BaseException, as_json: bool) -> int:
    """Write what went wrong, for people on stderr or for programs (`as_json`) as JSON on stdout.

    Returns:
        The exit code: 2 for faults of the user's input, 3 for Turncoat's own.
    """
    try:
        return _told(fault, as_json)
    except Exception as second:  # whatever broke may break the way of telling it too: this way needs nothing
        message = f"{_named(fault)} (and saying so failed: {_named(second)})"
        if as_json:
            sys.stdout.write(json.dumps({"error": {"kind": "crash", "message": message, "faults": []}}, indent=2))
        else:
            sys.stderr.write(f"turncoat {__version__} crashed: {message}\n")
        return CRASH


def _told(fault: BaseException, as_json: bool) -> int:
    code = CRASH if _kind(fault) == "crash" else FAULT
    if as_json:
        sys.stdout.write(printing.document({"error": fault_data(fault)}))
    else:
        tell(fault)
    return code


def fault_data(fault: BaseException) -> dict[str, Any]:
    """A fault as `--json` gives it: its kind, its message, and the faults of the scenario's file."""
    # Imported here, since most commands end without a fault and need not wait for it.
    from .scenarios.language.faults.faults import ScenarioError

    kind = _kind(fault)
    faults = [printing.fault_data(each) for each in fault.faults] if isinstance(fault, ScenarioError) else []
    told = {"kind": kind, "message": _named(fault) if kind == "crash" else _message(fault), "faults": faults}
    return {**told, "cure": cure} if (cure := _cure(fault)) else told


def _cure(fault: BaseException) -> str:
    """What can be done about it, where the fault knows; a scenario's faults have theirs each."""
    return str(getattr(fault, "cure", ""))


def tell(fault: BaseException) -> None:
    """Tell people a fault, on stderr."""
    from .scenarios.language.faults.faults import ScenarioError, render_all

    err = printing.err()
    if _kind(fault) == "crash":
        err.print(f"turncoat {__version__} crashed: {escape(_named(fault))}", soft_wrap=True)
        if os.environ.get("TURNCOAT_TRACEBACK"):
            err.print(escape("".join(traceback.format_exception(fault))), soft_wrap=True)
        else:
            err.print("this is Turncoat's fault: please report it with the scenario; TURNCOAT_TRACEBACK=1 shows where")
    elif isinstance(fault, ScenarioError):
        err.print(escape(render_all(fault)), soft_wrap=True)
    elif hasattr(fault, "show"):
        fault.show()
    else:
        err.print(f"turncoat: {escape(_message(fault))}", soft_wrap=True)
        if cure := _cure(fault):
            err.print(f"  cure: {escape(cure)}", soft_wrap=True)


def _kind(fault: BaseException) -> str:
    """The kind of a fault; see `scenarios.errors.Kind`."""
    if isinstance(fault, TurncoatError):
        return fault.kind
    # Typer may bundle a click of its own, whose classes are not click's: its usage errors are told by their method.
    return "usage" if hasattr(fault, "format_message") else "crash"


def _message(fault: BaseException) -> str:
    return str(fault.format_message()) if hasattr(fault, "format_message") else str(fault)


def _named(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}"
