"""Points of a sweep: solved exactly, several with one enumeration, or learned by trained seeds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..envs.base import NotEnumerableError
from ..envs.changing import NoFixedPointError
from ..envs.compiling import compile_world
from ..envs.enumerating import Enumeration, enumerate_world
from ..envs.policies import ImproperDiscountError
from ..envs.reweighing import can_reweigh, reweigh
from ..envs.solving import InfeasibleError
from ..envs.world import World, WorldTooLargeError
from ..scenarios.language.loading import Scenario, apply_overrides
from .ability import unable
from .acting import plan_as_agent
from .laboratory import BOUND_ONLY, Laboratory, Overrides, measured, sampled_in, shaping_overrides
from .manner import Manner
from .measures import Interval, seed_values
from .regimes import UNSOLVED, regime_of
from .regret import best_in, truly_best
from .trace import Trace, join_traces
from .trained import trained_traces
from .training import training_for
from .workers import Workers

if TYPE_CHECKING:
    from .sweeps import Question

Ends = tuple[float | None, float | None]


@dataclass(frozen=True)
class Row:
    """What came of one point, for one agent (and seed).

    Attributes:
        agent: whose behaviour; seed: of its training, -1 where exact.
        values: of the axes.
        measures: the least and the greatest value of each; None where it has none.
        regime: its name.
        states: S; 0 where the world was not enumerated.
        seconds: that it took.
        note: what a reader should know, or nothing.
    """

    agent: str
    seed: int
    values: tuple[Any, ...]
    measures: tuple[Ends, ...]
    regime: str
    states: int
    seconds: float
    note: str = ""

    @staticmethod
    def key_of(agent: str, seed: int, values: tuple[Any, ...]) -> str:
        """What tells rows of one sweep apart."""
        return json.dumps([agent, seed, values])

    @property
    def key(self) -> str:
        """See `key_of`."""
        return self.key_of(self.agent, self.seed, self.values)


@dataclass(frozen=True)
class Task:
    """Points that are worked on together: exact ones share an enumeration, learned ones have their seeds (`board`: the
    folder for TensorBoard, or None)."""  # noqa: D205, D209

    agent: str
    question: Question
    points: tuple[Overrides, ...]
    seeds: tuple[int, ...] = ()
    board: Path | None = None

    @property
    def manner(self) -> Manner:
        """How its seeds are trained."""
        return Manner(self.question.device, self.question.plateau, self.board)


class Bench:
    """A scenario with what was made last of it, so that points which share it follow each other cheaply."""

    _here: ClassVar[dict[str, Bench]] = {}
    """One for each scenario that this process has met."""

    def __init__(self, scenario: Scenario) -> None:
        """For one scenario."""
        self.scenario = scenario
        self._parts: dict[tuple[str, ...], tuple[frozenset[str], bool]] = {}
        self._worlds: dict[str, tuple[str, World]] = {}
        self._enumerations: dict[str, tuple[str, Enumeration]] = {}

    def here(self) -> Bench:
        """The bench of this process for the same scenario."""
        return self._here.setdefault(self.scenario.hash, self)

    def under(self, point: Overrides) -> Scenario:
        """The scenario at a point."""
        return apply_overrides(self.scenario, point)

    def world(self, point: Overrides, stage: str) -> World:
        """A stage at a point, compiled; only weighed anew where it differs from the last one in nothing else."""
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

    def _shape(self, point: Overrides, key: tuple[str, ...]) -> str:
        """What the enumeration depends on, and which names a point has."""
        names = self._parts[key][0]
        return json.dumps([key, [value for name, value in point.items() if name in names]])


def run_task(bench: Bench, task: Task) -> list[Row]:
    """The rows of a task."""
    if task.agent == "exact":
        return [_solved(bench, task.question, point) for point in task.points]
    return [row for point in task.points for row in _learned(bench, task, point)]


def _solved(bench: Bench, question: Question, point: Overrides) -> Row:
    began = time.perf_counter()
    states, note = 0, ""
    empty = Interval(None, None)
    intervals = dict.fromkeys(question.asked, empty)
    regime = UNSOLVED
    try:
        enumeration = bench.enumeration(point, question.stage)
        states = enumeration.mdp.n_states
        most = bench.scenario.document.runs.max_states
        plan = plan_as_agent(enumeration, (), most)
        if plan.upper_bound:
            note = BOUND_ONLY
        else:
            best = cache(lambda: truly_best(enumeration, most, lambda: plan))
            intervals = {text: measured(plan, text, best_in(text, best)) for text in question.asked}
            regime = regime_of(question.regimes, intervals, _params(bench, point))
            note = "; ".join(dict.fromkeys(f"{text}: {i.note}" for text, i in intervals.items() if i.note))
    except (NotEnumerableError, WorldTooLargeError, ImproperDiscountError, NoFixedPointError, InfeasibleError) as fault:
        note = str(fault)
    seconds = time.perf_counter() - began
    ends = tuple((interval.low, interval.high) for interval in intervals.values())
    return Row("exact", -1, tuple(point.values()), ends, regime, states, seconds, note)


def _learned(bench: Bench, task: Task, point: Overrides) -> list[Row]:
    """One row for each seed: trained in the training stage, played in the stage that is asked about."""
    began = time.perf_counter()
    question, laboratory = task.question, Laboratory(bench.scenario)
    field = bench.world(point, question.stage)
    values, nothing = tuple(point.values()), ((None, None),) * len(question.asked)
    if (reason := unable(task.agent, field)) is not None:
        return [Row(task.agent, seed, values, nothing, UNSOLVED, 0, 0.0, reason) for seed in task.seeds]
    steps, episodes, manner = question.steps, question.episodes, task.manner
    training = training_for(bench, task.agent, point, question.stage, steps, episodes, thoughts=False, manner=manner)
    school = training.school
    states = school.mdp.n_states if isinstance(school, Enumeration) else 0
    trained = trained_traces(training, range(max(task.seeds) + 1), Workers(), lambda: True)
    trace = join_traces([each for _, each in trained])
    found = {text: _by_seed(laboratory, field, text, trace, point) for text in question.asked}
    seconds = (time.perf_counter() - began) / len(task.seeds)
    rows = []
    for seed in task.seeds:
        worth = {text: found[text][seed] for text in question.asked}
        intervals = {text: Interval(value, value) for text, value in worth.items()}
        regime = regime_of(question.regimes, intervals, _params(bench, point))
        ends = tuple((value, value) for value in worth.values())
        note = f"trained for {trace.trained[seed]:,} steps" if "plateau" in training.told else ""
        rows.append(Row(task.agent, seed, values, ends, regime, states, seconds, note))
    return rows


def _by_seed(
    laboratory: Laboratory, field: World, text: str, trace: Trace, point: Overrides
) -> dict[int, float | None]:
    """A measure of each seed; a regret has no value where there is no exact plan."""
    try:
        return seed_values(sampled_in(field, text, trace, laboratory.best(text, point, field.stage)))
    except NotEnumerableError:
        return dict.fromkeys(seed_values(sampled_in(field, "steps", trace)))


def _params(bench: Bench, point: Overrides) -> Mapping[str, object]:
    return {**bench.scenario.params, **point}
