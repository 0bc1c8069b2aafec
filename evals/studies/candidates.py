"""The family of agents that a search is over (`over:`): its candidates, and the score of each by a measure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from ...envs.analysis.exact_plan import NOT_SOLVED
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.names.axes import axis_values
from ...scenarios.language.schema.document import Axis
from ..exact.solved_worlds import SolvedWorlds
from ..measures.measure import seed_values
from ..measures.measure_values import exact_range, regret_baseline, sampled_in
from ..training.trained_seeds import SeedRequest, TrainedSeeds

Candidate: TypeAlias = Mapping[str, object]
"""Dotted name -> value: the overrides that make one agent of the family."""

_DIGITS = 6
"""Significant digits of a sampled number: as many as are printed, so that a candidate can be tried again by hand."""


@dataclass(frozen=True)
class CandidateFamily:
    """The search space: dotted name -> axis, in the order of the file."""

    over: Mapping[str, Axis]

    @property
    def size(self) -> int | None:
        """How many candidates there are; None where an axis is continuous."""
        sizes = [
            None if axis_values_of(axis) is None else len(axis_values_of(axis) or ()) for axis in self.over.values()
        ]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def __contains__(self, candidate: Candidate) -> bool:
        """Whether each axis, and nothing else, has one of its values; of lists of plain data, as JSON gives them."""
        return set(candidate) == set(self.over) and all(
            _lies_on(axis, candidate[name]) for name, axis in self.over.items()
        )

    def all(self) -> Iterator[Candidate]:
        """Every candidate of a finite family."""
        lists = [axis_values_of(axis) or [] for axis in self.over.values()]
        for values in product(*lists):
            yield dict(zip(self.over, values, strict=True))

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A random candidate, each axis uniform (log-uniform where it says `scale: log`)."""
        return {name: _sampled(axis, rng) for name, axis in self.over.items()}


@dataclass(frozen=True)
class CandidateScore:
    """The value of a measure for one candidate in one stage.

    Attributes:
        low, high: its range over ties; for trained seeds their mean, twice; None where there is no value, and `note`
            says why.
    """

    low: float | None
    high: float | None
    note: str = ""


class CandidateScorer:
    """Measures candidates, exactly or by training them; every result is memoised."""

    def __init__(
        self, solved: SolvedWorlds, agent: str, trained_seeds: TrainedSeeds, seeds: int, stages: tuple[str, ...] = ()
    ) -> None:
        """For one scenario and one agent; `seeds` seeds are trained for each candidate, once for all of `stages`."""
        self.solved, self.agent, self.trained_seeds, self.seeds = solved, agent, trained_seeds, seeds
        self.stages = stages
        self._scores: dict[str, CandidateScore] = {}

    def score(self, candidate: Candidate, stage: str, measure: str) -> CandidateScore:
        """The score of a candidate."""
        # A candidate is a dictionary, which cannot be a key itself.
        key = json.dumps([candidate, stage, measure])
        if key not in self._scores:
            try:
                ask = self._exactly if self.agent == "exact" else self._by_seeds
                self._scores[key] = ask(candidate, stage, measure)
            except NOT_SOLVED as fault:
                self._scores[key] = CandidateScore(None, None, str(fault))
            if self.agent == "exact":
                # Hundreds of enumerated worlds would fill the memory.
                self.solved.forget(candidate)
        return self._scores[key]

    def _exactly(self, candidate: Candidate, stage: str, measure: str) -> CandidateScore:
        interval = exact_range(self.solved, parsed_measure(measure), candidate, stage)
        return CandidateScore(interval.low, interval.high, interval.told)

    def _by_seeds(self, candidate: Candidate, stage: str, measure: str) -> CandidateScore:
        world = self.solved.world(candidate, stage)
        # Announced for all stages, so that a seed is trained once and then measured in each.
        self.trained_seeds.expect(SeedRequest.of(self.agent, candidate, each, self.seeds) for each in self.stages)
        trace = self.trained_seeds.trace(self.agent, candidate, stage, self.seeds)
        parsed = parsed_measure(measure)
        episodes = sampled_in(world, parsed, trace, regret_baseline(self.solved, parsed, candidate, stage))
        values = [value for value in seed_values(episodes).values() if value is not None]
        if not values:
            return CandidateScore(None, None, "it has no value in any seed")
        mean = math.fsum(values) / len(values)
        return CandidateScore(mean, mean)


def axis_values_of(axis: Axis) -> list[object] | None:
    """The values of a discrete axis (a list, points, or whole numbers); None where it is continuous."""
    if axis.values is not None or "points" in axis.model_fields_set:
        return list(axis_values(axis))
    if isinstance(axis.start, int) and isinstance(axis.to, int) and axis.scale == "linear":
        return list(range(axis.start, axis.to + 1))
    return None


def _lies_on(axis: Axis, value: object) -> bool:
    values = axis_values_of(axis)
    if values is not None:
        return json.dumps(value) in map(json.dumps, values)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return float(axis.start or 0) <= value <= float(axis.to or 0)


def interpolated(axis: Axis, share: float) -> object:
    """The number at a fraction of the way between the ends of a continuous axis."""
    assert axis.start is not None
    assert axis.to is not None
    low, high = float(axis.start), float(axis.to)
    at = low * (high / low) ** share if axis.scale == "log" else low + (high - low) * share
    # Rounding to a few digits may lead beyond an end.
    return min(high, max(low, float(f"{at:.{_DIGITS}g}")))


def _sampled(axis: Axis, rng: np.random.Generator) -> object:
    values = axis_values_of(axis)
    return interpolated(axis, float(rng.random())) if values is None else values[int(rng.integers(len(values)))]
