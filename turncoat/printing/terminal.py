"""Building blocks of printed results: consoles, numbers, tables, and one JSON document for programs."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table

from ..scenarios.language.faults.faults import safe

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
"""The width of running text in columns, unless the terminal is narrower."""
ENDLESS = 10_000
"""The width in columns of output that is not a terminal: so large that no table row is folded, and `grep` finds it."""
STRETCHES = 24
"""How much of a path of actions is shown, in runs of equal actions."""


class SafeConsole(Console):
    """A console that shows text as it is: what is printed may be a stranger's, and a terminal obeys control characters.

    Everything that is printed passes through `render`, after markup was read and before colours are written.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `Console.render`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_shown(segment.text), segment.style)


def _shown(text: str) -> str:
    """A text with characters that a terminal would obey or hide made visible; line ends are kept."""
    shown = "\n".join(map(safe, text.split("\n")))
    # A line that begins with `::` or `##[` is a command to GitHub Actions, wherever it is printed.
    if os.environ.get("GITHUB_ACTIONS") == "true":
        shown = shown.replace("::", ": :").replace("##[", "## [")
    return shown


def out() -> Console:
    """A console on standard output, for results."""
    # Made at each call, since its width depends on what `sys.stdout` is by then.
    return SafeConsole(highlight=False, emoji=False, width=None if sys.stdout.isatty() else ENDLESS)


def err() -> Console:
    """A console on standard error, for faults and progress."""
    return SafeConsole(highlight=False, emoji=False, stderr=True, width=None if sys.stderr.isatty() else ENDLESS)


def document(data: Any) -> str:
    """Data as one JSON document: tuples become lists, and infinite numbers `"inf"` or `"-inf"`, which `float` reads."""
    # JSON has no infinity. `allow_nan=False` refuses what `_plain` missed, as no strict parser would read it.
    return json.dumps(_plain(data), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}  # a key of JSON is a string
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def fault_data(fault: Fault) -> dict[str, Any]:
    """A fault as plain data, with file, line and column if it has a place."""
    place = fault.place
    where = {} if place is None else {"file": place.file, "line": place.line, "column": place.column}
    return {"code": fault.code, **where, "message": fault.message, "cure": fault.cure, "warning": fault.warning}


_ROUNDING = 1e-11
"""Errors of exact figures, relative to the largest of them, are smaller."""
MOST_IN_FULL = 1e15
"""Numbers from here on are written with an exponent: doubles do not hold all of their digits."""


def number(value: float, size: float = math.inf) -> str:
    """A number with five significant digits, whole numbers in full: `16.961`, `2,596`, `infinite`.

    Args:
        value: the number.
        size: of the largest that it was computed with: what is all but nothing is 0 unless it is more than the rounding
            errors of such numbers.
    """
    if _ROUNDING * size < abs(value) < 1e-9:
        return f"{value:.5g}"
    if not math.isfinite(value):
        return "infinite" if value > 0 else "-infinite" if value < 0 else "no number"
    # Sums of exact tables miss whole numbers by rounding errors; beyond 1e5 five digits leave no fraction to show.
    if abs(value) < MOST_IN_FULL and (abs(value - round(value)) < 1e-9 or abs(value) >= 1e5):
        return f"{round(value):,}"
    return f"{value:.5g}"


def span(bounds: Range | None, size: float = math.inf) -> str:
    """A range over ties in words; a single number if both ends are printed alike, and `-` for None.

    One that is only known to lie within is said to. `size` as in `number`.
    """
    if bounds is None:
        return "-"
    low, high = number(bounds.low, size), number(bounds.high, size)
    return low if low == high else f"{'within ' if bounds.outer else ''}{low} to {high}"


def largest(figures: Iterable[float]) -> float:
    """The size of the largest of some figures that is finite."""
    return max((abs(figure) for figure in figures if math.isfinite(figure)), default=0.0)


def between(ends: tuple[float, float] | None) -> str:
    """A least and a greatest value in words; a single number if both are printed alike, and `-` for None.

    Where the numbers bound nothing, as `-infinite to infinite` does, that is said instead.
    """
    if ends is None:
        return "-"
    if ends[0] == -math.inf and ends[1] == math.inf:
        return "not bounded"
    if math.isinf(ends[0]) != math.isinf(ends[1]) and (ends[0] == -math.inf or ends[1] == math.inf):
        return f"at most {number(ends[1])}" if ends[0] == -math.inf else f"at least {number(ends[0])}"
    low, high = number(ends[0]), number(ends[1])
    return low if low == high else f"{low} to {high}"


def next_command(*words: str) -> None:
    """Print the command that is useful next: after the result at a terminal, on stderr where that goes to a pipe."""
    console = out() if sys.stdout.isatty() else err()
    console.print(f"[dim]next:[/dim] {escape(shlex.join(('turncoat', *words)))}", soft_wrap=True)


def path_in_words(actions: Sequence[str], stretches: int = STRETCHES) -> str:
    """A path of actions in words, equal actions in a row counted: `down x3, right, ...`."""
    runs = [(action, len(list(group))) for action, group in groupby(actions)]
    words = [action if count == 1 else f"{action} x{count}" for action, count in runs]
    return ", ".join([*words[:stretches], "..."] if len(words) > stretches else words)


def count(number_of: int, noun: str) -> str:
    """A count with its noun: `1 state`, `2,596 states`."""
    return f"{number_of:,} {noun}" if number_of == 1 else f"{number_of:,} {noun}s"


def flowing(text: str) -> str:
    """Text of a scenario file as one line, with everything escaped that rich would take for markup."""
    return escape(" ".join(text.split()))


def say(text: str = "", indent: int = 0) -> None:
    """Print text with rich markup on standard output, wrapped on a terminal and on one line elsewhere."""
    console = out()
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)) if text else "", width=min(console.width, PROSE))
    else:
        console.print(" " * indent + text, soft_wrap=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table without rules; cells may have rich markup, and the columns named in `right` are right-aligned."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(escape(heading), justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(" ".join(cell.splitlines()) for cell in row))  # a name may hold line ends, and forge a row
    console = out()
    if console.is_terminal:
        console.print(table)
        return
    # Rich pads every row to the full width; in a file or a pipe these trailing blanks would only be in the way.
    with console.capture() as captured:
        console.print(table)
    console.print("\n".join(line.rstrip() for line in captured.get().splitlines()), markup=False, soft_wrap=True)
