"""A curriculum: the stages in which an agent is trained, in the file's order, before it is judged.

The agent is trained in every stage before the judged one that has a `share` of training, and is given the logs of every
stage with `watch`. Each stage has its own board, params and limit, and shows rewards or withholds them. The settings of
a stage on learning (`learn`) and on what is carried into it (`carries`) apply to the parts that an agent has:

- An agent with a world model (`learns_with` is `model`, the default) learns where `learn.model` holds, and learns
  rewards only where `learn.reward` does too. Its values are computed from both whenever they are needed.
- A model-free agent (`learns_with` is `values`) learns where `learn.values` and `learn.reward` hold and rewards are
  shown; from logs of others it learns nothing.
- A stage in which an agent could learn nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar, cast

import numpy as np

from ...agents.base import (
    Agent,
    DeviceAware,
    Enters,
    Forgetful,
    LearnsFromLogs,
    LeavesScenario,
    Log,
    MapAware,
    Moves,
    Resumable,
    Trainable,
    TrainableAgent,
    TrainingEnv,
    learns_with,
)
from ...agents.learning.device import CPU
from ...agents.registry.agents import agent_specs
from ...envs.base import NotEnumerableError
from ...envs.mdp.enumeration import Enumeration
from ...envs.reference.observation_spec import observation_spec
from ...envs.world.world import World
from ...scenarios.language.loading import Scenario
from ...scenarios.language.schema.document import Stage
from ..exact.demonstrations import watched_logs
from ..exact.solved_worlds import SolvedWorlds
from .spec import TrainingSpec, TrainingWorld, world_of

Trained = TypeVar("Trained", bound=Trainable)


@dataclass(frozen=True)
class CurriculumStage:
    """The training of one agent in one stage.

    Attributes:
        number: the stage's number, from 0, among all stages of the curriculum.
        trained_before: the number of earlier stages in which the agent was trained.
        agent: the agent that is trained.
        share: the stage's share of the training steps.
    """

    number: int
    trained_before: int
    agent: Trainable
    share: float


@dataclass(frozen=True)
class Suspended:
    """A training that an earlier process left unfinished.

    Attributes:
        number: the number of the stage in which it was interrupted.
        trained_before: the number of stages in which the agent had been trained by then.
        agent: the agent as it was then.
    """

    number: int
    trained_before: int
    agent: Resumable


class TrainingObserver(Protocol):
    """Provides the training environments and observes the training."""

    @property
    def suspended(self) -> Suspended | None:
        """The training that an earlier process left unfinished, or None."""
        ...

    def lane(self, trained_in: TrainingWorld) -> TrainingEnv:
        """The environment to train in."""
        ...

    def begins(self, stage: CurriculumStage) -> None:
        """Called before the training of each stage, once it has its environment."""
        ...

    def progress(self, step: int, figures: Mapping[str, float]) -> None:
        """See `agents.base.Progress`."""
        ...


def learns_in(agent: object, stage: Stage) -> bool:
    """Whether an agent could learn anything in a stage."""
    if learns_with(agent) == "model":
        return stage.learn.model
    return stage.learn.values and stage.learn.reward and stage.rewards == "shown" and not stage.watch


@dataclass(frozen=True)
class Curriculum(Generic[Trained]):
    """How an agent of one kind is trained before it is judged in one stage.

    Attributes:
        make: makes an untrained agent for the world of `train_world`.
        scenario: the scenario with its overrides applied.
        train_world: the world of the training stage.
        judged: the stage in which the agent will be judged.
        steps: environment steps of training, over all stages.
        observer: provides the environments and observes the training.
    """

    make: Callable[[], Trained]
    scenario: Scenario
    train_world: TrainingWorld
    judged: str
    steps: int
    observer: TrainingObserver

    def train_and_enter(self, seed: int) -> Trained:
        """Train an agent in every stage before the judged one, and keep what it carries into that stage.

        Args:
            seed: the seed of all randomness in the training.

        Raises:
            NotEnumerableError: the others whose logs it is given cannot be simulated.
        """
        return self.enter(self.train(seed), self.judged)

    def enter(self, agent: Trained, judged: str) -> Trained:
        """A trained agent with what it carries into `judged`, a stage that this curriculum leads to."""
        # The agent went through a stage of its curriculum already in training: what it carries there was settled then.
        if judged in self.scenario.stages_before(judged):
            return agent
        return carried(agent, self.scenario.document.stages[judged], self.make)

    def train(self, seed: int) -> Trained:
        """Train an agent in every stage before the judged one, without entering that stage; see `train_and_enter`."""
        solved, suspended = SolvedWorlds(self.scenario), self.observer.suspended
        stages, order = self.scenario.document.stages, self.scenario.stages_before(self.judged)
        first, trained_before, agent, here = 0, 0, self.make(), world_of(self.train_world).stage
        if suspended is not None:
            first, trained_before = suspended.number, suspended.trained_before
            agent, here = cast(Trained, suspended.agent), order[first]
            if isinstance(agent, LeavesScenario):
                agent.bind(self.scenario)
        for number, name in list(enumerate(order))[first:]:
            stage = stages[name]
            resumed = suspended if number == first else None
            # An agent from a checkpoint was stored after it had entered its stage: it must not forget a second time.
            if number and resumed is None:
                agent = carried(agent, stage, self.make)
            if not learns_in(agent, stage):
                continue
            trained_in = self._world(solved, name)
            if name != here:
                _change_stage(agent, world_of(trained_in))
                here = name
            if stage.watch:
                self._watch(agent, solved, name, seed)
                continue
            env, share = self.observer.lane(trained_in if stage.learn.reward else _unpaid(trained_in)), stage.share or 1
            self.observer.begins(CurriculumStage(number, trained_before, agent, share))
            if resumed is not None:
                resumed.agent.resume(env, self.observer.progress)
            else:
                its_seed = later_seed(seed, number) if trained_before else seed
                agent.fit(env, round(share * self.steps), its_seed, self.observer.progress)
            trained_before += 1  # logs do not count: the first stage with training has the run's own seed
        return agent

    def _world(self, solved: SolvedWorlds, name: str) -> TrainingWorld:
        """The world of a stage, enumerated if that is possible."""
        if name == world_of(self.train_world).stage:
            return self.train_world
        try:
            return solved.enumeration({}, name)
        except NotEnumerableError:
            return solved.world({}, name)

    def _watch(self, agent: Trained, solved: SolvedWorlds, name: str, seed: int) -> None:
        """Give an agent the logs of a stage, without rewards if it learns none there."""
        stage = self.scenario.document.stages[name]
        if isinstance(agent, LearnsFromLogs):
            watch(agent, watched_logs(solved, name, seed), stage, seed)


def watch(agent: LearnsFromLogs, logs: Sequence[Log], stage: Stage, seed: int) -> None:
    """Give an agent the logs of a stage, without rewards if it learns none there."""
    agent.watch(logs if stage.learn.reward else [replace(log, rewards=None) for log in logs], seed)


def carried(agent: Trained, stage: Stage, make: Callable[[], Trained]) -> Trained:
    """The agent with what it carries into a stage; if it cannot forget a part alone, `make` makes a new one."""
    part = learns_with(agent)
    if part in stage.carries and (part == "values" or "reward" in stage.carries):
        return agent
    if part in stage.carries and isinstance(agent, Forgetful):
        agent.forget_rewards()
        return agent
    return make()


def untrained(spec: TrainingSpec) -> TrainableAgent:
    """Make a new agent of a specification, on the device that this asks for."""
    world = world_of(spec.train_world)
    agent = spec.own.make(world) if spec.own else agent_specs()[spec.method].make(world, spec.scenario)
    if isinstance(agent, DeviceAware) and spec.options.device != CPU:
        agent.use(spec.options.device)
    return agent


def enter(agent: Agent, world: World) -> None:
    """Tell an agent, the only one of its world, in which world it acts from now on."""
    if isinstance(agent, Enters):
        agent.enter_world(world)
    if isinstance(agent, MapAware):
        agent.enter(observation_spec(world))


def _change_stage(agent: object, world: World) -> None:
    """Tell an agent in which stage it is trained from now on."""
    if isinstance(agent, Moves):
        agent.enter_school(world.stage)
    if isinstance(agent, MapAware):
        agent.enter(observation_spec(world))


def _unpaid(trained_in: TrainingWorld) -> TrainingWorld:
    """The same world with its rewards withheld."""
    world = replace(world_of(trained_in), rewards_shown=False)
    return replace(trained_in, world=world) if isinstance(trained_in, Enumeration) else world


def later_seed(seed: int, number: int) -> int:
    """The seed of a later training stage, whose randomness differs from the first one's."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
