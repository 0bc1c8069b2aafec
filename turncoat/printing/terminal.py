"""What everything that is printed is made of: consoles, numbers, tables, and one JSON document for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

if TYPE_CHECKING:
    from ..envs.analysis.performance_gap import Range
    from ..scenarios.language.faults.faults import Fault

COLOURS = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "not applicable": "dim",
    "nothing judged": "yellow",
    "same": "green",
    "changed": "red",
    "nothing compared": "yellow",
}
PROSE = 100
"""Columns of running text, where the terminal is not narrower."""
ENDLESS = 10_000
"""Columns of what is no terminal: no row of a table is folded, so that `grep` finds it."""
STRETCHES = 24
"""How much of a path is shown: runs of one action."""


def out() -> Console:
    """Standard output, for people."""
    return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else ENDLESS)


def err() -> Console:
    """Standard error: faults and progress."""
    return Console(highlight=False, emoji=False, stderr=True, width=None if sys.stderr.isatty() else ENDLESS)


def document(data: Any) -> str:
    """One JSON document: tuples are lists; an infinite number is written `"inf"` or `"-inf"`, which `float` reads."""
    return json.dumps(_plain(data), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def fault_data(fault: Fault) -> dict[str, Any]:
    """A fault as plain data: its place only where it has one."""
    place = fault.place
    where = {} if place is None else {"file": place.file, "line": place.line, "column": place.column}
    return {"code": fault.code, **where, "message": fault.message, "cure": fault.cure, "warning": fault.warning}


def number(value: float) -> str:
    """Five significant digits, whole numbers in full: `16.961`, `2,596`, `infinite`."""
    if not math.isfinite(value):
        return "infinite" if value > 0 else "-infinite" if value < 0 else "no number"
    if abs(value - round(value)) < 1e-9 or abs(value) >= 1e5:
        return f"{round(value):,}"
    return f"{value:.5g}"


def span(bounds: Range | None) -> str:
    """A range over ties: one number where both ends read the same."""
    if bounds is None:
        return "-"
    low, high = number(bounds.low), number(bounds.high)
    return low if low == high else f"{low} to {high}"


def between(ends: tuple[float, float] | None) -> str:
    """The least and the greatest: one number where both read the same."""
    if ends is None:
        return "-"
    low, high = number(ends[0]), number(ends[1])
    return low if low == high else f"{low} to {high}"


def path_in_words(actions: Sequence[str], stretches: int = STRETCHES) -> str:
    """`down x3, right, ...`."""
    runs = [(action, len(list(group))) for action, group in groupby(actions)]
    words = [action if count == 1 else f"{action} x{count}" for action, count in runs]
    return ", ".join([*words[:stretches], "..."] if len(words) > stretches else words)


def count(number_of: int, noun: str) -> str:
    """`1 state`, `2,596 states`."""
    return f"{number_of:,} {noun}" if number_of == 1 else f"{number_of:,} {noun}s"


def flowing(text: str) -> str:
    """Text of a file as one line, nothing in it taken for markup."""
    return escape(" ".join(text.split()))


def say(text: str = "", indent: int = 0) -> None:
    """Markup on standard output: wrapped on a terminal, else one line."""
    console = out()
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)) if text else "", width=min(console.width, PROSE))
    else:
        console.print(" " * indent + text, soft_wrap=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table without lines: markup in its cells, some of its columns to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(escape(heading), justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = out()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    console.print("\n".join(line.rstrip() for line in captured.get().splitlines()), markup=False, soft_wrap=True)
