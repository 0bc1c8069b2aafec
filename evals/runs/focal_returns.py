"""What agents earn among co-players drawn from a background population, by seat and by co-player."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from ...envs.base import Floats
from ...envs.world.world import World
from ...scenarios.deferred import pl
from ..statistics.median import median_interval
from ..traces.trace import Trace
from ..training.background_population import BackgroundPopulation, draws

CONFIDENCE = 0.95
PER_CAPITA = "per capita"
"""The mean of all agents that are judged, where there are several."""


@dataclass(frozen=True)
class FocalReturn:
    """What one judged agent earned, in all its episodes or in those in which one co-player sat in a seat.

    Attributes:
        method: the agent or profile that was trained.
        agent: who was judged; `PER_CAPITA` for the mean of several.
        seat: the seat that was drawn for; empty for all episodes.
        other: who was drawn; empty for all episodes.
        episodes: how many there were, of all seeds.
        seeds: of how many seeds; one that never met the co-player is left out.
        value: the median over seeds of a seed's mean return, undiscounted and weighted by the agent's weights.
        low, high: an interval of 95 % for the median seed by order statistics; None where too few seeds bound it.
    """

    method: str
    agent: str
    seat: str
    other: str
    episodes: int
    seeds: int
    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return dict(vars(self))


def focal_returns(method: str, world: World, trace: Trace, population: BackgroundPopulation) -> list[FocalReturn]:
    """The returns of the agents that were judged, in all episodes, then by co-player.

    Args:
        method: who was trained.
        world: the stage in which they were judged.
        trace: of all seeds.
        population: from which the others were drawn.
    """
    seeds, episodes, earned = _earned(world, trace, population.focal)
    found = []
    for agent, returns in earned.items():
        found.append(_summary(method, agent, "", "", seeds, returns))
        for number, program in enumerate(world.agents):
            members = population.of(program.name)
            if len(members) < 2:
                continue
            who = np.concatenate([draws(seed, number, own, len(members)) for seed, own in _by_seed(seeds, episodes)])
            for which, member in enumerate(members):
                met = who == which
                if met.any():
                    found.append(_summary(method, agent, program.name, member.name, seeds[met], returns[met]))
    return found


def _earned(world: World, trace: Trace, focal: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, dict[str, Floats]]:
    """Seed and episode of each episode, in the order of the trace, and what each judged agent got in it."""
    sums = trace.table.group_by("seed", "episode", maintain_order=True).agg(
        [pl.col(f"reward.{channel}").sum() for channel in world.channels]
    )
    paid = sums.select(pl.exclude("seed", "episode")).to_numpy()
    own = {program.name: paid @ program.weights for program in world.agents if program.name in focal}
    if len(own) > 1:
        own[PER_CAPITA] = np.mean(list(own.values()), axis=0)
    return sums["seed"].to_numpy(), sums["episode"].to_numpy(), own


def _by_seed(seeds: np.ndarray, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The values of each seed; those of one seed stand next to each other."""
    first = 0
    for seed, group in groupby(seeds.tolist()):
        count = len(list(group))
        yield seed, values[first : first + count]
        first += count


def _summary(method: str, agent: str, seat: str, other: str, seeds: np.ndarray, returns: Floats) -> FocalReturn:
    means = [float(own.mean()) for _, own in _by_seed(seeds, returns)]
    low, high = (end if math.isfinite(end) else None for end in median_interval(means, CONFIDENCE))
    return FocalReturn(method, agent, seat, other, len(returns), len(means), float(np.median(means)), low, high)
