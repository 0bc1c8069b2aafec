"""The trained agents of one run: each seed is trained once, or found in the cache, and asked for again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..agents.own import Own
from ..envs.base import NotEnumerable
from ..envs.enumerating import Enumeration
from ..envs.world import World
from .budget import Budget
from .cache import TraceCache
from .course import board_of
from .laboratory import Laboratory, Overrides
from .manner import AS_USUAL, Manner, settled
from .profiles import enlisted
from .pulses import listening
from .recording import trace_name
from .trace import Trace, join_traces
from .trained import trained_traces
from .training import Training
from .workers import Workers

Count = Callable[[str, int, int], None]
"""Told how many of what are done: `("seeds of counts", 2, 5)`."""


@dataclass
class School:
    """Trains for one scenario.

    Attributes:
        laboratory: of the scenario.
        steps: environment steps of training; episodes: played afterwards, where chance matters.
        workers: who trains.
        cache: of earlier runs, or None.
        budget: no training begins after it, and one that has begun stops.
        report: told what is being done; count: told how many seeds are there.
        own: agents of the user's, by name; what they did is not kept, for the cache cannot know their code, nor that of
            installed parts.
        thoughts: record what the agents think.
        manner: how they are trained, and who looks on.
        trained: how many trainings were made; found: how many were in the cache.
    """

    laboratory: Laboratory
    steps: int
    episodes: int
    workers: Workers
    cache: TraceCache | None
    budget: Budget
    report: Callable[[str], None]
    count: Count
    own: Mapping[str, Own] = field(default_factory=dict)
    thoughts: bool = True
    manner: Manner = AS_USUAL
    trained: int = 0
    found: int = 0
    _seeds: dict[str, dict[int, Trace]] = field(default_factory=dict)

    def trace(self, method: str, overrides: Overrides, stage: str, seeds: int) -> Trace:
        """What the first so many seeds of a method did in a stage, under a condition.

        Raises:
            OutOfTime: the budget ran out before all of them were trained; those that were are kept.
        """
        kept = self._seeds.setdefault(trace_name(stage, method, overrides), {})
        if len(kept) < seeds:
            self._train(kept, self._training(method, overrides, stage), range(len(kept), seeds))
        return join_traces([kept[seed] for seed in range(seeds)])

    def traces(self) -> dict[str, Trace]:
        """All that was trained, by name."""
        return {name: join_traces([kept[seed] for seed in sorted(kept)]) for name, kept in self._seeds.items() if kept}

    def _train(self, kept: dict[int, Trace], training: Training, seeds: range) -> None:
        """Fill in some seeds."""
        keys = {seed: training.key(seed) for seed in seeds}
        cache = None if training.foreign else self.cache
        if cache is not None:
            training = replace(training, manner=replace(training.manner, checkpoints=cache.trainings))
        if cache is not None:
            for seed, key in keys.items():
                if (trace := cache.get(key)) is not None:
                    kept[seed] = trace
                    self.found += 1
                    if (board := board_of(training, seed)) is not None:  # all that is known of how it was trained
                        board.earned(trace.learning.get(seed, ()))
                        board.close()
        missing = [seed for seed in seeds if seed not in kept]
        what = f"seeds of {training.method}"
        if not missing:
            self.report(f"{len(keys)} {what} are in the cache")
            return
        self.budget.check("before training")
        self.report(f"training {len(missing)} {what}, {self.steps:,} steps each")
        self.count(what, len(kept), seeds.stop)
        with listening(self.count, training.method) as pulses:
            training = replace(training, manner=replace(training.manner, pulses=pulses))
            for seed, trace in trained_traces(training, missing, self.workers, self.budget.left):
                kept[seed] = trace
                self.trained += 1
                if cache is not None:
                    cache.put(keys[seed], trace)
                self.count(what, len(kept), seeds.stop)
        missing = [seed for seed in seeds if seed not in kept]
        if missing:
            done = seeds.stop - len(missing)
            for seed in [seed for seed in kept if seed > missing[0]]:
                del kept[seed]  # the first so many are asked for; the cache has the others
            raise self.budget.over(f"after {done} of {seeds.stop} seeds")

    def _training(self, method: str, overrides: Overrides, stage: str) -> Training:
        scenario = self.laboratory.scenario
        laboratory = self.laboratory.enlisting(enlisted(method, scenario))
        school: World | Enumeration = laboratory.world(overrides, laboratory.training_stage)
        chancy = True
        try:
            school = laboratory.enumeration(overrides, laboratory.training_stage)
            chancy = school.mdp.chancy
        except NotEnumerable:
            pass
        return Training(
            method,
            laboratory.under(overrides),
            school,
            laboratory.world(overrides, stage),
            scenario.document.stages[stage].learn,
            self.steps,
            self.episodes if chancy else 1,
            scenario.hash,
            {**scenario.overrides, **overrides},
            self.own.get(method),
            self.thoughts,
            self.budget.until,
            self._manner(method),
        )

    def _manner(self, method: str) -> Manner:
        """With a device that there is."""
        return replace(self.manner, device=settled(self.manner.device, [method]))
