"""A run: every expectation of a scenario judged for every agent that it names, and what was seen on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..agents.exact import ExactAgent
from ..agents.own import Own
from ..envs.base import NotEnumerable
from ..envs.enumerating import Enumeration
from ..envs.evaluating import look_at, truth
from ..envs.frames import frame, html
from ..envs.observing import observe
from ..envs.planning import ExactPlan
from ..envs.world import TooLarge, World
from ..scenarios.language.loading import Scenario
from ..scenarios.language.schema import Expectation
from .expectations import (
    Case,
    Judgement,
    Verdict,
    correct,
    judge_each,
    judge_exact,
    judge_seeds,
    not_applicable,
    verdict,
)
from .laboratory import Laboratory, Overrides, measure_in
from .measures import Holds, mean_interval, sampled_measure, seed_values
from .rundir import Manifest, StoredRun, default_folder, library_versions, save_run, utc_now
from .simulate import simulate, trace_meta
from .trace import Trace
from .training import Training, trained_traces, unable

if TYPE_CHECKING:
    import polars as pl

Report = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True)
class Settings:
    """How a run is made; None means what the file says.

    Attributes:
        agents: names, `exact` among them; one that no expectation names is judged by all of them.
        seeds: for each that is trained; steps: environment steps of training.
        episodes: played by each trained agent where chance matters; jobs: trainings at a time.
        own: agents of the user's own, run beside `agents` (or alone, where that is None).
    """

    agents: Sequence[str] | None = None
    seeds: int | None = None
    steps: int | None = None
    episodes: int | None = None
    jobs: int = 1
    own: Sequence[Own] = ()


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        scenario: that was run; agents, seeds: with which.
        judgements: one per expectation and agent that it names, in the order of the file.
        traces: recorded episodes by name (`deploy-exact`).
        started, finished: UTC.
    """

    scenario: Scenario
    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    judgements: tuple[Judgement, ...]
    traces: dict[str, Trace] = field(default_factory=dict)
    started: str = ""
    finished: str = ""

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


def run_scenario(scenario: Scenario, settings: Settings | None = None, report: Report | None = None) -> Run:
    """Judge every expectation of a scenario.

    Args:
        scenario: loaded, with the caller's overrides applied.
        settings: see `Settings`.
        report: told each step of the way.
    """
    return _Runner(scenario, settings or Settings(), report or (lambda _: None)).run()


class _Runner:
    def __init__(self, scenario: Scenario, settings: Settings, report: Report) -> None:
        runs = scenario.document.runs
        self.scenario, self.report = scenario, report
        self.laboratory = Laboratory(scenario)
        self.own = {each.label: each for each in settings.own}
        self.agents = (*(settings.agents or (() if self.own else runs.agents)), *self.own)
        self.seeds = settings.seeds or runs.seeds
        self.steps = settings.steps or runs.steps
        self.episodes = settings.episodes or runs.episodes
        self.jobs = settings.jobs
        self.traces: dict[str, Trace] = {}

    def run(self) -> Run:
        """Every expectation, then Holm's correction over those that were learned."""
        started = utc_now()
        expectations = self.scenario.document.expect
        named = {agent for expectation in expectations for agent in expectation.of}
        strangers = [agent for agent in self.agents if agent not in named and agent != "exact"]
        self.claims = sum(
            agent != "exact" for e in expectations for agent in (*e.of, *strangers) if agent in self.agents
        )
        judgements = [
            self._judge(number, expectation, agent)
            for number, expectation in enumerate(expectations)
            for agent in (*expectation.of, *strangers)
        ]
        if "exact" in self.agents:
            self._record_exact()
        return Run(
            self.scenario,
            self.agents,
            tuple(range(self.seeds)),
            tuple(correct(judgements)),
            self.traces,
            started,
            utc_now(),
        )

    def _judge(self, number: int, expectation: Expectation, agent: str) -> Judgement:
        place = self.scenario.source.place(("expect", number))
        case = Case(expectation, agent, expectation.stage or self.laboratory.stage, place.file, place.line)
        if agent not in self.agents:
            return not_applicable(case, f"`{agent}` was not run")
        self.report(f"{expectation.name} ({agent})")
        try:
            return self._judge_exactly(case) if agent == "exact" else self._judge_trained(case)
        except (NotEnumerable, TooLarge) as fault:
            return not_applicable(case, str(fault))

    def _judge_exactly(self, case: Case) -> Judgement:
        found = list(self.laboratory.exact(case.expectation))
        if any(plan is not None and plan.upper_bound for _, plan, _ in found):
            return not_applicable(case, "views are partial and beliefs too many: only an upper bound is known")
        if case.expectation.take == "mean":
            return judge_exact(case, mean_interval([interval for _, _, interval in found]))
        return judge_each(case, {_in_words(overrides): interval for overrides, _, interval in found})

    def _judge_trained(self, case: Case) -> Judgement:
        conditions = self.laboratory.conditions(case.expectation)
        world = self.laboratory.world(conditions[0], case.stage)
        if (reason := unable(case.agent, world, case.agent in self.own)) is not None:
            return not_applicable(case, reason)
        if len(conditions) > 1 or case.expectation.barring:
            return not_applicable(case, "`across` and `barring` are for exact agents")
        trace = self._trained(case.agent, conditions[0], case.stage)
        measure = measure_in(world, case.expectation.measure)
        program = world.agents[0]
        episodes = sampled_measure(measure, trace, _holds(world), program.weights, program.discount)
        return judge_seeds(case, measure, list(seed_values(episodes).values()), claims=max(self.claims, 1))

    def _trained(self, method: str, overrides: Overrides, stage: str) -> Trace:
        name = _trace_name(stage, method, overrides)
        if name not in self.traces:
            school: World | Enumeration = self.laboratory.world(overrides, self.laboratory.training_stage)
            chancy = True
            try:
                school = self.laboratory.enumeration(overrides, self.laboratory.training_stage)
                chancy = school.mdp.next_state.size > school.mdp.available.sum() or school.mdp.start_state.size > 1
            except NotEnumerable:
                pass
            self.report(f"training {self.seeds} seeds of {method}, {self.steps:,} steps each")
            training = Training(
                method,
                self.laboratory.under(overrides),
                school,
                self.laboratory.world(overrides, stage),
                self.scenario.document.stages[stage].learn,
                self.steps,
                self.episodes if chancy else 1,
                self.scenario.hash,
                {**self.scenario.overrides, **overrides},
                self.own.get(method),
            )
            self.traces[name] = trained_traces(training, self.seeds, self.jobs)
        return self.traces[name]

    def _record_exact(self) -> None:
        """One trace of the exact planner for every stage and set of overrides that some expectation looked at."""
        wanted: dict[str, tuple[Overrides, str]] = {}
        for expectation in self.scenario.document.expect:
            conditions = self.laboratory.conditions(expectation)
            if "exact" in expectation.of and len(conditions) == 1 and not expectation.barring:
                stage = expectation.stage or self.laboratory.stage
                wanted.setdefault(_trace_name(stage, "exact", conditions[0]), (conditions[0], stage))
        for name, (overrides, stage) in wanted.items():
            trace = self._played(overrides, stage)
            if trace is not None:
                self.traces[name] = trace

    def _played(self, overrides: Overrides, stage: str) -> Trace | None:
        """Episodes of the exact planner; None where it cannot be played from what it sees (beliefs, several agents)."""
        try:
            plan = self.laboratory.plan(overrides, stage)
        except (NotEnumerable, TooLarge, ValueError):
            return None
        agent = exact_agent(plan)
        if agent is None:
            return None
        world = plan.enumeration.world
        meta = trace_meta(
            world, "exact", self.scenario.hash, {**self.scenario.overrides, **overrides}, library_versions()
        )
        chancy = plan.mdp.next_state.size > plan.mdp.available.sum() or plan.mdp.start_state.size > 1
        return simulate(world, [agent], meta, episodes=self.episodes if chancy else 1, seed=0)


def exact_agent(plan: ExactPlan) -> ExactAgent | None:
    """A player for an exact plan, or None where a state's look does not tell what to do."""
    world = plan.enumeration.world
    if len(world.agents) > 1 or plan.mdp is not plan.enumeration.mdp or plan.aliased:
        return None
    looks = observe(world, plan.enumeration.states)
    try:
        return ExactAgent(plan.mdp, plan.solution, looks, world.weights(plan.enumeration.states), rule=plan.rule)
    except ValueError:
        return None


def _in_words(overrides: Overrides) -> str:
    """`threshold 2, sight 6`."""
    return ", ".join(f"{name} {value}" for name, value in overrides.items())


def _holds(world: World) -> Holds:
    """Where a condition holds, in the states of a trace of this world."""
    return lambda condition, states: truth(condition, look_at(world, states))


def _trace_name(stage: str, agent: str, overrides: Overrides) -> str:
    """A file's name: the stage, the agent and, where there are overrides, what they are."""
    parts = [stage, agent, *(f"{name}={value}" for name, value in sorted(overrides.items()))]
    name = "-".join("".join(c if c.isalnum() or c in "._=-" else "_" for c in part) for part in parts)
    return name[:120]


def _text(scenario: Scenario) -> str:
    path = Path(scenario.file)
    return path.read_text(encoding="utf-8") if path.is_file() else ""
