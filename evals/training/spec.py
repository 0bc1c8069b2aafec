"""Specification of a training: a method, the world in which it is trained, and the stage in which it is judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ...agents.external.user_agent import UserAgent
from ...agents.planners.registry import PLANNERS as OURS
from ...agents.registry.agents import AGENTS, INSTALLED, agent_spec
from ...agents.registry.multi_agent_profiles import read_profile
from ...envs.base import NotEnumerableError
from ...envs.deliberation import RULES
from ...envs.mdp.enumeration import Enumeration
from ...envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv, executed_is_determined
from ...envs.world.world import World
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.schema.document import Learn
from ..traces.provenance import cache_key
from .options import DEFAULT_OPTIONS, TrainingOptions
from .telemetry.experience_recorder import ExperienceRecorder

TrainingWorld: TypeAlias = World | Enumeration
"""The world in which an agent is trained, enumerated if that is possible."""


def world_of(trained_in: TrainingWorld) -> World:
    """The world itself, whether or not it is enumerated."""
    return trained_in.world if isinstance(trained_in, Enumeration) else trained_in


def has_performance(scenario: Scenario) -> bool:
    """Whether a scenario says what its designers want."""
    return any(channel.hidden for channel in scenario.document.rewards.values())


@dataclass(frozen=True)
class TrainingSpec:
    """Everything that determines the training and evaluation of each seed.

    Attributes:
        method: the name of the agent, or a profile.
        scenario: the scenario with the overrides applied.
        train_world: the world of the training stage, enumerated if that is possible.
        eval_world: the world of the stage in which the agent is judged.
        learn: which parts of the agent continue to learn there.
        steps: environment steps of training.
        episodes: the number of episodes played in `eval_world` after training.
        scenario_hash: the hash of the scenario without the overrides, which the trace records.
        overrides: the dotted overrides, which the trace records.
        own: the user's agent to train instead of one of `AGENTS`.
        thoughts: whether the trace records what the agent thinks.
        until: time in seconds since the epoch at which training stops (see `TimeBudget`); a seed that is not finished
            by then has no trace.
        options: device, early stopping and telemetry.
        life: the stages of the life that a seed lives, in the order in which it first comes to them; empty if the
            judged stage is part of none. The steps are then those of its training entries, at most or in the mean.
    """

    method: str
    scenario: Scenario
    train_world: TrainingWorld
    eval_world: World
    learn: Learn
    steps: int
    episodes: int
    scenario_hash: str
    overrides: dict[str, object]
    own: UserAgent | None = None
    thoughts: bool = True
    until: float = math.inf
    options: TrainingOptions = DEFAULT_OPTIONS
    life: tuple[World, ...] = ()

    @property
    def joint(self) -> bool:
        """Whether several agents are trained simultaneously."""
        return len(self.eval_world.agents) > 1 or "=" in self.method

    @property
    def result_relevant(self) -> dict[str, Any]:
        """The training options that can change the result, as plain data; empty if all have their defaults."""
        if len(self.eval_world.agents) > 1:
            return {} if self.options.others is None else {"others": self.options.others.key}
        return self.options.result_relevant(self.method) if self.own is None else {}

    def key(self, seed: int) -> str:
        """The cache key of a seed: a hash of everything that its trace depends on or records."""
        return cache_key(
            {
                "scenario": self.scenario_hash,
                "overrides": self.overrides,
                "train": world_of(self.train_world).stage,
                "stage": self.eval_world.stage,
                # Tables draw outcomes otherwise than the simulation does, so the same seed gives other episodes.
                "enumerated": isinstance(self.train_world, Enumeration),
                "method": self.method,
                "learn": self.learn.model_dump(),
                "steps": self.steps,
                "episodes": self.episodes,
                "seed": seed,
                **self.result_relevant,
                **({} if self.thoughts else {"thoughts": False}),
            }
        )

    @property
    def foreign(self) -> bool:
        """Whether some of its code is not part of Turncoat, so that the code hash does not cover its behaviour."""
        spec = agent_spec(self.method)
        ours = spec is None or spec.library != INSTALLED
        for its in self.eval_world.agents:
            ours = ours and its.planner.name in OURS and its.deliberation.name in RULES
        return self.own is not None or not ours

    @property
    def deep_copyable(self) -> bool:
        """Whether a deep copy of the trained agents behaves as the original would."""
        parts = read_profile(self.method).of(self.eval_world) if not self.foreign else ()
        # What is no method is an action, or `exact`: nothing that was trained.
        return bool(parts) and all(part.method not in AGENTS or AGENTS[part.method].deep_copyable for part in parts)


class Stages(Protocol):
    """Provides the stages of one scenario under any overrides, each made once.

    Attributes:
        scenario: the scenario before overrides.
    """

    scenario: Scenario

    def under(self, overrides: Overrides) -> Scenario:
        """The scenario with overrides applied."""

    def world(self, overrides: Overrides, stage: str) -> World:
        """The compiled world of a stage."""

    def enumeration(self, overrides: Overrides, stage: str) -> Enumeration:
        """The enumeration of a stage.

        Raises:
            NotEnumerableError: see `enumerate_world`.
        """


def training_spec(
    stages: Stages,
    method: str,
    overrides: Overrides,
    judged: str,
    steps: int,
    episodes: int,
    own: UserAgent | None = None,
    thoughts: bool = True,
    until: float = math.inf,
    options: TrainingOptions = DEFAULT_OPTIONS,
) -> TrainingSpec:
    """The specification of training a method under overrides, to be judged in a stage.

    Args:
        stages: provides the stages of the scenario.
        method: the name of an agent, or a profile.
        overrides: the condition, as dotted overrides.
        judged: the stage in which the agent is judged.
        steps: environment steps of training.
        episodes: the number of episodes played after training; reduced to one if the judged stage has no chance.
        own: see `TrainingSpec`.
        thoughts: see there.
        until: see there.
        options: see there.
    """
    scenario = stages.scenario
    trained_in: TrainingWorld
    judged_in: TrainingWorld
    lived: tuple[World, ...] = ()
    if scenario.lives_in(judged):
        lived = tuple(stages.world(overrides, name) for name in dict.fromkeys(e.stage for e in scenario.document.life))
        trained_in, judged_in = lived[0], stages.world(overrides, judged)
        steps, episodes = steps_of_life(scenario, lived), 1
    else:
        trained_in = _enumerated(stages, overrides, scenario.training_stage)
        judged_in = _enumerated(stages, overrides, judged)
    # Without chance every episode is the same. Where a stage cannot be enumerated, chance is assumed.
    chancy = not isinstance(judged_in, Enumeration) or judged_in.mdp.chancy or options.others is not None
    return TrainingSpec(
        method,
        stages.under(overrides),
        trained_in,
        world_of(judged_in),
        scenario.document.stages[judged].learn,
        steps,
        episodes if chancy else 1,
        scenario.hash,
        {**scenario.overrides, **overrides},
        own,
        thoughts,
        until,
        options,
        lived,
    )


def is_training(scenario: Scenario, stage: str) -> bool:
    """Whether a life's entries of a stage are training: of any but the judged one, or of all if there is no other."""
    stages = {entry.stage for entry in scenario.document.life}
    return stage != scenario.judged_stage or stages == {stage}


def steps_of_life(scenario: Scenario, worlds: Sequence[World]) -> int:
    """The steps of a life's training entries: at most, or in the mean where chance decides how many there are."""
    stages, total = {world.stage: world for world in worlds}, 0.0
    for entry in worlds[0].life:
        if is_training(scenario, entry.stage):
            episodes = 1 / (1 - entry.continues) if entry.episodes is None else entry.episodes
            total += episodes * stages[entry.stage].steps
    return round(total)


def _enumerated(stages: Stages, overrides: Overrides, stage: str) -> TrainingWorld:
    """A stage, enumerated if possible; only compiled if it has too many states."""
    try:
        return stages.enumeration(overrides, stage)
    except NotEnumerableError:
        return stages.world(overrides, stage)


def lane(
    trained_in: TrainingWorld, forgetful: bool, recorder: ExperienceRecorder | None = None
) -> TabularTrainingEnv | ReferenceTrainingEnv:
    """The fastest single-lane training environment of a world.

    Args:
        trained_in: the world, enumerated or not.
        forgetful: the agent never reads which action was executed. For other agents the environment must know it, which
            a table of outcomes does not always tell.
        recorder: told what happens; None: nobody is.
    """
    if isinstance(trained_in, Enumeration) and (forgetful or executed_is_determined(trained_in.world)):
        return TabularTrainingEnv(trained_in, came=None if recorder is None else recorder.outcomes)
    return ReferenceTrainingEnv(world_of(trained_in), on_tick=None if recorder is None else recorder.on_tick)
