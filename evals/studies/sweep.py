"""Sweeps: a scenario over a grid of settings, solved exactly at every point, with agents trained at some."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Protocol

from ...agents.learning.device import CPU
from ...scenarios import library
from ...scenarios.arguments import MOST_JOBS, whole_number
from ...scenarios.language.loading import Scenario
from ..traces.provenance import library_versions
from ..training.execution.workers import Workers
from .sweep_points import TASK_POINTS, SweepResult, SweepRow, SweepTask, SweepWorlds, _groups, costs, run_task
from .sweep_settings import SweepSettings
from .sweep_words import sweep_words

Report = Callable[[str], None]

STARTING_SECONDS = 5.0
"""What starting processes takes, about: each imports the package and makes the world anew."""
_PROBES = (1, 4)
"""Points of the first exact tasks, by which it is judged whether processes are worth starting."""


class PointJournal(Protocol):
    """Stores the rows of a sweep as they are finished.

    Attributes:
        rows: those that an earlier process stored, by their key.
    """

    rows: dict[str, SweepRow]

    def keep(self, rows: Sequence[SweepRow]) -> None:
        """Add rows."""
        ...


def run_sweep(
    scenario: Scenario,
    settings: SweepSettings,
    jobs: int = 1,
    report: Report | None = None,
    journal: PointJournal | None = None,
    tensorboard: Path | None = None,
) -> SweepResult:
    """Solve every point, and train agents at some.

    Args:
        scenario: loaded, with the overrides that all points share.
        settings: from `sweep_settings`.
        jobs: processes at a time.
        report: called with the progress.
        journal: stores rows as they are finished, and has those of an earlier process.
        tensorboard: the folder for TensorBoard, or None.

    Returns:
        The result; a point whose world cannot be enumerated or solved is `unsolved`, and its note says why.

    Raises:
        ArgumentError: the number of jobs is of the wrong type or out of range.
    """
    jobs = whole_number("jobs", jobs, 1, MOST_JOBS)
    report = report or (lambda _: None)
    kept: dict[str, SweepRow] = dict(journal.rows) if journal else {}
    tasks = list(_tasks(scenario, settings, kept))
    total = sum(len(task.points) for task in tasks)
    done = 0
    for task, rows in _run(scenario, [replace(task, tensorboard=tensorboard) for task in tasks], jobs):
        new = {row.key: row for row in rows}
        kept |= new
        if journal is not None:
            journal.keep(list(new.values()))
        done += len(task.points)
        report(f"{done:,} of {total:,} points")
    order = _order(settings)
    rows_in_order = tuple(kept[key] for key in order)
    return SweepResult(
        scenario.name,
        scenario.document.title,
        scenario.hash,
        dict(scenario.overrides),
        settings,
        rows_in_order,
        costs(scenario, settings),
        file=library.known_as(scenario.file),
        words=sweep_words(scenario, settings),
    )


def identity(scenario: Scenario, settings: SweepSettings) -> str:
    """SHA-256, in hexadecimal, of the scenario, the settings and the versions: sweeps with one identity are equal."""
    fields = asdict(settings)
    for name, usual in (
        ("device", CPU),
        ("plateau", None),
        ("first_seed", 0),
    ):  # options added later: their defaults must not change the identity
        if fields[name] == usual:
            del fields[name]
    content = [scenario.hash, fields, library_versions()]
    # default=str: values that JSON does not know count by their text.
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


# ------------------------------------------------------------------ steps


def _tasks(scenario: Scenario, settings: SweepSettings, kept: Mapping[str, SweepRow]) -> Iterator[SweepTask]:
    """The tasks that are left, training first: it takes longest, and short tasks fill the gaps at the end."""
    for agent in settings.agents:
        if agent != "exact":
            for point in settings.learned_points():
                seeds = [s for s in settings.numbers if SweepRow.key_of(agent, s, tuple(point.values())) not in kept]
                if seeds:
                    yield SweepTask(agent, settings, (point,), tuple(seeds))
    if "exact" not in settings.agents:
        return
    left = [p for p in settings.points() if SweepRow.key_of("exact", -1, tuple(p.values())) not in kept]
    sizes = chain(_PROBES, repeat(TASK_POINTS))
    for group in _groups(scenario, settings, left).values() if left else ():
        first = 0
        while first < len(group):
            size = next(sizes)
            yield SweepTask("exact", settings, tuple(group[first : first + size]))
            first += size


def _run(scenario: Scenario, tasks: Sequence[SweepTask], jobs: int) -> Iterator[tuple[SweepTask, list[SweepRow]]]:
    """Run all tasks; each with its rows, in the order in which they are finished.

    Exact ones begin in this process. Others are started once what is left would take longer than starting them does.
    """
    worlds, left, seconds = SweepWorlds(scenario), list(tasks), 0.0
    while left and (jobs == 1 or len(left) < 2 or not _worth_starting(len(tasks) - len(left), seconds, left)):
        task, begun = left.pop(0), time.monotonic()
        yield task, run_task(worlds, task)
        seconds = (time.monotonic() - begun) / len(task.points)
    fresh = SweepWorlds(scenario)  # without the worlds that were made here, which need not be sent
    if left:
        yield from Workers(jobs).map_unordered(_run_in_worker, [(fresh, task) for task in left])


def _worth_starting(done: int, seconds: float, left: Sequence[SweepTask]) -> bool:
    """Whether other processes should be started: for training always, else by how long a point of the last task took.

    The first one makes the world too, so that it says something only where it takes long.
    """
    if left[0].agent != "exact":
        return True
    if done < len(_PROBES):
        return seconds > STARTING_SECONDS
    return seconds * sum(len(task.points) for task in left) > STARTING_SECONDS


def _run_in_worker(worlds: SweepWorlds, task: SweepTask) -> tuple[SweepTask, list[SweepRow]]:
    return task, run_task(worlds.here(), task)


def _order(settings: SweepSettings) -> Iterator[str]:
    """The keys of all rows in the order of the result, exact ones first."""
    if "exact" in settings.agents:
        yield from (SweepRow.key_of("exact", -1, tuple(point.values())) for point in settings.points())
    for agent in settings.agents:
        if agent != "exact":
            for point in settings.learned_points():
                yield from (SweepRow.key_of(agent, seed, tuple(point.values())) for seed in settings.numbers)
