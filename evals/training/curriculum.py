"""A life in stages: what an agent goes through, in the file's order, before it is judged.

Every stage before the judged one that has a `share` of training is trained in, every one with `watch` is watched; each
with its own board, params, limit, and rewards shown or withheld. What a stage says of learning and carrying is kept to
as far as an agent has such parts:

- An agent with a world model (`learns_with` is `model`, the default) learns where `learn.model` holds, and what is paid
  only where `learn.reward` does too. Its values are worked out from both whenever they are asked for.
- A model-free agent (`learns_with` is `values`) learns where `learn.values` and `learn.reward` hold and rewards are
  shown; from logs of others it learns nothing.
- A stage in which an agent could learn nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from ...agents.base import Agent, Enters, Forgetful, LearnsFromLogs, MapAware, Moves, Resumable, Trainable, TrainingEnv
from ...envs.base import NotEnumerableError
from ...envs.mdp.enumeration import Enumeration
from ...envs.reference.observation_spec import observation_spec
from ...envs.world.world import World
from ...scenarios.language.loading import Scenario
from ...scenarios.language.schema.document import Stage
from ..exact.demonstrations import watched_logs
from ..exact.solved_worlds import Laboratory

Raised = TypeVar("Raised", bound=Trainable)
School: TypeAlias = World | Enumeration
"""Where an agent is trained: a world, enumerated where that is possible."""


@dataclass(frozen=True)
class Lesson:
    """One training in a life: the number of its stage, how many there were before, who is trained, its share."""

    number: int
    lessons: int
    agent: Trainable
    share: float


@dataclass(frozen=True)
class Left:
    """A lesson that was left: the number of its stage, how many there were before, the agent as it was then."""

    number: int
    lessons: int
    agent: Resumable


class Beside(Protocol):
    """Who looks on while an agent is brought up."""

    @property
    def left(self) -> Left | None:
        """Where an earlier process left it, or None."""
        ...

    def lane(self, school: School) -> TrainingEnv:
        """A lane to train in."""
        ...

    def begins(self, lesson: Lesson) -> None:
        """Told before each training, once it has its lane."""
        ...

    def progress(self, step: int, figures: Mapping[str, float]) -> None:
        """See `agents.base.Progress`."""
        ...


def world_of(school: School) -> World:
    """Its world."""
    return school.world if isinstance(school, Enumeration) else school


def stages_before(scenario: Scenario, judged: str) -> tuple[str, ...]:
    """The stages that an agent goes through before it is judged in one of them, in the file's order.

    Those are the stages with `watch` or a `share` of training, down to the one it is judged in. Where no stage has a
    share, the training stage has the whole, wherever it stands.
    """
    stages = scenario.document.stages
    names = list(stages)
    before = names[: names.index(judged) + 1]
    if all(stage.share is None for stage in stages.values()):
        trained = [scenario.training_stage]
    else:
        trained = [name for name in before if stages[name].share is not None]
    return tuple(name for name in names if name in trained or (name in before and stages[name].watch))


def learns_in(agent: object, stage: Stage) -> bool:
    """Whether an agent could learn anything in a stage."""
    if getattr(agent, "learns_with", "model") == "model":
        return stage.learn.model
    return stage.learn.values and stage.learn.reward and stage.rewards == "shown" and not stage.watch


@dataclass(frozen=True)
class Life(Generic[Raised]):
    """How agents of one kind are brought up.

    Attributes:
        make: an agent that knows nothing, for the world of `school`.
        scenario: under its overrides.
        school: the world of the training stage.
        judged: the stage in which the agent will be judged.
        steps: of training in all.
        beside: who looks on, and has the lanes.
    """

    make: Callable[[], Raised]
    scenario: Scenario
    school: School
    judged: str
    steps: int
    beside: Beside

    def brought_up(self, seed: int) -> Raised:
        """An agent that has gone through every stage before the one in which it is judged.

        Args:
            seed: of everything in its life.

        Raises:
            NotEnumerableError: others that are to be watched cannot be played.
        """
        return self.moved(self.raised(seed), self.judged)

    def moved(self, agent: Raised, judged: str) -> Raised:
        """One that was `raised`, with what it carries into a stage that the same life comes before."""
        if judged in stages_before(self.scenario, judged):
            return agent
        return self._carried(agent, self.scenario.document.stages[judged])

    def raised(self, seed: int) -> Raised:
        """An agent that has gone through its life, not yet in the stage where it is judged; see `brought_up`."""
        laboratory, left = Laboratory(self.scenario), self.beside.left
        stages, life = self.scenario.document.stages, stages_before(self.scenario, self.judged)
        here, lessons, agent = world_of(self.school).stage, 0, self.make()
        first = 0
        if left is not None:
            first, lessons, agent, here = left.number, left.lessons, cast(Raised, left.agent), life[left.number]
        for number, name in list(enumerate(life))[first:]:
            stage = stages[name]
            going_on = left is not None and number == first
            if number and not going_on:
                agent = self._carried(agent, stage)
            if not learns_in(agent, stage):
                continue
            school = self._school(laboratory, name)
            if name != here:
                _enter(agent, world_of(school))
                here = name
            if stage.watch:
                self._watch(agent, laboratory, name, seed)
                continue
            env, share = self.beside.lane(school if stage.learn.reward else _unpaid(school)), stage.share or 1
            self.beside.begins(Lesson(number, lessons, agent, share))
            if left is not None and going_on:
                left.agent.resume(env, self.beside.progress)
            else:
                its = _seed(seed, number) if lessons else seed
                agent.fit(env, round(share * self.steps), its, self.beside.progress)
            lessons += 1
        return agent

    def _carried(self, agent: Raised, stage: Stage) -> Raised:
        """What comes along into a stage; what cannot be told apart is forgotten together."""
        part = getattr(agent, "learns_with", "model")
        if part in stage.carries and (part == "values" or "reward" in stage.carries):
            return agent
        if part in stage.carries and isinstance(agent, Forgetful):
            agent.forget_rewards()
            return agent
        return self.make()

    def _school(self, laboratory: Laboratory, name: str) -> School:
        if name == world_of(self.school).stage:
            return self.school
        try:
            return laboratory.enumeration({}, name)
        except NotEnumerableError:
            return laboratory.world({}, name)

    def _watch(self, agent: Raised, laboratory: Laboratory, name: str, seed: int) -> None:
        stage = self.scenario.document.stages[name]
        if not isinstance(agent, LearnsFromLogs):
            return
        logs = watched_logs(laboratory, name, seed)
        agent.watch(logs if stage.learn.reward else [replace(log, rewards=None) for log in logs], seed)


def _enter(agent: object, world: World) -> None:
    if isinstance(agent, Moves):
        agent.enter_school(world.stage)
    if isinstance(agent, MapAware):
        agent.enter(observation_spec(world))


def _unpaid(school: School) -> School:
    """The same, with nothing shown of what is paid."""
    world = replace(world_of(school), rewards_shown=False)
    return replace(school, world=world) if isinstance(school, Enumeration) else world


def _seed(seed: int, number: int) -> int:
    """Of a later training stage: other chance than in the first."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def enter(agent: Agent, field: World) -> None:
    """Show an agent the world where it acts from now on: its only agent is meant."""
    if isinstance(agent, Enters):
        agent.enter_world(field)
    if isinstance(agent, MapAware):
        agent.enter(observation_spec(field))
