"""Progress of commands: a status line or bars on a terminal, and occasional lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from .terminal import err, number

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..evals.runs.run import Report
    from ..evals.training.trained_seeds import Count

BAR, BESIDE = 16, 46
"""Widths in columns: of a bar, and of everything beside a bar's description (bar, counts, elapsed time)."""
FIRST_WORD = 2
"""Seconds after which what takes long is heard of for the first time."""
SILENCE = 5
"""Seconds without a line after which one reports the progress of a run, if there is no terminal."""


@contextmanager
def progress(wanted: bool, name: str = "") -> Iterator[Callable[[str], None]]:
    """A function that says what is being done; solvers inside say it themselves (`envs.time_limit.listening`).

    On a terminal it is a line that disappears at the end. Elsewhere, and beside `--json` (`wanted` is false), which is
    about standard output, a line on stderr after some seconds, and then now and then: nobody should have to guess
    whether a program still works.
    """
    from ..envs.time_limit import listening

    console = err()
    if not wanted or not console.is_terminal:
        tell = _Patience(name, console)
        with listening(tell.doing):
            yield tell
        return
    with (
        console.status(escape(name)) as status,
        listening(lambda doing: status.update(escape(f"{name}: while {doing}"))),
    ):
        yield lambda text: status.update(escape(text))


class _Patience:
    """Lines about what takes long: the first after `FIRST_WORD` seconds, the others `SILENCE` seconds apart."""

    def __init__(self, name: str, console: Console) -> None:
        self.name, self.console, self.began = name, console, time.monotonic()
        self.next = self.began + FIRST_WORD

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now >= self.next:
            self.next = now + SILENCE
            head = f"{self.name}: " if self.name else ""
            self.console.print(escape(f"{head}{text}"), soft_wrap=True)

    def doing(self, clause: str) -> None:
        """What a solver does, as a clause that follows "while"."""
        self(f"{time.monotonic() - self.began:.0f} s so far, while {clause}")


@contextmanager
def run_progress(name: str, wanted: bool) -> Iterator[tuple[Report | None, Count | None]]:
    """Show the progress of a run: bars that disappear at the end on a terminal, else a line every few seconds."""
    from ..envs.time_limit import listening

    console = err()
    if not wanted:
        with listening(_Patience(name, console).doing):
            yield None, None
    elif not console.is_terminal:
        lines = _Lines(name, console)
        with listening(lines.doing):
            yield lines.report, lines
    else:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        # A description has the width that the other columns leave, so that each bar stays on one line.
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
            with listening(bars.report):
                yield bars.report, bars


class _Lines:
    """Lines such as `lab: 2 of 5 seeds of counts`, at the start and the end of each kind of training and some between;
    also the steps of single seeds if there was no line for long."""  # noqa: D205, D209

    def __init__(self, name: str, console: Console) -> None:
        self.name, self.console, self.last = name, console, time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        edge = done in (0, total) and what != "expectations"
        if edge or time.monotonic() - self.last > SILENCE:
            self.last = time.monotonic()
            self.console.print(f"{escape(self.name)}: {done:,} of {total:,} {escape(what)}", soft_wrap=True)

    def report(self, text: str) -> None:
        """Say what is being done now, if nothing was said for long."""
        if time.monotonic() - self.last > SILENCE:
            self.last = time.monotonic()
            self.console.print(escape(f"{self.name}: {text}"), soft_wrap=True)

    def doing(self, clause: str) -> None:
        """What a solver does, as a clause that follows "while"."""
        self.report(f"still at work, while {clause}")

    def training(self, method: str, seed: int, done: int, steps: int, earned: float | None) -> None:
        """See `evals.training.telemetry.heartbeats.ProgressListener`."""
        self(f"steps of {method}, seed {seed}{_earning(earned)}", done, steps)

    def trained(self, method: str, seed: int) -> None:
        """See `evals.training.telemetry.heartbeats.ProgressListener`."""


class _Bars:
    """A bar for the expectations, labelled with what is being done, and a bar for each kind of training."""

    def __init__(self, name: str, shown: Progress) -> None:
        self.name, self.shown = escape(name), shown
        self.bars: dict[str, TaskID] = {"expectations": shown.add_task(self.name, total=None)}

    def report(self, text: str) -> None:
        """Show what is being done now."""
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
        """See `evals.training.telemetry.heartbeats.ProgressListener`: the seed's bar is removed."""
        bar = self.bars.pop(f"{method}, seed {seed}", None)
        if bar is not None:
            self.shown.remove_task(bar)


def _earning(earned: float | None) -> str:
    """The present return of a training seed in words, or an empty string if it is unknown."""
    return "" if earned is None else f": earns {number(earned)}"
