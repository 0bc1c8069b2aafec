"""A family of agents, as the `over:` of a search declares it: candidates drawn from it, and what each is worth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from ...envs.base import NotEnumerableError
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.editable_weights import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.world.world import WorldTooLargeError
from ...scenarios.language.names.axes import axis_values
from ...scenarios.language.schema.document import Axis
from ..exact.solved_worlds import Laboratory
from ..measures.measure import seed_values
from ..measures.written_measure import exact_range, regret_baseline, sampled_in
from ..training.trained_seeds import School, Wanted

Candidate: TypeAlias = Mapping[str, object]
"""Dotted name -> value."""

_FAULTS = (NotEnumerableError, WorldTooLargeError, ImproperDiscountError, NoFixedPointError, InfeasibleError)
_DIGITS = 6
"""Significant digits of what is drawn between two ends: as it is printed, so it can be tried again."""


@dataclass(frozen=True)
class Family:
    """What a search picks from: dotted name -> axis, in the order of the file."""

    over: Mapping[str, Axis]

    @property
    def size(self) -> int | None:
        """How many candidates there are; None where an axis goes through all numbers between two."""
        sizes = [None if listed(axis) is None else len(listed(axis) or ()) for axis in self.over.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def all(self) -> Iterator[Candidate]:
        """Every candidate of a finite family."""
        lists = [listed(axis) or [] for axis in self.over.values()]
        for values in product(*lists):
            yield dict(zip(self.over, values, strict=True))

    def draw(self, rng: np.random.Generator) -> Candidate:
        """One, each axis evenly (in ratios where it says `scale: log`)."""
        return {name: _drawn(axis, rng) for name, axis in self.over.items()}


@dataclass(frozen=True)
class Worth:
    """What a candidate is worth by one measure in one stage.

    Attributes:
        low, high: over its ties; of trained seeds their mean, twice; None where there is no value, and `note` says why.
    """

    low: float | None
    high: float | None
    note: str = ""


class Judge:
    """Says what candidates are worth, exactly or by training them; each question is answered once."""

    def __init__(
        self, laboratory: Laboratory, agent: str, school: School, seeds: int, stages: tuple[str, ...] = ()
    ) -> None:
        """For one scenario and one kind of agent; `seeds` are trained for each candidate, once for all of `stages`."""
        self.laboratory, self.agent, self.school, self.seeds = laboratory, agent, school, seeds
        self.stages = stages
        self._known: dict[str, Worth] = {}

    def worth(self, candidate: Candidate, stage: str, measure: str) -> Worth:
        """The worth of a candidate."""
        key = json.dumps([candidate, stage, measure])
        if key not in self._known:
            try:
                ask = self._exactly if self.agent == "exact" else self._by_seeds
                self._known[key] = ask(candidate, stage, measure)
            except _FAULTS as fault:
                self._known[key] = Worth(None, None, str(fault))
            if self.agent == "exact":
                self.laboratory.forget(candidate)
        return self._known[key]

    def _exactly(self, candidate: Candidate, stage: str, measure: str) -> Worth:
        interval = exact_range(self.laboratory, measure, candidate, stage)
        return Worth(interval.low, interval.high, interval.note)

    def _by_seeds(self, candidate: Candidate, stage: str, measure: str) -> Worth:
        world = self.laboratory.world(candidate, stage)
        self.school.expect(Wanted.of(self.agent, candidate, each, self.seeds) for each in self.stages)
        trace = self.school.trace(self.agent, candidate, stage, self.seeds)
        episodes = sampled_in(world, measure, trace, regret_baseline(self.laboratory, measure, candidate, stage))
        values = [value for value in seed_values(episodes).values() if value is not None]
        if not values:
            return Worth(None, None, "it has no value in any seed")
        mean = math.fsum(values) / len(values)
        return Worth(mean, mean)


def listed(axis: Axis) -> list[object] | None:
    """The values of an axis of a list, steps or whole numbers; None where it goes through all between its ends."""
    if axis.values is not None or "points" in axis.model_fields_set:
        return list(axis_values(axis))
    if isinstance(axis.start, int) and isinstance(axis.to, int) and axis.scale == "linear":
        return list(range(axis.start, axis.to + 1))
    return None


def between(axis: Axis, share: float) -> object:
    """The number at a share of the way from one end to the other of an axis without a list."""
    assert axis.start is not None
    assert axis.to is not None
    low, high = float(axis.start), float(axis.to)
    at = low * (high / low) ** share if axis.scale == "log" else low + (high - low) * share
    return min(high, max(low, float(f"{at:.{_DIGITS}g}")))


def _drawn(axis: Axis, rng: np.random.Generator) -> object:
    values = listed(axis)
    return between(axis, float(rng.random())) if values is None else values[int(rng.integers(len(values)))]
