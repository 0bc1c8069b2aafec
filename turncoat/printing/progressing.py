"""How far something is: a line or bars on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from .terminal import err, number

if TYPE_CHECKING:
    from ..evals.runs.run import Report
    from ..evals.training.trained_seeds import Count

BAR, BESIDE = 16, 46
"""Columns of a bar, and of all that stands beside the words of one: a bar, how many of how many, the time."""
SILENCE = 5
"""Seconds after which a line says how far a run is, where there is no terminal."""


@contextmanager
def progress(wanted: bool) -> Iterator[Callable[[str], None] | None]:
    """A line on the terminal that says what is being done, and goes away; None where nobody would see it."""
    console = err()
    if not wanted or not console.is_terminal:
        yield None
        return
    with console.status("") as status:
        yield lambda text: status.update(escape(text))


@contextmanager
def run_progress(name: str, wanted: bool) -> Iterator[tuple[Report | None, Count | None]]:
    """How far a run is: bars on a terminal, which go away in the end; else lines, one every few seconds at most."""
    console = err()
    if not wanted:
        yield None, None
    elif not console.is_terminal:
        yield None, _Lines(name, console)
    else:
        words = Column(no_wrap=True, overflow="ellipsis", max_width=max(console.width - BESIDE, BAR))
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=words),
            BarColumn(BAR),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
        )
        with Progress(*columns, console=console, transient=True) as shown:
            bars = _Bars(name, shown)
            yield bars.report, bars


class _Lines:
    """`lab: 2 of 5 seeds of counts`: the first and the last of each kind of training, and some between; also how far
    the seeds are, where nothing else was said for long."""  # noqa: D205, D209

    def __init__(self, name: str, console: Console) -> None:
        self.name, self.console, self.last = name, console, time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        edge = done in (0, total) and what != "expectations"
        if edge or time.monotonic() - self.last > SILENCE:
            self.last = time.monotonic()
            self.console.print(f"{escape(self.name)}: {done:,} of {total:,} {escape(what)}", soft_wrap=True)

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """See `evals.training.telemetry.heartbeats.ProgressListener`."""
        self(f"steps of {method}, seed {seed}{_earning(earned)}", done, steps)

    def trained(self, method: str, seed: int) -> None:
        """See `evals.training.telemetry.heartbeats.ProgressListener`."""


class _Bars:
    """A bar for the expectations, one for each kind of training, and what is being done."""

    def __init__(self, name: str, shown: Progress) -> None:
        self.name, self.shown = escape(name), shown
        self.bars: dict[str, TaskID] = {"expectations": shown.add_task(self.name, total=None)}

    def report(self, text: str) -> None:
        """What is being done now."""
        self.shown.update(self.bars["expectations"], description=f"{self.name}: {escape(text)}")

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self.bars:
            self.bars[what] = self.shown.add_task(escape(what))
        self.shown.update(self.bars[what], completed=done, total=total)

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """See `evals.training.telemetry.heartbeats.ProgressListener`: a bar for each seed that is being trained."""
        what = f"{method}, seed {seed}"
        self(what, done, steps)
        self.shown.update(self.bars[what], description=escape(what + _earning(earned)))

    def trained(self, method: str, seed: int) -> None:
        """See `evals.training.telemetry.heartbeats.ProgressListener`: the bar goes."""
        bar = self.bars.pop(f"{method}, seed {seed}", None)
        if bar is not None:
            self.shown.remove_task(bar)


def _earning(earned: float | None) -> str:
    return "" if earned is None else f": earns {number(earned)}"
