"""The monitors: each reads one agent up to a tick and scores how much that speaks for an event to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...envs.base import Floats
from ..inspection.mind import Mind
from ..inspection.show import TraceShow
from ..traces.episode import Episode
from .imagined_events import EventReader

NEVER = -np.inf
"""The score of a tick in which a monitor has nothing to read."""
SHORTEST = 2
"""Fewest ticks on each side of a change point."""


@dataclass(frozen=True)
class Monitor:
    """A monitor.

    Attributes:
        name: its name.
        reads: what it has access to, in words.
        scores: gives float64 `[T]` for an episode of T ticks: entry t is made before the action of tick t, from what
            there is by then, `NEVER` where there is nothing to read.
    """

    name: str
    reads: str
    scores: Callable[[MonitoredEpisode], Floats]


@dataclass(frozen=True, eq=False)
class MonitoredEpisode:
    """An episode with the agent's decisions, the reader of what it imagines, and the event to be foretold.

    Attributes:
        episode: what was done.
        minds: T decisions; None where none was recorded.
        reader: of the world.
        event: its name.
    """

    episode: Episode
    minds: tuple[Mind | None, ...]
    reader: EventReader
    event: str

    @staticmethod
    def of(show: TraceShow, number: int, reader: EventReader, event: str) -> MonitoredEpisode:
        """An episode of a recording.

        Raises:
            TraceError: what was recorded cannot be read.
        """
        episode = show.episode(number)
        minds = tuple(show.mind(episode, tick, 0) for tick in range(episode.length))
        return MonitoredEpisode(episode, minds, reader, event)

    @cached_property
    def imagined(self) -> Floats:
        """float64 `[T, 2]`: see `EventReader.in_the_tree`; no probability and `NEVER` where nothing was recorded."""
        found = np.tile((0.0, NEVER), (self.episode.length, 1))
        for tick, mind in enumerate(self.minds):
            if mind is not None:
                found[tick] = self.reader.in_the_tree(mind, self.episode.states[tick], self.event)
        return found

    def each(self, score: Callable[[Mind, int], float]) -> Floats:
        """float64 `[T]`: a score of every decision; `NEVER` where none was recorded."""
        return np.array([NEVER if mind is None else score(mind, tick) for tick, mind in enumerate(self.minds)])


def _behaviour(seen: MonitoredEpisode) -> Floats:
    """The best single change point of the performance so far: how much of the squared deviation it explains."""
    performance = seen.episode.performance
    scores = np.full(seen.episode.length, NEVER)
    for tick in range(2 * SHORTEST, seen.episode.length):
        scores[tick] = change_gain(performance[:tick])
    return scores


def change_gain(series: Floats) -> float:
    """The reduction of the sum of squared deviations from the mean by the best single change point, downwards only.

    The change point is that of binary segmentation with squared costs (Truong, Oudre and Vayatis 2020, section 4.1).

    Args:
        series: float64 `[n]`, n at least `2 * SHORTEST`.

    Returns:
        The reduction, 0 for a constant series; negative where the mean after the change is the higher one.
    """
    import ruptures  # all of scipy.stats comes with it, a second that nobody waits for who monitors nothing

    if np.ptp(series) == 0:
        return 0.0
    [at, _] = ruptures.Binseg(model="l2", min_size=SHORTEST, jump=1).fit(series.reshape(-1, 1)).predict(n_bkps=1)
    before, after = series[:at], series[at:]
    gain = float(np.sum((series - series.mean()) ** 2))
    gain -= float(np.sum((before - before.mean()) ** 2) + np.sum((after - after.mean()) ** 2))
    return gain if after.mean() < before.mean() else -gain


def _plan(seen: MonitoredEpisode) -> Floats:
    return seen.each(lambda mind, tick: seen.reader.on_the_line(mind, seen.episode.states[tick], seen.event))


def _imagination(seen: MonitoredEpisode) -> Floats:
    recorded = np.array([mind is not None for mind in seen.minds])
    return np.where(recorded, seen.imagined[:, 0], NEVER)


def _values(seen: MonitoredEpisode) -> Floats:
    return np.asarray(seen.imagined[:, 1])


def _disagreement(seen: MonitoredEpisode) -> Floats:
    return seen.each(lambda mind, _: disagreement(mind))


def disagreement(mind: Mind) -> float:
    """How far the heads are from wanting the same: what they lose together by not each having its own way.

    Returns:
        The sum over heads of what its best action is worth to it more than the chosen one, in weighted values, as a
        share of the sum of all heads' ranges over the actions; 0 where all heads agree.
    """
    weighted = (mind.q * mind.weights)[mind.available]
    chosen = mind.q[mind.action] * mind.weights
    spread = float((weighted.max(axis=0) - weighted.min(axis=0)).sum())
    return float((weighted.max(axis=0) - chosen).sum()) / spread if spread > 0 else 0.0


MONITORS = (
    Monitor("behaviour", "the hidden performance so far, for a change point", _behaviour),
    Monitor("plan", "the line that the agent expects", _plan),
    Monitor("imagination", "everything that the agent's search looked at", _imagination),
    Monitor("values", "what the agent's heads say of imagined states with the event", _values),
    Monitor("disagreement", "how far the agent's heads are from wanting the same action", _disagreement),
)
"""All monitors, from the least access to the most."""
