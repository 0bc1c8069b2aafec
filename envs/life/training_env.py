"""A training environment of one life: one lane whose episodes follow each other, for an agent that lives it once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...scenarios.errors import TurncoatError
from ..arguments import action_index, checked_seed
from ..base import Bools, Floats, Ints, Longs
from ..reference.observation import observe
from ..world.world import World
from .stepper import LifeStepper


class EntriesOverError(TurncoatError):
    """The entries of a life that an agent is trained in are over; whoever called its `fit` catches this."""


@dataclass(frozen=True, eq=False)
class LivedTick:
    """One tick of a life.

    Attributes:
        world: its stage; episode: which of the stage's episodes, from 0; tick: of the episode.
        state: int32 `[F]`, before it; after: int32 `[F]`, after it, before anything between two episodes.
        chosen, executed: the actions, `executed` -1 where the chosen one was not available.
        rewards: float64 `[K]`; performance: the hidden score; events: bits of the tick.
        between: bits of the events between the episode that is over and the next one.
        ended: a rule ended the episode; last: it is over, so or by its horizon.
    """

    world: World
    episode: int
    tick: int
    state: Ints
    after: Ints
    chosen: int
    executed: int
    rewards: Floats
    performance: float
    events: int
    between: int
    ended: bool
    last: bool


class LifeTrainingEnv:
    """One life, in which nothing is reset but what does not persist; fits `agents.base.TrainingEnv`.

    An agent that looks ahead over its life is not told of the ends of episodes: the next one's first observation
    follows the last tick, so that what it learns reaches across. For an agent that looks ahead to the end of the
    episode each end is one. Beside what the file lets it observe, it is told the tick,
    for an episode has a horizon; a stage, or the number of an episode, it can tell by what it sees alone.

    Attributes:
        one_life: True: see `agents.base.lives_once`.
        paid: whether rewards are shown, where the stage shows them.
        over: the entries that `enter` named are over.
        life_over: the whole life is.
    """

    one_life = True

    def __init__(
        self,
        worlds: Sequence[World],
        foresight: str,
        seed: int,
        on_tick: Callable[[LivedTick], None] | None = None,
        before_tick: Callable[[], None] | None = None,
    ) -> None:
        """Begin a life of a single agent.

        Args:
            worlds: its stages, see `LifeStepper`.
            foresight: `episode` or `life`.
            seed: of all draws of the life.
            on_tick: told every tick.
            before_tick: called before every tick; what it raises ends the life.
        """
        self._stepper = LifeStepper(worlds, 1, checked_seed(seed))
        self._stepper.reset()
        self._foresight, self._on_tick, self._before_tick = foresight, on_tick, before_tick
        self._until = len(worlds[0].life)
        self.paid, self.over, self.life_over = True, False, False

    def enter(self, until: int, paid: bool = True) -> None:
        """Go on to the entries before number `until`; whether pay is shown there."""
        self._until, self.paid, self.over = until, paid, self.life_over
        self._go_on()

    def begin(self) -> None:
        """Begin another life, whose chance goes on from that of the last one, which is over."""
        self._stepper.reset()
        self.over = self.life_over = False

    @property
    def n_actions(self) -> int:
        """A."""
        return self._stepper.world.action_counts[0]

    @property
    def channels(self) -> tuple[str, ...]:
        """K names."""
        return self._stepper.world.channels

    @property
    def executed(self) -> int:
        """The action that the last step really took."""
        return int(self._stepper.executed[0, 0])

    @property
    def entry(self) -> int:
        """The number of the entry of the life that it is in."""
        return int(self._stepper.entry[0])

    @property
    def place(self) -> tuple[int, int, int, bytes]:
        """The entry, the episode of the entry, the tick, and the state as bytes."""
        stepper = self._stepper
        return int(stepper.entry[0]), int(stepper.episode[0]), int(stepper.ticks[0]), stepper.states[0].tobytes()

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begin the next episode, if one is over. The life has its own seed: one given here is not used.

        Raises:
            EntriesOverError: it belongs to other entries.
        """
        if self.over:
            raise EntriesOverError("the entries of the life that are trained in are over")
        self._go_on()
        return self._look()

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One tick: observation, rewards (None where withheld), ended, truncated (never), available actions.

        Raises:
            ArgumentError: there is no such action.
            EntriesOverError: the next tick belongs to other entries.
        """
        if self.over:
            raise EntriesOverError("the entries of the life that are trained in are over")
        if self._before_tick is not None:
            self._before_tick()
        stepper = self._stepper
        world, before, tick = stepper.world_of(0), stepper.states[0].copy(), int(stepper.ticks[0])
        episode = int(stepper.episode_numbers[0]) - 1
        chosen = action_index(action, self.n_actions)
        last = stepper.step(np.array([[chosen]], np.int32)) > 0
        rewards = stepper.rewards[0].copy()
        if self._on_tick is not None:
            self._on_tick(
                LivedTick(
                    world, episode, tick, before, stepper.states[0].copy(), chosen, self.executed, rewards,
                    float(stepper.performance[0]), int(stepper.events[0]), int(stepper.between_events[0]),
                    bool(stepper.ended[0]), last,
                )
            )  # fmt: skip
        self.life_over = bool(stepper.life_over[0])
        self.over = self.life_over or (last and int(stepper.next_entry[0]) >= self._until)
        executed = stepper.executed.copy()
        if last and not self.life_over and self._foresight == "life":
            self._go_on()
            stepper.executed[:] = executed  # that of the tick: a start has none
            last = False
        shown = rewards if self.paid and world.rewards_shown else None
        observation, mask = self._look()
        return observation, shown, last, False, mask

    def _go_on(self) -> None:
        if self._stepper.terminated[0] and not self.life_over:
            self._stepper.reset()

    def _look(self) -> tuple[Longs, Bools]:
        stepper = self._stepper
        seen = observe(stepper.world_of(0), stepper.states)[0]
        return np.append(seen, stepper.ticks[0]), stepper.available[0][0].copy()
