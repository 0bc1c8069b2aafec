"""Training environments of a single agent: one lane with a reset and a step, and nothing that an agent may not know.

Both classes fit `agents.base.TrainingEnv`. The tabular one is a hundred times faster and has the same dynamics: its
outcomes are those of the reference, enumerated.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, TypeAlias

import numpy as np

from ..arguments import action_index, checked_seed
from ..base import Bools, Floats, Ints, Longs
from ..reference.action_mask import available
from ..reference.observation import observe
from ..reference.step import TickResult, reset, step
from ..world.randomness import SampledDraws, uniform
from ..world.world import World
from .enumeration import Enumeration

OnTick: TypeAlias = Callable[[Ints, Ints, TickResult], None]
"""A callback that is told the state before a tick, everyone's actions and the result."""


class _Spawning:
    """A mixin: further lanes of the same world, whose places are stored and restored with that of the first."""

    def __init__(self) -> None:
        self._spawned: list[Any] = []
        self._waiting: list[tuple[Any, ...]] = []

    def spawn(self) -> Any:
        """See `agents.base.SpawningEnv`."""
        lane = self._another()
        if self._waiting:  # a training goes on: its lanes are made again, in the same order
            lane.set_state(self._waiting.pop(0))
        self._spawned.append(lane)
        return lane

    def _another(self) -> Any:
        raise NotImplementedError

    def get_state(self) -> tuple[Any, ...]:
        """Everything that its future and that of its spawned lanes depends on, as plain data."""
        return *self._place(), tuple(lane.get_state() for lane in self._spawned)

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Restore what `get_state` of an environment of the same world returned; lanes get theirs as they are spawned.

        Raises:
            ValueError: it is the state of another kind of environment.
        """
        *place, waiting = state
        self._move(tuple(place))
        self._waiting = list(waiting)

    def _place(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _move(self, place: tuple[Any, ...]) -> None:
        raise NotImplementedError


class TabularTrainingEnv(_Spawning):
    """A training environment that samples the outcomes of an enumerated world."""

    def __init__(self, enumeration: Enumeration, agent: int = 0, came: Bools | None = None) -> None:
        """One lane of a world with a single agent; an episode is cut off after the stage's steps.

        Args:
            enumeration: the world.
            agent: the number of the agent.
            came: bool `[M]`, in which the outcomes that come are marked; None: they are not.
        """
        super().__init__()
        self._mdp, self._came = enumeration.mdp, came
        self._world, self._rewards_shown = enumeration.world, enumeration.world.rewards_shown
        self._observations = observe(enumeration.world, enumeration.states, agent)
        self._available = self._mdp.available
        self._executed_known = executed_is_determined(enumeration.world)
        self._overridden = executed_actions(enumeration, agent) if self._executed_known else None
        self._seed, self._state, self._clock, self._tick = 0, 0, 0, 0
        self._executed = -1

    def _another(self) -> TabularTrainingEnv:
        lane = copy(self)  # the tables are shared
        _Spawning.__init__(lane)
        return lane

    def _place(self) -> tuple[Any, ...]:
        return self._seed, self._state, self._clock, self._tick, self._executed

    def _move(self, place: tuple[Any, ...]) -> None:
        self._seed, self._state, self._clock, self._tick, self._executed = place

    @property
    def n_actions(self) -> int:
        """A."""
        return self._mdp.n_actions

    @property
    def channels(self) -> tuple[str, ...]:
        """K names."""
        return self._mdp.channels

    @property
    def executed(self) -> int:
        """The action that the last step really took.

        Raises:
            ValueError: chance decides what is executed, which a table has forgotten (see `executed_is_determined`).
        """
        if not self._executed_known:
            raise ValueError(
                "chance decides what is executed: a table has forgotten it, step by `ReferenceTrainingEnv`"
            )
        return self._executed

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begin an episode; a seed restarts the random stream."""
        if seed is not None:
            self._seed, self._clock = checked_seed(seed), 0
        self._tick = 0
        pick = self._pick(self._mdp.start_probability)
        self._state = int(self._mdp.start_state[pick])
        return self._observations[self._state], self._available[self._state]

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One tick; see `TrainingEnv.step`.

        Raises:
            ValueError: there is no such action, or it is not available.
        """
        action = action_index(action, self._mdp.n_actions)
        row = self._state * self._mdp.n_actions + action
        first, last = self._mdp.row_start[row], self._mdp.row_start[row + 1]
        if first == last:
            raise ValueError(f"action {action} is not available in this state")
        self._executed = action if self._overridden is None else int(self._overridden[self._state, action])
        # The clock advances once per tick, drawn or not, so that a chance outcome depends only on the tick's number.
        outcome = int(first) + (self._pick(self._mdp.probability[first:last]) if last - first > 1 else 0)
        if self._came is not None:
            self._came[outcome] = True
        self._clock += last - first == 1
        self._tick += 1
        self._state = int(self._mdp.next_state[outcome])
        rewards = self._mdp.rewards[outcome] if self._rewards_shown else None
        over, cut = self._world.stops(bool(self._mdp.ended[self._state]), self._tick)
        return self._observations[self._state], rewards, over, cut, self._available[self._state]

    def _pick(self, probability: Floats) -> int:
        number = uniform(self._seed, np.zeros(1, np.int64), np.full(1, self._clock), 0)[0]
        self._clock += 1
        return min(int(np.searchsorted(np.cumsum(probability), number, side="right")), probability.size - 1)


class ReferenceTrainingEnv(_Spawning):
    """A training environment that steps the reference implementation, for worlds that cannot be enumerated."""

    def __init__(self, world: World, agent: int = 0, on_tick: OnTick | None = None) -> None:
        """One lane of a world with a single agent; an episode is cut off after the stage's steps.

        Args:
            world: compiled.
            agent: the number of the agent.
            on_tick: told the state int32 `[1, F]` before each tick, the actions int32 `[1, N]` and what came of them.
        """
        super().__init__()
        self._world, self._agent, self._on_tick = world, agent, on_tick
        self._seed, self._clock, self._tick = 0, 0, 0
        self._states = reset(world, self._chance()).states
        self._executed = -1

    def _another(self) -> ReferenceTrainingEnv:
        return ReferenceTrainingEnv(self._world, self._agent, self._on_tick)

    def _place(self) -> tuple[Any, ...]:
        return self._seed, self._clock, self._tick, self._executed, self._states

    def _move(self, place: tuple[Any, ...]) -> None:
        self._seed, self._clock, self._tick, self._executed, self._states = place

    @property
    def n_actions(self) -> int:
        """A."""
        return len(self._world.agents[self._agent].actions)

    @property
    def channels(self) -> tuple[str, ...]:
        """K names."""
        return self._world.channels

    @property
    def executed(self) -> int:
        """The action that the last step really took."""
        return self._executed

    def reset(self, seed: int | None = None) -> tuple[Longs, Bools]:
        """Begin an episode; a seed restarts the random stream."""
        if seed is not None:
            self._seed, self._clock = checked_seed(seed), 0
        self._tick = 0
        self._states = reset(self._world, self._chance()).states
        return self._observe()

    def step(self, action: int) -> tuple[Longs, Floats | None, bool, bool, Bools]:
        """One tick; see `TrainingEnv.step`.

        Raises:
            ValueError: there is no such action.
        """
        actions = np.array([[action_index(action, self.n_actions)]], np.int32)
        tick = step(self._world, self._states, actions, self._chance())
        if self._on_tick is not None:
            self._on_tick(self._states, actions, tick)
        self._states = tick.states
        self._executed = int(tick.executed[0, self._agent])
        self._tick += 1
        rewards = tick.rewards[0] if self._world.rewards_shown else None
        over, cut = self._world.stops(bool(tick.ended[0]), self._tick)
        observation, mask = self._observe()
        return observation, rewards, over, cut, mask

    def _chance(self) -> SampledDraws:
        self._clock += 1
        return SampledDraws(self._seed, np.zeros(1, np.int64), np.full(1, self._clock - 1))

    def _observe(self) -> tuple[Longs, Bools]:
        mask = available(self._world, self._states, self._agent)[0]
        return observe(self._world, self._states, self._agent)[0], mask


def executed_is_determined(world: World) -> bool:
    """Whether state and chosen action determine the executed one: no override depends on chance."""
    return all(override.chance is None and override.action >= 0 for override in world.overrides)


def executed_actions(enumeration: Enumeration, agent: int = 0) -> Ints | None:
    """The action executed for each chosen one, int32 `[S, A]`, where that is determined; None without overrides."""
    world, mdp = enumeration.world, enumeration.mdp
    if not world.overrides:
        return None
    table = np.repeat(np.arange(mdp.n_actions, dtype=np.int32)[None], mdp.n_states, axis=0)
    state, action = np.nonzero(mdp.available)
    zeros = np.zeros(state.size, np.int64)
    tick = step(world, enumeration.states[state], action[:, None].astype(np.int32), SampledDraws(0, zeros, zeros))
    # Any seed will do: without draws in overrides the executed action does not depend on it.
    table[state, action] = tick.executed[:, agent]
    return table
