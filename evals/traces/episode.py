"""One episode as arrays: read from a trace, or played anew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ...envs.base import Floats, Ints
from ...envs.world.world import World
from ...scenarios.deferred import pl
from .trace import HIDDEN, Trace

TickThoughts = tuple[str | None, ...]
"""The thoughts of N agents in one tick, as JSON; None for an agent without one."""


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode of T ticks.

    Attributes:
        world: where it was played.
        agent: who chose the actions (`exact`, `counts`, a person).
        seed: of the random numbers; number: of the episode among those of its seed.
        states: int32 `[T + 1, F]`.
        chosen, executed: int32 `[T, N]`, -1 in `executed` where the action was not available.
        rewards: float64 `[T, K]`; performance: float64 `[T]`, the hidden score.
        events: T tuples of event names, without the ends of episodes.
        ended: the reason why it terminated, or None; truncated: whether the stage's limit cut it off.
        thoughts: T entries, each None where nothing was recorded; or an empty tuple.
        complete: whether it was played to its end; else these are its first T ticks, and it is being played on.
    """

    world: World
    agent: str
    seed: int
    number: int
    states: Ints
    chosen: Ints
    executed: Ints
    rewards: Floats
    performance: Floats
    events: tuple[tuple[str, ...], ...]
    ended: str | None = None
    truncated: bool = False
    thoughts: tuple[TickThoughts | None, ...] = field(default=(), repr=False)
    complete: bool = True

    @property
    def length(self) -> int:
        """T."""
        return len(self.events)

    @property
    def most(self) -> int:
        """How many ticks it can come to: T, or as many as its stage allows while it is being played."""
        return self.length if self.complete else max(self.world.steps, self.length)

    def ticks(self, event: str) -> list[int]:
        """The ticks in which an event happened."""
        return [tick for tick, names in enumerate(self.events) if event in names]

    def world_at(self, tick: int) -> World:
        """The world in which it stands before a tick, or after the last one."""
        return self.world

    def where(self, tick: int) -> str:
        """The stage in which it stands before a tick."""
        return self.world.stage

    def begun(self, tick: int) -> int:
        """The tick in which the episode began in which it stands before a tick."""
        return 0

    def left_by(self, tick: int) -> Ints:
        """int32 `[F]`: the state that a tick leads to, before anything else begins."""
        return np.asarray(self.states[tick + 1])

    def since(self, tick: int) -> Episode:
        """What comes from a tick on, as an episode of its own."""
        return replace(
            self,
            states=self.states[tick:],
            chosen=self.chosen[tick:],
            executed=self.executed[tick:],
            rewards=self.rewards[tick:],
            performance=self.performance[tick:],
            events=self.events[tick:],
            thoughts=self.thoughts[tick:],
        )

    def shown_until(self, tick: int, outcome: bool = False) -> Ints:
        """int32 `[tick + 1, F]`: the states up to a tick; the last as what the tick before led to, if `outcome`."""
        if not outcome:
            return self.states[: tick + 1]
        return np.concatenate([self.states[:tick], self.left_by(tick - 1)[None]])

    def weighed(self) -> Floats:
        """float64 `[T, K]`: each channel's reward by the weights that the agents had before it, summed over agents."""
        weights = sum(self.world.weights(self.states[:-1], agent) for agent in range(len(self.world.agents)))
        return np.asarray(self.rewards * weights)

    def weighted_rewards(self) -> Floats:
        """float64 `[T]`: each tick's reward by the weights that the agents had before it, summed over agents."""
        return np.asarray(self.weighed().sum(axis=1))


def running_sums(values: Floats) -> Floats:
    """float64 `[T + 1, ...]`: the sums of `[T, ...]` before each tick, beginning with 0."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def episode_of(world: World, trace: Trace, seed: int, number: int) -> Episode:
    """One episode of a trace of this world.

    Raises:
        KeyError: it is not in the trace.
    """
    rows = trace.table.filter((pl.col("seed") == seed) & (pl.col("episode") == number))
    if rows.height == 0:
        raise KeyError(f"the trace has no episode {number} of seed {seed}")
    last = rows["final_state"].to_list()[-1]
    states = np.array([*rows["state"].to_list(), *([] if last is None else [last])], np.int32)
    recorded = rows["thoughts"].to_list()
    return Episode(
        world=world,
        agent=trace.meta.agent,
        seed=seed,
        number=number,
        states=states,
        chosen=np.array(rows["chosen"].to_list(), np.int32),
        executed=np.array(rows["executed"].to_list(), np.int32),
        rewards=np.stack([rows[f"reward.{channel}"].to_numpy() for channel in world.channels], axis=1)
        if world.channels
        else np.zeros((rows.height, 0)),
        performance=rows[HIDDEN].to_numpy(),
        events=tuple(tuple(names) for names in rows["events"].to_list()),
        ended=rows["ended"].to_list()[-1],
        truncated=bool(rows["truncated"].to_list()[-1]),
        thoughts=tuple(None if each is None else tuple(each) for each in recorded),
    )
