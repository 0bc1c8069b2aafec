"""The trained agents of one run: each seed is trained once, or found in the cache, and asked for again and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ...agents.external.user_agent import Own
from ...agents.registry.profiles import enlisted
from ...scenarios.language.names.overrides import Overrides
from ..exact.solved_worlds import Laboratory
from ..traces.trace import Trace, join_traces, trace_name
from .callbacks import board_of
from .execution.time_budget import Budget
from .execution.trace_cache import TraceCache
from .execution.workers import Workers
from .options import AS_USUAL, Manner, settled
from .spec import Training, training_for
from .telemetry.heartbeats import listening
from .train_seed import lives_alike, trained_together

Count = Callable[[str, int, int], None]
"""Told how many of what are done: `("seeds of counts", 2, 5)`."""


@dataclass(frozen=True)
class Wanted:
    """What will be asked of a school: see `School.trace`."""

    method: str
    overrides: str
    stage: str
    seeds: int

    @staticmethod
    def of(method: str, overrides: Overrides, stage: str, seeds: int) -> Wanted:
        """So many seeds of a method in a stage, under a condition."""
        return Wanted(method, _sorted(overrides), stage, seeds)


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
    _expected: list[Wanted] = field(default_factory=list)

    def expect(self, wanted: Iterable[Wanted]) -> None:
        """What will be asked for next: what one training can serve is then trained once for all of it."""
        self._expected = list(dict.fromkeys(wanted))

    def trace(self, method: str, overrides: Overrides, stage: str, seeds: int) -> Trace:
        """What the first so many seeds of a method did in a stage, under a condition.

        Raises:
            OutOfTimeError: the budget ran out before all of them were trained; those that were are kept.
        """
        kept = self._kept(method, overrides, stage)
        if any(seed not in kept for seed in range(seeds)):
            self._train(method, overrides, stage, seeds)
        return join_traces([kept[seed] for seed in range(seeds)])

    def traces(self) -> dict[str, Trace]:
        """All that was trained, by name."""
        return {name: join_traces([kept[seed] for seed in sorted(kept)]) for name, kept in self._seeds.items() if kept}

    def _train(self, method: str, overrides: Overrides, stage: str, seeds: int) -> None:
        """Fill in the seeds that are missing, and those of other stages that the same training serves."""
        training = self._training(method, overrides, stage)
        kept = self._kept(method, overrides, stage)
        before = len(kept)
        missing = self._missing(training, kept, seeds)
        what = f"seeds of {method}"
        if not missing:
            self.report(f"{seeds - before} {what} are in the cache")
            return
        self.budget.check("before training")
        self.report(f"training {len(missing)} {what}, {self.steps:,} steps each")
        self.count(what, len(kept), seeds)
        together = {stage: training, **self._served(training, method, overrides, missing)}
        with listening(self.count, method) as pulses:
            watched = [replace(each, manner=replace(each.manner, pulses=pulses)) for each in together.values()]
            for seed, traces in trained_together(watched, missing, self.workers, self.budget.left):
                self.trained += 1
                for (its, each), trace in zip(together.items(), traces, strict=True):
                    self._kept(method, overrides, its)[seed] = trace
                    if self.cache is not None and not each.foreign:
                        self.cache.put(each.key(seed), trace)
                self.count(what, len(kept), seeds)
        for its in together:
            left = self._kept(method, overrides, its)
            first = next((seed for seed in range(seeds) if seed not in left), seeds)
            for seed in [seed for seed in left if seed > first]:
                del left[seed]  # the first so many are asked for; the cache has the others
        if len(kept) < seeds:
            raise self.budget.over(f"after {len(kept)} of {seeds} seeds")

    def _served(
        self, training: Training, method: str, overrides: Overrides, missing: Collection[int]
    ) -> dict[str, Training]:
        """The other stages in which just these seeds are wanted, after the same life."""
        found = {}
        for wanted in self._expected:
            if (wanted.method, wanted.overrides) != (method, _sorted(overrides)):
                continue
            if wanted.stage == training.field.stage or wanted.stage in found:
                continue
            other = self._training(method, overrides, wanted.stage)
            if not lives_alike(training, other):
                continue
            kept = self._kept(method, overrides, wanted.stage)
            if set(missing) <= set(self._missing(other, kept, wanted.seeds)):
                found[wanted.stage] = other
        return found

    def _missing(self, training: Training, kept: dict[int, Trace], seeds: int) -> list[int]:
        """The seeds that have to be trained: neither kept nor, once looked for there, in the cache."""
        if self.cache is not None and not training.foreign:
            for seed in [seed for seed in range(seeds) if seed not in kept]:
                if (trace := self.cache.get(training.key(seed))) is not None:
                    kept[seed] = trace
                    self.found += 1
                    if (board := board_of(training, seed)) is not None:  # all that is known of how it was trained
                        board.earned(trace.learning.get(seed, ()))
                        board.close()
        return [seed for seed in range(seeds) if seed not in kept]

    def _kept(self, method: str, overrides: Overrides, stage: str) -> dict[int, Trace]:
        return self._seeds.setdefault(trace_name(stage, method, overrides), {})

    def _training(self, method: str, overrides: Overrides, stage: str) -> Training:
        laboratory = self.laboratory.enlisting(enlisted(method, self.laboratory.scenario))
        training = training_for(
            laboratory,
            method,
            overrides,
            stage,
            self.steps,
            self.episodes,
            self.own.get(method),
            self.thoughts,
            self.budget.until,
            replace(self.manner, device=settled(self.manner.device, [method])),
        )
        if self.cache is None or training.foreign:
            return training
        return replace(training, manner=replace(training.manner, checkpoints=self.cache.trainings))


def _sorted(overrides: Overrides) -> str:
    return json.dumps(dict(sorted(overrides.items())))
