"""A scenario over a grid of settings: every point solved exactly, some of them learned, each named by its regime."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.device import CPU
from ..envs.frames import frame, html
from ..scenarios.errors import UsageError, check_name, quote
from ..scenarios.language.axes import axis_values
from ..scenarios.language.contexts import Context
from ..scenarios.language.dotted import check_override
from ..scenarios.language.loading import Scenario
from ..scenarios.language.reporting import Report as Faults
from ..scenarios.language.sweep_rules import check_measured, check_regime
from .laboratory import Laboratory, Overrides, shaping_overrides
from .manner import settled
from .methods import methods
from .plateau import Plateau
from .regimes import OTHER, TIE, UNSOLVED, measures_in
from .rundir import library_versions
from .sweep_points import Bench, Row, Task, run_task

if TYPE_CHECKING:
    import polars as pl

    from .sweep_store import Journal

PIECE = 20
"""Points that are solved, and kept, together."""
MAX_POINTS = 1_000_000

Report = Callable[[str], None]


class SweepError(UsageError):
    """A sweep that cannot be made; the message says why and what would be right."""


@dataclass(frozen=True)
class Axis:
    """One axis: the dotted name that it varies, and the values in order; `log`: they are equal ratios apart."""

    name: str
    values: tuple[Any, ...]
    log: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked of a scenario.

    Attributes:
        axes: in order; a picture has the first across and the second up, and a panel for each value of a third.
        stage: where.
        measures: as in an expectation.
        regimes: name -> condition on measures; the first that holds names a point.
        agents: `exact`, and those that are trained; seeds, steps, episodes: of their training.
        every: learned agents are trained at every so many values of each axis of numbers.
        device, plateau: of each training, see `running.Settings`.
    """

    axes: tuple[Axis, ...]
    stage: str
    measures: tuple[str, ...]
    regimes: Mapping[str, str]
    agents: tuple[str, ...] = ("exact",)
    seeds: int = 3
    steps: int = 40_000
    episodes: int = 10
    every: int = 1
    device: str = CPU
    plateau: Plateau | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """Every measure, those of the regimes first."""
        return tuple(dict.fromkeys((*measures_in(self.regimes), *self.measures)))

    def points(self) -> list[dict[str, Any]]:
        """The overrides of every point; the last axis changes fastest."""
        names = [axis.name for axis in self.axes]
        return [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in self.axes))]

    def learned_points(self) -> list[dict[str, Any]]:
        """The points at which agents are trained: of an axis of numbers with more than `every` values, some."""
        thinned = tuple(replace(axis, values=_thinned(axis.values, self.every)) for axis in self.axes)
        return replace(self, axes=thinned).points()


@dataclass(frozen=True)
class Costs:
    """What a sweep will take: worlds enumerated (each process makes its own), exact solves, agents trained."""

    enumerations: int
    solves: int
    trainings: int

    def __str__(self) -> str:
        parts = [(self.enumerations, "enumeration"), (self.solves, "exact solve"), (self.trainings, "training")]
        return ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in parts if n)


@dataclass(frozen=True)
class Sweep:
    """What came of a sweep.

    Attributes:
        scenario: its name; scenario_hash, overrides: of the file and the settings that all points share.
        question: what was asked; rows: one for each exact point and, where agents were trained, for each seed of each,
            in the order of the points.
        costs: what it took.
    """

    scenario: str
    title: str
    scenario_hash: str
    overrides: Mapping[str, object]
    question: Question
    rows: tuple[Row, ...]
    costs: Costs
    versions: Mapping[str, str] = field(default_factory=library_versions)

    def to_frame(self) -> pl.DataFrame:
        """A row per point (and seed of a learned agent): the axes, `agent`, `seed` (-1: exact), `regime`, the least and
        the greatest value of each measure (`MEASURE.low`, `MEASURE.high`; null where it has none), `states`, `seconds`,
        `note`."""  # noqa: D205, D209
        axes = {axis.name: _type_of(axis.values) for axis in self.question.axes}
        schema: dict[str, type] = {**axes, "agent": str, "seed": int, "regime": str}
        for text in self.question.asked:
            schema |= {f"{text}.low": float, f"{text}.high": float}
        schema |= {"states": int, "seconds": float, "note": str}
        return frame([self._record(row, axes) for row in self.rows], schema)

    def regimes(self, agent: str = "exact") -> dict[str, int]:
        """How many points (or trained seeds) lie in each regime, in the order of the question."""
        found = [row.regime for row in self.rows if row.agent == agent]
        return {name: found.count(name) for name in (*self.question.regimes, TIE, OTHER, UNSOLVED) if name in found}

    def _record(self, row: Row, axes: Mapping[str, type]) -> dict[str, Any]:
        record: dict[str, Any] = {
            name: kind(value) if kind is not str else _written(value)
            for (name, kind), value in zip(axes.items(), row.values, strict=True)
        }
        record |= {"agent": row.agent, "seed": row.seed, "regime": row.regime}
        for text, (low, high) in zip(self.question.asked, row.measures, strict=True):
            record |= {f"{text}.low": low, f"{text}.high": high}
        return {**record, "states": row.states, "seconds": row.seconds, "note": row.note}

    def _repr_html_(self) -> str:
        rows = [
            {"agent": agent, "regime": name, "points": count}
            for agent in self.question.agents
            for name, count in self.regimes(agent).items()
        ]
        axes = " x ".join(f"{axis.name} ({len(axis.values)})" for axis in self.question.axes)
        return html(f"{self.scenario}: {axes}", frame(rows, {"agent": str, "regime": str, "points": int}))


def ask(
    scenario: Scenario,
    axes: Sequence[Axis] | None = None,
    stage: str | None = None,
    measures: Sequence[str] | None = None,
    regimes: Mapping[str, str] | None = None,
    agents: Sequence[str] = ("exact",),
    seeds: int | None = None,
    steps: int | None = None,
    every: int = 1,
    device: str = CPU,
    plateau: Plateau | None = None,
) -> Question:
    """What is to be asked, checked; what is left out is taken from the `sweep:` of the file.

    Raises:
        DeviceUnavailableError: the device is not there.
        ScenarioError: an axis, a value, a measure or a condition is wrong.
        UnknownNameError: no such stage.
        SweepError: there are no axes, nothing is measured, or there are too many points.
    """
    document = scenario.document
    given = document.sweep
    if axes is None:
        if given is None:
            raise SweepError(
                f"`{scenario.name}` names no axes to sweep; give some, as in `--param NAME=FROM:TO:POINTS`"
            )
        axes = [Axis(name, tuple(axis_values(its)), its.scale == "log") for name, its in given.axes.items()]
    if regimes is None:
        regimes = given.regimes if given else {}
    if measures is None:
        measures = given.measures if given else ()
    laboratory = Laboratory(scenario)
    question = Question(
        tuple(axes),
        stage or (given.stage if given and given.stage else laboratory.stage),
        tuple(measures),
        dict(regimes),
        tuple(agents),
        seeds or document.runs.seeds,
        steps or document.runs.steps,
        document.runs.episodes,
        every,
        settled(device, agents),
        plateau,
    )
    _check(scenario, question)
    return question


def costs(scenario: Scenario, question: Question) -> Costs:
    """What the sweep takes, told before it begins."""
    exact = "exact" in question.agents
    learners = sum(agent != "exact" for agent in question.agents)
    shapes = len(_groups(scenario, question, question.points())) if exact else 0
    trainings = learners * len(question.learned_points()) * question.seeds if learners else 0
    return Costs(shapes, len(question.points()) if exact else 0, trainings)


def run_sweep(
    scenario: Scenario,
    question: Question,
    jobs: int = 1,
    report: Report | None = None,
    journal: Journal | None = None,
    board: Path | None = None,
) -> Sweep:
    """Solve (and learn) every point.

    Args:
        scenario: loaded, with the overrides that all points share.
        question: from `ask`.
        jobs: processes at a time.
        report: told how far it is.
        journal: keeps points as they are finished, and knows those that were kept before.
        board: the folder for TensorBoard's curves of what is trained, or None.

    Returns:
        Its rows; a point whose world cannot be enumerated or solved is `unsolved`, and its note says why.
    """
    report = report or (lambda _: None)
    kept: dict[str, Row] = dict(journal.rows) if journal else {}
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
    return Sweep(
        scenario.name,
        scenario.document.title,
        scenario.hash,
        dict(scenario.overrides),
        question,
        rows_in_order,
        costs(scenario, question),
    )


def identity(scenario: Scenario, question: Question) -> str:
    """What makes two sweeps the same: SHA-256, in hexadecimal, of the scenario, the question and the versions."""
    asked = asdict(question)
    for name, usual in (("device", CPU), ("plateau", None)):  # what is not asked for makes no other sweep
        if asked[name] == usual:
            del asked[name]
    content = [scenario.hash, asked, library_versions()]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


# ------------------------------------------------------------------ steps


def _check(scenario: Scenario, question: Question) -> None:
    symbols, faults = scenario.symbols, Faults()
    context = Context(symbols, faults)
    for axis in question.axes:
        for value in axis.values:
            check_override(axis.name, value, symbols, faults, ())
    for text in question.measures:
        check_measured(text, context, ())
    for text in question.regimes.values():
        check_regime(text, context, ())
    faults.raise_if_wrong()
    names = [axis.name for axis in question.axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SweepError(f"the axis {quote(twice[0])} is given twice; put all of its values into one")
    if empty := [axis.name for axis in question.axes if not axis.values]:
        raise SweepError(f"the axis {quote(empty[0])} has no values; give at least one")
    check_name("stage", question.stage, scenario.document.stages)
    if not question.asked:
        raise SweepError("nothing is measured; name a measure or a regime")
    for agent in question.agents:
        if agent not in ("exact", *methods()):
            raise SweepError(f"there is no agent {quote(agent)}; there are exact, {', '.join(methods())}")
    if reserved := {TIE, OTHER, UNSOLVED} & set(question.regimes):
        raise SweepError(
            f"a regime cannot be called {quote(reserved.pop())}: that is what points without one are called"
        )
    points = math.prod(len(axis.values) for axis in question.axes)
    if points > MAX_POINTS:
        raise SweepError(f"these are {points:,} points, and {MAX_POINTS:,} are the most; take fewer values")


def _groups(scenario: Scenario, question: Question, points: Sequence[Overrides]) -> dict[str, list[Overrides]]:
    """Points that share an enumeration, by what it depends on."""
    world = Laboratory(scenario).world(points[0], question.stage)
    names = shaping_overrides(scenario, world, points[0]).keys()  # it is the names that decide
    groups: dict[str, list[Overrides]] = {}
    for point in points:
        groups.setdefault(json.dumps([point[name] for name in names]), []).append(point)
    return groups


def _tasks(scenario: Scenario, question: Question, kept: Mapping[str, Row]) -> Iterator[Task]:
    """What is left to do, dear things first."""
    for agent in question.agents:
        if agent != "exact":
            for point in question.learned_points():
                seeds = [s for s in range(question.seeds) if Row.key_of(agent, s, tuple(point.values())) not in kept]
                if seeds:
                    yield Task(agent, question, (point,), tuple(seeds))
    if "exact" not in question.agents:
        return
    left = [p for p in question.points() if Row.key_of("exact", -1, tuple(p.values())) not in kept]
    for group in _groups(scenario, question, left).values() if left else ():
        for first in range(0, len(group), PIECE):
            yield Task("exact", question, tuple(group[first : first + PIECE]))


def _run(scenario: Scenario, tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, list[Row]]]:
    """Every task with its rows, as they are finished."""
    if jobs == 1 or len(tasks) < 2:
        bench = Bench(scenario)
        for task in tasks:
            yield task, run_task(bench, task)
        return
    from joblib import Parallel, delayed, parallel_config

    bench = Bench(scenario)
    with parallel_config("loky", inner_max_num_threads=1):  # see `Workers.each`
        workers = Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered", pre_dispatch="2 * n_jobs")
    yield from workers(delayed(_with_task)(bench, task) for task in tasks)


def _with_task(bench: Bench, task: Task) -> tuple[Task, list[Row]]:
    return task, run_task(bench.here(), task)


def _order(question: Question) -> Iterator[str]:
    """The keys of all rows, exact ones first."""
    if "exact" in question.agents:
        yield from (Row.key_of("exact", -1, tuple(point.values())) for point in question.points())
    for agent in question.agents:
        if agent != "exact":
            for point in question.learned_points():
                yield from (Row.key_of(agent, seed, tuple(point.values())) for seed in range(question.seeds))


def _thinned(values: tuple[Any, ...], every: int) -> tuple[Any, ...]:
    """Every so many of a long list of numbers, as near to its middle as that goes; all of another list."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not numbers or len(values) <= every:
        return values
    return values[((len(values) - 1) % every) // 2 :: every]


def _type_of(values: Sequence[object]) -> type:
    kinds = {type(value) for value in values}
    if kinds <= {int, float}:
        return float if float in kinds else int
    return bool if kinds == {bool} else str


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
