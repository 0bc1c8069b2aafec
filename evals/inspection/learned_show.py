"""A trained agent from a file, played live: one that comes with a scenario, or one that a training has left."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...agents.base import Agent, AgentState, Thinker
from ...agents.learning.device import training_thread
from ...agents.records.thought import Thought
from ...agents.registry.stored_agents import TENSORS, read_agent
from ...envs.base import Bools, Ints, Longs
from ...envs.reference import step as reference
from ...envs.reference.action_mask import available
from ...envs.reference.observation import observe
from ...envs.world.randomness import SampledDraws
from ...envs.world.world import World
from ...scenarios.errors import MissingPackageError, UsageError, installing
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..traces.episode import Episode
from ..training.curriculum import enter
from .mind import Mind, ValueMap, imagined_value_map, mind_of
from .show import SHIPPED_AGENTS, shipped_checkpoint

AT_ONCE = 0.05
"""Seconds for which an episode is played on before its first ticks are shown."""


class LearnedShow:
    """A `Show` of one stage, played by a trained agent that learns no more; an episode's number is its seed."""

    count: int | None = None

    def __init__(self, scenario: Scenario, stage: str, checkpoint: Path) -> None:
        """For the only agent of a stage; the checkpoint is read at the first query."""
        self.scenario, self.stage, self._checkpoint = scenario, stage, checkpoint
        # One that comes with a scenario is named by its kind, any other by its file.
        shipped = (agent for agent in SHIPPED_AGENTS if shipped_checkpoint(scenario, agent) == checkpoint)
        self.name = next(shipped, checkpoint.stem)
        self.world = SolvedWorlds(scenario).world({}, stage)
        self._thoughts: dict[bytes, Thought | None] = {}  # by what it saw, of each decision that it has made
        self._playing: _Play | None = None  # the episode that was asked for last

    @cached_property
    def agent(self) -> Agent:
        """The agent.

        Raises:
            MissingPackageError: torch is not installed, and it is a network.
            UsageError: the checkpoint cannot be read, or is of an agent with other observations.
        """
        try:
            agent = read_agent(self._checkpoint)
            enter(agent, self.world)
        except ImportError as missing:  # torch is there, and cannot be imported
            raise MissingPackageError(
                f"{self._checkpoint.name} is a network, which needs torch: {installing('learn')}"
            ) from missing
        except (OSError, ValueError) as fault:
            raise UsageError(f"{self._checkpoint} cannot be played here: {fault}") from fault
        return agent

    def _by_one_thread(self) -> AbstractContextManager[None]:
        """For networks: several threads that share busy cores wait for each other at every layer."""
        return training_thread() if self._checkpoint.suffix == TENSORS else nullcontext()

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        return self.beginning(number, self.world.steps)

    def beginning(self, number: int, ticks: int) -> Episode:
        """The first ticks of an episode: at least so many, where it has them, and what follows without a wait.

        It is the whole one as soon as it is `complete`.
        """
        if self._playing is None or self._playing.number != number:
            self._playing = _Play(self.world, number)
        play, began = self._playing, time.monotonic()
        while not play.over and (play.length < ticks or time.monotonic() - began < AT_ONCE):
            play.go_on(self._decide)
        return play.episode(self.name, paid=self.scenario.document.stages[self.stage].rewards != "withheld")

    def _decide(self, seen: Longs, memory: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        with self._by_one_thread():
            chosen, memory = self.agent.act(seen, memory, mask)
            self._thoughts[_key(seen, mask)] = self.agent.thought() if isinstance(self.agent, Thinker) else None
        return chosen, memory

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: what it thought when it decided, or it decides anew in the state of that tick."""
        if tick >= episode.length:
            return None
        state, program = episode.states[tick : tick + 1], self.world.agents[agent]
        if not isinstance(self.agent, Thinker):
            return None
        seen, mask = observe(self.world, state, agent), available(self.world, state, agent)
        if (key := _key(seen, mask)) not in self._thoughts:
            self._decide(seen, np.array([tick], np.int64), mask)
        if (thought := self._thoughts[key]) is None:
            return None
        return replace(mind_of(self.world, thought, program.actions, tuple(program.sees)), agent=program.name)

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: the values that it imagined itself."""
        mind = self.mind(episode, tick, agent)
        return None if mind is None else imagined_value_map(self.world, mind, agent)


class _Play:
    """An episode that is being played, tick by tick."""

    def __init__(self, world: World, number: int) -> None:
        self.number, self._world = number, world
        self._lane = np.zeros(1, np.int64)
        # Not by the kernel: one episode is no work, and compiling that would keep a first look waiting for long.
        self._state = reference.reset(world, SampledDraws(number, self._lane, self._lane)).states
        self._memory: AgentState = None
        # It decides alike wherever all that it sees is alike, and one that has arrived sees the same for many ticks.
        self._known: dict[bytes, Ints] = {}
        self._states, self._ticks = [self._state[0]], list[tuple[Ints, reference.TickResult]]()

    @property
    def length(self) -> int:
        return len(self._ticks)

    @property
    def over(self) -> bool:
        return bool(self._state[0, self._world.ended]) or self.length >= self._world.steps

    def go_on(self, decide: Callable[[Longs, AgentState, Bools], tuple[Ints, AgentState]]) -> None:
        """Play one tick."""
        world, state = self._world, self._state
        seen, mask = observe(world, state, 0), available(world, state, 0)
        key = _key(seen, mask)
        if key not in self._known:
            self._known[key], self._memory = decide(seen, self._memory, mask)
        chosen = self._known[key]
        tick = reference.step(
            world, state, chosen[:, None], SampledDraws(self.number, self._lane, self._lane + len(self._states))
        )
        self._ticks.append((chosen, tick))
        self._state = tick.states
        self._states.append(tick.states[0])

    def episode(self, agent: str, paid: bool) -> Episode:
        """What has been played so far; where nobody pays, what is written as pay it never knew."""
        code = int(self._states[-1][self._world.ended])
        rewards = np.concatenate([tick.rewards for _, tick in self._ticks])
        return Episode(
            world=self._world,
            agent=agent,
            seed=self.number,
            number=0,
            states=np.stack(self._states),
            chosen=np.stack([chosen for chosen, _ in self._ticks]),
            executed=np.concatenate([tick.executed for _, tick in self._ticks]),
            rewards=rewards if paid else np.zeros_like(rewards),
            performance=np.concatenate([tick.performance for _, tick in self._ticks]),
            events=tuple(self._world.happenings(int(tick.events[0])) for _, tick in self._ticks),
            ended=self._world.reasons[code - 1] if code else None,
            truncated=self.over and not code and self._world.horizon is None,
            complete=self.over,
        )


def _key(seen: Longs, mask: Bools) -> bytes:
    """What it sees, as a key."""
    return seen.tobytes() + mask.tobytes()
