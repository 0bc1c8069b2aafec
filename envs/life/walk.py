"""A life in plain Python on the reference, tick by tick: what is shown of a life, and what a person plays.

The kernel's lives (`stepper`) are many at once and fast; a walk is one, remembers nothing, and so can be gone back in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..base import Ints
from ..reference.step import TickResult, between, reset, step
from ..world.compiler import CONTINUES
from ..world.randomness import DrawMethod, GivenDraws, SampledDraws, categorical, uniform
from ..world.world import World


@dataclass(frozen=True, eq=False)
class LifeMoment:
    """Where a life stands.

    Attributes:
        entry, episode: which entry of the life, and which of its episodes, from 0.
        number: which of the stage's episodes it is, from 1, counted over all entries of the stage.
        tick: of the episode; clock: resets and ticks that the life has had.
        state: int32 `[F]`; where the life is over, the one that its last episode has left.
        begun: how many episodes of each stage the life has begun, by the stage's name.
        over: the life is over.
    """

    entry: int
    episode: int
    number: int
    tick: int
    clock: int
    state: Ints
    begun: Mapping[str, int]
    over: bool = False


@dataclass(frozen=True, eq=False)
class LifeTick:
    """One tick of a life, and what came between two episodes if it was the last one of the first of them.

    Attributes:
        result: of the tick.
        last: the episode is over.
        between: bits of the events between the episodes.
        after: where the life stands then.
    """

    result: TickResult
    last: bool
    between: int
    after: LifeMoment


class LifeWalk:
    """The lives of one lane. Draws are those of that lane of a `LifeStepper`; without a seed, the likeliest outcomes.

    Where chance decides how many episodes there are, the likeliest outcome would be the same each time: without a seed
    there are as many of them as are to be expected.
    """

    def __init__(self, worlds: Sequence[World], seed: int | None, lane: int = 0) -> None:
        """For the stages of a life, each once, in the order in which it first comes to them."""
        self.worlds = {world.stage: world for world in worlds}
        self.entries = worlds[0].life
        self._seed, self._lane = seed, np.array([lane])

    def world(self, moment: LifeMoment) -> World:
        """The stage that a life is in."""
        return self.worlds[self.entries[moment.entry].stage]

    def begin(self, clock: int = 0) -> LifeMoment:
        """A new life; `clock` counts what its lane has had before."""
        return self._start(0, 0, clock, {}, None)

    def step(self, moment: LifeMoment, actions: Ints) -> LifeTick:
        """One tick with the actions int32 `[N]` of all agents, and what comes after it.

        Raises:
            ValueError: the life is over.
        """
        if moment.over:
            raise ValueError("the life is over")
        world, clock = self.world(moment), moment.clock + 1
        tick = step(world, moment.state[None], actions[None], self._draws(moment.clock))
        last = bool(tick.ended[0]) or moment.tick + 1 == world.horizon
        if not last:
            return LifeTick(tick, False, 0, self._at(moment, tick.states[0], moment.tick + 1, clock))
        over = self._at(moment, tick.states[0], moment.tick + 1, clock, over=True)
        again = self._again(moment, clock)
        entry, episode = (moment.entry, moment.episode + 1) if again else (moment.entry + 1, 0)
        if entry == len(self.entries):
            return LifeTick(tick, True, 0, over)
        passed = between(world, tick.states, self._draws(clock))
        if passed.ended[0]:  # a rule has retired the life
            return LifeTick(tick, True, int(passed.events[0]), over)
        begun = self._start(entry, episode, clock, moment.begun, passed.states)
        return LifeTick(tick, True, int(passed.events[0]), begun)

    def _start(self, entry: int, episode: int, clock: int, begun: Mapping[str, int], left: Ints | None) -> LifeMoment:
        stage = self.entries[entry].stage
        number = begun.get(stage, 0) + 1
        state = reset(self.worlds[stage], self._draws(clock), 1, left).states[0]
        return LifeMoment(entry, episode, number, 0, clock + 1, state, {**begun, stage: number})

    @staticmethod
    def _at(moment: LifeMoment, state: Ints, tick: int, clock: int, over: bool = False) -> LifeMoment:
        return LifeMoment(moment.entry, moment.episode, moment.number, tick, clock, state, moment.begun, over)

    def _draws(self, clock: int) -> DrawMethod:
        return GivenDraws({}) if self._seed is None else SampledDraws(self._seed, self._lane, np.array([clock]))

    def _again(self, moment: LifeMoment, clock: int) -> bool:
        """Whether another episode of the same entry follows."""
        entry = self.entries[moment.entry]
        if entry.episodes is not None:
            return moment.episode + 1 < entry.episodes
        if self._seed is None:
            return moment.episode + 1 < expected_episodes(entry.continues)
        draw = self.world(moment).draw_ids[CONTINUES]
        drawn = uniform(self._seed, self._lane, np.array([clock], np.int64), draw)
        return bool(categorical(np.array([[1 - entry.continues, entry.continues]]), drawn)[0] == 1)


def expected_episodes(continues: float) -> int:
    """How many episodes an entry is expected to have of which another one follows with a chance below 1, rounded."""
    return round(1 / (1 - continues))
