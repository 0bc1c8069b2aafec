"""The points of a sweep, solved exactly (several with one enumeration) or by trained seeds; and its result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...agents.registry.eligibility import unable, unable_in_life
from ...envs.analysis.dataframes import frame, html
from ...envs.analysis.exact_plan import NOT_SOLVED, ExactPlan, ValueOverflowError
from ...envs.analysis.tie_ranges import same_choices
from ...envs.base import NotEnumerableError
from ...envs.mdp.enumeration import Enumeration, enumerate_world
from ...envs.world.compiler import compile_world
from ...envs.world.reweight import can_reweigh, reweigh
from ...envs.world.world import World
from ...scenarios.language.expressions.constants import settled
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import Measure, ParsedMeasure, Quantity, TailMean
from ...scenarios.language.loading import Scenario, apply_overrides
from ...scenarios.language.names.overrides import Overrides
from ..exact.planned_policy import plan_as_agent
from ..exact.regret import truly_best
from ..exact.solved_worlds import BY_STAGE, WHOLE_LIFE, SolvedWorlds, shaping_overrides
from ..measures.contrasts import lived_values
from ..measures.measure import Interval, seed_values
from ..measures.measure_values import (
    BOUND_ONLY,
    baseline_in,
    exact_range,
    measure_in,
    measured,
    regret_baseline,
    sampled_in,
)
from ..measures.phase_diagram_regimes import EQUILIBRIA, NO_REGIME, TIE, UNSOLVED, regime_of
from ..traces.provenance import library_versions
from ..traces.trace import Trace, join_traces
from ..training.execution.workers import Workers
from ..training.options import TrainingOptions
from ..training.spec import training_spec
from ..training.train_seed import trained_traces
from .sweep_settings import SweepSettings
from .sweep_words import SweepWords

if TYPE_CHECKING:
    import polars as pl

if TYPE_CHECKING:
    from .sweep_settings import SweepSettings

Ends = tuple[float | None, float | None]


@dataclass(frozen=True)
class SweepRow:
    """The result at one point, for one agent (and seed).

    Attributes:
        agent: the one whose behaviour is measured; seed: of its training, -1 where exact.
        values: of the axes.
        measures: the least and the greatest value of each over ties; None where it has none.
        regime: its name.
        states: S; 0 where the world was not enumerated.
        seconds: that it took.
        note: a remark, or empty.
        outer: whether the range of each measure is only known to lie within these ends; empty where none is.
    """

    agent: str
    seed: int
    values: tuple[Any, ...]
    measures: tuple[Ends, ...]
    regime: str
    states: int
    seconds: float
    note: str = ""
    outer: tuple[bool, ...] = ()

    @staticmethod
    def key_of(agent: str, seed: int, values: tuple[Any, ...]) -> str:
        """The key of a row among those of its sweep."""
        return json.dumps([agent, seed, values])

    @property
    def key(self) -> str:
        """See `key_of`."""
        return self.key_of(self.agent, self.seed, self.values)


@dataclass(frozen=True)
class SweepTask:
    """A unit of work: exact points that share an enumeration, or one point at which seeds are trained.

    Attributes:
        agent: `exact`, or the one that is trained.
        settings: of the sweep; points: the overrides; seeds: to train.
        tensorboard: the folder for TensorBoard, or None.
    """

    agent: str
    settings: SweepSettings
    points: tuple[Overrides, ...]
    seeds: tuple[int, ...] = ()
    tensorboard: Path | None = None

    @property
    def options(self) -> TrainingOptions:
        """The options of its trainings."""
        return TrainingOptions(self.settings.device, self.settings.plateau, self.tensorboard)


class _Neighbour:
    """The plan of the last of several points that differ in weights and discounts alone, and measures that it shares.

    Attributes:
        shape: of these points.
        plan: None before the first.
    """

    def __init__(self, shape: str) -> None:
        """With nothing found yet."""
        self.shape = shape
        self.plan: ExactPlan | None = None
        self._judged: ExactPlan | None = None
        self._known: dict[Measure, Interval] = {}

    def measured(self, plan: ExactPlan, measure: ParsedMeasure, best: Callable[[], ExactPlan]) -> Interval:
        """As `measured`, computed once for plans in a row that allow the same behaviour.

        Raises:
            NotEnumerableError: see there.
        """
        last = self._judged
        if last is not plan and (last is None or not _alike(last, plan)):
            self._judged, self._known = plan, {}
        resolved = measure_in(plan.enumeration.world, measure)
        # These weigh by the agent's own values or discount, so that they change with them though behaviour does not.
        summed = resolved.of if isinstance(resolved, TailMean) else resolved
        if isinstance(summed, Quantity) and (
            summed.quantity in ("value", "regret") or (summed.quantity == "return" and summed.channel is None)
        ):
            return measured(plan, measure, baseline_in(measure, best))
        if resolved not in self._known:
            self._known[resolved] = measured(plan, measure)
        return self._known[resolved]


def _alike(plan: ExactPlan, other: ExactPlan) -> bool:
    """Whether two plans of one process allow the same behaviour; of games nothing is said."""
    if plan.mdp is not other.mdp or plan.equilibria is not None or other.equilibria is not None:
        return False
    return same_choices(plan.mdp, plan.optimal, other.optimal, plan.steps)


class SweepWorlds:
    """Compiles and enumerates a scenario at points, reusing the last world and enumeration where they are the same."""

    _here: ClassVar[dict[str, SweepWorlds]] = {}
    """One object per scenario (by its hash) in this process."""

    def __init__(self, scenario: Scenario) -> None:
        """For one scenario."""
        self.scenario = scenario
        self._parts: dict[tuple[str, ...], tuple[frozenset[str], bool]] = {}
        self._worlds: dict[str, tuple[str, World]] = {}
        self._enumerations: dict[str, tuple[str, Enumeration]] = {}
        self._near: dict[str, _Neighbour] = {}
        self.lives = SolvedWorlds(scenario)

    def lives_in(self, stage: str) -> bool:
        """Whether a stage is part of the life that the file declares."""
        return self.lives.lives_in(stage)

    def here(self) -> SweepWorlds:
        """This process's own object for the same scenario: a copy that was sent here has none of its worlds."""
        return self._here.setdefault(self.scenario.hash, self)

    def under(self, point: Overrides) -> Scenario:
        """The scenario at a point."""
        return apply_overrides(self.scenario, point)

    def world(self, point: Overrides, stage: str) -> World:
        """A stage at a point, compiled; where only weights differ from the last one, those are replaced."""
        document = self.scenario.document
        key = (stage, *point)
        shape, last = self._worlds.get(stage, ("", None))
        if last is None or key not in self._parts or shape != self._shape(point, key) or not self._parts[key][1]:
            last = compile_world(self.under(point), stage)
            if key not in self._parts:
                names = frozenset(shaping_overrides(self.scenario, last, point))
                rest = {name: value for name, value in point.items() if name not in names}
                self._parts[key] = names, can_reweigh(last, document, rest)
            self._worlds[stage] = self._shape(point, key), last
            return last
        return reweigh(last, document, {n: v for n, v in point.items() if n not in self._parts[key][0]})

    def enumeration(self, point: Overrides, stage: str) -> Enumeration:
        """A stage at a point, enumerated, or the last enumeration if the point shares it.

        Raises:
            NotEnumerableError: see `enumerate_world`.
        """
        world = self.world(point, stage)
        shape = self._shape(point, (stage, *point))
        known, enumeration = self._enumerations.get(stage, ("", None))
        if enumeration is None or known != shape:
            enumeration = enumerate_world(world, self.scenario.document.runs.max_states)
            self._enumerations[stage] = shape, enumeration
        return replace(enumeration, world=world)

    def near(self, point: Overrides, stage: str) -> _Neighbour:
        """What was found at the last point, if only weights and discounts are others at this one; else nothing yet."""
        key = (stage, *point)
        shape = self._shape(point, key)
        found = self._near.get(stage)
        if found is None or found.shape != shape or not self._parts[key][1]:
            found = self._near[stage] = _Neighbour(shape)
        return found

    def _shape(self, point: Overrides, key: tuple[str, ...]) -> str:
        """A key of what the enumeration depends on, and of the names that a point has."""
        names = self._parts[key][0]
        return json.dumps([key, [value for name, value in point.items() if name in names]])


def run_task(worlds: SweepWorlds, task: SweepTask) -> list[SweepRow]:
    """The rows of a task."""
    if task.agent == "exact":
        return [_exact_row(worlds, task.settings, point) for point in task.points]
    return [row for point in task.points for row in _trained_rows(worlds, task, point)]


def _exact_row(worlds: SweepWorlds, settings: SweepSettings, point: Overrides) -> SweepRow:
    began = time.perf_counter()
    states, note = 0, ""
    empty = Interval(None, None)
    intervals = dict.fromkeys(settings.all_measures, empty)
    regime = UNSOLVED
    try:
        if worlds.lives_in(settings.stage):
            return _row_of_life(worlds, settings, point, began)
        enumeration = worlds.enumeration(point, settings.stage)
        states = enumeration.mdp.n_states
        most = worlds.scenario.document.runs.max_states
        near = worlds.near(point, settings.stage)
        plan = near.plan = plan_as_agent(enumeration, (), most, near.plan)
        if plan.upper_bound:
            note = BOUND_ONLY
        else:
            # Solved once at most, and only if one of the measures is a regret.
            best = cache(lambda: truly_best(enumeration, most, lambda: plan))
            measures = map(parsed_measure, settings.all_measures)
            intervals = {its.text: near.measured(plan, its, best) for its in measures}
            regime = regime_of(settings.regimes, intervals, _params(worlds, point))
            # No agent is indifferent between equilibria: which is played is another question than how ties are broken.
            if regime == TIE and plan.equilibria is not None:
                regime = EQUILIBRIA
            note = "; ".join(dict.fromkeys(f"{text}: {i.told}" for text, i in intervals.items() if i.told))
    except (*NOT_SOLVED, ValueOverflowError) as fault:
        note = str(fault)
    seconds = time.perf_counter() - began
    ends = tuple((interval.low, interval.high) for interval in intervals.values())
    return SweepRow("exact", -1, tuple(point.values()), ends, regime, states, seconds, note, _outer(intervals))


def _row_of_life(worlds: SweepWorlds, settings: SweepSettings, point: Overrides, began: float) -> SweepRow:
    """The row of a point of a stage that is part of a life; raises as `exact_range`."""
    solved = worlds.lives
    measures = [parsed_measure(text) for text in settings.all_measures]
    intervals = {its.text: exact_range(solved, its, point, settings.stage) for its in measures}
    states = solved.life_process(point).mdp.n_states - 1
    solved.forget(point)
    regime = regime_of(settings.regimes, intervals, _params(worlds, point))
    note = "; ".join(dict.fromkeys(f"{text}: {i.told}" for text, i in intervals.items() if i.told))
    ends = tuple((interval.low, interval.high) for interval in intervals.values())
    seconds = time.perf_counter() - began
    return SweepRow("exact", -1, tuple(point.values()), ends, regime, states, seconds, note, _outer(intervals))


def _outer(intervals: Mapping[str, Interval]) -> tuple[bool, ...]:
    found = tuple(interval.outer for interval in intervals.values())
    return found if any(found) else ()


def _trained_rows(worlds: SweepWorlds, task: SweepTask, point: Overrides) -> list[SweepRow]:
    """One row for each seed, trained in the training stage and measured in the sweep's stage."""
    began = time.perf_counter()
    settings, solved = task.settings, SolvedWorlds(worlds.scenario)
    values, nothing = tuple(point.values()), ((None, None),) * len(settings.all_measures)
    if settings.stage == WHOLE_LIFE:
        return [SweepRow(task.agent, seed, values, nothing, UNSOLVED, 0, 0.0, BY_STAGE) for seed in task.seeds]
    field = worlds.world(point, settings.stage)
    lives = unable_in_life(task.agent, field) if worlds.lives_in(settings.stage) else None
    if (reason := lives or unable(task.agent, field)) is not None:
        return [SweepRow(task.agent, seed, values, nothing, UNSOLVED, 0, 0.0, reason) for seed in task.seeds]
    steps, episodes, options = settings.steps, settings.episodes, task.options
    spec = training_spec(worlds, task.agent, point, settings.stage, steps, episodes, thoughts=False, options=options)
    states = spec.train_world.mdp.n_states if isinstance(spec.train_world, Enumeration) else 0
    trained = trained_traces(spec, task.seeds, Workers(), lambda: True)
    trace = join_traces([each for _, each in trained])
    found = {text: _by_seed(solved, field, parsed_measure(text), trace, point) for text in settings.all_measures}
    seconds = (time.perf_counter() - began) / len(task.seeds)
    rows = []
    for seed in task.seeds:
        worth = {text: found[text][seed] for text in settings.all_measures}
        intervals = {text: Interval(value, value) for text, value in worth.items()}
        regime = regime_of(settings.regimes, intervals, _params(worlds, point))
        ends = tuple((value, value) for value in worth.values())
        note = f"trained for {trace.trained[seed]:,} steps" if "plateau" in spec.result_relevant else ""
        rows.append(SweepRow(task.agent, seed, values, ends, regime, states, seconds, note))
    return rows


def _by_seed(
    solved: SolvedWorlds, field: World, measure: ParsedMeasure, trace: Trace, point: Overrides
) -> dict[int, float | None]:
    """A measure by seed; a regret has no value where there is no exact plan."""
    try:
        if solved.lives_in(field.stage):
            return lived_values(field, measure, trace)
        return seed_values(sampled_in(field, measure, trace, regret_baseline(solved, measure, point, field.stage)))
    except NotEnumerableError:
        return dict.fromkeys(seed_values(sampled_in(field, parsed_measure("steps"), trace)))


def _params(worlds: SweepWorlds, point: Overrides) -> Mapping[str, object]:
    return settled(worlds.scenario.document.params, {**worlds.scenario.params, **point})


TASK_POINTS = 20
"""Exact points of a task: what is solved, and stored, together."""


@dataclass(frozen=True)
class SweepCosts:
    """What a sweep will take: worlds enumerated (by each process), exact solves, trainings."""

    enumerations: int
    solves: int
    trainings: int

    def __str__(self) -> str:
        parts = [(self.enumerations, "enumeration"), (self.solves, "exact solve"), (self.trainings, "training")]
        return ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in parts if n)


@dataclass(frozen=True)
class SweepResult:
    """The result of a sweep.

    Attributes:
        scenario: its name; scenario_hash, overrides: of the file and the settings that all points share.
        settings: of the sweep; rows: one for each exact point and, where agents were trained, for each seed of each, in
            the order of the points.
        costs: what it took.
        file: by what a command finds the scenario (see `library.known_as`); empty where that is not known.
        words: what its axes, settings and regimes mean.
    """

    scenario: str
    title: str
    scenario_hash: str
    overrides: Mapping[str, object]
    settings: SweepSettings
    rows: tuple[SweepRow, ...]
    costs: SweepCosts
    versions: Mapping[str, str] = field(default_factory=library_versions)
    file: str = ""
    words: SweepWords = field(default_factory=SweepWords)

    def to_frame(self) -> pl.DataFrame:
        """A row per point (and seed of a learned agent): the axes, `agent`, `seed` (-1: exact), `regime`, the least and
        the greatest value of each measure (`MEASURE.low`, `MEASURE.high`; null where it has none), whether these are an
        outer bound (`MEASURE.outer`), `states`, `seconds`, `note`."""  # noqa: D205, D209
        axes = {axis.name: _type_of(axis.values) for axis in self.settings.axes}
        schema: dict[str, type] = {**axes, "agent": str, "seed": int, "regime": str}
        for text in self.settings.all_measures:
            schema |= {f"{text}.low": float, f"{text}.high": float, f"{text}.outer": bool}
        schema |= {"states": int, "seconds": float, "note": str}
        return frame([self._record(row, axes) for row in self.rows], schema)

    def regimes(self, agent: str = "exact") -> dict[str, int]:
        """How many points (or trained seeds) lie in each regime, in the order of the settings."""
        found = [row.regime for row in self.rows if row.agent == agent]
        names = (*self.settings.regimes, *NO_REGIME)
        return {name: found.count(name) for name in names if name in found}

    def _record(self, row: SweepRow, axes: Mapping[str, type]) -> dict[str, Any]:
        record: dict[str, Any] = {
            # A column has one type: an axis that mixes numbers and words becomes text.
            name: kind(value) if kind is not str else _written(value)
            for (name, kind), value in zip(axes.items(), row.values, strict=True)
        }
        record |= {"agent": row.agent, "seed": row.seed, "regime": row.regime}
        outer = row.outer or (False,) * len(row.measures)
        for text, (low, high), only in zip(self.settings.all_measures, row.measures, outer, strict=True):
            record |= {f"{text}.low": low, f"{text}.high": high, f"{text}.outer": only}
        return {**record, "states": row.states, "seconds": row.seconds, "note": row.note}

    def _repr_html_(self) -> str:
        rows = [
            {"agent": agent, "regime": name, "points": count}
            for agent in self.settings.agents
            for name, count in self.regimes(agent).items()
        ]
        axes = " x ".join(f"{axis.name} ({len(axis.values)})" for axis in self.settings.axes)
        return html(f"{self.scenario}: {axes}", frame(rows, {"agent": str, "regime": str, "points": int}))


def costs(scenario: Scenario, settings: SweepSettings) -> SweepCosts:
    """What a sweep will take."""
    exact = "exact" in settings.agents
    learners = sum(agent != "exact" for agent in settings.agents)
    shapes = len(_groups(scenario, settings, settings.points())) if exact else 0
    trainings = learners * len(settings.learned_points()) * settings.seeds if learners else 0
    return SweepCosts(shapes, len(settings.points()) if exact else 0, trainings)


def _groups(scenario: Scenario, settings: SweepSettings, points: Sequence[Overrides]) -> dict[str, list[Overrides]]:
    """Points that share an enumeration, by the values that it depends on."""
    solved = SolvedWorlds(scenario)
    if solved.lives_in(settings.stage):  # which names shape a life is found out stage by stage as it is solved
        return {json.dumps(list(point.values())): [point] for point in points}
    world = solved.world(points[0], settings.stage)
    names = shaping_overrides(scenario, world, points[0]).keys()  # which names these are is the same at every point
    groups: dict[str, list[Overrides]] = {}
    for point in points:
        groups.setdefault(json.dumps([point[name] for name in names]), []).append(point)
    return groups


def _type_of(values: Sequence[object]) -> type:
    kinds = {type(value) for value in values}
    if kinds <= {int, float}:
        return float if float in kinds else int
    return bool if kinds == {bool} else str


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
