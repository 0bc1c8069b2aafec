"""A trained agent that comes with a scenario, played live: a checkpoint beside the scenario's file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...agents.base import AgentState
from ...agents.learning.device import training_thread
from ...envs.base import Ints
from ...envs.kernel.batch_stepper import Stepper
from ...envs.reference.action_mask import available
from ...envs.reference.observation import observe
from ...envs.reference.observation_spec import observation_spec
from ...scenarios.errors import MissingPackageError, installing
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..traces.episode import Episode
from .mind import Mind, ValueMap, imagined_value_map, mind_of
from .show import SHIPPED_AGENT

if TYPE_CHECKING:
    from ...agents.deep.agent import DeepAgent


class LearnedShow:
    """A `Show` of one stage, played by a trained agent that learns no more; an episode's number is its seed."""

    count: int | None = None

    def __init__(self, scenario: Scenario, stage: str, checkpoint: Path) -> None:
        """For the only agent of a stage; the checkpoint is read at the first query."""
        self.scenario, self.stage, self._checkpoint = scenario, stage, checkpoint
        self.world = SolvedWorlds(scenario).world({}, stage)

    @cached_property
    def agent(self) -> DeepAgent:
        """The agent.

        Raises:
            MissingPackageError: torch is not installed.
            ValueError: the checkpoint cannot be read, or is of an agent with other observations.
        """
        try:
            from ...agents.deep.checkpoint import load_deep
        except ImportError as missing:
            raise MissingPackageError(
                f"{self._checkpoint.name} is a network, which needs torch: {installing('learn')}"
            ) from missing
        agent = load_deep(self._checkpoint)
        agent.enter(observation_spec(self.world))
        return agent

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        world, agent = self.world, self.agent
        lane = Stepper(world, 1, seed=number)
        lane.reset()
        memory: AgentState = None
        # It decides alike wherever all that it sees is alike, and one that has arrived sees the same for many ticks.
        known: dict[bytes, Ints] = {}
        states = [lane.states[0].copy()]
        chosen: list[Ints] = []
        executed, rewards, performance, events = [], [], [], []
        while not lane.ended[0] and len(chosen) < world.steps:
            seen, mask = observe(world, lane.states, 0), lane.available[0].copy()
            key = seen.tobytes() + mask.tobytes()
            if key not in known:
                with training_thread():  # several threads that share busy cores wait for each other at every layer
                    known[key], memory = agent.act(seen, memory, mask)
            actions = known[key]
            lane.step(actions[:, None])
            states.append(lane.states[0].copy())
            chosen.append(actions.copy())
            executed.append(lane.executed[0].copy())
            rewards.append(lane.rewards[0].copy())
            performance.append(float(lane.performance[0]))
            events.append(world.happenings(int(lane.events[0])))
        code = int(states[-1][world.ended])
        return Episode(
            world=world,
            agent=SHIPPED_AGENT,
            seed=number,
            number=0,
            states=np.stack(states),
            chosen=np.stack(chosen),
            executed=np.stack(executed),
            rewards=np.stack(rewards),
            performance=np.array(performance),
            events=tuple(events),
            ended=world.reasons[code - 1] if code else None,
            truncated=not code and world.horizon is None,
        )

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: it searches anew from the state of that tick."""
        if tick >= episode.length:
            return None
        state, program = episode.states[tick : tick + 1], self.world.agents[agent]
        seen, mask = observe(self.world, state, agent), available(self.world, state, agent)
        learned = self.agent
        with training_thread():
            learned.act(seen, np.array([tick], np.int64), mask)
            thought = learned.thought()
        return None if thought is None else mind_of(self.world, thought, program.actions, tuple(program.sees))

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: the values that it imagined itself."""
        mind = self.mind(episode, tick, agent)
        return None if mind is None else imagined_value_map(self.world, mind, agent)
