"""A figure, measured several times, and the table of figures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One thing that was measured.

    Attributes:
        name: what.
        unit: of the values.
        values: one for each run.
        at_most, at_least: the target, where there is one.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        """In words, or nothing."""
        if self.at_most is not None:
            return f"<= {_short(self.at_most)} {self.unit}"
        return "" if self.at_least is None else f">= {_short(self.at_least)} {self.unit}"

    @property
    def median(self) -> float:
        """Of the runs."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        """Whether the median keeps to the target."""
        if self.at_most is not None:
            return self.median <= self.at_most
        return self.at_least is None or self.median >= self.at_least


def seconds(work: Callable[[], object], runs: int) -> tuple[float, ...]:
    """Wall seconds of each of several runs, after one that warms up."""
    work()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return tuple(taken)


def rates(work: Callable[[], object], amount: int, runs: int = 7) -> tuple[float, ...]:
    """How much is done in a second of this thread's time, in each of several runs after one that warms up.

    Other processes on the same core cost it nothing, so figures are comparable on a machine that is shared.
    """
    work()
    done = []
    for _ in range(runs):
        begun = time.thread_time()
        work()
        done.append(amount / (time.thread_time() - begun))
    return tuple(done)


def table(figures: Sequence[Figure]) -> str:
    """The figures as text: median, least and greatest, number of runs, target."""
    rows = [("what", "median", "least", "greatest", "runs", "target", "")]
    for figure in figures:
        verdict = "" if not figure.target else "met" if figure.met else "MISSED"
        spread = (_short(min(figure.values)), _short(max(figure.values)), str(len(figure.values)))
        rows.append((figure.name, f"{_short(figure.median)} {figure.unit}", *spread, figure.target, verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
