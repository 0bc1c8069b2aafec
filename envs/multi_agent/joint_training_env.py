"""A training environment in which all agents of a world learn at once, each given its own observations and rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import Bools, Floats, Ints, Longs
from ..mdp.enumeration import Enumeration
from ..mdp.training_env import OnTick
from ..reference.action_mask import available
from ..reference.observation import observe
from ..reference.step import reset, step
from ..world.randomness import SampledDraws, uniform
from ..world.world import World
from .best_response import own_available


@dataclass(frozen=True, eq=False)
class JointObservation:
    """What each of N agents observes of a state, in the world's order.

    Attributes:
        observations: int64 `[O]` of each agent.
        available: bool `[its actions]` of each agent, its action mask.
    """

    observations: tuple[Longs, ...]
    available: tuple[Bools, ...]


@dataclass(frozen=True, eq=False)
class JointStep:
    """The result of one tick for N agents.

    Attributes:
        observation: of the state after it.
        rewards: float64 `[K]` of each agent; what is paid to others is 0 there.
        executed: int32 `[N]`, everyone's actions, which all agents see.
        ended, truncated: as in `agents.base.TrainingEnv.step`.
    """

    observation: JointObservation
    rewards: tuple[Floats, ...]
    executed: Ints
    ended: bool
    truncated: bool


class JointTrainingEnv:
    """Steps a world for all of its agents: by its table where it is enumerated, else by the reference.

    A table does not say which actions were executed, so a world with overrides is always stepped by the reference.
    """

    def __init__(
        self,
        world: World | Enumeration,
        lenient: bool = False,
        came: Bools | None = None,
        on_tick: OnTick | None = None,
    ) -> None:
        """One lane; an episode is cut off after the stage's steps.

        Args:
            world: the stage, compiled or enumerated.
            lenient: an action that is not available is allowed and does nothing; tables have no such outcome.
            came: bool `[M]`, in which the outcomes of the table that come are marked; None: they are not.
            on_tick: told of every tick of the reference, where there is no table.
        """
        self.world = world.world if isinstance(world, Enumeration) else world
        guarded = any(guard is not None for agent in self.world.agents for guard in agent.guards)
        tabled = isinstance(world, Enumeration) and not self.world.overrides and not (lenient and guarded)
        table = world if tabled and isinstance(world, Enumeration) else None
        self._stepper = _ByReference(self.world, on_tick) if table is None else _ByTable(table, came)
        owners = np.asarray(self.world.owners)
        paid = self.world.rewards_shown
        self._own_channels = [(owners == agent) & paid for agent in range(len(self.world.agents))]
        self._tick = 0

    def reset(self, seed: int | None = None) -> JointObservation:
        """Begin an episode; a seed restarts the random stream."""
        self._tick = 0
        return self._stepper.reset(seed)

    def step(self, actions: Ints) -> JointStep:
        """One tick of the actions int32 `[N]`, each of them available to its agent, unless the lane is lenient."""
        observation, rewards, executed, ended = self._stepper.step(actions)
        self._tick += 1
        own = tuple(np.where(mine, rewards, 0.0) for mine in self._own_channels)
        return JointStep(observation, own, executed, *self.world.stops(ended, self._tick))


class _ByReference:
    def __init__(self, world: World, on_tick: OnTick | None) -> None:
        self._world, self._seed, self._clock, self._on_tick = world, 0, 0, on_tick
        self._states = np.zeros((1, len(world.fields)), np.int32)

    def reset(self, seed: int | None) -> JointObservation:
        if seed is not None:
            self._seed, self._clock = seed, 0
        self._states = reset(self._world, self._chance()).states
        return self._observation()

    def step(self, actions: Ints) -> tuple[JointObservation, Floats, Ints, bool]:
        tick = step(self._world, self._states, actions[None], self._chance())
        if self._on_tick is not None:
            self._on_tick(self._states, actions, tick)
        self._states = tick.states
        return self._observation(), tick.rewards[0], tick.executed[0], bool(tick.ended[0])

    def _chance(self) -> SampledDraws:
        self._clock += 1
        return SampledDraws(self._seed, np.zeros(1, np.int64), np.full(1, self._clock - 1))

    def _observation(self) -> JointObservation:
        agents = range(len(self._world.agents))
        return JointObservation(
            tuple(observe(self._world, self._states, agent)[0] for agent in agents),
            tuple(available(self._world, self._states, agent)[0] for agent in agents),
        )


class _ByTable:
    def __init__(self, enumeration: Enumeration, came: Bools | None) -> None:
        world, self._mdp, self._came = enumeration.world, enumeration.mdp, came
        joint, mask = world.joint_actions, enumeration.mdp.available
        self._shape = world.action_counts
        self._cache: dict[int, JointObservation] = {}
        self._observations = [observe(world, enumeration.states, agent) for agent in range(len(world.agents))]
        self._available = [own_available(joint[:, agent], mask, count) for agent, count in enumerate(self._shape)]
        self._seed, self._clock, self._state = 0, 0, 0

    def reset(self, seed: int | None) -> JointObservation:
        if seed is not None:
            self._seed, self._clock = seed, 0
        self._state = int(self._mdp.start_state[self._pick(self._mdp.start_probability)])
        return self._observation()

    def step(self, actions: Ints) -> tuple[JointObservation, Floats, Ints, bool]:
        mdp = self._mdp
        row = self._state * mdp.n_actions + int(np.ravel_multi_index(tuple(actions), self._shape))
        first, last = int(mdp.row_start[row]), int(mdp.row_start[row + 1])
        outcome = first + self._pick(mdp.probability[first:last])
        if self._came is not None:
            self._came[outcome] = True
        self._state = int(mdp.next_state[outcome])
        return self._observation(), mdp.rewards[outcome], actions.copy(), bool(mdp.ended[self._state])

    def _pick(self, probability: Floats) -> int:
        self._clock += 1  # also where nothing is drawn: a draw depends on the tick, not on how many came before
        if probability.size == 1:
            return 0
        number = uniform(self._seed, np.zeros(1, np.int64), np.full(1, self._clock - 1), 0)[0]
        return min(int(np.searchsorted(np.cumsum(probability), number, side="right")), probability.size - 1)

    def _observation(self) -> JointObservation:
        state = self._state
        if state not in self._cache:
            self._cache[state] = JointObservation(
                tuple(each[state] for each in self._observations), tuple(mask[state] for mask in self._available)
            )
        return self._cache[state]
