"""A trained agent from a file, played live: one that comes with a scenario, or one that a training has left."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...agents.base import Agent, AgentState, Thinker
from ...agents.learning.device import training_thread
from ...agents.records.thought import Thought
from ...agents.registry.stored_agents import TENSORS, read_agent
from ...envs.base import Ints
from ...envs.reference import step as reference
from ...envs.reference.action_mask import available
from ...envs.reference.observation import observe
from ...envs.world.randomness import SampledDraws
from ...scenarios.errors import MissingPackageError, UsageError, installing
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..traces.episode import Episode
from ..training.curriculum import enter
from .mind import Mind, ValueMap, imagined_value_map, mind_of
from .show import SHIPPED_AGENTS, shipped_checkpoint


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
        world, agent = self.world, self.agent
        lane = np.zeros(1, np.int64)
        # Not by the kernel: one episode is no work, and compiling that would keep a first look waiting for long.
        state = reference.reset(world, SampledDraws(number, lane, lane)).states
        memory: AgentState = None
        # It decides alike wherever all that it sees is alike, and one that has arrived sees the same for many ticks.
        known: dict[bytes, Ints] = {}
        states, ticks = [state[0]], list[tuple[Ints, reference.TickResult]]()
        while not state[0, world.ended] and len(ticks) < world.steps:
            seen, mask = observe(world, state, 0), available(world, state, 0)
            key = seen.tobytes() + mask.tobytes()
            if key not in known:
                with self._by_one_thread():
                    known[key], memory = agent.act(seen, memory, mask)
                    self._thoughts[key] = agent.thought() if isinstance(agent, Thinker) else None
            tick = reference.step(world, state, known[key][:, None], SampledDraws(number, lane, lane + len(states)))
            ticks.append((known[key], tick))
            state = tick.states
            states.append(state[0])
        code = int(states[-1][world.ended])
        paid = np.concatenate([tick.rewards for _, tick in ticks])
        if self.scenario.document.stages[self.stage].rewards == "withheld":
            paid = np.zeros_like(paid)  # nobody pays here, and what is written it never knew
        return Episode(
            world=world,
            agent=self.name,
            seed=number,
            number=0,
            states=np.stack(states),
            chosen=np.stack([chosen for chosen, _ in ticks]),
            executed=np.concatenate([tick.executed for _, tick in ticks]),
            rewards=paid,
            performance=np.concatenate([tick.performance for _, tick in ticks]),
            events=tuple(world.happenings(int(tick.events[0])) for _, tick in ticks),
            ended=world.reasons[code - 1] if code else None,
            truncated=not code and world.horizon is None,
        )

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: what it thought when it decided, or it searches anew from the state of that tick."""
        if tick >= episode.length:
            return None
        state, program = episode.states[tick : tick + 1], self.world.agents[agent]
        played = self.agent
        if not isinstance(played, Thinker):
            return None
        seen, mask = observe(self.world, state, agent), available(self.world, state, agent)
        key = seen.tobytes() + mask.tobytes()
        if key not in self._thoughts:
            with self._by_one_thread():
                played.act(seen, np.array([tick], np.int64), mask)
                self._thoughts[key] = played.thought()
        if (thought := self._thoughts[key]) is None:
            return None
        return replace(mind_of(self.world, thought, program.actions, tuple(program.sees)), agent=program.name)

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: the values that it imagined itself."""
        mind = self.mind(episode, tick, agent)
        return None if mind is None else imagined_value_map(self.world, mind, agent)
