"""A whole life as one episode: the ticks of all its episodes joined, and which of them belong to which."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...envs.base import Floats, Ints
from ...envs.life.walk import LifeMoment, LifeTick, LifeWalk
from ...envs.world.world import World
from .episode import Episode
from .trace_checks import BETWEEN


@dataclass(frozen=True, eq=False)
class LifeSpan:
    """One episode of a life.

    Attributes:
        world: its stage; number: which of the stage's episodes it is, from 1.
        first: its first tick, counted from the start of the life.
        left: int32 `[F]`, the state that it has left, before anything between two episodes; None while it goes on.
        entry, episode: which entry of the life, and which of its episodes, from 0.
    """

    world: World
    number: int
    first: int
    left: Ints | None
    entry: int
    episode: int


@dataclass(frozen=True, eq=False)
class WholeLife(Episode):
    """A life: an episode whose states, between two of its episodes, go on with the start of the next one.

    What comes between two episodes is among the events of the last tick of the first, marked as in traces.

    Attributes:
        spans: its episodes in order.
        over: the life is over, by its last episode or because a rule has retired it.
    """

    spans: tuple[LifeSpan, ...] = field(default=(), repr=False)
    over: bool = True

    def standing(self, tick: int) -> LifeSpan:
        """The episode in which it stands before a tick; one that goes on may stand at the start of a new episode."""
        return self.spans[self._number_at(tick)]

    def world_at(self, tick: int) -> World:
        """See `Episode.world_at`."""
        return self.standing(tick).world

    def where(self, tick: int) -> str:
        """See `Episode.where`: the stage, and which of its episodes."""
        span = self.standing(tick)
        return f"{span.world.stage}, its episode {span.number}"

    def begun(self, tick: int) -> int:
        """See `Episode.begun`."""
        return self.standing(tick).first

    def left_by(self, tick: int) -> Ints:
        """See `Episode.left_by`."""
        number = self._number_at(tick)
        left = self.spans[number].left if tick + 1 == self._end_of(number) else None
        return self.states[tick + 1] if left is None else left

    def ticks(self, event: str) -> list[int]:
        """The ticks in which an event happened, or after which it came between two episodes."""
        return [tick for tick, names in enumerate(self.events) if event in names or f"{BETWEEN}{event}" in names]

    def weighed(self) -> Floats:
        """See `Episode.weighed`: by the weights of each stage."""
        out = np.zeros_like(self.rewards)
        for number, span in enumerate(self.spans):
            here = slice(span.first, self._end_of(number))
            weights = sum(span.world.weights(self.states[here], agent) for agent in range(len(span.world.agents)))
            out[here] = self.rewards[here] * weights
        return out

    def stages(self) -> list[tuple[int, str]]:
        """The ticks in which stages begin, with their names: where the stage is another one than before."""
        named = [(span.first, span.world.stage) for span in self.spans]
        return [each for number, each in enumerate(named) if number == 0 or named[number - 1][1] != each[1]]

    def within(self, worlds: Mapping[str, World]) -> WholeLife:
        """The same life in other copies of its stages, by their names."""
        spans = tuple(replace(span, world=worlds[span.world.stage]) for span in self.spans)
        return replace(self, world=spans[0].world, spans=spans)

    def _number_at(self, tick: int) -> int:
        return max(bisect_right([span.first for span in self.spans], tick) - 1, 0)

    def _end_of(self, number: int) -> int:
        """The tick after the last one of an episode."""
        return self.spans[number + 1].first if number + 1 < len(self.spans) else self.length


class LifeRecord:
    """Collects a life as it is walked; one that was kept before stays as it is."""

    def __init__(self, walk: LifeWalk, moment: LifeMoment) -> None:
        """At the start of a life."""
        self.walk, self.moments, self.steps = walk, [moment], list[tuple[Ints, LifeTick]]()

    @property
    def now(self) -> LifeMoment:
        """Where the life stands."""
        return self.moments[-1]

    @property
    def world(self) -> World:
        """The stage that it is in."""
        return self.walk.world(self.now)

    def step(self, joint: Ints) -> LifeTick:
        """Go on by the actions int32 `[N]` of all agents."""
        tick = self.walk.step(self.now, joint)
        self.steps.append((joint.copy(), tick))
        self.moments.append(tick.after)
        return tick

    def back(self) -> bool:
        """Take the last tick back; whether there was one."""
        if not self.steps:
            return False
        self.steps.pop()
        self.moments.pop()
        return True

    def life(self, agent: str, seed: int, number: int) -> WholeLife:
        """What was lived so far."""
        walk, steps = self.walk, self.steps
        spans: list[LifeSpan] = []
        events: list[tuple[str, ...]] = []
        for tick, (moment, after) in enumerate(zip(self.moments, [*(each for _, each in steps), None], strict=True)):
            world = walk.world(moment)
            if moment.tick == 0 and not moment.over:
                spans.append(LifeSpan(world, moment.number, tick, None, moment.entry, moment.episode))
            if after is None:
                continue
            between = (f"{BETWEEN}{name}" for name in world.happenings(after.between))
            names = list(world.happenings(int(after.result.events[0])))
            code = int(after.result.states[0, world.ended])
            if code and not after.after.over:
                names.append(f"the episode is over: {world.reasons[code - 1]}")
            events.append((*names, *between))
            if after.last:
                spans[-1] = replace(spans[-1], left=after.result.states[0])
        count, agents = len(steps), len(spans[0].world.agents)
        last = self.now
        world = walk.world(last)
        code = int(last.state[world.ended]) if last.over else 0
        ticks = [tick.result for _, tick in steps]
        return WholeLife(
            world=spans[0].world,
            agent=agent,
            seed=seed,
            number=number,
            states=np.stack([moment.state for moment in self.moments]),
            chosen=np.array([joint for joint, _ in steps], np.int32).reshape(count, agents),
            executed=np.array([tick.executed[0] for tick in ticks], np.int32).reshape(count, agents),
            rewards=np.array([tick.rewards[0] for tick in ticks], np.float64).reshape(count, len(world.channels)),
            performance=np.array([tick.performance[0] for tick in ticks], np.float64),
            events=tuple(events),
            ended=world.reasons[code - 1] if code else None,
            spans=tuple(spans),
            over=last.over,
        )
