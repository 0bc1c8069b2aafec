"""A run: every expectation of a scenario judged for every agent that it names, and what was seen on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..agents.own import Own
from ..envs.base import NotEnumerable
from ..envs.frames import frame, html
from ..envs.world import TooLarge, World
from ..scenarios.language.loading import Scenario
from .budget import Budget, OutOfTime
from .cache import TraceCache
from .expectations import (
    Case,
    Judgement,
    Verdict,
    correct,
    judge_each,
    judge_exact,
    judge_seeds,
    not_applicable,
    unreached,
    verdict,
    worst_of,
)
from .laboratory import Laboratory, Overrides, holds_in, measure_in
from .looks import look_confidence, look_sizes, over_looks
from .measures import Interval, mean_interval, sampled_measure, seed_values
from .outlook import Outlook, outlook
from .profiles import enlisted, plainly
from .recording import record_exactly, trace_name
from .rundir import Manifest, StoredRun, default_folder, save_run, utc_now
from .school import Count, School
from .trace import Trace
from .training import unable
from .units import Unit, agents_named, units_of
from .workers import Workers

if TYPE_CHECKING:
    import polars as pl

Report = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True)
class Settings:
    """How a run is made; None means what the file says.

    Attributes:
        agents: names, `exact` among them; one that the file does not name is judged by all of its expectations.
        seeds: for each that is trained; steps: environment steps of training.
        episodes: played by each trained agent where chance matters; jobs: trainings at a time.
        all_agents: where `agents` says nothing, every one that an expectation names, not only those of `runs.agents`.
        max_seeds: add seeds to those expectations that are inconclusive, at looks fixed beforehand (see `looks`), up to
            so many; None: no more than `seeds`.
        budget: seconds after which nothing more is begun, and what is left is inconclusive.
        cache: the folder in which trained seeds are kept and looked for; None: nowhere.
        workers: who trains (see `workers.connect`); None: `jobs` processes of this machine.
        units: only these are judged; None: all.
        own: agents of the user's own, run beside `agents` (or alone, where that is None).
    """

    agents: Sequence[str] | None = None
    seeds: int | None = None
    steps: int | None = None
    episodes: int | None = None
    jobs: int = 1
    all_agents: bool = False
    max_seeds: int | None = None
    budget: float | None = None
    cache: Path | None = None
    workers: Workers | None = None
    units: Collection[Unit] | None = None
    own: Sequence[Own] = ()

    def agents_for(self, scenario: Scenario) -> tuple[str, ...]:
        """Those that are run."""
        usual = agents_named(scenario) if self.all_agents else scenario.document.runs.agents
        agents = self.agents or (() if self.own else usual)
        return (*map(plainly, agents), *(each.label for each in self.own))


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        scenario: that was run; agents, seeds: with which; settings: as they were given.
        judgements: one per expectation and agent that it names, in the order of the file.
        traces: recorded episodes by name (`deploy-exact`).
        started, finished: UTC.
        trained, cached: how many seeds were trained, and how many were found in the cache.
    """

    scenario: Scenario
    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    judgements: tuple[Judgement, ...]
    traces: dict[str, Trace] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    settings: Settings = Settings()
    trained: int = 0
    cached: int = 0

    @property
    def verdict(self) -> Verdict:
        """Of all expectations together."""
        return verdict(self.judgements)

    def to_frame(self) -> pl.DataFrame:
        """One row per judgement, its columns those of `Judgement`."""
        schema = {
            "name": str, "agent": str, "stage": str, "measure": str, "bound": str, "outcome": str,
            "value": float, "low": float, "high": float, "seeds": int, "why": str, "file": str, "line": int,
        }  # fmt: skip
        return frame([asdict(judgement) for judgement in self.judgements], schema)

    def _repr_html_(self) -> str:
        columns = ["name", "agent", "outcome", "value", "low", "high", "bound"]
        return html(f"{self.scenario.name}: {self.verdict}", self.to_frame().select(columns))

    def save(self, target: Path | None = None, command: Sequence[str] | None = None) -> StoredRun:
        """Write the run's folder, whole or not at all; by default `./runs/TIME-NAME-HASH`.

        Raises:
            RunError: the folder exists, or cannot be written.
        """
        manifest = Manifest(
            scenario=self.scenario.name,
            scenario_hash=self.scenario.hash,
            seeds=self.seeds,
            overrides=dict(self.scenario.overrides),
            command=tuple(sys.argv if command is None else command),
            started=self.started,
            finished=self.finished,
        )
        folder = target or default_folder(self.scenario.name, self.scenario.hash)
        return save_run(folder, manifest, self.judgements, self.traces, _text(self.scenario))


def run_scenario(
    scenario: Scenario,
    settings: Settings | None = None,
    report: Report | None = None,
    count: Count | None = None,
) -> Run:
    """Judge every expectation of a scenario.

    Args:
        scenario: loaded, with the caller's overrides applied.
        settings: see `Settings`.
        report: told each step of the way.
        count: told how many expectations are judged, and how many seeds are trained.

    Raises:
        ValueError: `max_seeds` is less than the seeds that there are.
        RunError: the cache cannot be used.
        NoCluster: the workers are not like this process.
    """
    return _Runner(scenario, settings or Settings(), report or (lambda _: None), count or (lambda *_: None)).run()


def outlooks(scenario: Scenario, settings: Settings) -> list[Outlook]:
    """What a run could show at best of each learned expectation, before anything is trained.

    Raises:
        ValueError: as `run_scenario`.
    """
    runner = _Runner(scenario, replace(settings, cache=None), lambda _: None, lambda *_: None)
    return [runner.outlook(unit) for unit in runner.learned]


class _Runner:
    def __init__(self, scenario: Scenario, settings: Settings, report: Report, count: Count) -> None:
        runs = scenario.document.runs
        self.scenario, self.settings, self.report, self.count = scenario, settings, report, count
        self.laboratory = Laboratory(scenario)
        self.budget = Budget(settings.budget)
        self.agents = settings.agents_for(scenario)
        self.own = {each.label: each for each in settings.own}
        self.episodes = settings.episodes or runs.episodes
        seeds = settings.seeds or runs.seeds
        self.looks = look_sizes(seeds, settings.max_seeds or seeds)
        whole = units_of(scenario, self.agents)
        self.units = [unit for unit in whole if settings.units is None or unit in settings.units]
        learned = [unit for unit in whole if self._trainable(unit)]
        self.learned = [unit for unit in learned if unit in self.units]
        self.claims = len(learned)
        self.school = School(
            self.laboratory,
            settings.steps or runs.steps,
            self.episodes,
            settings.workers or Workers(settings.jobs),
            TraceCache(settings.cache) if settings.cache is not None and self.learned else None,
            self.budget,
            report,
            count,
            self.own,
        )
        self.recorded: dict[str, Trace] = {}

    def run(self) -> Run:
        """Every expectation, then Holm's correction over those that were learned; again, while there are looks."""
        started = utc_now()
        found: dict[Unit, Judgement] = {}
        still = self.units
        for seeds in self.looks:
            for unit in still:
                found[unit] = self._judge(unit, seeds, found.get(unit))
                self.count("expectations", len(found), len(self.units))
            judgements = correct([found[unit] for unit in self.units], elsewhere=self.claims - len(self.learned))
            still = [
                unit for unit, judgement in zip(self.units, judgements, strict=True) if self._open(unit, judgement)
            ]
        return Run(
            self.scenario,
            self.agents,
            tuple(range(max([self.looks[0], *(judgement.seeds for judgement in judgements)]))),
            tuple(judgements),
            {**self.school.traces(), **self.recorded},
            started,
            utc_now(),
            self.settings,
            self.school.trained,
            self.school.found,
        )

    def outlook(self, unit: Unit) -> Outlook:
        """What the last look can show of a learned unit."""
        expectation = self.scenario.document.expect[unit.number]
        return outlook(expectation, unit.agent, self.looks[-1], self.claims, len(self.looks))

    def _trainable(self, unit: Unit) -> bool:
        """Whether a unit will be judged by trained seeds, as far as can be told without solving anything."""
        if unit.agent == "exact" or unit.agent not in self.agents:
            return False
        try:
            return self._unable(self._case(unit)) is None
        except (NotEnumerable, TooLarge):
            return False

    def _open(self, unit: Unit, judgement: Judgement) -> bool:
        """Whether more seeds could decide it."""
        sampled = judgement.outcome == "inconclusive" and judgement.p_pass is not None
        return sampled and self.outlook(unit).needed is not None

    def _case(self, unit: Unit) -> Case:
        expectation = self.scenario.document.expect[unit.number]
        place = self.scenario.source.place(("expect", unit.number))
        return Case(expectation, unit.agent, expectation.stage or self.laboratory.stage, place.file, place.line)

    def _unable(self, case: Case) -> str | None:
        """Why an expectation cannot be judged by trained seeds, or None."""
        conditions = self.laboratory.conditions(case.expectation)
        world = self._world(case, conditions[0])
        if (reason := unable(case.agent, world, case.agent in self.own)) is not None:
            return reason
        if len(conditions) > 1 or case.expectation.barring:
            return "`across` and `barring` are for exact agents"
        return None

    def _world(self, case: Case, condition: Overrides) -> World:
        """Where a case plays: with the things that its agent's name enlists."""
        return self.laboratory.enlisting(enlisted(case.agent, self.scenario)).world(condition, case.stage)

    def _judge(self, unit: Unit, seeds: int, before: Judgement | None) -> Judgement:
        case = self._case(unit)
        if unit.agent not in self.agents:
            return not_applicable(case, f"`{unit.agent}` was not run")
        self.report(f"{case.expectation.name} ({unit.agent})")
        try:
            self.budget.check("before this was reached")
            return self._judge_exactly(case) if unit.agent == "exact" else self._judge_trained(case, seeds)
        except (NotEnumerable, TooLarge) as fault:
            return not_applicable(case, str(fault))
        except OutOfTime as fault:
            if before is None:
                return unreached(case, str(fault))
            return replace(before, why=f"{before.why}; {fault}")

    def _judge_exactly(self, case: Case) -> Judgement:
        expectation, conditions, intervals = case.expectation, dict[str, Overrides](), dict[str, Interval]()
        for overrides, plan, interval in self.laboratory.exact(expectation):
            if plan is not None and plan.upper_bound:
                return not_applicable(case, "views are partial and beliefs too many: only an upper bound is known")
            words = _in_words(overrides)
            conditions[words], intervals[words] = overrides, interval
            if len(intervals) < len(self.laboratory.conditions(expectation)):
                self.budget.check(f"after {len(intervals)} conditions")
        if expectation.take == "mean":
            judgement, worst = judge_exact(case, mean_interval(list(intervals.values()))), next(iter(conditions))
        else:
            judgement, worst = judge_each(case, intervals), worst_of(case, intervals)
        if judgement.outcome == "pass" and (len(conditions) > 1 or expectation.barring):
            return judgement  # many conditions are many traces, and none of them is the one to look at
        return replace(judgement, trace=self._record(conditions[worst], case.stage, expectation.barring))

    def _judge_trained(self, case: Case, seeds: int) -> Judgement:
        if (reason := self._unable(case)) is not None:
            return not_applicable(case, reason)
        (condition,) = self.laboratory.conditions(case.expectation)
        world = self._world(case, condition)
        trace = self.school.trace(case.agent, condition, case.stage, seeds)
        measure = measure_in(world, case.expectation.measure)
        program = world.agents[0]
        episodes = sampled_measure(measure, trace, holds_in(world), program.weights, program.discount)
        values = list(seed_values(episodes).values())
        confidence = look_confidence(len(self.looks))
        judgement = judge_seeds(case, measure, values, confidence, max(self.claims, 1))
        name = trace_name(case.stage, case.agent, condition)
        return replace(over_looks(judgement, len(self.looks)), trace=name)

    def _record(self, overrides: Overrides, stage: str, barring: Sequence[str]) -> str:
        """The name of a trace of the exact planner, recorded once; empty where it cannot be played."""
        name = trace_name(stage, "exact", overrides, barring)
        if name not in self.recorded:
            trace = record_exactly(self.laboratory, overrides, stage, barring, self.episodes)
            if trace is None:
                return ""
            self.recorded[name] = trace
        return name


def _in_words(overrides: Overrides) -> str:
    """`threshold 2, sight 6`."""
    return ", ".join(f"{name} {value}" for name, value in overrides.items())


def _text(scenario: Scenario) -> str:
    path = Path(scenario.file)
    return path.read_text(encoding="utf-8") if path.is_file() else ""
