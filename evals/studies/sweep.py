"""A scenario over a grid of settings: every point solved exactly, some of them learned, each named by its regime."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from ...agents.learning.device import CPU
from ...scenarios.language.loading import Scenario
from ..traces.provenance import library_versions
from .sweep_points import PIECE, SweepResult, SweepRow, SweepTask, SweepWorlds, _groups, costs, run_task
from .sweep_question import SweepSettings

Report = Callable[[str], None]


class PointJournal(Protocol):
    """Keeps the points of a sweep as they are finished.

    Attributes:
        rows: those that an earlier process kept, by their key.
    """

    rows: dict[str, SweepRow]

    def keep(self, rows: Sequence[SweepRow]) -> None:
        """Adds rows."""
        ...


def run_sweep(
    scenario: Scenario,
    question: SweepSettings,
    jobs: int = 1,
    report: Report | None = None,
    journal: PointJournal | None = None,
    board: Path | None = None,
) -> SweepResult:
    """Solve (and learn) every point.

    Args:
        scenario: loaded, with the overrides that all points share.
        question: from `sweep_settings`.
        jobs: processes at a time.
        report: told how far it is.
        journal: keeps points as they are finished, and knows those that were kept before.
        board: the folder for TensorBoard's curves of what is trained, or None.

    Returns:
        Its rows; a point whose world cannot be enumerated or solved is `unsolved`, and its note says why.
    """
    report = report or (lambda _: None)
    kept: dict[str, SweepRow] = dict(journal.rows) if journal else {}
    tasks = list(_tasks(scenario, question, kept))
    total = sum(len(task.points) for task in tasks)
    done = 0
    for task, rows in _run(scenario, [replace(task, board=board) for task in tasks], jobs):
        new = {row.key: row for row in rows}
        kept |= new
        if journal is not None:
            journal.keep(list(new.values()))
        done += len(task.points)
        report(f"{done:,} of {total:,} points")
    order = _order(question)
    rows_in_order = tuple(kept[key] for key in order)
    return SweepResult(
        scenario.name,
        scenario.document.title,
        scenario.hash,
        dict(scenario.overrides),
        question,
        rows_in_order,
        costs(scenario, question),
    )


def identity(scenario: Scenario, question: SweepSettings) -> str:
    """What makes two sweeps the same: SHA-256, in hexadecimal, of the scenario, the question and the versions."""
    asked = asdict(question)
    for name, usual in (("device", CPU), ("plateau", None)):  # what is not asked for makes no other sweep
        if asked[name] == usual:
            del asked[name]
    content = [scenario.hash, asked, library_versions()]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


# ------------------------------------------------------------------ steps


def _tasks(scenario: Scenario, question: SweepSettings, kept: Mapping[str, SweepRow]) -> Iterator[SweepTask]:
    """What is left to do, dear things first."""
    for agent in question.agents:
        if agent != "exact":
            for point in question.learned_points():
                seeds = [
                    s for s in range(question.seeds) if SweepRow.key_of(agent, s, tuple(point.values())) not in kept
                ]
                if seeds:
                    yield SweepTask(agent, question, (point,), tuple(seeds))
    if "exact" not in question.agents:
        return
    left = [p for p in question.points() if SweepRow.key_of("exact", -1, tuple(p.values())) not in kept]
    for group in _groups(scenario, question, left).values() if left else ():
        for first in range(0, len(group), PIECE):
            yield SweepTask("exact", question, tuple(group[first : first + PIECE]))


def _run(scenario: Scenario, tasks: Sequence[SweepTask], jobs: int) -> Iterator[tuple[SweepTask, list[SweepRow]]]:
    """Every task with its rows, as they are finished."""
    if jobs == 1 or len(tasks) < 2:
        bench = SweepWorlds(scenario)
        for task in tasks:
            yield task, run_task(bench, task)
        return
    from joblib import Parallel, delayed, parallel_config

    bench = SweepWorlds(scenario)
    with parallel_config("loky", inner_max_num_threads=1):  # see `Workers.map_unordered`
        workers = Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered", pre_dispatch="2 * n_jobs")
    yield from workers(delayed(_with_task)(bench, task) for task in tasks)


def _with_task(bench: SweepWorlds, task: SweepTask) -> tuple[SweepTask, list[SweepRow]]:
    return task, run_task(bench.here(), task)


def _order(question: SweepSettings) -> Iterator[str]:
    """The keys of all rows, exact ones first."""
    if "exact" in question.agents:
        yield from (SweepRow.key_of("exact", -1, tuple(point.values())) for point in question.points())
    for agent in question.agents:
        if agent != "exact":
            for point in question.learned_points():
                yield from (SweepRow.key_of(agent, seed, tuple(point.values())) for seed in range(question.seeds))
