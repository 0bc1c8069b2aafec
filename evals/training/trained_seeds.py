"""The trained seeds of one run: each is trained at most once, or found in the cache, however many measures read it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ...agents.external.user_agent import UserAgent
from ...scenarios.language.names.overrides import Overrides
from ..exact.solved_worlds import SolvedWorlds
from ..traces.provenance import RunError
from ..traces.trace import Trace, join_traces, trace_name
from .callbacks import tensorboard_writer_of
from .execution.time_budget import TimeBudget
from .execution.trace_cache import TraceCache
from .execution.workers import Workers
from .options import DEFAULT_OPTIONS, TrainingOptions, resolve_device
from .spec import TrainingSpec, training_spec
from .telemetry.heartbeats import relay_heartbeats
from .train_seed import share_curriculum, trained_together

Count = Callable[[str, int, int], None]
"""A callback that is told what is counted, how many are done and how many there are: `("seeds of counts", 2, 5)`."""


@dataclass(frozen=True)
class SeedRequest:
    """A request for `seeds` seeds of a method in a stage, under overrides (as sorted JSON)."""

    method: str
    overrides: str
    stage: str
    seeds: int

    @staticmethod
    def of(method: str, overrides: Overrides, stage: str, seeds: int) -> SeedRequest:
        """Make a request from overrides that are a mapping."""
        return SeedRequest(method, _sorted(overrides), stage, seeds)


@dataclass
class TrainedSeeds:
    """Trains the seeds that a run asks for, and keeps their traces.

    Attributes:
        solved: worlds of the scenario.
        steps: environment steps of training.
        episodes: the number of episodes played after training, if the stage has chance.
        workers: the processes that train.
        cache: the cache of traces of earlier runs, or None.
        budget: when it is spent, no training begins any more, and trainings that are under way stop.
        report: told what is being done.
        count: told how many seeds are done.
        own: name -> an agent of the user's own. Their traces are not cached, since the cache key does not cover their
            code; nor are those of installed parts.
        thoughts: whether traces record what the agents think.
        options: device, early stopping and telemetry.
        first_seed: the number of the first seed that is trained; the others follow it.
        trained: the number of seeds trained so far.
        found: the number of seeds found in the cache so far.
    """

    solved: SolvedWorlds
    steps: int
    episodes: int
    workers: Workers
    cache: TraceCache | None
    budget: TimeBudget
    report: Callable[[str], None]
    count: Count
    own: Mapping[str, UserAgent] = field(default_factory=dict)
    thoughts: bool = True
    options: TrainingOptions = DEFAULT_OPTIONS
    first_seed: int = 0
    trained: int = 0
    found: int = 0
    _seeds: dict[str, dict[int, Trace]] = field(default_factory=dict)
    _expected: list[SeedRequest] = field(default_factory=list)

    def expect(self, requests: Iterable[SeedRequest]) -> None:
        """Announce the requests that will follow, so that one training serves every stage that it can."""
        self._expected = list(dict.fromkeys(requests))

    def trace(self, method: str, overrides: Overrides, stage: str, seeds: int) -> Trace:
        """The episodes of `seeds` seeds, from `first_seed` on, of a method in a stage, under overrides.

        Raises:
            OutOfTimeError: the budget ran out before all of them were trained; those that were are kept.
        """
        kept = self._kept(method, overrides, stage)
        if any(seed not in kept for seed in self._numbers(seeds)):
            self._train(method, overrides, stage, seeds)
        return join_traces([kept[seed] for seed in self._numbers(seeds)])

    def traces(self) -> dict[str, Trace]:
        """All traces, by name."""
        return {name: join_traces([kept[seed] for seed in sorted(kept)]) for name, kept in self._seeds.items() if kept}

    def _train(self, method: str, overrides: Overrides, stage: str, seeds: int) -> None:
        """Train the missing seeds, and evaluate them in every announced stage that the same training serves."""
        spec = self._spec(method, overrides, stage)
        kept = self._kept(method, overrides, stage)
        before = len(kept)
        missing = self._missing(spec, kept, seeds)
        what = f"seeds of {method}"
        if not missing:
            self.report(f"{seeds - before} {what} are in the cache")
            return
        self.budget.check("before training")
        long = "one life" if spec.life else f"{spec.steps:,} steps"
        self.report(f"training {len(missing)} {what}, {long} each")
        self.count(what, len(kept), seeds)
        specs = {stage: spec, **self._other_stages(spec, overrides, missing)}
        with relay_heartbeats(self.count, method) as heartbeats:
            watched = [replace(each, options=replace(each.options, heartbeats=heartbeats)) for each in specs.values()]
            for seed, traces in trained_together(watched, missing, self.workers, self.budget.left):
                self.trained += 1
                for (name, each), trace in zip(specs.items(), traces, strict=True):
                    self._kept(method, overrides, name)[seed] = trace
                    if not each.foreign:
                        self._store(each.key(seed), trace)
                self.count(what, len(kept), seeds)
        # Workers finish in any order, so a budget may leave gaps; a judgement by seeds 0 and 2 would depend on timing.
        for name in specs:
            _drop_after_gap(self._kept(method, overrides, name), self._numbers(seeds))
        if len(kept) < seeds:
            raise self.budget.over(f"after {len(kept)} of {seeds} seeds")

    def _store(self, key: str, trace: Trace) -> None:
        """Put a trace into the cache. One that cannot be written (the disk is full, say) ends the caching alone."""
        if self.cache is None:
            return
        try:
            self.cache.put(key, trace)
        except RunError as fault:
            self.cache = None
            warnings.warn(f"{fault}; from here on nothing is kept", UserWarning, stacklevel=1)

    def _other_stages(
        self, spec: TrainingSpec, overrides: Overrides, missing: Collection[int]
    ) -> dict[str, TrainingSpec]:
        """The other announced stages in which these seeds are missing and which follow the same curriculum."""
        found = {}
        for request in self._expected:
            if (request.method, request.overrides) != (spec.method, _sorted(overrides)):
                continue
            if request.stage == spec.eval_world.stage or request.stage in found:
                continue
            other = self._spec(spec.method, overrides, request.stage)
            if not share_curriculum(spec, other):
                continue
            kept = self._kept(spec.method, overrides, request.stage)
            # All of the seeds must be missing there: a seed that it has already would be evaluated for nothing.
            if set(missing) <= set(self._missing(other, kept, request.seeds)):
                found[request.stage] = other
        return found

    def _missing(self, spec: TrainingSpec, kept: dict[int, Trace], seeds: int) -> list[int]:
        """The seeds that have to be trained, after those that are in the cache were taken from it."""
        # What is to be written down has to be there, so a trace alone is not enough.
        if self.cache is not None and not spec.foreign and spec.options.policies is None:
            for seed in [seed for seed in self._numbers(seeds) if seed not in kept]:
                if (trace := self.cache.get(spec.key(seed))) is not None:
                    kept[seed] = trace
                    self.found += 1
                    # The learning curve is all that a trace records of its training.
                    if (writer := tensorboard_writer_of(spec, seed)) is not None:
                        writer.learning_curve(trace.learning.get(seed, ()))
                        writer.close()
        return [seed for seed in self._numbers(seeds) if seed not in kept]

    def _numbers(self, seeds: int) -> range:
        """The numbers of this many seeds."""
        return range(self.first_seed, self.first_seed + seeds)

    def _kept(self, method: str, overrides: Overrides, stage: str) -> dict[int, Trace]:
        """Seed -> its trace, of those that this run has so far; callers add to it."""
        return self._seeds.setdefault(trace_name(stage, method, overrides), {})

    def _spec(self, method: str, overrides: Overrides, stage: str) -> TrainingSpec:
        """The specification of training a method for a stage, with this run's settings and the cache's checkpoints."""
        spec = training_spec(
            self.solved.with_agent(method),
            method,
            overrides,
            stage,
            self.steps,
            self.episodes,
            self.own.get(method),
            self.thoughts,
            self.budget.until,
            replace(
                self.options,
                device=resolve_device(self.options.device, [method]),
                # Those of other conditions would have the same names.
                policies=None if overrides or stage != self.solved.scenario.judged_stage else self.options.policies,
            ),
        )
        # A checkpoint is found by the cache key, which does not identify a training by code that is not Turncoat's.
        if self.cache is None or spec.foreign:
            return spec
        return replace(spec, options=replace(spec.options, checkpoints=self.cache.trainings))


def _drop_after_gap(kept: dict[int, Trace], numbers: range) -> None:
    """Keep only the seeds before the first missing one, which a run judges; the others remain in the cache."""
    first = next((seed for seed in numbers if seed not in kept), numbers.stop)
    for seed in [seed for seed in kept if seed > first]:
        del kept[seed]


def _sorted(overrides: Overrides) -> str:
    return json.dumps(dict(sorted(overrides.items())))
