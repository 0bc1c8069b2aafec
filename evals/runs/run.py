"""A run: every expectation of a scenario judged for every agent that it names, with the recorded traces."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...agents.external.user_agent import UntrustedCodeError, UserAgent
from ...agents.learning.device import CPU
from ...agents.registry.eligibility import check_agent_names, unable, why_not_run
from ...agents.registry.multi_agent_profiles import EXACT, brought, plainly
from ...envs.analysis.dataframes import frame, html
from ...envs.base import NotEnumerableError
from ...envs.reference.step import reset, step
from ...envs.time_limit import OutOfTimeError
from ...envs.world.randomness import GivenDraws
from ...envs.world.world import World, WorldTooLargeError
from ...scenarios.arguments import (
    MOST_EPISODES,
    MOST_JOBS,
    MOST_SEEDS,
    MOST_STEPS,
    as_path,
    check_items,
    check_names,
    check_seconds,
    settle_counts,
    settle_paths,
    shown,
)
from ...scenarios.errors import ArgumentError, UsageError
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ..exact.recorded_plan import record_exactly
from ..exact.solved_worlds import SolvedWorlds, SolvingTooLongError
from ..measures.contrasts import Subject, ends_by_seed, exact_interval, of_one_episode
from ..measures.measure import Interval, mean_interval
from ..traces.provenance import RunError, code_hash, utc_now
from ..traces.trace import Trace, trace_name
from ..training.background_population import BackgroundPopulation
from ..training.execution.time_budget import TimeBudget
from ..training.execution.trace_cache import TraceCache
from ..training.execution.workers import Workers
from ..training.options import CHECKPOINT_SECONDS, TrainingOptions, first_seed_of, resolve_device
from ..training.telemetry.early_stopping import Plateau
from ..training.telemetry.tensorboard import require_tensorboard
from ..training.trained_seeds import Count, SeedRequest, TrainedSeeds
from ..verdicts.evidence import evidence_of
from ..verdicts.expectation import (
    BOUNDED,
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
from ..verdicts.power import SeedRequirement, seed_requirement
from ..verdicts.sequential_looks import adjust_for_interim_looks, interim_confidence, interim_sample_sizes
from ..verdicts.work_units import ResolvedUnit, WorkUnit, monitor_units_of, resolve_units, stated_elsewhere
from .focal_returns import FocalReturn, focal_returns
from .reopen import scenario_texts
from .run_folder import Manifest, StoredRun, default_folder, save_run
from .stated_claims import StatedJudge, StatedWork

if TYPE_CHECKING:
    import polars as pl

FOCAL = "focal.json"
"""The file of a run's folder that says what agents earned among co-players who were drawn."""

Report = Callable[[str], None]
"""A callback that is told, in words, what is being done."""


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run; None means what the file says.

    Attributes:
        agents: names of the agents to run, possibly `exact`; one that the file does not name is judged by all of its
            expectations.
        seeds: the number of trained seeds for each agent that learns.
        first_seed: the number of the first of them; the others follow it.
        steps: environment steps of training.
        episodes: the number of episodes played by each trained agent, if the stage has chance.
        jobs: the number of trainings at a time.
        all_agents: if `agents` is None, run every agent that an expectation names, not only those of `runs.agents`.
        max_seeds: add seeds to the expectations that are inconclusive, at interim analyses fixed beforehand (see
            `sequential_looks`), up to this number; None: no more than `seeds`.
        budget: seconds after which nothing more is begun and trainings stop; expectations that are not decided by then
            are inconclusive.
        solve_seconds: seconds that enumerating a stage, or solving it, may take; expectations that need it are then
            inconclusive. None: as long as it takes.
        cache: the folder of cached traces of trained seeds; None: no cache.
        workers: the processes that train (see `workers.connect`); None: `jobs` processes of this machine.
        units: the only work units to judge; None: all.
        own: agents of the user's own, run beside `agents` (or alone, if that is None).
        thoughts: whether traces record what agents think (of one lane, of bounded size); without, traces are smaller.
        device: the device of neural networks: `cpu`, `cuda`, or `auto` (a GPU if there is one); other agents need none.
        plateau: when training stops early; None: never.
        tensorboard: the folder for training curves, in `SCENARIO/TRACE/seed-N`; None: no curves.
        checkpoint_every: seconds between two checkpoints of a training, which are kept beside the cache.
        others: from whom the co-players of the agents that are judged are drawn, in the judged stage (see
            `read_population`); None: agents are judged with those that they were trained with.
        policies: the folder in which the policies of agents that were trained together are written, for others to be
            judged among them; None: nowhere.
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
    units: Collection[WorkUnit] | None = None
    own: Sequence[UserAgent] = ()
    thoughts: bool = True
    device: str = CPU
    plateau: Plateau | None = None
    tensorboard: Path | None = None
    checkpoint_every: float = CHECKPOINT_SECONDS
    first_seed: int | None = None
    solve_seconds: float | None = None
    others: BackgroundPopulation | None = None
    policies: Path | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one is of the wrong type or out of range.
        """
        seeds, steps, episodes, jobs = (1, MOST_SEEDS), (1, MOST_STEPS), (1, MOST_EPISODES), (1, MOST_JOBS)
        settle_counts(self, seeds=seeds, max_seeds=seeds, steps=steps, episodes=episodes, jobs=jobs)
        check_names("agents", self.agents)
        check_items("own", self.own, UserAgent, "agents, each a `UserAgent`")
        check_items("units", self.units, WorkUnit, "work units, each a `WorkUnit`")
        if not isinstance(self.plateau, Plateau | None):
            raise ArgumentError(f"`plateau` is a `Plateau`, or None, not {shown(self.plateau)}")
        check_seconds("budget", self.budget)
        check_seconds("solve_seconds", self.solve_seconds)
        check_seconds("checkpoint_every", self.checkpoint_every)
        settle_paths(self, "cache", "tensorboard", "policies")

    @property
    def options(self) -> TrainingOptions:
        """The options for training a seed.

        Raises:
            DeviceUnavailableError: the device is not available.
            TensorBoardError: TensorBoard is asked for and not installed.
        """
        # Both are checked now, so that a run does not fail only after hours of training.
        resolve_device(self.device)
        if self.tensorboard is not None:
            require_tensorboard()
        return TrainingOptions(
            self.device,
            self.plateau,
            self.tensorboard,
            checkpoint_every=self.checkpoint_every,
            others=self.others,
            policies=self.policies,
        )

    def agents_for(self, scenario: Scenario) -> tuple[str, ...]:
        """The names of the agents that are run."""
        usual = scenario.document.runs.agents
        if self.all_agents:
            # `plainly` gives one form to all ways of writing a profile, so that each profile is run once.
            usual = list(dict.fromkeys(map(plainly, scenario.named_agents)))
        agents = self.agents or (() if self.own else usual)
        return (*map(plainly, agents), *(each.label for each in self.own))

    def first_seed_of(self, scenario: Scenario) -> int:
        """The number of the first trained seed; see `options.first_seed_of`."""
        return first_seed_of(self.first_seed, scenario.document.runs)

    def filled(self, scenario: Scenario) -> dict[str, object]:
        """The settings that can change a result, the file's values for None; plain data for `from_manifest`."""
        runs, own = scenario.document.runs, {each.label for each in self.own}
        return {
            "agents": [agent for agent in self.agents_for(scenario) if agent not in own],
            "own": [each.words for each in self.own],
            "seeds": self.seeds or runs.seeds,
            "first_seed": self.first_seed_of(scenario),
            "steps": self.steps or runs.steps,
            "episodes": self.episodes or runs.episodes,
            "max_seeds": self.max_seeds,
            "units": None if self.units is None else sorted([unit.number, unit.agent] for unit in self.units),
            "device": self.device,
            "plateau": None if self.plateau is None else asdict(self.plateau),
            **({} if self.others is None else {"others": self.others.digest, "focal": list(self.others.focal)}),
        }

    @staticmethod
    def from_manifest(data: Mapping[str, Any], trust: bool = False) -> RunSettings:
        """The inverse of `filled`.

        Raises:
            UntrustedCodeError: it names agents of the user's own, which would be imported, and is not trusted.
            ValueError: an agent was given as an object, which cannot be found by its name.
        """
        if (named := [words for words in data["own"] if words is not None]) and not trust:
            raise UntrustedCodeError(
                f"it would import or open {', '.join(f'`{words}`' for words in named)}, which its manifest names; "
                "`--trust` (in Python `trust=True`) says that you trust whoever made it"
            )
        own = [None if words is None else brought(words, trust) for words in data["own"]]
        if None in own:
            raise ValueError("it was run with an agent that only the program that ran it has; give it there again")
        if "others" in data:
            raise ValueError("its co-players were drawn from a folder, which it does not hold: run its command again")
        return RunSettings(
            agents=tuple(data["agents"]) or None,
            seeds=data["seeds"],
            steps=data["steps"],
            episodes=data["episodes"],
            max_seeds=data["max_seeds"],
            units=None if data["units"] is None else [WorkUnit(number, agent) for number, agent in data["units"]],
            own=tuple(each for each in own if each is not None),
            device=data.get("device", CPU),
            plateau=None if data.get("plateau") is None else Plateau(**data["plateau"]),
            # Runs that do not say it were made when every run began with seed 0.
            first_seed=data.get("first_seed", 0),
        )


@dataclass(frozen=True, repr=False)
class Run:
    """The result of a run.

    Attributes:
        scenario: the scenario that was run.
        agents, seeds: the agents that were run, and the seeds of those that learn.
        judgements: one per expectation and agent that it names, in the order of the file.
        traces: name (`deploy-exact`) -> recorded episodes.
        started, finished: times in UTC.
        settings: the settings as they were given.
        trained, cached: how many seeds were trained, and how many were found in the cache.
        seconds: what each judgement took; that of the first of several which share a training has all of it.
        focal: what the agents that were judged earned among co-players who were drawn (`RunSettings.others`).
    """

    scenario: Scenario
    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    judgements: tuple[Judgement, ...]
    traces: dict[str, Trace] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    settings: RunSettings = RunSettings()
    trained: int = 0
    cached: int = 0
    seconds: tuple[float, ...] = ()
    focal: tuple[FocalReturn, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict on all expectations together."""
        return verdict(self.judgements)

    @property
    def trained_steps(self) -> dict[str, dict[int, int]]:
        """Trace -> seed -> the number of environment steps that its training took."""
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

    def save(self, target: str | os.PathLike[str] | None = None, command: Sequence[str] | None = None) -> StoredRun:
        """Write the run's folder, completely or not at all; by default `./runs/TIME-NAME-HASH`.

        Raises:
            ArgumentError: the target can be no path.
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
        given = None if target is None else as_path("`target` is a path", target)
        texts = scenario_texts(self.scenario)
        if self.focal:
            texts[FOCAL] = json.dumps([each.to_dict() for each in self.focal], indent=2) + "\n"
        while True:
            folder = default_folder(self.scenario.name, self.scenario.hash) if given is None else given
            try:
                return save_run(folder, manifest, self.judgements, self.traces, texts)
            except RunError:
                if given is not None or not folder.exists():
                    raise
                # Another run took the name while this one was written: a name of one's own choice is left to it.


def run_scenario(
    scenario: Scenario,
    settings: RunSettings | None = None,
    report: Report | None = None,
    count: Count | None = None,
    stated: StatedJudge | None = None,
) -> Run:
    """Judge every expectation of a scenario.

    Args:
        scenario: loaded, with the caller's overrides applied.
        settings: see `RunSettings`.
        report: told each step of the way.
        count: told how many expectations are judged, and how many seeds are trained.
        stated: who judges what the file states beside its expectations; None: nobody.

    Raises:
        ValueError: `max_seeds` is less than the number of seeds at the first analysis.
        RunError: the cache cannot be used.
        ClusterError: the workers run another Turncoat, or other libraries, than this process.
        DeviceUnavailableError, TensorBoardError: the device or TensorBoard is asked for and not available.
        WorldError: nothing could be judged, for the world cannot be built.
    """
    told, counted = report or (lambda _: None), count or (lambda *_: None)
    return _Runner(scenario, settings or RunSettings(), told, counted).run(stated)


def seed_requirements(scenario: Scenario, settings: RunSettings) -> list[SeedRequirement]:
    """The number of seeds that each learned expectation needs, computed before anything is trained.

    Raises:
        ValueError: as `run_scenario`.
    """
    # Without a cache, since opening one creates its folder, and nothing is trained here.
    runner = _Runner(scenario, replace(settings, cache=None), lambda _: None, lambda *_: None)
    return [runner.requirement(unit) for unit in runner.units if unit.learned]


class _Runner:
    """One run: its units are resolved, then judged; undecided ones are judged again at each interim analysis.

    Attributes:
        units: the resolved units that this run judges.
        claims: the number of units of the scenario that are judged by trained seeds, including those of other shards.
        sizes: the number of seeds at each interim analysis.
        stopped: the units that the budget kept from being judged in the last round.
    """

    def __init__(self, scenario: Scenario, settings: RunSettings, report: Report, count: Count) -> None:
        runs = scenario.document.runs
        self.scenario, self.settings, self.report, self.count = scenario, settings, report, count
        self.agents = settings.agents_for(scenario)
        self.first_seed = settings.first_seed_of(scenario)
        seeds = settings.seeds or runs.seeds
        self.sizes = interim_sample_sizes(seeds, settings.max_seeds or seeds)
        self.episodes = settings.episodes or runs.episodes
        self.solved = SolvedWorlds(scenario, seconds=settings.solve_seconds)
        self.budget = TimeBudget(settings.budget)
        self.own = {each.label: each for each in settings.own}
        # Those that only the file names are judged as errors, one by one, and the rest of the file is run.
        check_agent_names(agent for agent in settings.agents or () if agent not in self.own)
        whole = resolve_units(self.solved, self.agents, self.own)
        if settings.others is not None:
            # Of agents that it does not name a file claims nothing among strangers; what they earn is told anyway.
            named = {EXACT, *map(plainly, scenario.named_agents)}
            whole = tuple(unit for unit in whole if unit.work.agent in named)
        self.claims = sum(unit.learned for unit in whole)
        # All units are resolved, even in a shard, since the correction for multiple testing counts all learned ones.
        self.units = [unit for unit in whole if settings.units is None or unit.work in settings.units]
        stated = monitor_units_of(scenario) if scenario.document.monitors else ()
        read = [unit.agent for unit in stated if settings.units is None or unit in settings.units]
        trains = any(unit.learned for unit in self.units) or any(each in self.agents and each != EXACT for each in read)
        caching = settings.cache is not None and trains
        self.trained_seeds = TrainedSeeds(
            self.solved,
            settings.steps or runs.steps,
            self.episodes,
            settings.workers or Workers(settings.jobs),
            TraceCache(settings.cache) if settings.cache is not None and caching else None,
            self.budget,
            report,
            count,
            self.own,
            settings.thoughts,
            settings.options,
            self.first_seed,
        )
        self.recorded: dict[str, Trace] = {}
        self.stopped: set[WorkUnit] = set()
        if settings.others is not None or settings.policies is not None:
            self._check_together()

    def run(self, stated: StatedJudge | None = None) -> Run:
        """Judge every unit, correct the learned ones for multiple testing, and repeat while seeds can be added."""
        started = utc_now()
        found: dict[WorkUnit, Judgement] = {}
        took = dict.fromkeys((unit.work for unit in self.units), 0.0)
        undecided = self.units
        elsewhere = self.claims - sum(unit.learned for unit in self.units)
        if self.settings.units is not None:
            elsewhere += stated_elsewhere(self.scenario, self.agents, self.settings.units)
        for seeds in self.sizes:
            self.trained_seeds.expect(_requests(undecided, seeds))
            self._judge_in_turns(undecided, seeds, found, took)
            # `found` keeps the uncorrected judgements, since the correction depends on all of them and is made anew at
            # every analysis.
            judgements = correct([found[unit.work] for unit in self.units], elsewhere=elsewhere)
            undecided = [
                unit for unit, judgement in zip(self.units, judgements, strict=True) if self._undecided(unit, judgement)
            ]
        began = time.monotonic()
        numbers = self._numbers(judgements)
        further = self._stated(stated, len(numbers)) if stated is not None and self.scenario.document.monitors else []
        if further:
            judgements = correct([*(found[unit.work] for unit in self.units), *further], elsewhere=elsewhere)
        each = (time.monotonic() - began) / max(len(further), 1)
        if verdict(judgements) == "nothing judged":
            self._check_world()
        focal = self._together(len(numbers))
        return Run(
            self.scenario,
            self.agents,
            numbers,
            tuple(judgements),
            {**self.trained_seeds.traces(), **self.recorded},
            started,
            utc_now(),
            self.settings,
            self.trained_seeds.trained,
            self.trained_seeds.found,
            (*took.values(), *(each for _ in further)),
            focal,
        )

    def _stated(self, judge: StatedJudge, seeds: int) -> list[Judgement]:
        """What the file states beside its expectations, judged by as many seeds; in a shard, what falls to it."""

        def trace(agent: str, overrides: Overrides, stage: str) -> Trace | None:
            if agent == EXACT:
                return self.recorded.get(self._record(Subject(EXACT, stage, overrides)))
            with self.budget.limit():
                return self.trained_seeds.trace(agent, overrides, stage, seeds)

        work = StatedWork(self.scenario, self.solved, self.agents, self.report, trace, self.settings.units)
        return [adjust_for_interim_looks(each, len(self.sizes)) for each in judge(work)]

    def _check_together(self) -> None:
        """Check what others that are drawn, and policies that are written, need.

        Raises:
            UsageError: nobody is trained beside others, or what they do cannot be written down.
        """
        option = "--others" if self.settings.others is not None else "--save-policies"
        judged = self.scenario.judged_stage
        if self.settings.units is not None:
            raise UsageError(f"{option} needs all agents of a run, and not those of a shard")
        for agent in (trained := [agent for agent in self.agents if agent != EXACT]):
            solved = self.solved.with_agent(agent)
            world = solved.world({}, judged)
            if len(world.agents) < 2:
                raise UsageError(f"{option}: `{world.name}` has one agent, who meets nobody")
            if (reason := unable(agent, world, self.own.get(agent))) is not None:
                raise UsageError(f"{option}: {reason}")
            if self.settings.policies is not None:
                self._check_unwritten(self.settings.policies, agent, world)
                try:
                    solved.enumeration({}, judged)
                except NotEnumerableError as fault:
                    raise UsageError(f"--save-policies: what is done in every state is too much: {fault}") from None
        if not trained:
            raise UsageError(f"{option} is about agents that are trained: name some, as in --agent counts")

    def _check_unwritten(self, folder: Path, agent: str, world: World) -> None:
        """Check that no policy of another run would be written over.

        Raises:
            UsageError: a file is there.
        """
        from ..training.joint import policy_file

        for seed in range(self.first_seed, self.first_seed + max(self.sizes)):
            for its in world.agents:
                if os.path.lexists(file := policy_file(folder, its.name, agent, seed)):
                    raise UsageError(f"{file} exists already, and nothing is written over it; name another folder")

    def _together(self, seeds: int) -> tuple[FocalReturn, ...]:
        """Train every agent that the run names, judged among others who are drawn or for its policy to be written.

        Returns:
            What each earned; nothing where nobody is drawn, or the time was too short.
        """
        population = self.settings.others
        if population is None and self.settings.policies is None:
            return ()
        judged, found = self.scenario.judged_stage, list[FocalReturn]()
        for agent in self.agents:
            if agent == EXACT:
                continue
            try:
                trace = self.trained_seeds.trace(agent, {}, judged, seeds)
            except OutOfTimeError:
                break
            if population is not None:
                found += focal_returns(agent, self.solved.with_agent(agent).world({}, judged), trace, population)
        return tuple(found)

    def _check_world(self) -> None:
        """Play a tick of the judged stage: a world that cannot be built or played is the file's fault.

        Raises:
            WorldError: it cannot.
        """
        world, draws = self.solved.world({}, self.scenario.judged_stage), GivenDraws({})
        step(world, reset(world, draws).states, np.zeros((1, len(world.agents)), np.int32), draws)

    def _judge_in_turns(
        self,
        undecided: Sequence[ResolvedUnit],
        seeds: int,
        found: dict[WorkUnit, Judgement],
        took: dict[WorkUnit, float],
    ) -> None:
        """Judge units by `seeds` seeds, the budget shared out among those that train; `took` counts their seconds.

        Those whose part ran out go on with what the others left over, as long as there is some.
        """
        before, waiting = dict(found), undecided
        while waiting:
            stopped = []
            for number, unit in enumerate(waiting):
                turns = _trainings(waiting[number:])
                self.budget.turn(turns)
                self.stopped.discard(unit.work)
                began = time.monotonic()
                found[unit.work] = self._judge(unit, seeds, before.get(unit.work))
                took[unit.work] += time.monotonic() - began
                self.count("expectations", len(found), len(self.units))
                # Who had all that was left is not tried again, so there are fewer in every round.
                if unit.work in self.stopped and turns > 1:
                    stopped.append(unit)
            waiting = [] if self.budget.spent else stopped

    def _numbers(self, judgements: Sequence[Judgement]) -> tuple[int, ...]:
        """The numbers of the run's seeds."""
        # Units that needed more seeds had them added, so the run has as many as the unit with the most.
        most = max([self.sizes[0], *(judgement.seeds for judgement in judgements)])
        return tuple(range(self.first_seed, self.first_seed + most))

    def requirement(self, unit: ResolvedUnit) -> SeedRequirement:
        """The number of seeds that a learned unit needs, beside the number at the last interim analysis."""
        return seed_requirement(unit.case, self.sizes[-1], self.claims, len(self.sizes))

    def _undecided(self, unit: ResolvedUnit, judgement: Judgement) -> bool:
        """Whether a unit is inconclusive and more seeds could decide it."""
        sampled = judgement.outcome == "inconclusive" and judgement.p_pass is not None
        return sampled and self.requirement(unit).needed is not None

    def _judge(self, unit: ResolvedUnit, seeds: int, before: Judgement | None) -> Judgement:
        """The judgement of one unit by `seeds` seeds; `before` is that of the previous interim analysis, if any."""
        case = unit.case
        if (missing := unit.not_run) is not None:
            return not_applicable(case, why_not_run(missing))
        self.report(f"{case.expectation.name} ({case.agent})")
        try:
            self.budget.check("before this was reached")
            with self.budget.limit():
                if unit.exact:
                    return self._judge_exactly(unit)
                if unit.ineligible is not None:
                    return not_applicable(case, unit.ineligible)
                return self._judge_trained(unit, seeds)
        except (NotEnumerableError, WorldTooLargeError) as fault:
            return not_applicable(case, str(fault))
        except SolvingTooLongError as fault:
            return unreached(case, str(fault))
        # What the previous analysis found still holds; it only was not extended by more seeds.
        except OutOfTimeError as fault:
            self.stopped.add(unit.work)
            if before is None:
                return unreached(case, str(fault))
            return replace(before, why=f"{before.why}; {fault}")

    def _judge_exactly(self, unit: ResolvedUnit) -> Judgement:
        """Judge every condition by the exact plan, and record the worst one unless all of several conditions pass."""
        case, subjects, intervals = unit.case, dict[str, Subject](), dict[str, Interval]()

        def decided(interval: Interval) -> bool:
            return judge_exact(case, interval).outcome != "inconclusive"

        for contrast in unit.contrasts:
            words = _in_words(contrast.subject.overrides)
            subjects[words] = contrast.subject
            intervals[words] = exact_interval(self.solved, contrast, case.measure, decided)
            if len(intervals) < len(unit.contrasts):
                self.budget.check(f"after {len(intervals)} conditions")
        if case.expectation.take == "mean":
            judgement, worst = judge_exact(case, mean_interval(list(intervals.values()))), next(iter(subjects))
        else:
            judgement, worst = judge_each(case, intervals), worst_of(case, intervals)
        if judgement.outcome == "pass" and (len(subjects) > 1 or case.expectation.barring):
            return judgement  # if all of many conditions pass, none of their traces is the one to look at
        if judgement.unit == BOUNDED:
            return judgement  # which plan is best is not known
        return replace(judgement, trace=self._record(subjects[worst]))

    def _judge_trained(self, unit: ResolvedUnit, seeds: int) -> Judgement:
        """Judge the only condition by trained seeds, with p-values corrected for the interim analyses."""
        [contrast] = unit.contrasts  # `across` is for exact agents only (see `work_units`), so there is one condition
        traces = [None if subject.exact else self._trace(subject, seeds) for subject in contrast.subjects]
        ends = ends_by_seed(self.solved, contrast, unit.case.measure, traces)
        confidence = interim_confidence(len(self.sizes))
        once = of_one_episode(traces)
        judgement = judge_seeds(unit.case, list(ends.values()), confidence, max(self.claims, 1), once)
        sampled = next(subject for subject in contrast.subjects if not subject.exact)
        name = trace_name(sampled.stage, sampled.agent, sampled.overrides)
        judgement = adjust_for_interim_looks(judgement, len(self.sizes))
        own = next(trace for trace in traces if trace is not None)
        evidence = evidence_of(unit.case.measure, own)
        return replace(judgement, trace=name, first_seed=self.first_seed, evidence=evidence)

    def _trace(self, subject: Subject, seeds: int) -> Trace:
        return self.trained_seeds.trace(subject.agent, subject.overrides, subject.stage, seeds)

    def _record(self, subject: Subject) -> str:
        """Record a trace of the exact planner, once, and return its name; empty if the planner cannot be played."""
        name = trace_name(subject.stage, "exact", subject.overrides, subject.barring)
        if name not in self.recorded:
            trace = record_exactly(
                self.solved, subject.overrides, subject.stage, subject.barring, self.episodes, self.settings.thoughts
            )
            if trace is None:
                return ""
            self.recorded[name] = trace
        return name


def _requests(units: Sequence[ResolvedUnit], seeds: int) -> list[SeedRequest]:
    """The requests for trained seeds that judging some units will make."""
    subjects = [subject for unit in units if unit.learned for subject in unit.contrasts[0].subjects]
    sampled = [subject for subject in subjects if not subject.exact]
    return [SeedRequest.of(each.agent, each.overrides, each.stage, seeds) for each in sampled]


def _trainings(units: Sequence[ResolvedUnit]) -> int:
    """How many methods some units train, each under each of its conditions."""
    return len({(request.method, request.overrides) for request in _requests(units, 0)})


def _in_words(overrides: Overrides) -> str:
    """Overrides in words: `threshold 2, sight 6`."""
    return ", ".join(f"{name} {value}" for name, value in overrides.items())
