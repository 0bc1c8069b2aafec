"""A run: every expectation of a scenario judged for every agent that it names, and what was seen on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...agents.external.user_agent import Own
from ...agents.learning.device import CPU
from ...agents.registry.eligibility import unable
from ...agents.registry.profiles import brought, plainly
from ...envs.analysis.dataframes import frame, html
from ...envs.base import NotEnumerableError
from ...envs.world.world import WorldTooLargeError
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ..exact.rollout import record_exactly
from ..exact.solved_worlds import Laboratory
from ..measures.comparands import Side, Sides, agents_in, ends_by_seed, exact_interval, sides_of, world_of_side
from ..measures.measure import Interval, mean_interval
from ..traces.provenance import code_hash, utc_now
from ..traces.trace import Trace, trace_name
from ..training.curriculum import stages_before
from ..training.execution.time_budget import Budget, OutOfTimeError
from ..training.execution.trace_cache import TraceCache
from ..training.execution.workers import Workers
from ..training.options import EVERY, Manner, settled
from ..training.telemetry.early_stopping import Plateau
from ..training.telemetry.tensorboard import need_tensorboard
from ..training.trained_seeds import Count, School, Wanted
from ..verdicts.expectation import (
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
from ..verdicts.power import Outlook, outlook
from ..verdicts.sequential_looks import look_confidence, look_sizes, over_looks
from ..verdicts.work_units import Unit, agents_named, units_of
from .reopen import texts_of
from .run_folder import Manifest, StoredRun, default_folder, save_run

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
        budget: seconds after which nothing more is begun, trainings stop, and what is left is inconclusive.
        cache: the folder in which trained seeds are kept and looked for; None: nowhere.
        workers: who trains (see `workers.connect`); None: `jobs` processes of this machine.
        units: only these are judged; None: all.
        own: agents of the user's own, run beside `agents` (or alone, where that is None).
        thoughts: record what agents think (of bounded size, of one lane); traces are smaller without.
        device: where networks live: `cpu`, `cuda`, or `auto`, a GPU where there is one; other agents need none.
        plateau: when a training ends early; None: never.
        tensorboard: the folder for training curves, in `SCENARIO/TRACE/seed-N`; None: nowhere.
        checkpoint_every: seconds after which a training that is under way is kept beside the cache.
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
    thoughts: bool = True
    device: str = CPU
    plateau: Plateau | None = None
    tensorboard: Path | None = None
    checkpoint_every: float = EVERY

    @property
    def manner(self) -> Manner:
        """How seeds are trained.

        Raises:
            DeviceUnavailableError: the device is not there.
            TensorBoardError: TensorBoard is not.
        """
        settled(self.device)
        if self.tensorboard is not None:
            need_tensorboard()
        return Manner(self.device, self.plateau, self.tensorboard, every=self.checkpoint_every)

    def agents_for(self, scenario: Scenario) -> tuple[str, ...]:
        """Those that are run."""
        usual = agents_named(scenario) if self.all_agents else scenario.document.runs.agents
        agents = self.agents or (() if self.own else usual)
        return (*map(plainly, agents), *(each.label for each in self.own))

    def filled(self, scenario: Scenario) -> dict[str, object]:
        """What of this can change a result, with what the file says filled in; plain data, which `kept` reads back."""
        runs, own = scenario.document.runs, {each.label for each in self.own}
        return {
            "agents": [agent for agent in self.agents_for(scenario) if agent not in own],
            "own": [each.words for each in self.own],
            "seeds": self.seeds or runs.seeds,
            "steps": self.steps or runs.steps,
            "episodes": self.episodes or runs.episodes,
            "max_seeds": self.max_seeds,
            "units": None if self.units is None else sorted([unit.number, unit.agent] for unit in self.units),
            "device": self.device,
            "plateau": None if self.plateau is None else asdict(self.plateau),
        }

    @staticmethod
    def kept(data: Mapping[str, Any], trust: bool = False) -> Settings:
        """The inverse of `filled`.

        Raises:
            ValueError: an agent was an object, not something that can be found by its name.
        """
        own = [None if words is None else brought(words, trust) for words in data["own"]]
        if None in own:
            raise ValueError("it was run with an agent that only the program that ran it has; give it there again")
        return Settings(
            agents=tuple(data["agents"]) or None,
            seeds=data["seeds"],
            steps=data["steps"],
            episodes=data["episodes"],
            max_seeds=data["max_seeds"],
            units=None if data["units"] is None else [Unit(number, agent) for number, agent in data["units"]],
            own=tuple(each for each in own if each is not None),
            device=data.get("device", CPU),
            plateau=None if data.get("plateau") is None else Plateau(**data["plateau"]),
        )


@dataclass(frozen=True, repr=False)
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

    @property
    def trained_steps(self) -> dict[str, dict[int, int]]:
        """By trace and seed, how many environment steps each training took."""
        return {name: dict(trace.trained) for name, trace in self.traces.items() if trace.trained}

    def to_frame(self) -> pl.DataFrame:
        """One row per judgement, its columns those of `Judgement`."""
        schema = {
            "name": str, "agent": str, "stage": str, "measure": str, "bound": str, "outcome": str,
            "value": float, "low": float, "high": float, "seeds": int, "why": str, "file": str, "line": int,
        }  # fmt: skip
        return frame([asdict(judgement) for judgement in self.judgements], schema)

    def __repr__(self) -> str:
        return (
            f"Run({self.scenario.name}: {self.verdict}, {len(self.judgements)} judgements, {len(self.traces)} traces)"
        )

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
            settings=self.settings.filled(self.scenario),
            code=code_hash(),
        )
        folder = target or default_folder(self.scenario.name, self.scenario.hash)
        return save_run(folder, manifest, self.judgements, self.traces, texts_of(self.scenario))


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
        ClusterError: the workers are not like this process.
        DeviceUnavailableError, TensorBoardError: what is asked for is not there.
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
            settings.thoughts,
            settings.manner,
        )
        self.recorded: dict[str, Trace] = {}

    def run(self) -> Run:
        """Every expectation, then Holm's correction over those that were learned; again, while there are looks."""
        started = utc_now()
        found: dict[Unit, Judgement] = {}
        still = self.units
        for seeds in self.looks:
            self.school.expect(self._wanted(still, seeds))
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

    def _wanted(self, units: Sequence[Unit], seeds: int) -> list[Wanted]:
        """What will be asked of the school for some units."""
        sides = [side for unit in units if unit in self.learned for side in self._sides(self._case(unit))[0].all]
        return [Wanted.of(its.agent, its.overrides, its.stage, seeds) for its in sides if not its.exact]

    def _trainable(self, unit: Unit) -> bool:
        """Whether a unit will be judged by trained seeds, as far as can be told without solving anything."""
        case = self._case(unit)
        try:
            if self._not_run(case) is not None or all(sides.exact for sides in self._sides(case)):
                return False
            return self._unable(case) is None
        except (NotEnumerableError, WorldTooLargeError):
            return False

    def _open(self, unit: Unit, judgement: Judgement) -> bool:
        """Whether more seeds could decide it."""
        sampled = judgement.outcome == "inconclusive" and judgement.p_pass is not None
        return sampled and self.outlook(unit).needed is not None

    def _case(self, unit: Unit) -> Case:
        expectation = self.scenario.document.expect[unit.number]
        place = self.scenario.source.place(("expect", unit.number))
        stage = expectation.stage or self.scenario.judged_stage
        return Case(expectation, unit.agent, stage, place.file, place.line)

    def _unable(self, case: Case) -> str | None:
        """Why an expectation cannot be judged by trained seeds, or None."""
        conditions = self._sides(case)
        for side in conditions[0].all:
            if self.scenario.document.stages[side.stage].watch:
                return f"in `{side.stage}` others are watched, and nobody acts"
        for side in conditions[0].all:
            if not side.exact:
                world = world_of_side(self.laboratory, side)
                if len(world.agents) > 1 and len(stages_before(self.scenario, side.stage)) > 1:
                    return "a life in several stages is for worlds of one agent"
                if (reason := unable(side.agent, world, self.own.get(side.agent))) is not None:
                    return reason
        if len(conditions) > 1 or any(side.barring and not side.exact for side in conditions[0].all):
            return "`across` and `barring` are for exact agents"
        return None

    def _sides(self, case: Case) -> list[Sides]:
        return sides_of(self.laboratory, case.expectation, case.agent)

    def _not_run(self, case: Case) -> str | None:
        """Whose behaviour is asked for and was not run; to be compared with, the exact planner always is."""
        here, *others = agents_in(case.expectation, case.agent)
        missing = [here] if here not in self.agents else [it for it in others if it not in (*self.agents, "exact")]
        return missing[0] if missing else None

    def _judge(self, unit: Unit, seeds: int, before: Judgement | None) -> Judgement:
        case = self._case(unit)
        if (missing := self._not_run(case)) is not None:
            its = "" if "=" in missing else f"--agent {missing} runs it, "
            return not_applicable(case, f"`{missing}` was not run; {its}--all-agents runs all that the file names")
        self.report(f"{case.expectation.name} ({unit.agent})")
        try:
            self.budget.check("before this was reached")
            exact = all(sides.exact for sides in self._sides(case))
            return self._judge_exactly(case) if exact else self._judge_trained(case, seeds)
        except (NotEnumerableError, WorldTooLargeError) as fault:
            return not_applicable(case, str(fault))
        except OutOfTimeError as fault:
            if before is None:
                return unreached(case, str(fault))
            return replace(before, why=f"{before.why}; {fault}")

    def _judge_exactly(self, case: Case) -> Judgement:
        expectation, conditions, intervals = case.expectation, dict[str, Side](), dict[str, Interval]()
        every = self._sides(case)
        for sides in every:
            words = _in_words(sides.here.overrides)
            conditions[words] = sides.here
            intervals[words] = exact_interval(self.laboratory, sides, expectation.measure)
            if len(intervals) < len(every):
                self.budget.check(f"after {len(intervals)} conditions")
        if expectation.take == "mean":
            judgement, worst = judge_exact(case, mean_interval(list(intervals.values()))), next(iter(conditions))
        else:
            judgement, worst = judge_each(case, intervals), worst_of(case, intervals)
        if judgement.outcome == "pass" and (len(conditions) > 1 or expectation.barring):
            return judgement  # many conditions are many traces, and none of them is the one to look at
        return replace(judgement, trace=self._record(conditions[worst]))

    def _judge_trained(self, case: Case, seeds: int) -> Judgement:
        if (reason := self._unable(case)) is not None:
            return not_applicable(case, reason)
        [sides] = self._sides(case)
        ends = ends_by_seed(self.laboratory, sides, case.expectation.measure, lambda side: self._seen(side, seeds))
        confidence = look_confidence(len(self.looks))
        judgement = judge_seeds(case, list(ends.values()), confidence, max(self.claims, 1))
        side = next(side for side in sides.all if not side.exact)
        name = trace_name(side.stage, side.agent, side.overrides)
        return replace(over_looks(judgement, len(self.looks)), trace=name)

    def _seen(self, side: Side, seeds: int) -> Trace:
        return self.school.trace(side.agent, side.overrides, side.stage, seeds)

    def _record(self, side: Side) -> str:
        """The name of a trace of the exact planner, recorded once; empty where it cannot be played."""
        name = trace_name(side.stage, "exact", side.overrides, side.barring)
        if name not in self.recorded:
            trace = record_exactly(
                self.laboratory, side.overrides, side.stage, side.barring, self.episodes, self.settings.thoughts
            )
            if trace is None:
                return ""
            self.recorded[name] = trace
        return name


def _in_words(overrides: Overrides) -> str:
    """`threshold 2, sight 6`."""
    return ", ".join(f"{name} {value}" for name, value in overrides.items())
